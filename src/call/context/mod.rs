//! Context of one call: function, cache and key. Looks up and stores its result.

pub(crate) mod log;
pub(crate) mod unstored;
pub(crate) mod waiting;

use std::any::type_name;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::Level;

use crate::cache::handle::Cache;
use crate::call::function::{FunctionState, Memo};
use crate::call::options::Rules;
use crate::call::outcome::Outcome;
use crate::call::result_shape::ResultShape;
use crate::call::shared_results::MakeSharing;
use crate::engine::cache_folder::CacheFolder;
use crate::engine::eviction::policy;
use crate::engine::memory_tier::memory_cache::LARGEST;
use crate::engine::memory_tier::memory_entry::MemoryEntry;
use crate::engine::memory_tier::validity::Snapshot;
use crate::engine::verbose;
use crate::engine::verbose::PrintedCall;
use crate::error::{Error, ErrorKind, Result};
use crate::explain::Missing;
use crate::files::equality::Compare;
use crate::files::roundtrip_check;
use crate::format::cbor::slice;
use crate::key::call_key::{Argument, Describe, Encoded, encode, previews};
use crate::key::digest::Key;
use crate::key::file_digest::inputs::Used;
use crate::observe::reason::{Reason, RecordedCause};
use crate::observe::stats::nanoseconds;
use crate::single_flight::join::WaitProgress;
use crate::store::entries::Entry;
use crate::store::entry_format::{Details, Header, HeaderInfo};
use crate::store::history::{Event, HistoryRecord, brief, brief_code};
use crate::store::layout::Layout;
use crate::store::read::EntryReader;
use crate::store::write::Fits;
use crate::store::{history, references, write};
use crate::sys::catch_panic;

/// Context of one call.
pub(crate) struct CallContext<'a> {
    pub(crate) memo: &'a Memo,
    pub(crate) cache: Cache,
    home: Arc<FunctionState>,
    /// The call's key, or why it has none.
    pub(crate) key: Result<Key>,
    /// The encoded call.
    call: Encoded,
    /// What an earlier try observed of the leader.
    tried: Mutex<Option<Box<WaitProgress>>>,
    /// The running call, if it is printed.
    printed: Mutex<Option<PrintedCall>>,
}

/// Result of a lookup.
pub(crate) enum Lookup<R> {
    Hit(R, Outcome),
    /// There is no entry, or none that may be used.
    Miss(Reason),
    /// There is an entry that can't be read.
    Corrupt(Reason, Error),
}

impl<'a> CallContext<'a> {
    /// Creates the context of a call whose key may be asked for.
    pub(crate) fn new(memo: &'a Memo, cache: &Cache, call: Encoded) -> Self {
        let key = call.key(memo.key());
        CallContext::with_key(memo, cache, call, key)
    }

    /// Creates the context of a call that will only be run. Without a cache it needs no key.
    pub(crate) fn to_run(memo: &'a Memo, cache: &Cache, call: Encoded) -> Self {
        let key = if call.is_none() { Ok(Key::from_bytes([0; 32])) } else { call.key(memo.key()) };
        CallContext::with_key(memo, cache, call, key)
    }

    fn with_key(memo: &'a Memo, cache: &Cache, call: Encoded, key: Result<Key>) -> Self {
        let (tried, printed) = (Mutex::default(), Mutex::default());
        CallContext { memo, home: memo.home(cache), cache: cache.clone(), key, call, tried, printed }
    }

    /// Returns the arguments as people are shown them.
    pub(crate) fn shown(&self, describe: impl FnOnce(&mut Describe<'_>)) -> Vec<Argument> {
        self.call.show(describe)
    }

    /// Returns whether a file that the key depends on has changed. The result then belongs to other contents, and
    /// `what` is logged.
    pub(crate) fn files_changed(&self, what: &'static str) -> bool {
        let Some(path) = self.call.files.iter().find_map(Used::changed) else { return false };
        let error = Error::new(ErrorKind::InvalidInput, "the file changed while the function ran").at(path);
        self.fault(what, &error);
        true
    }

    /// Returns whether the call uses the cache. It does not if the cache was off when the call was encoded, even if
    /// the cache could be opened since.
    pub(crate) fn is_enabled(&self) -> bool {
        !self.call.is_none() && self.cache.is_enabled()
    }

    /// Returns the function's folder and the call's key; `None` if the cache is off, or the call has no key.
    fn place(&self) -> Option<(&Path, &Key)> {
        if self.call.is_none() {
            return None;
        }
        Some((self.home.folder.as_deref()?, self.key.as_ref().ok()?))
    }

    /// Returns the path of the entry's file.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        self.place().map(|(folder, key)| Layout::locate(folder, key))
    }

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
        if let Some(expired) = self.expired(rules, created) {
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
                let entry = Entry::new(peeked.stored().path().to_owned(), header, peeked.stored().stat().ok());
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

    /// Returns the reason if a result that was created at this time is too old.
    fn expired<R, S: ResultShape<R>>(&self, rules: Rules<R, S>, created: SystemTime) -> Option<Reason> {
        expired(&self.cache, rules, created)
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
            self.expired(rules, entry.header.details.created()).is_none()
                && references::first_gone(&place.layout.functions(), &entry.header.details.parts, None).is_none()
                && entry.expect_type::<S::Stored>().is_ok()
                && entry.is_complete().unwrap_or(false)
        })
    }

    /// Returns why no result of this call is stored.
    pub(crate) fn why_absent(&self, arguments: &[Argument]) -> Reason {
        let (Some((folder, key)), Some(there)) = (self.place(), self.cache.place()) else { return Reason::CacheOff };
        let function = self.memo.function();
        let missing = Missing {
            store: &there.store,
            folder,
            key: *key,
            version: function.version,
            code: &function.code,
            parts: &self.memo.code_parts(),
            arguments,
            digests: arguments.iter().map(brief).collect(),
            unkept: self.cache.engine().unstored.of(key),
        };
        missing.reason()
    }

    /// Stores a result. Returns the size of the entry's file and, with `LARDER=verify`, the value as a hit would
    /// return it.
    pub(crate) fn store<T: Serialize + DeserializeOwned>(
        &self,
        arguments: Vec<Argument>,
        cause: RecordedCause,
        took: Duration,
        value: &T,
        (compare, sharing): (Option<Compare<T>>, Option<MakeSharing<T>>),
    ) -> Result<(u64, Option<T>)> {
        let CallContext { memo, cache, home, .. } = self;
        let (Some(there), Some((folder, key))) = (cache.place(), self.place()) else {
            return Err(Error::new(ErrorKind::ReadOnly, "the cache is off"));
        };
        let layout = &there.layout;
        there.expect_space()?;
        let started = self.clock();
        const OTHERWISE: &str = "write `lossy` in the attribute";
        // Panics of the user's `Serialize` and `Deserialize` must not fail the call.
        let (checked, found) = references::writing(|| {
            guarded(|| {
                if cache.verifies() {
                    return roundtrip_check::read_back(value, compare, OTHERWISE)
                        .map(|(back, len)| (Some(back), Some(len)));
                }
                roundtrip_check::check(value, compare, OTHERWISE).map(|len| (None, len))
            })
        });
        let (back, len) = checked?;
        let own_limit = memo.limits().and_then(|limits| limits.max_bytes).unwrap_or(u64::MAX);
        let fits = Fits { most: there.largest().min(own_limit), document: len };
        let compression = memo.compression(cache);
        let function = memo.function();
        let mut details = Details {
            key: *key,
            package: function.package.clone(),
            function: function.path.clone(),
            version: function.version,
            code: memo.code(),
            arguments,
            created: nanoseconds(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()),
            took: nanoseconds(took),
            compressor: compression.to_string(),
            type_name: type_name::<T>().to_owned(),
            parts: references::listed(&layout.functions(), &found),
        };
        let mut put = || -> Result<_> {
            memo.describe(layout, home, folder)?;
            let mut is_second = false;
            let temp = loop {
                let write = || {
                    write::write(&layout.temp_folder_for(folder), &details, value, compression, cache.secret(), fits)
                };
                let (temp, found) = references::writing(|| guarded(write));
                let (temp, found) = (temp?, references::listed(&layout.functions(), &found));
                // The first pass over a large value need not have seen all references; if the list differs, write the
                // entry once more.
                if details.parts == found || is_second {
                    break temp;
                }
                (details.parts, is_second) = (found, true);
            };
            let size = temp.len();
            // The entry may be published even if `put` fails, so its copy in memory is invalidated.
            let before = there.store.put(folder, key, temp, cache.is_durable());
            Ok((before.inspect_err(|_| cache.engine().invalidate(key))?, size))
        };
        let (before, size) = match put() {
            // Another process removed a folder: create the folders again, and retry once.
            Err(error) if error.kind() == ErrorKind::NotFound => layout.create().and_then(|()| put())?,
            result => result?,
        };
        cache.engine().stored(home.tally(), key, before, size);
        if let Some(sharing) = sharing {
            home.shared().insert(sharing, key, details.created(), value);
        }
        if let Some(limits) = memo.limits()
            && let Err(error) = home.limits().enforce(cache.engine(), folder, limits, size)
        {
            self.fault("the limits of a function can't be enforced", &error);
        }
        self.note(there, Event::Stored(cause), SystemTime::now(), details.arguments.iter().map(brief).collect());
        tracing::trace!(function = memo.name(), %key, size, took = ?since(started), "stored");
        Ok((size, back))
    }

    /// Appends an event to the function's history. A failure is only logged: the result is fine without it.
    fn note(&self, there: &CacheFolder, event: Event, time: SystemTime, arguments: Vec<[u8; 8]>) {
        let Some((folder, key)) = self.place() else { return };
        let function = self.memo.function();
        let record = HistoryRecord {
            event,
            key: *key,
            version: function.version,
            code: brief_code(&function.code),
            time,
            arguments,
        };
        if let Err(error) = history::note(&there.layout, folder, &record) {
            tracing::debug!(function = self.memo.name(), %error, "a call can't be noted for `explain`");
        }
    }

    /// Removes the stored result. Returns whether there was one.
    pub(crate) fn forget(&self) -> Result<bool> {
        let place = self.cache.writable()?;
        let key = self.key.as_ref().map_err(Error::clone)?;
        let (Some(place), Some(folder)) = (place, &self.home.folder) else { return Ok(false) };
        let removed = self.cache.engine().remove(folder, key)?;
        if removed {
            self.note(place, Event::Forgotten, SystemTime::now(), Vec::new());
        }
        Ok(removed)
    }

    /// Returns the current time if durations are logged.
    pub(crate) fn clock(&self) -> Option<Instant> {
        tracing::enabled!(Level::DEBUG).then(Instant::now)
    }
}

/// Returns the reason if a result that was created at this time is too old for the function or the cache.
fn expired<R, S: ResultShape<R>>(cache: &Cache, rules: Rules<R, S>, created: SystemTime) -> Option<Reason> {
    let limit = cache.place().and_then(|place| place.limits.max_age);
    let max_age = rules.longest().into_iter().chain(limit).min()?;
    let age = policy::age(created, max_age);
    (age > max_age).then_some(Reason::Expired { age, max_age })
}

/// Encodes a call that will only be run. Without a cache it needs no encoding.
#[inline]
pub(crate) fn encode_for(cache: &Cache, describe: impl FnOnce(&mut Describe<'_>)) -> Encoded {
    if cache.is_enabled() { encode(describe) } else { Encoded::none() }
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

fn since(started: Option<Instant>) -> Duration {
    started.map(|started| started.elapsed()).unwrap_or_default()
}

/// Turns a panic of the result type's `Serialize` or `Deserialize` into an error.
fn guarded<R>(run: impl FnOnce() -> Result<R>) -> Result<R> {
    catch_panic::guarded("its `Serialize` or `Deserialize`", run)
}
