//! `ListedEntry`: an entry that a listing found.

use std::fs::DirEntry;

use crate::key::digest::Key;
use crate::store::stored_entry::EntryStat;

/// An entry that a listing found. It may have been removed or replaced since.
#[derive(Debug)]
pub(crate) struct ListedEntry {
    pub(crate) key: Key,
    file: DirEntry,
}

impl ListedEntry {
    pub(super) fn new(key: Key, file: DirEntry) -> Self {
        ListedEntry { key, file }
    }

    /// Looks at the entry; `None` if it no longer exists, or can't be looked at.
    pub(crate) fn stat(&self) -> Option<EntryStat> {
        self.file.metadata().ok().map(|metadata| EntryStat::of(&metadata))
    }

    /// Returns about where the entry is on the disk, to compare it with others.
    #[cfg(unix)]
    pub(super) fn position(&self) -> u64 {
        use std::os::unix::fs::DirEntryExt as _;
        self.file.ino()
    }

    #[cfg(not(unix))]
    pub(super) fn position(&self) -> u64 {
        0
    }
}
