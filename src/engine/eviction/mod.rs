//! eviction.

pub(crate) mod budget;
pub(crate) mod evictor;
pub(crate) mod policy;
pub(crate) mod scan;
pub(crate) mod trim;
pub(crate) mod usage;
