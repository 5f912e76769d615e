//! Where the result of one call is: the function, the cache, and the key.

use std::any::type_name;
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::Level;

use crate::cache::Cache;
use crate::container::Details;
use crate::explain::Missing;
use crate::file_digest::{Used, used_by};
use crate::flight::Turn;
use crate::key::call::{self, Long};
use crate::key::{Argument, Describe, Key, digest_of_content};
use crate::memo::Memo;
use crate::outcome::Outcome;
use crate::reason::Reason;
use crate::rules::Rules;
use crate::shape::Shape;
use crate::stats::nanoseconds;
use crate::store::{Entry, Event, Layout, Record, brief, brief_code};
use crate::{Error, ErrorKind, Result, faithful};

pub(crate) struct Site<'a> {
    pub(crate) memo: &'a Memo,
    pub(crate) cache: Cache,
    /// The folder of the function's entries; `None` if the cache is off.
    folder: Option<Arc<Path>>,
    /// The call's key, or why it has none.
    pub(crate) key: Result<Key>,
    /// The digests of its arguments that are long.
    long: Long,
    /// The files that the key depends on.
    files: Vec<Used>,
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
    pub(crate) fn new(memo: &'a Memo, cache: &Cache, describe: impl FnOnce(&mut Describe<'_>)) -> Self {
        let (keyed, files) = used_by(|| call::key(memo.key(), describe));
        let (key, long) = match keyed {
            Ok((key, long)) => (Ok(key), long),
            Err(error) => (Err(error), Long::new()),
        };
        Site { memo, folder: memo.folder(cache), cache: cache.clone(), key, long, files }
    }

    /// Of a call that will only be run: without a cache, it needs no key.
    pub(crate) fn to_run(memo: &'a Memo, cache: &Cache, describe: impl FnOnce(&mut Describe<'_>)) -> Self {
        if cache.is_enabled() {
            return Site::new(memo, cache, describe);
        }
        let key = Ok(Key::from_bytes([0; 32]));
        Site { memo, folder: None, cache: cache.clone(), key, long: Long::new(), files: Vec::new() }
    }

    /// What people are shown of the arguments.
    pub(crate) fn shown(&self, describe: impl FnOnce(&mut Describe<'_>)) -> Vec<Argument> {
        call::show(&self.long, describe)
    }

    /// Whether a file that the key depends on is another one now: then the result is of something else.
    pub(crate) fn files_changed(&self) -> bool {
        let Some(path) = self.files.iter().find_map(Used::changed) else { return false };
        let error = Error::new(ErrorKind::InvalidInput, "the file changed while the function ran").at(path);
        self.fault("a result is not stored", &error);
        true
    }

    /// The folder and the key; `None` if the cache is off, or the call has no key.
    fn place(&self) -> Option<(&Path, &Key)> {
        Some((self.folder.as_deref()?, self.key.as_ref().ok()?))
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
        self.read(rules, !self.cache.is_read_only())
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
        let peeked = match Layout::peek(folder, key) {
            Ok(Some(peeked)) => peeked,
            Ok(None) => return Found::Nothing(Reason::Absent),
            Err(error) => return fault(error),
        };
        if let Some(expired) = rules.expired(&peeked.header.details) {
            return Found::Nothing(expired);
        }
        if touch {
            peeked.touch();
        }
        let loaded = peeked.expect_type::<S::Stored>().and_then(|()| guarded(|| peeked.load::<S::Stored>()));
        let entry = match loaded {
            Ok(entry) => entry,
            Err(error) => return fault(error),
        };
        let (details, size) = (&entry.header.details, entry.header.size());
        let age = details.created().elapsed().unwrap_or_default();
        let hit = Outcome::Hit { age, saved: details.took(), size };
        if let Some(valid) = rules.valid
            && !valid(&Entry::new(Layout::entry(folder, key), entry.header, size), &entry.value)
        {
            return Found::Nothing(Reason::Rejected);
        }
        Found::Hit(S::restored(entry.value), hit)
    }

    /// Whether [`load`](Site::load) would find a result of this type. Its value is not read, so
    /// damage there is not seen; but a predicate that wants to see it is shown it.
    pub(crate) fn is_stored<R, S: Shape<R>>(&self, rules: Rules<R, S>) -> bool {
        if rules.valid.is_some() {
            return matches!(self.load(rules), Found::Hit(..));
        }
        let Some((folder, key)) = self.place() else { return false };
        Layout::peek(folder, key).ok().flatten().is_some_and(|entry| {
            rules.expired(&entry.header.details).is_none()
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

    /// Stores a result; gives the size of the file.
    pub(crate) fn store<T: Serialize + DeserializeOwned>(
        &self,
        arguments: Vec<Argument>,
        took: Duration,
        value: &T,
    ) -> Result<u64> {
        let Site { memo, cache, .. } = self;
        let (Some(layout), Some((folder, key))) = (cache.layout(), self.place()) else {
            return Err(Error::new(ErrorKind::ReadOnly, "the cache is off"));
        };
        let started = self.clock();
        // What the user's `Serialize` and `Deserialize` do wrong here is no fault of the function.
        guarded(|| faithful::check(value))?;
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
        let put = || {
            memo.describe(layout, folder)?;
            guarded(|| layout.put(folder, &details, value, compression, cache.is_durable()))
        };
        let size = match put() {
            // Somebody removed a folder under us: once more, from the root.
            Err(error) if error.kind() == ErrorKind::NotFound => layout.create().and_then(|()| put())?,
            result => result?,
        };
        self.note(layout, Event::Stored, &details.arguments);
        tracing::trace!(function = memo.name(), %key, size, took = ?since(started), "stored");
        Ok(size)
    }

    /// Notes for later what became of this call. That it can't be noted is no fault of the result.
    fn note(&self, layout: &Layout, event: Event, arguments: &[Argument]) {
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
        if let Err(error) = layout.note(folder, &record) {
            tracing::debug!(function = self.memo.name(), %error, "a call can't be noted for `explain`");
        }
    }

    /// Removes the stored result: whether there was one.
    pub(crate) fn forget(&self) -> Result<bool> {
        let layout = self.cache.writable()?;
        let key = self.key.as_ref().map_err(Error::clone)?;
        let (Some(layout), Some(folder)) = (layout, &self.folder) else { return Ok(false) };
        let path = Layout::entry(folder, key);
        match fs::remove_file(&path) {
            Ok(()) => {
                self.note(layout, Event::Forgotten, &[]);
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io(error, "can't remove").at(path)),
        }
    }

    /// Whether the function gave the same result again.
    pub(crate) fn compare<T: Serialize>(&self, before: &T, now: &T) -> bool {
        let digest = |value| guarded(|| digest_of_content(value));
        let same = matches!((digest(before), digest(now)), (Ok(before), Ok(now)) if before == now);
        if !same {
            self.memo.counters().error();
            self.cache.counters().error();
            let key = self.key.as_ref().map(ToString::to_string).unwrap_or_default();
            tracing::error!(
                function = self.memo.name(),
                key,
                "a function does not give the result again that is stored: it depends on more than its arguments and its \
                 code (time, chance, a file, the order of threads); the result is replaced"
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
        self.memo.counters().hit(*saved);
        self.cache.counters().hit(*saved);
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
        self.memo.counters().miss(took);
        self.cache.counters().miss(took);
        if let Ok(key) = &self.key {
            tracing::debug!(function = self.memo.name(), %key, %reason, ?size, ?took, "computed");
        }
        Outcome::Computed { took, size, reason }
    }

    /// The call went past the cache.
    pub(crate) fn bypassed(&self, took: Duration, reason: Reason) -> Outcome {
        self.memo.counters().bypass(took);
        self.cache.counters().bypass(took);
        tracing::debug!(function = self.memo.name(), %reason, ?took, "bypassed");
        Outcome::Bypassed { took, reason }
    }

    /// The cache failed, and must not get in the way: logged and counted, that is all.
    #[cold]
    pub(crate) fn fault(&self, what: &str, error: &Error) {
        self.memo.counters().error();
        self.cache.counters().error();
        tracing::warn!(function = self.memo.name(), %error, "{what}");
    }
}

fn since(started: Option<Instant>) -> Duration {
    started.map(|started| started.elapsed()).unwrap_or_default()
}

/// Makes an error of a panic.
fn guarded<R>(run: impl FnOnce() -> Result<R>) -> Result<R> {
    catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|_| Err(Error::new(ErrorKind::NotRepresentable, "its `Serialize` or `Deserialize` panicked")))
}
