//! The result of an export or import.

use serde::Serialize;

/// Summary of an [export](crate::Cache::export) or [import](crate::Cache::import).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ArchiveReport {
    /// Entries that were written.
    pub entries: u64,
    /// Size of their files in bytes.
    pub bytes: u64,
    /// Entries that were skipped because the cache had them already. They are not changed.
    pub skipped: u64,
    /// Files that were left out because they can't be used.
    pub refused: u64,
    /// The names of the refused files, each with the reason: at most the first thousand.
    pub faults: Vec<String>,
}

/// How many faults are listed.
const MOST_FAULTS: usize = 1000;

impl ArchiveReport {
    pub(super) fn refuse(&mut self, name: &str, why: &dyn std::fmt::Display) {
        self.refused += 1;
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(format!("{name}: {why}"));
        }
    }
}
