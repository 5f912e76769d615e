//! `ListedEntry`: an entry that a listing found.

use std::fs::DirEntry;

use crate::key::digest::Key;
use crate::store::stored_entry::EntryStat;

/// An entry that a listing found. It may have been removed or replaced since.
#[derive(Debug)]
pub(crate) struct ListedEntry {
    pub(crate) key: Key,
    found: Found,
}

#[derive(Debug)]
enum Found {
    File(DirEntry),
    /// In a segment.
    Record(EntryStat),
}

impl ListedEntry {
    pub(super) fn new(key: Key, file: DirEntry) -> Self {
        ListedEntry { key, found: Found::File(file) }
    }

    /// Makes an entry that was found in a segment.
    pub(super) fn in_segment(key: Key, stat: EntryStat) -> Self {
        ListedEntry { key, found: Found::Record(stat) }
    }

    /// Returns whether the entry is in a segment.
    pub(crate) fn is_in_segment(&self) -> bool {
        matches!(self.found, Found::Record(_))
    }

    /// Looks at the entry; `None` if it no longer exists, or can't be looked at.
    pub(crate) fn stat(&self) -> Option<EntryStat> {
        match &self.found {
            Found::File(file) => file.metadata().ok().map(|metadata| EntryStat::of(&metadata)),
            Found::Record(stat) => Some(*stat),
        }
    }

    /// Returns about where the entry is on the disk, to compare it with others.
    #[cfg(unix)]
    pub(super) fn position(&self) -> u64 {
        use std::os::unix::fs::DirEntryExt as _;
        match &self.found {
            Found::File(file) => file.ino(),
            Found::Record(_) => 0,
        }
    }

    #[cfg(not(unix))]
    pub(super) fn position(&self) -> u64 {
        0
    }
}
