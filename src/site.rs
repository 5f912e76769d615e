//! Where the result of one call is: the function, the cache, and the key.

use std::any::type_name;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::Level;

use crate::cache::Cache;
use crate::container::{Details, Glance, Header};
use crate::explain::Missing;
use crate::file_digest::Used;
use crate::flight::Turn;
use crate::guard;
use crate::hot::{self, Since, Warm};
use crate::key::call::{Encoded, encode};
use crate::key::{Argument, Describe, Key, digest_of_content};
use crate::memo::{Home, Memo};
use crate::outcome::Outcome;
use crate::reason::{Cause, Reason};
use crate::rules::Rules;
use crate::shape::Shape;
use crate::stack;
use crate::stats::{Count, nanoseconds};
use crate::store::{self, Entry, Event, Layout, Peeked, Record, brief, brief_code};
use crate::upkeep::Place;
use crate::{Error, ErrorKind, Result, codec, faithful};

pub(crate) struct Site<'a> {
    pub(crate) memo: &'a Memo,
    pub(crate) cache: Cache,
    home: Arc<Home>,
    /// The call's key, or why it has none.
    pub(crate) key: Result<Key>,
    /// The call itself.
    call: Encoded,
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
        Site { memo, home: memo.home(cache), cache: cache.clone(), key: call.key(memo.key()), call }
    }

    /// Of a call that will only be run: without a cache, it needs no key.
    pub(crate) fn to_run(memo: &'a Memo, cache: &Cache, call: Encoded) -> Self {
        let key = if cache.is_enabled() { call.key(memo.key()) } else { Ok(Key::from_bytes([0; 32])) };
        Site { memo, home: memo.home(cache), cache: cache.clone(), key, call }
    }

    /// What people are shown of the arguments.
    pub(crate) fn shown(&self, describe: impl FnOnce(&mut Describe<'_>)) -> Vec<Argument> {
        self.call.show(describe)
    }

    /// Whether a file that the key depends on is another one now: then the result is of something else, and `what` is
    /// reported.
    pub(crate) fn files_changed(&self, what: &str) -> bool {
        let Some(path) = self.call.files.iter().find_map(Used::changed) else { return false };
        let error = Error::new(ErrorKind::InvalidInput, "the file changed while the function ran").at(path);
        self.fault(what, &error);
        true
    }

    /// The folder and the key; `None` if the cache is off, or the call has no key.
    fn place(&self) -> Option<(&Path, &Key)> {
        Some((self.home.folder.as_deref()?, self.key.as_ref().ok()?))
    }

    /// The file of the entry.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        self.place().map(|(folder, key)| Layout::entry(folder, key))
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
        let since = self.cache.upkeep().since(key).filter(|_| touch);
        let mut peeked = match self.open(place, folder, key) {
            Ok(Some(peeked)) => peeked,
            Ok(None) => return Found::Nothing(Reason::Absent),
            Err(error) => return fault(error),
        };
        let created = peeked.header.details.created();
        if let Some(expired) = self.expired(rules, created) {
            return Found::Nothing(expired);
        }
        if touch && !self.cache.is_read_only() && self.cache.upkeep().is_touch_due(key) {
            place.store.touch(peeked.file());
        }
        let loaded = peeked.expect_type::<S::Stored>().and_then(|()| guarded(|| peeked.load::<S::Stored>()));
        let value = match loaded {
            Ok(value) => value,
            Err(error) => return fault(error),
        };
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
                match guard::guarded("`valid`", || Ok(valid(&entry, &value))) {
                    Ok(true) => {}
                    Ok(false) => return Found::Nothing(Reason::Rejected),
                    Err(error) => return fault(error),
                }
            }
            None => self.keep(since, &value, &peeked.header),
        }
        Found::Hit(S::restored(value), hit)
    }

    /// Opens the entry, if it may be believed.
    fn open(&self, place: &Place, folder: &Path, key: &Key) -> Result<Option<Peeked>> {
        let Some(peeked) = Peeked::open(&*place.store, folder, key)? else { return Ok(None) };
        peeked.expect_seal(self.cache.secret()).map(Some).map_err(|error| error.at(Layout::entry(folder, key)))
    }

    /// Keeps a result in memory that was read from its file, if it is small.
    fn keep<T: Serialize>(&self, since: Option<Since>, value: &T, header: &Header<Glance>) {
        let (Some(since), Some(call), Some(folder), Ok(key)) = (since, self.call.bytes(), &self.home.folder, &self.key)
        else {
            return;
        };
        let size = header.size();
        if size > hot::LARGEST as u64 {
            return;
        }
        // As it was read; what it was compressed with does not matter here.
        let Ok(document) = guarded(|| codec::to_vec(value)) else { return };
        if document.len() <= hot::LARGEST {
            let warm = Warm::new(*key, document.into(), header.details.created(), header.details.took(), size, since);
            self.cache.upkeep().keep(self.memo.key(), folder, call, warm);
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
                && entry.expect_type::<S::Stored>().is_ok()
                && entry.is_complete().unwrap_or(false)
        })
    }

    /// Waits until the result is there, or it is this call's turn to compute it.
    pub(crate) fn join(&self) -> Turn {
        let started = self.clock();
        let turn = match (self.cache.flights(), &self.key) {
            (Some(flights), Ok(key)) => flights.join(key),
            _ => Turn::Alone,
        };
        self.joined(turn, started)
    }

    /// [`join`](Site::join) for a task.
    #[cfg(feature = "async")]
    pub(crate) async fn join_as_task(&self) -> Turn {
        let started = self.clock();
        let turn = match (self.cache.flights(), &self.key) {
            (Some(flights), Ok(key)) => flights.join_as_task(key).await,
            _ => Turn::Alone,
        };
        self.joined(turn, started)
    }

    fn joined(&self, turn: Turn, started: Option<Instant>) -> Turn {
        if let Ok(key) = &self.key {
            let turn = turn.name();
            tracing::trace!(function = self.memo.name(), %key, turn, took = ?since(started), "joined");
        }
        turn
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
        there.bounds.expect_space(layout)?;
        let started = self.clock();
        // What the user's `Serialize` and `Deserialize` do wrong here is no fault of the function.
        let back = if cache.verifies() {
            Some(guarded(|| faithful::read_back(value))?)
        } else {
            guarded(|| faithful::check(value))?;
            None
        };
        let compression = memo.compression(cache);
        let function = memo.function();
        let details = Details {
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
        };
        let put = || -> Result<_> {
            memo.describe(layout, home, folder)?;
            let draft = guarded(|| store::write(&layout.drafts(), &details, value, compression, cache.secret()))?;
            let size = draft.len();
            // It may have been published before something failed.
            let before = there.store.put(folder, key, draft, cache.is_durable());
            Ok((before.inspect_err(|_| cache.upkeep().changed(key))?, size))
        };
        let (before, size) = match put() {
            // Somebody removed a folder under us: once more, from the root.
            Err(error) if error.kind() == ErrorKind::NotFound => layout.create().and_then(|()| put())?,
            result => result?,
        };
        cache.upkeep().stored(home.tally(), key, before, size);
        self.note(there, Event::Stored(cause), &details.arguments);
        tracing::trace!(function = memo.name(), %key, size, took = ?since(started), "stored");
        Ok((size, back))
    }

    /// Notes for later what became of this call. That it can't be noted is no fault of the result.
    fn note(&self, there: &Place, event: Event, arguments: &[Argument]) {
        let Some((folder, key)) = self.place() else { return };
        let function = self.memo.function();
        let record = Record {
            event,
            key: *key,
            version: function.version,
            code: brief_code(&function.code),
            time: SystemTime::now(),
            arguments: arguments.iter().map(brief).collect(),
        };
        if let Err(error) = store::note(&there.layout, folder, &record) {
            tracing::debug!(function = self.memo.name(), %error, "a call can't be noted for `explain`");
        }
    }

    /// Removes the stored result: whether there was one.
    pub(crate) fn forget(&self) -> Result<bool> {
        let place = self.cache.writable()?;
        let key = self.key.as_ref().map_err(Error::clone)?;
        let (Some(place), Some(folder)) = (place, &self.home.folder) else { return Ok(false) };
        let removed = self.cache.upkeep().remove(folder, key)?;
        if removed {
            self.note(place, Event::Forgotten, &[]);
        }
        Ok(removed)
    }

    /// Whether the function gave the result again that is stored. `now` is `None` if it gave none that can be stored: an
    /// `Err`, or a panic.
    pub(crate) fn compare<T: Serialize>(&self, before: &T, now: Option<&T>) -> bool {
        let digest = |value| guarded(|| digest_of_content(value));
        let same =
            now.is_some_and(|now| matches!((digest(before), digest(now)), (Ok(before), Ok(now)) if before == now));
        // Of another file, another result is no wonder.
        if !same && !self.files_changed("a result can't be verified") {
            self.home.tally().add(Count::Unequal, 1);
            self.cache.upkeep().counted();
            let key = self.key.as_ref().map(ToString::to_string).unwrap_or_default();
            let gave = if now.is_some() { "another result" } else { "an `Err` or a panic" };
            tracing::error!(
                function = self.memo.name(),
                key,
                gave,
                "a function does not give the result again that is stored: it depends on more than its arguments and its \
                 code (time, chance, a file, the order of threads); the stored result is used and kept, `LARDER=refresh` \
                 replaces it"
            );
        }
        same
    }

    /// The time, if anybody wants to know how long things take.
    pub(crate) fn clock(&self) -> Option<Instant> {
        tracing::enabled!(Level::DEBUG).then(Instant::now)
    }

    /// The call was a hit.
    pub(crate) fn hit(&self, hit: &Outcome, started: Option<Instant>) {
        let (Outcome::Hit { saved, size, .. }, Ok(key)) = (hit, &self.key) else { return };
        self.home.tally().hit(*saved, *size);
        self.cache.upkeep().counted();
        tracing::debug!(function = self.memo.name(), %key, size, ?saved, took = ?since(started), "hit");
    }

    /// There is no result that may be used.
    pub(crate) fn nothing(&self, reason: &Reason, started: Option<Instant>) {
        if let Ok(key) = &self.key {
            tracing::trace!(function = self.memo.name(), %key, %reason, took = ?since(started), "looked up in vain");
        }
    }

    /// The call was computed.
    pub(crate) fn computed(&self, took: Duration, size: Option<u64>, reason: Reason) -> Outcome {
        self.home.tally().miss(took);
        self.cache.upkeep().counted();
        if let Ok(key) = &self.key {
            tracing::debug!(function = self.memo.name(), %key, %reason, ?size, ?took, "computed");
        }
        Outcome::Computed { took, size, reason }
    }

    /// The call went past the cache.
    pub(crate) fn bypassed(&self, took: Duration, reason: Reason) -> Outcome {
        self.home.tally().bypass(took);
        self.cache.upkeep().counted();
        tracing::debug!(function = self.memo.name(), %reason, ?took, "bypassed");
        Outcome::Bypassed { took, reason }
    }

    /// Whether the function should have what is left of the stack for itself: told once, as calls that are this deep come in
    /// thousands.
    pub(crate) fn has_little_stack(&self) -> bool {
        static TOLD: AtomicBool = AtomicBool::new(false);
        let is_little = self.cache.is_enabled() && stack::is_little_left();
        if is_little && !TOLD.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                function = self.memo.name(),
                "little is left of the thread's stack, so calls are computed without the cache: give it a larger one, or \
                 recurse less deep"
            );
        }
        is_little
    }

    /// The cache failed, and must not get in the way: logged and counted, that is all.
    #[cold]
    pub(crate) fn fault(&self, what: &str, error: &Error) {
        self.home.tally().error(error.kind());
        self.cache.upkeep().counted();
        tracing::warn!(function = self.memo.name(), %error, "{what}");
    }
}

/// Whether a result of that time is too old, for the function or for the cache.
fn expired<R, S: Shape<R>>(cache: &Cache, rules: Rules<R, S>, created: SystemTime) -> Option<Reason> {
    let limit = cache.place().and_then(|place| place.bounds.limits().max_age);
    let max_age = rules.longest().into_iter().chain(limit).min()?;
    // One from the future, as a clock that was set back makes it, is so old that nobody knows.
    let age = created.elapsed().unwrap_or(Duration::MAX);
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
    let hot = cache.hot()?;
    if rules.valid.is_some() {
        return None;
    }
    hot.get(memo.key(), call.bytes()?, |warm| {
        if expired(cache, rules, warm.created).is_some() {
            return None;
        }
        let value = guarded(|| codec::from_slice::<S::Stored>(&warm.document)).ok()?;
        memo.with_home(cache, |home| home.tally().hot_hit(warm.took));
        tracing::debug!(function = memo.name(), key = %warm.key, size = warm.size, saved = ?warm.took, hot = true, "hit");
        Some(S::restored(value))
    })
}

fn since(started: Option<Instant>) -> Duration {
    started.map(|started| started.elapsed()).unwrap_or_default()
}

/// Makes an error of a panic of the type of the result.
fn guarded<R>(run: impl FnOnce() -> Result<R>) -> Result<R> {
    guard::guarded("its `Serialize` or `Deserialize`", run)
}
