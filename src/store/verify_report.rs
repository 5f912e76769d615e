//! Report of a verification, which compares stored entries with their checksums.

use serde::Serialize;
use serde::de::IgnoredAny;

use crate::error::Result;
use crate::store::entry::Entry;
use crate::store::interface::Store;
use crate::store::mac::MacKey;
use crate::store::read::EntryReader;

/// What [`Cache::verify`](crate::Cache::verify) found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Entries that were read.
    pub entries: u64,
    /// Bytes of their files.
    pub bytes: u64,
    /// Entries that can't be used, each with its [`fault`](Entry::fault).
    pub faulty: Vec<Entry>,
}

impl VerifyReport {
    /// Reads and verifies one entry, and adds it to the report.
    pub(crate) fn add(&mut self, store: &dyn Store, secret: Option<&MacKey>, mut entry: Entry) {
        let folder = entry.folder();
        let checked = match (&entry.fault, EntryReader::open(store, &folder, &entry.key)) {
            // The fault is already known, or the entry is gone.
            (Some(_), _) => Ok(()),
            (None, Ok(None)) => return,
            (None, opened) => opened.and_then(|peeked| check(peeked, secret)),
        };
        if let Err(fault) = checked {
            entry.fault = Some(fault.to_string());
        }
        self.entries += 1;
        self.bytes += entry.size;
        if entry.fault.is_some() {
            self.faulty.push(entry);
        }
    }
}

fn check(peeked: Option<EntryReader>, secret: Option<&MacKey>) -> Result<()> {
    let Some(peeked) = peeked else { return Ok(()) };
    peeked.expect_seal(secret)?.load::<IgnoredAny>().map(drop)
}
