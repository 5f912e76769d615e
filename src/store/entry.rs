//! `Entry`: one stored result, as its header describes it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::error::{Error, Result};
use crate::key::call_key::Argument;
use crate::key::digest::Key;
use crate::store::entry_format::Header;
use crate::store::interface::Store;
use crate::store::layout::Layout;
use crate::store::read::EntryReader;
use crate::store::stored_entry::{EntryStat, StoredEntry};
use crate::text::json::{seconds, seconds_since_1970};

/// One stored result, as its header describes it. The value itself is not read.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Entry {
    /// The key of the call.
    pub key: Key,
    /// The function, as [`Memo::name`](crate::Memo::name) gives it.
    pub function: String,
    /// The package that the function is from.
    pub package: String,
    /// The version that the attribute gave the function, or 0.
    pub version: u64,
    /// The fingerprint of the function's code when the result was computed, in hexadecimal digits.
    pub code: String,
    /// The arguments of the call.
    pub arguments: Vec<Argument>,
    /// When the result was computed. As JSON: seconds since 1970.
    #[serde(serialize_with = "seconds_since_1970")]
    pub created: SystemTime,
    /// When the result was last used (to within a minute) or written. As JSON: seconds since 1970.
    #[serde(serialize_with = "seconds_since_1970")]
    pub used: SystemTime,
    /// How long the function ran. As JSON: seconds.
    #[serde(serialize_with = "seconds")]
    pub took: Duration,
    /// Size of the entry, in bytes. This is the size of its file, unless it is in a segment.
    pub size: u64,
    /// Size of the encoded value before compression, in bytes.
    pub document_size: u64,
    /// Offset of the value in the file. From there on, the file holds what `dump` would write.
    pub payload_at: u64,
    /// The compressor, as [`Compression`](crate::Compression) displays it.
    pub compressor: String,
    /// The name of the value's type.
    pub type_name: String,
    /// The path of the file: `<key>.larder`, or `<id>.segment` for a segment, which holds many entries of one function.
    pub path: PathBuf,
    /// Why the header can't be read; the fields that come from the header are empty then. `None` if it can be read.
    pub fault: Option<String>,
}

impl Entry {
    /// Returns the folder of the entry's function. The file of the entry is in this folder; or in a folder beside it, if
    /// the function's folder is full or the entry is in a segment.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.path.parent().map(|folder| Layout::function_of(folder).into_owned()).unwrap_or_default()
    }

    /// Reads the header of the entry with this key of a function; `None` if there is none.
    ///
    /// # Errors
    /// If the entry can't be read.
    pub(crate) fn read(store: &dyn Store, function: &Path, key: Key) -> Result<Option<Entry>> {
        store.get(function, &key)?.map(|stored| Entry::of(stored, key)).transpose()
    }

    /// Like [`read`](Entry::read), but an entry that can't be read has a `fault`.
    pub(crate) fn look(store: &dyn Store, function: &Path, key: Key) -> Option<Entry> {
        let path = || Layout::locate(function, &key);
        Entry::read(store, function, key).unwrap_or_else(|fault| Some(Entry::faulty(path(), key, &fault)))
    }

    /// Reads the header of an open entry.
    fn of(stored: StoredEntry, key: Key) -> Result<Entry> {
        let stat = stored.stat().ok();
        let peeked = EntryReader::read(stored, &key)?;
        let at_path = |error: Error| error.at(peeked.stored().path());
        if !peeked.is_complete().map_err(at_path)? {
            return Err(at_path(Error::truncated()));
        }
        let header = peeked.whole_header().map_err(at_path)?;
        Ok(Entry::new(peeked.stored(), header, stat))
    }

    /// Makes an entry from its header and what the store knows of it.
    pub(crate) fn new(stored: &StoredEntry, header: Header, stat: Option<EntryStat>) -> Entry {
        let (created, took) = (header.details.created(), header.details.took());
        let details = header.details;
        Entry {
            key: details.key,
            function: details.function,
            package: details.package,
            version: details.version,
            code: details.code,
            arguments: details.arguments,
            created,
            used: stat.map_or(created, |stat| stat.used),
            took,
            size: stat.map_or(0, |stat| stat.size),
            document_size: header.payload.document_len,
            payload_at: stored.start() + header.payload_at,
            compressor: details.compressor,
            type_name: details.type_name,
            path: stored.path().to_owned(),
            fault: None,
        }
    }

    /// Makes an entry whose header can't be read.
    pub(super) fn faulty(path: PathBuf, key: Key, fault: &Error) -> Entry {
        let metadata = fs::symlink_metadata(&path).ok();
        Entry {
            key,
            function: String::new(),
            package: String::new(),
            version: 0,
            code: String::new(),
            arguments: Vec::new(),
            created: UNIX_EPOCH,
            used: metadata.as_ref().and_then(|metadata| metadata.modified().ok()).unwrap_or(UNIX_EPOCH),
            took: Duration::ZERO,
            size: metadata.map_or(0, |metadata| metadata.len()),
            document_size: 0,
            payload_at: 0,
            compressor: String::new(),
            type_name: String::new(),
            path,
            fault: Some(fault.to_string()),
        }
    }
}
