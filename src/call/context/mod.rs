//! Where the result of one call is: the function, the cache, and the key.

pub(crate) mod log;
pub(crate) mod unstored;

use std::any::type_name;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::Level;

use crate::cache::Cache;
use crate::call::function::{Home, Memo};
use crate::call::options::Rules;
use crate::call::outcome::Outcome;
use crate::call::result_shape::Shape;
use crate::call::roundtrip_check;
use crate::engine::cache_folder::CacheFolder;
use crate::engine::eviction::policy;
use crate::engine::memory_tier::memory_cache::LARGEST;
use crate::engine::memory_tier::memory_entry::MemoryEntry;
use crate::engine::memory_tier::validity::Snapshot;
use crate::error::{Error, ErrorKind, Result};
use crate::explain::Missing;
use crate::format::cbor;
use crate::key::Key;
use crate::key::call_key::{Argument, Describe, Encoded, encode};
use crate::key::file_digest::Used;
use crate::observe::reason::{Cause, Reason};
use crate::observe::stats::nanoseconds;
use crate::single_flight::Turn;
use crate::single_flight::join::{Holder, Join, Seen, Step};
use crate::store::entries::Entry;
use crate::store::entry_format::{Details, Glance, Header};
use crate::store::history::{Event, Record, brief, brief_code};
use crate::store::layout::Layout;
use crate::store::read::Peeked;
use crate::store::write::Fits;
use crate::store::{history, references, write};
use crate::sys::catch_panic;

pub(crate) struct Site<'a> {
    pub(crate) memo: &'a Memo,
    pub(crate) cache: Cache,
    home: Arc<Home>,
    /// The call's key, or why it has none.
    pub(crate) key: Result<Key>,
    /// The call itself.
    call: Encoded,
    /// What was seen of the holder when the call was tried.
    tried: Mutex<Option<Box<Seen>>>,
}

/// What there is of a result.
pub(crate) enum Found<R> {
    Hit(R, Outcome),
    /// Nothing, or nothing that may be used.
    Nothing(Reason),
    /// Something that can't be read.
    Fault(Reason, Error),
}

impl<'a> Site<'a> {
    /// Of a call that may be asked for its key.
    pub(crate) fn new(memo: &'a Memo, cache: &Cache, call: Encoded) -> Self {
        let key = call.key(memo.key());
        Site { memo, home: memo.home(cache), cache: cache.clone(), key, call, tried: Mutex::default() }
    }

    /// Of a call that will only be run: without a cache, it needs no key.
    pub(crate) fn to_run(memo: &'a Memo, cache: &Cache, call: Encoded) -> Self {
        let key = if call.is_none() { Ok(Key::from_bytes([0; 32])) } else { call.key(memo.key()) };
        Site { memo, home: memo.home(cache), cache: cache.clone(), key, call, tried: Mutex::default() }
    }

    /// What people are shown of the arguments.
    pub(crate) fn shown(&self, describe: impl FnOnce(&mut Describe<'_>)) -> Vec<Argument> {
        self.call.show(describe)
    }

    /// Whether a file that the key depends on is another one now: then the result is of something else, and `what` is
    /// reported.
    pub(crate) fn files_changed(&self, what: &'static str) -> bool {
        let Some(path) = self.call.files.iter().find_map(Used::changed) else { return false };
        let error = Error::new(ErrorKind::InvalidInput, "the file changed while the function ran").at(path);
        self.fault(what, &error);
        true
    }

    /// Whether the cache is to be asked. One that could be opened since the call was encoded, which it was not then, is not.
    pub(crate) fn is_enabled(&self) -> bool {
        !self.call.is_none() && self.cache.is_enabled()
    }

    /// The folder and the key; `None` if the cache is off, or the call has no key.
    fn place(&self) -> Option<(&Path, &Key)> {
        if self.call.is_none() {
            return None;
        }
        Some((self.home.folder.as_deref()?, self.key.as_ref().ok()?))
    }

    /// The file of the entry.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        self.place().map(|(folder, key)| Layout::locate(folder, key))
    }

    /// Loads the result, if it is there and may be used.
    pub(crate) fn load<R, S: Shape<R>>(&self, rules: Rules<R, S>) -> Found<R> {
        self.read(rules, false)
    }

    /// Loads the result to use it, which is noted.
    pub(crate) fn take<R, S: Shape<R>>(&self, rules: Rules<R, S>) -> Found<R> {
        self.read(rules, true)
    }

    fn read<R, S: Shape<R>>(&self, rules: Rules<R, S>, touch: bool) -> Found<R> {
        let Some((folder, key)) = self.place() else { return Found::Nothing(Reason::CacheOff) };
        let fault = |error: Error| {
            let error = error.at(Layout::entry(folder, key));
            let what = error.to_string();
            let reason = match error.kind() {
                ErrorKind::Damaged | ErrorKind::Truncated | ErrorKind::NotLarder => Reason::Damaged { what },
                _ => Reason::Unreadable { what },
            };
            Found::Fault(reason, error)
        };
        let Some(place) = self.cache.place() else { return Found::Nothing(Reason::CacheOff) };
        // Before the file is opened, as what is removed after that must not stay in memory.
        let memory = self.cache.engine().memory_tier();
        let function_folder = self.home.folder.as_ref().filter(|_| touch);
        let snapshot = function_folder.and_then(|folder| memory.snapshot(key, self.memo.key(), folder));
        let mut peeked = match self.open(place, folder, key) {
            Ok(Some(peeked)) => peeked,
            Ok(None) => return Found::Nothing(Reason::Absent),
            Err(error) => return fault(error),
        };
        let created = peeked.header.details.created();
        if let Some(expired) = self.expired(rules, created) {
            return Found::Nothing(expired);
        }
        if touch && !self.cache.is_read_only() && memory.is_touch_due(key) {
            place.store.touch(peeked.file());
        }
        let functions = place.layout.functions();
        let gone = |part: PathBuf| Found::Nothing(Reason::PartGone { what: part.display().to_string() });
        if let Some(part) = references::first_gone(&functions, &peeked.header.details.parts) {
            return gone(part);
        }
        let home =
            references::Home { functions, read_only: self.cache.is_read_only(), secret: self.cache.secret().copied() };
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
            // It may be valid no longer the next time.
            Some(valid) => {
                let header = match peeked.whole_header() {
                    Ok(header) => header,
                    Err(error) => return fault(error),
                };
                let entry = Entry::new(Layout::entry(folder, key), header, peeked.file().metadata().ok().as_ref());
                match catch_panic::guarded("`valid`", || Ok(valid(&entry, &value))) {
                    Ok(true) => {}
                    Ok(false) => return Found::Nothing(Reason::Rejected),
                    Err(error) => return fault(error),
                }
            }
            // In memory, nobody would see that a part is evicted.
            None if read.any => {}
            None => self.keep(snapshot, &value, &peeked.header),
        }
        Found::Hit(S::restored(value), hit)
    }

    /// Opens the entry, if it may be believed.
    fn open(&self, place: &CacheFolder, folder: &Path, key: &Key) -> Result<Option<Peeked>> {
        let Some(peeked) = Peeked::open(&*place.store, folder, key)? else { return Ok(None) };
        peeked.expect_seal(self.cache.secret()).map(Some).map_err(|error| error.at(Layout::entry(folder, key)))
    }

    /// Keeps a result in memory that was read from its file, if it is small.
    fn keep<T: Serialize>(&self, snapshot: Option<Snapshot>, value: &T, header: &Header<Glance>) {
        let (Some(snapshot), Some(call), Ok(key)) = (snapshot, self.call.bytes(), &self.key) else { return };
        let size = header.size();
        if size > LARGEST as u64 {
            return;
        }
        // As it was read; what it was compressed with does not matter here.
        let Ok(document) = guarded(|| cbor::to_vec(value)) else { return };
        if document.len() <= LARGEST {
            let details = &header.details;
            let entry = MemoryEntry::new(*key, document.into(), details.created(), details.took(), size, snapshot);
            self.cache.engine().memory_tier().insert(self.memo.key(), call, entry);
        }
    }

    /// Whether a result of that time is too old.
    fn expired<R, S: Shape<R>>(&self, rules: Rules<R, S>, created: SystemTime) -> Option<Reason> {
        expired(&self.cache, rules, created)
    }

    /// Whether [`load`](Site::load) would find a result of this type. Its value is not read, so
    /// damage there is not seen; but a predicate that wants to see it is shown it.
    pub(crate) fn is_stored<R, S: Shape<R>>(&self, rules: Rules<R, S>) -> bool {
        if rules.valid.is_some() {
            return matches!(self.load(rules), Found::Hit(..));
        }
        let Some((folder, key)) = self.place() else { return false };
        let Some(place) = self.cache.place() else { return false };
        self.open(place, folder, key).ok().flatten().is_some_and(|entry| {
            self.expired(rules, entry.header.details.created()).is_none()
                && references::first_gone(&place.layout.functions(), &entry.header.details.parts).is_none()
                && entry.expect_type::<S::Stored>().is_ok()
                && entry.is_complete().unwrap_or(false)
        })
    }

    /// Waits until the result is there, or it is this call's turn to compute it. Gives how long it has waited; `None` if the
    /// `longest` wait is over: then the next one goes on from what this one has seen.
    pub(crate) fn join(
        &self,
        longest: Option<Duration>,
        shown: impl Fn() -> Vec<Argument>,
    ) -> Option<(Turn, Duration)> {
        let Some(mut join) = self.way_to_a_turn(false, longest) else { return Some((Turn::Alone, Duration::ZERO)) };
        let tried = || self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        if longest.is_some()
            && let Some(seen) = tried().take()
        {
            join.goes_on_from(*seen);
        }
        loop {
            match join.next() {
                Step::Turn(turn) => return Some(self.joined(turn, join.waited())),
                Step::Waiting(holder) => self.waits(&holder, join.waited(), &shown()),
                Step::Late => {
                    *tried() = Some(Box::new(join.give_up()));
                    return None;
                }
            }
        }
    }

    /// The way to a turn, which ends after the `longest` wait; `None` if there is nobody to wait for.
    pub(crate) fn way_to_a_turn(&self, is_task: bool, longest: Option<Duration>) -> Option<Join<'_>> {
        let (flights, (folder, key)) = (self.cache.flights()?, self.place()?);
        // Who computes is to be seen by others.
        self.cache.engine().note_counted();
        Some(Join::new(flights, key, self.memo.name(), folder, is_task, longest))
    }

    pub(crate) fn joined(&self, turn: Turn, waited: Duration) -> (Turn, Duration) {
        if let Ok(key) = &self.key {
            let turn = turn.name();
            tracing::trace!(function = self.memo.name(), %key, turn, took = ?waited, "joined");
        }
        (turn, waited)
    }

    /// Says for whom this call waits.
    pub(crate) fn waits(&self, holder: &Holder, waited: Duration, arguments: &[Argument]) {
        let Ok(key) = &self.key else { return };
        let arguments: Vec<String> = arguments.iter().map(|a| format!("{} = {}", a.name, a.preview)).collect();
        let arguments = arguments.join(", ");
        tracing::info!(
            function = self.memo.name(), arguments, %key, %holder, ?waited,
            "waits for a call that is computed already; it computes it itself if that does not get on"
        );
    }

    /// Why nothing is stored of this call.
    pub(crate) fn why_absent(&self, arguments: &[Argument]) -> Reason {
        let Some((folder, key)) = self.place() else { return Reason::CacheOff };
        let function = self.memo.function();
        let missing = Missing {
            folder,
            key: *key,
            version: function.version,
            code: &function.code,
            parts: &self.memo.code_parts(),
            arguments,
            unkept: self.cache.engine().unstored.of(key),
        };
        missing.reason()
    }

    /// Stores a result. Gives the size of the file, and with `LARDER=verify` the value as a hit would give it.
    pub(crate) fn store<T: Serialize + DeserializeOwned>(
        &self,
        arguments: Vec<Argument>,
        cause: Cause,
        took: Duration,
        value: &T,
    ) -> Result<(u64, Option<T>)> {
        let Site { memo, cache, home, .. } = self;
        let (Some(there), Some((folder, key))) = (cache.place(), self.place()) else {
            return Err(Error::new(ErrorKind::ReadOnly, "the cache is off"));
        };
        let layout = &there.layout;
        there.expect_space()?;
        let started = self.clock();
        // What the user's `Serialize` and `Deserialize` do wrong here is no fault of the function.
        let (checked, found) = references::writing(|| {
            guarded(|| {
                if cache.verifies() {
                    return roundtrip_check::read_back(value).map(|(back, len)| (Some(back), Some(len)));
                }
                roundtrip_check::check(value).map(|len| (None, len))
            })
        });
        let (back, len) = checked?;
        let fits = Fits { most: there.largest(), document: len };
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
            let draft = loop {
                let write =
                    || write::write(&layout.drafts_for(folder), &details, value, compression, cache.secret(), fits);
                let (draft, found) = references::writing(|| guarded(write));
                let (draft, found) = (draft?, references::listed(&layout.functions(), &found));
                // Of a large value, not all was seen before.
                if details.parts == found || is_second {
                    break draft;
                }
                (details.parts, is_second) = (found, true);
            };
            let size = draft.len();
            // It may have been published before something failed.
            let before = there.store.put(folder, key, draft, cache.is_durable());
            Ok((before.inspect_err(|_| cache.engine().invalidate(key))?, size))
        };
        let (before, size) = match put() {
            // Somebody removed a folder under us: once more, from the root.
            Err(error) if error.kind() == ErrorKind::NotFound => layout.create().and_then(|()| put())?,
            result => result?,
        };
        cache.engine().stored(home.tally(), key, before, size);
        self.note(there, Event::Stored(cause), SystemTime::now(), details.arguments.iter().map(brief).collect());
        tracing::trace!(function = memo.name(), %key, size, took = ?since(started), "stored");
        Ok((size, back))
    }

    /// Notes for later what became of this call. That it can't be noted is no fault of the result.
    fn note(&self, there: &CacheFolder, event: Event, time: SystemTime, arguments: Vec<[u8; 8]>) {
        let Some((folder, key)) = self.place() else { return };
        let function = self.memo.function();
        let record =
            Record { event, key: *key, version: function.version, code: brief_code(&function.code), time, arguments };
        if let Err(error) = history::note(&there.layout, folder, &record) {
            tracing::debug!(function = self.memo.name(), %error, "a call can't be noted for `explain`");
        }
    }

    /// Removes the stored result: whether there was one.
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

    /// The time, if anybody wants to know how long things take.
    pub(crate) fn clock(&self) -> Option<Instant> {
        tracing::enabled!(Level::DEBUG).then(Instant::now)
    }
}

/// Whether a result of that time is too old, for the function or for the cache.
fn expired<R, S: Shape<R>>(cache: &Cache, rules: Rules<R, S>, created: SystemTime) -> Option<Reason> {
    let limit = cache.place().and_then(|place| place.limits.max_age);
    let max_age = rules.longest().into_iter().chain(limit).min()?;
    let age = policy::age(created, max_age);
    (age > max_age).then_some(Reason::Expired { age, max_age })
}

/// Encodes a call that will only be run: without a cache, it need not be.
#[inline]
pub(crate) fn encode_for(cache: &Cache, describe: impl FnOnce(&mut Describe<'_>)) -> Encoded {
    if cache.is_enabled() { encode(describe) } else { Encoded::none() }
}

/// The result of a call, if it is in memory.
#[inline]
pub(crate) fn recall<R, S: Shape<R>>(memo: &Memo, cache: &Cache, call: &Encoded, rules: Rules<R, S>) -> Option<R> {
    let memory = cache.memory()?;
    if rules.valid.is_some() {
        return None;
    }
    let value = memory.get(memo.key(), call.bytes()?, |entry| {
        if expired(cache, rules, entry.created).is_some() {
            return None;
        }
        let value = guarded(|| cbor::from_slice::<S::Stored>(&entry.document)).ok()?;
        memo.with_home(cache, |home| home.tally().hot_hit(entry.took));
        tracing::debug!(function = memo.name(), key = %entry.key, size = entry.size, saved = ?entry.took, hot = true, "hit");
        Some(S::restored(value))
    });
    // The background thread may have gone to sleep in between.
    cache.engine().note_counted();
    value
}

fn since(started: Option<Instant>) -> Duration {
    started.map(|started| started.elapsed()).unwrap_or_default()
}

/// Makes an error of a panic of the type of the result.
fn guarded<R>(run: impl FnOnce() -> Result<R>) -> Result<R> {
    catch_panic::guarded("its `Serialize` or `Deserialize`", run)
}
