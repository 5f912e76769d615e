//! `StoredEntry`: an entry that a store has opened.

use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::sys::file::open_entry;
use crate::sys::file_id::FileId;

/// What a store knows of an entry without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EntryStat {
    /// Size of the entry, in bytes.
    pub(crate) size: u64,
    /// When the entry was last used, to within a minute; `UNIX_EPOCH` if the file system does not say.
    pub(crate) used: SystemTime,
    /// Differs from the identity of any entry that replaces this one; `None` if the file system does not show it.
    pub(crate) identity: Option<FileId>,
}

impl EntryStat {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        EntryStat {
            size: metadata.len(),
            used: metadata.modified().unwrap_or(UNIX_EPOCH),
            identity: FileId::in_metadata(metadata),
        }
    }
}

/// An entry that is open: the bytes of a file, from its beginning to its end. They stay readable when the entry is
/// removed or replaced.
#[derive(Debug)]
pub(crate) struct StoredEntry {
    file: File,
    path: PathBuf,
}

impl StoredEntry {
    /// Makes an entry of an open file. Errors name this path.
    pub(crate) fn new(file: File, path: PathBuf) -> Self {
        StoredEntry { file, path }
    }

    /// Opens the entry in this file, without following symbolic links.
    pub(crate) fn open(path: PathBuf) -> io::Result<Self> {
        open_entry(&path).map(|file| StoredEntry { file, path })
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn stat(&self) -> io::Result<EntryStat> {
        self.file.metadata().map(|metadata| EntryStat::of(&metadata))
    }
}
