//! Store of files and segments: the store that caches use.
//!
//! An entry is in a file (`directory.rs`) or in a segment (`segments`). It is never looked for in a second place if the
//! first one has it, and each removal looks at both.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::error::Result;
use crate::key::digest::Key;
use crate::observe::stats::UsageDelta;
use crate::store::directory::Directory;
use crate::store::interface::{Listing, Store};
use crate::store::segments::format::LARGEST;
use crate::store::segments::registry::{close_under, known_under, segments_of};
use crate::store::stored_entry::{EntryStat, StoredEntry};
use crate::sys::atomic_file::TempFile;

/// Minimum time between two updates of the time at which an entry was used.
const TOUCH_AFTER: Duration = Duration::from_secs(60);

/// A process stores this number of small results of a function in files, before it appends further ones to a segment.
const FILES_FIRST: u32 = 64;

/// Store of files and segments.
#[derive(Default)]
pub(crate) struct Tiered {
    files: Directory,
    /// Whether many small results of a function are appended to segments. Those that exist are always read.
    appends: bool,
}

impl fmt::Debug for Tiered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tiered")
    }
}

impl Tiered {
    /// Makes a store, which appends many small results of a function to segments if `appends`.
    pub(crate) fn new(appends: bool) -> Self {
        Tiered { files: Directory::default(), appends }
    }

    /// Returns a store for entries that are looked at without their cache.
    pub(crate) fn without_cache() -> Arc<dyn Store> {
        Arc::new(Tiered::default())
    }
}

impl Store for Tiered {
    fn get(&self, function: &Path, key: &Key) -> Result<Option<StoredEntry>> {
        let segments = segments_of(function);
        let in_file = if segments.may_be_in_file(function, key) {
            self.files.get(function, key)?
        } else {
            self.files.get_spread(function, key)?
        };
        match in_file {
            Some(found) => Ok(Some(found)),
            None => Ok(segments.get(key)?.map(|(record, bytes)| StoredEntry::in_segment(record, bytes))),
        }
    }

    fn stat(&self, function: &Path, key: &Key) -> Option<EntryStat> {
        self.files.stat(function, key).or_else(|| {
            let (record, _) = segments_of(function).get(key).ok()??;
            Some(EntryStat { size: record.len(), used: record.used(), identity: None })
        })
    }

    fn put(&self, function: &Path, key: &Key, temp: TempFile, durable: bool) -> Result<Option<u64>> {
        let segments = segments_of(function);
        let small = temp.in_memory(LARGEST).filter(|_| self.appends);
        if let Some(bytes) = small
            && segments.has_stored(FILES_FIRST)
            && segments.is_suitable(function)
            // What is in a file stays in a file.
            && !(segments.may_be_in_file(function, key) && self.files.stat(function, key).is_some())
            && !self.files.has_spread(function)
        {
            return segments.put(key, bytes, temp.folder(), durable);
        }
        let is_small = small.is_some();
        let in_file = self.files.put(function, key, temp, durable)?;
        if is_small && in_file.is_none() {
            segments.note_small();
        }
        let in_segment = segments.remove(key)?;
        Ok(in_file.or(in_segment))
    }

    fn replace(
        &self,
        function: &Path,
        key: &Key,
        temp: TempFile,
        opened: &StoredEntry,
        durable: bool,
    ) -> Result<Option<u64>> {
        let Some(record) = opened.record() else { return self.files.replace(function, key, temp, opened, durable) };
        let Some(bytes) = temp.in_memory(LARGEST) else { return Ok(None) };
        let replaced = segments_of(function).replace(record, key, bytes, temp.folder(), durable)?;
        Ok(replaced.then_some(record.len()))
    }

    #[cfg(feature = "archive")]
    fn add(&self, function: &Path, key: &Key, temp: TempFile, durable: bool) -> Result<bool> {
        if segments_of(function).get(key)?.is_some() {
            return Ok(false);
        }
        self.files.add(function, key, temp, durable)
    }

    fn remove(&self, function: &Path, key: &Key) -> Result<Option<u64>> {
        let in_segment = segments_of(function).remove(key);
        let in_file = self.files.remove(function, key)?;
        Ok(in_segment?.or(in_file))
    }

    fn remove_segments(&self, function: &Path) -> Result<UsageDelta> {
        segments_of(function).remove_all()
    }

    fn touch(&self, opened: &StoredEntry) {
        let Some(record) = opened.record() else { return self.files.touch(opened) };
        if record.used().elapsed().map_or(true, |idle| idle > TOUCH_AFTER) {
            // A failure is harmless: then the entry only looks older than it is.
            let _ = record.touch(SystemTime::now());
        }
    }

    fn list(&self, function: &Path, deep: bool) -> Box<dyn Listing> {
        self.files.list(function, deep)
    }

    fn tidy(&self, functions: &Path) -> Result<bool> {
        known_under(functions).iter().try_fold(false, |any, segments| Ok(segments.tidy()? || any))
    }

    fn rest(&self, functions: &Path) {
        close_under(functions);
    }
}
