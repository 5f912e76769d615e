//! `StoredEntry`: an entry that a store has opened.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::{Error, Result};
use crate::key::digest::Key;
use crate::store::layout::Layout;
use crate::store::segments::function_segments::OpenRecord;
use crate::store::segments::registry::segments_of;
use crate::sys::file::{FileRange, open_entry};
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

/// An entry that is open. Its bytes stay readable when the entry is removed or replaced.
#[derive(Debug)]
pub(crate) struct StoredEntry {
    source: Source,
    path: PathBuf,
}

#[derive(Debug)]
enum Source {
    /// A file that is an entry, from its beginning to its end.
    File(File),
    /// A record in a segment, with the bytes of its entry. They can be taken once.
    Record(OpenRecord, Vec<u8>),
}

impl StoredEntry {
    /// Makes an entry of an open file. Errors name this path.
    pub(crate) fn new(file: File, path: PathBuf) -> Self {
        StoredEntry { source: Source::File(file), path }
    }

    /// Makes an entry of a record, with the bytes of its entry.
    pub(crate) fn in_segment(record: OpenRecord, bytes: Vec<u8>) -> Self {
        StoredEntry { path: record.path().to_owned(), source: Source::Record(record, bytes) }
    }

    /// Opens the entry in this file, without following symbolic links. If there is no such file, the entry may be in a
    /// segment of its function: then opens it there.
    pub(crate) fn open(path: PathBuf, key: &Key) -> Result<Option<Self>> {
        let is_segment = path.file_name().is_some_and(|name| Layout::id_of_segment(name).is_some());
        if !is_segment {
            match open_entry(&path) {
                Ok(file) => return Ok(Some(StoredEntry::new(file, path))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::io(error, "can't open").at(path)),
            }
        }
        let Some(folder) = path.parent() else { return Ok(None) };
        let found = segments_of(&Layout::function_of(folder)).get(key)?;
        Ok(found.map(|(record, bytes)| StoredEntry::in_segment(record, bytes)))
    }

    /// Returns whether this entry is in a file of its own.
    pub(crate) fn file(&self) -> Option<&File> {
        match &self.source {
            Source::File(file) => Some(file),
            Source::Record(..) => None,
        }
    }

    /// Returns the record that holds the entry; `None` if it is in a file of its own.
    pub(crate) fn record(&self) -> Option<&OpenRecord> {
        match &self.source {
            Source::File(_) => None,
            Source::Record(record, _) => Some(record),
        }
    }

    /// Takes the bytes of an entry in a segment; `None` if it is in a file of its own.
    pub(crate) fn take_bytes(&mut self) -> Option<Vec<u8>> {
        match &mut self.source {
            Source::File(_) => None,
            Source::Record(_, bytes) => Some(std::mem::take(bytes)),
        }
    }

    /// Returns a reader of what was not read from the file yet. Nothing is left of an entry in a segment.
    pub(crate) fn rest(&self) -> Box<dyn Read + '_> {
        match &self.source {
            Source::File(file) => Box::new(file),
            Source::Record(..) => Box::new(io::empty()),
        }
    }

    /// Returns the bytes of the file from `start` to `end`, counted from the beginning of the entry.
    pub(crate) fn range(&self, start: u64, end: u64) -> FileRange<'_> {
        match &self.source {
            Source::File(file) => FileRange::new(file, start, end),
            Source::Record(record, _) => {
                let (first, last) = (record.start(), record.start() + record.len());
                FileRange::new(record.file(), (first + start).min(last), (first + end).min(last))
            }
        }
    }

    /// Returns the offset in the file at which the entry begins.
    pub(crate) fn start(&self) -> u64 {
        self.record().map_or(0, OpenRecord::start)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn stat(&self) -> io::Result<EntryStat> {
        match &self.source {
            Source::File(file) => file.metadata().map(|metadata| EntryStat::of(&metadata)),
            Source::Record(record, _) => Ok(EntryStat { size: record.len(), used: record.used(), identity: None }),
        }
    }
}
