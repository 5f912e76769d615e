//! Report of a trim.

use serde::Serialize;

/// What [`Cache::trim_to`](crate::Cache::trim_to) did, or what [`Cache::trim_dry_run`](crate::Cache::trim_dry_run) says
/// that it would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TrimReport {
    /// Entries that were removed.
    pub removed: u64,
    /// Bytes of their files.
    pub removed_bytes: u64,
    /// Entries that are left.
    pub kept: u64,
    /// Bytes of their files.
    pub kept_bytes: u64,
}
