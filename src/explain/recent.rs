//! Lists the latest computations, with their reasons.

use std::cmp::Reverse;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;

use crate::cache::handle::Cache;
use crate::engine::cache_folder::CacheFolder;
use crate::error::Result;
use crate::explain::Missing;
use crate::key::call_key::Argument;
use crate::key::code_version::CodeFile;
use crate::key::digest::Key;
use crate::observe::reason::{Cause, Reason, RecordedCause};
use crate::store::entry::Entry;
use crate::store::history::{Event, HistoryRecord, brief};
use crate::store::interface::Store;
use crate::store::layout::Layout;
use crate::store::tiered::Tiered;
use crate::text::json::seconds_since_1970;

/// One call whose result was stored, or removed on request. [`Cache::recent`] returns it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Computation {
    /// When it happened. As JSON: seconds since 1970.
    #[serde(serialize_with = "seconds_since_1970")]
    pub at: SystemTime,
    /// The function's name, as returned by [`Memo::name`](crate::Memo::name).
    pub function: String,
    /// The key of the call.
    pub key: Key,
    /// The arguments of the call; empty if its entry is gone.
    pub arguments: Vec<Argument>,
    /// Why the call was computed; `None` if its result was removed on request. As JSON: a sentence without a subject.
    pub why: Option<Cause>,
}

impl Cache {
    /// Returns the latest calls that were stored or removed on request, newest first, at most `most` of them. Hits are
    /// only counted, so they are not listed.
    ///
    /// # Errors
    /// The errors of [`functions`](Cache::functions).
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let cache = larder::Cache::open(folder.path())?;
    /// cache.get_or_compute("square", &3, || 9);
    /// cache.get_or_compute("square", &4, || 16);
    ///
    /// let recent = cache.recent(10)?;
    /// assert_eq!(recent.len(), 2);
    /// let why = recent[0].why.as_ref().unwrap().to_string();
    /// assert!(why.starts_with("never computed with these arguments: "));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn recent(&self, most: usize) -> Result<Vec<Computation>> {
        let Some(CacheFolder { store, .. }) = self.place() else { return Ok(Vec::new()) };
        let functions = self.functions()?;
        let histories: Vec<_> = functions.iter().map(|function| Layout::recall(&function.path)).collect();
        let mut last: Vec<(usize, usize)> = Vec::new();
        for (function, history) in histories.iter().enumerate() {
            let told = (0..history.len()).rev().filter(|index| is_told(&history[*index]));
            last.extend(told.take(most).map(|index| (function, index)));
        }
        last.sort_by_key(|(function, index)| Reverse(histories[*function][*index].time));
        last.truncate(most);
        let recent = last.into_iter().map(|(function, index)| {
            let (before, record) = (&histories[function][..index], &histories[function][index]);
            recent(store, &functions[function].name, &functions[function].path, before, record)
        });
        Ok(recent.collect())
    }
}

impl Entry {
    /// Returns when this call was stored or removed on request, and why, oldest first. Empty if the history no longer
    /// covers it.
    pub fn history(&self) -> Vec<Computation> {
        let Some(folder) = self.path.parent().map(Layout::function_of) else { return Vec::new() };
        let (store, folder) = (Tiered::without_cache(), &*folder);
        let history = Layout::recall(folder);
        let of_this = history.iter().enumerate().filter(|(_, record)| record.key == self.key && is_told(record));
        of_this.map(|(index, record)| recent(&store, &self.function, folder, &history[..index], record)).collect()
    }
}

/// Returns whether the record says that a result was stored or removed.
fn is_told(record: &HistoryRecord) -> bool {
    !matches!(record.event, Event::NotKept(_))
}

fn recent(
    store: &Arc<dyn Store>,
    function: &str,
    folder: &Path,
    before: &[HistoryRecord],
    record: &HistoryRecord,
) -> Computation {
    let entry = Entry::read(&**store, folder, record.key).ok().flatten();
    let arguments = entry.map_or_else(Vec::new, |entry| entry.arguments);
    let why = match record.event {
        Event::Forgotten | Event::NotKept(_) => None,
        Event::Stored(recorded) => Some(cause(recorded, || missing_reason(store, folder, &arguments, before, record))),
    };
    Computation { at: record.time, function: function.to_owned(), key: record.key, arguments, why }
}

/// Returns why no result was stored, judging by the calls before.
fn missing_reason(
    store: &Arc<dyn Store>,
    folder: &Path,
    arguments: &[Argument],
    before: &[HistoryRecord],
    record: &HistoryRecord,
) -> Reason {
    let parts = CodeFile::read(folder, &record.code).unwrap_or_default();
    // The entry may have been replaced since by one with other arguments.
    let shown = if arguments.iter().map(brief).eq(record.arguments.iter().copied()) { arguments } else { &[] };
    let missing = Missing {
        store,
        folder,
        key: record.key,
        version: record.version,
        code: &record.code,
        parts: &parts,
        arguments: shown,
        digests: record.arguments.clone(),
        unkept: None,
    };
    missing.reason_after(before)
}

fn cause(recorded: RecordedCause, missing: impl FnOnce() -> Reason) -> Cause {
    match recorded {
        RecordedCause::Missing => Cause::Missing(missing()),
        RecordedCause::Refreshed => Cause::Refreshed,
        RecordedCause::Expired => Cause::Expired,
        RecordedCause::Damaged => Cause::Damaged,
        RecordedCause::Unreadable => Cause::Unreadable,
        RecordedCause::Rejected => Cause::Rejected,
        RecordedCause::Verified => Cause::Verified,
        RecordedCause::PartGone => Cause::PartGone,
    }
}
