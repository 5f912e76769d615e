//! Report of a removal.

use serde::Serialize;

use crate::error::Result;
use crate::observe::stats::UsageDelta;
use crate::text::humanize::{count, size};

/// What [`Cache::remove_all`](crate::Cache::remove_all) or [`Cache::remove_function`](crate::Cache::remove_function) removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ClearReport {
    /// Entries that were removed.
    pub entries: u64,
    /// Bytes of their files.
    pub bytes: u64,
}

impl ClearReport {
    /// Returns the report of what was removed, or the error, which then says how much was removed nevertheless.
    pub(crate) fn of(removed: UsageDelta, result: Result<()>) -> Result<Self> {
        let report = ClearReport { entries: removed.entries.cast_unsigned(), bytes: removed.bytes.cast_unsigned() };
        match result {
            Ok(()) => Ok(report),
            Err(error) if report.entries == 0 => Err(error),
            Err(error) => {
                let removed = count(report.entries, "entry", "entries");
                Err(error.context(&format!("removed only {removed} ({})", size(report.bytes))))
            }
        }
    }
}
