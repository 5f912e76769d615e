//! Looks up the result of a call, in memory and in the store.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Serialize;

use crate::cache::handle::Cache;
use crate::call::context::{CallContext, guarded};
use crate::call::function::Memo;
use crate::call::options::Rules;
use crate::call::outcome::Outcome;
use crate::call::result_shape::ResultShape;
use crate::engine::cache_folder::CacheFolder;
use crate::engine::eviction::policy;
use crate::engine::memory_tier::memory_cache::LARGEST;
use crate::engine::memory_tier::memory_entry::MemoryEntry;
use crate::engine::memory_tier::validity::Snapshot;
use crate::engine::verbose;
use crate::error::{Error, ErrorKind, Result};
use crate::format::cbor::slice;
use crate::key::call_key::{Describe, Encoded, previews};
use crate::key::digest::Key;
use crate::observe::reason::Reason;
use crate::store::entry::Entry;
use crate::store::entry_format::{Header, HeaderInfo};
use crate::store::layout::Layout;
use crate::store::read::EntryReader;
use crate::store::references;
use crate::sys::catch_panic;

/// Result of a lookup.
pub(crate) enum Lookup<R> {
    Hit(R, Outcome),
    /// There is no entry, or none that may be used.
    Miss(Reason),
    /// There is an entry that can't be read.
    Corrupt(Reason, Error),
}

impl CallContext<'_> {
    /// Loads the result, if it exists and may be used. Does not record that it was used.
    pub(crate) fn load<R, S: ResultShape<R>>(&self, rules: Rules<R, S>) -> Lookup<R> {
        self.read(rules, false)
    }

    /// Loads the result to return it to the caller: records that it was used, and may keep it in memory.
    pub(crate) fn take<R, S: ResultShape<R>>(&self, rules: Rules<R, S>) -> Lookup<R> {
        self.read(rules, true)
    }

    fn read<R, S: ResultShape<R>>(&self, rules: Rules<R, S>, touch: bool) -> Lookup<R> {
        let Some((folder, key)) = self.place() else { return Lookup::Miss(Reason::CacheOff) };
        let fault = |error: Error| {
            let error = error.at(Layout::entry(folder, key));
            let what = error.to_string();
            let reason = match error.kind() {
                ErrorKind::Damaged | ErrorKind::Truncated | ErrorKind::NotLarder => Reason::Damaged { what },
                _ => Reason::Unreadable { what },
            };
            Lookup::Corrupt(reason, error)
        };
        let Some(place) = self.cache.place() else { return Lookup::Miss(Reason::CacheOff) };
        // Take the snapshot before the file is opened: an entry that is removed after that must not stay in memory.
        let memory = self.cache.engine().memory_tier();
        let function_folder = self.home.folder.as_ref().filter(|_| touch);
        let snapshot = function_folder.and_then(|folder| memory.snapshot(key, self.memo.key(), folder));
        let mut peeked = match self.open(place, folder, key) {
            Ok(Some(peeked)) => peeked,
            Ok(None) => return Lookup::Miss(Reason::Absent),
            Err(error) => return fault(error),
        };
        let created = peeked.header.details.created();
        if let Some(expired) = expired(&self.cache, rules, created) {
            return Lookup::Miss(expired);
        }
        let functions = place.layout.functions();
        let touched = (touch && !self.cache.is_read_only() && memory.is_touch_due(key)).then_some(&*place.store);
        if let Some(store) = touched {
            store.touch(peeked.stored());
        }
        let gone = |part: PathBuf| Lookup::Miss(Reason::PartGone { what: part.display().to_string() });
        if let Some(part) = references::first_gone(&functions, &peeked.header.details.parts, touched) {
            return gone(part);
        }
        let home = references::Location {
            functions,
            read_only: self.cache.is_read_only(),
            secret: self.cache.secret().copied(),
        };
        if let Some(sharing) = rules.sharing
            && peeked.expect_type::<S::Stored>().is_ok()
            && rules.valid.is_none()
            && let Some(value) = self.home.shared().get(sharing, key, created)
        {
            let (saved, size) = (peeked.header.details.took(), peeked.header.size());
            let hit = Outcome::Hit { age: created.elapsed().unwrap_or_default(), saved, size };
            return Lookup::Hit(S::restored(value), hit);
        }
        let (loaded, read) = references::reading(home, || {
            peeked.expect_type::<S::Stored>().and_then(|()| guarded(|| peeked.load::<S::Stored>()))
        });
        let value = match loaded {
            Ok(value) => value,
            Err(error) => return fault(error),
        };
        if let Some(part) = read.gone {
            return gone(part);
        }
        let size = peeked.header.size();
        let hit =
            Outcome::Hit { age: created.elapsed().unwrap_or_default(), saved: peeked.header.details.took(), size };
        match rules.valid {
            // The predicate may reject the result the next time, so it is not kept in memory.
            Some(valid) => {
                let header = match peeked.whole_header() {
                    Ok(header) => header,
                    Err(error) => return fault(error),
                };
                let entry = Entry::new(peeked.stored(), header, peeked.stored().stat().ok());
                match catch_panic::guarded("`valid`", || Ok(valid(&entry, &value))) {
                    Ok(true) => {}
                    Ok(false) => return Lookup::Miss(Reason::Rejected),
                    Err(error) => return fault(error),
                }
            }
            // A lookup in memory would not notice that a referenced result is evicted.
            None if read.any => {}
            None => self.keep(snapshot, &value, &peeked.header),
        }
        if let Some(sharing) = rules.sharing {
            self.home.shared().insert(sharing, key, created, &value);
        }
        Lookup::Hit(S::restored(value), hit)
    }

    /// Opens the entry and checks its MAC, if the cache has a key for it.
    fn open(&self, place: &CacheFolder, folder: &Path, key: &Key) -> Result<Option<EntryReader>> {
        let Some(peeked) = EntryReader::open(&*place.store, folder, key)? else { return Ok(None) };
        peeked.expect_seal(self.cache.secret()).map(Some).map_err(|error| error.at(Layout::entry(folder, key)))
    }

    /// Keeps a small result that was read from its file in memory.
    fn keep<T: Serialize>(&self, snapshot: Option<Snapshot>, value: &T, header: &Header<HeaderInfo>) {
        let (Some(snapshot), Some(call), Ok(key)) = (snapshot, self.call.bytes(), &self.key) else { return };
        let size = header.size();
        if size > LARGEST as u64 {
            return;
        }
        // The document is kept uncompressed, whatever the entry's compressor is.
        let Ok(document) = guarded(|| slice::to_vec(value)) else { return };
        if document.len() <= LARGEST {
            let details = &header.details;
            let entry = MemoryEntry::new(*key, document.into(), details.created(), details.took(), size, snapshot);
            self.cache.engine().memory_tier().insert(self.memo.key(), call, entry);
        }
    }

    /// Loads a result that has expired, because the function returned an `Err`, if the option `stale_on_error` allows it.
    pub(crate) fn load_stale<R, S: ResultShape<R>>(&self, rules: Rules<R, S>) -> Option<R> {
        let rules = rules.older_by(self.memo.stale_on_error()?);
        let Lookup::Hit(value, _) = self.load(rules) else { return None };
        self.stale();
        Some(value)
    }

    /// Records that the result was used without being loaded: a reference to it is passed on.
    pub(crate) fn touch(&self) {
        let (Some((folder, key)), Some(place)) = (self.place(), self.cache.place()) else { return };
        if self.cache.is_read_only() || !self.cache.engine().memory_tier().is_touch_due(key) {
            return;
        }
        if let Ok(Some(entry)) = EntryReader::open(&*place.store, folder, key) {
            place.store.touch(entry.stored());
            let functions = place.layout.functions();
            let _ = references::first_gone(&functions, &entry.header.details.parts, Some(&*place.store));
        }
    }

    /// Returns whether [`load`](CallContext::load) would find a result of this type. The value is read only if a
    /// `valid` predicate must see it, so damage of the value may go unnoticed.
    pub(crate) fn is_stored<R, S: ResultShape<R>>(&self, rules: Rules<R, S>) -> bool {
        if rules.valid.is_some() {
            return matches!(self.load(rules), Lookup::Hit(..));
        }
        let Some((folder, key)) = self.place() else { return false };
        let Some(place) = self.cache.place() else { return false };
        self.open(place, folder, key).ok().flatten().is_some_and(|entry| {
            expired(&self.cache, rules, entry.header.details.created()).is_none()
                && references::first_gone(&place.layout.functions(), &entry.header.details.parts, None).is_none()
                && entry.expect_type::<S::Stored>().is_ok()
                && entry.is_complete().unwrap_or(false)
        })
    }
}

/// Returns the reason if a result that was created at this time is too old for the function or the cache.
fn expired<R, S: ResultShape<R>>(cache: &Cache, rules: Rules<R, S>, created: SystemTime) -> Option<Reason> {
    let limit = cache.place().and_then(|place| place.limits.max_age);
    let max_age = rules.longest().into_iter().chain(limit).min()?;
    let age = policy::age(created, max_age);
    (age > max_age).then_some(Reason::Expired { age, max_age })
}

/// Returns the result of a call if it is in memory. `describe` is only used to print it.
#[inline]
pub(crate) fn recall<R, S: ResultShape<R>>(
    memo: &Memo,
    cache: &Cache,
    call: &Encoded,
    describe: &dyn Fn(&mut Describe<'_>),
    rules: Rules<R, S>,
) -> Option<R> {
    let memory = cache.memory()?;
    if rules.valid.is_some() {
        return None;
    }
    let value = memory.get(memo.key(), call.bytes()?, |entry| {
        if expired(cache, rules, entry.created).is_some() {
            return None;
        }
        let shared = rules.sharing.and_then(|sharing| {
            memo.with_home(cache, |home| home.shared().get(sharing, &entry.key, entry.created))
        });
        let value = match shared {
            Some(value) => value,
            None => {
                let value = guarded(|| slice::from_slice::<S::Stored>(&entry.document)).ok()?;
                if let Some(sharing) = rules.sharing {
                    memo.with_home(cache, |home| home.shared().insert(sharing, &entry.key, entry.created, &value));
                }
                value
            }
        };
        memo.with_home(cache, |home| home.tally().hot_hit(entry.took));
        tracing::debug!(function = memo.name(), key = %entry.key, size = entry.size, saved = ?entry.took, hot = true, "hit");
        if verbose::prints_hits() {
            print_memory_hit(memo, entry, describe);
        }
        Some(S::restored(value))
    });
    // The background thread may have gone to sleep in between.
    cache.engine().note_counted();
    value
}

#[cold]
fn print_memory_hit(memo: &Memo, entry: &MemoryEntry, describe: &dyn Fn(&mut Describe<'_>)) {
    let age = entry.created.elapsed().unwrap_or_default();
    verbose::print_hit(memo.name(), previews(describe), "memory", Some((entry.size, age)), entry.took);
}
