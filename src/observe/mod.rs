//! Observability: counters, statistics, metrics, progress, and the reasons of misses.

pub(crate) mod clear_report;
pub(crate) mod function_counters;
#[cfg(feature = "metrics")]
pub(crate) mod metrics_export;
pub(crate) mod progress;
pub(crate) mod reason;
pub(crate) mod repeated_faults;
pub(crate) mod stats;
