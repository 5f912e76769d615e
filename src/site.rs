//! Where the result of one call is: the function, the cache, and the key.

use std::any::type_name;
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cache::Cache;
use crate::container::Details;
use crate::key::call::{self, LongArguments};
use crate::key::{Argument, Describe, Key};
use crate::memo::Memo;
use crate::outcome::Outcome;
use crate::shape::Shape;
use crate::stats::nanoseconds;
use crate::store::Layout;
use crate::{Error, ErrorKind, Result, faithful};

pub(crate) struct Site<'a> {
    pub(crate) memo: &'a Memo,
    pub(crate) cache: Cache,
    /// The folder of the function's entries; `None` if the cache is off.
    folder: Option<Arc<Path>>,
    /// The call's key, or why it has none.
    pub(crate) key: Result<Key>,
    /// What was found out about the arguments on the way.
    pub(crate) long: LongArguments,
}

impl<'a> Site<'a> {
    /// Of a call that may be asked for its key.
    pub(crate) fn new(memo: &'a Memo, cache: &Cache, describe: impl FnOnce(&mut Describe<'_>)) -> Self {
        let mut long = LongArguments::default();
        let key = call::key(memo.key(), &mut long, describe);
        Site { memo, folder: memo.folder(cache), cache: cache.clone(), key, long }
    }

    /// Of a call that will only be run: without a cache, it needs no key.
    pub(crate) fn to_run(memo: &'a Memo, cache: &Cache, describe: impl FnOnce(&mut Describe<'_>)) -> Self {
        let folder = memo.folder(cache);
        let mut long = LongArguments::default();
        let key = match &folder {
            Some(_) => call::key(memo.key(), &mut long, describe),
            None => Ok(Key::from_bytes([0; 32])),
        };
        Site { memo, folder, cache: cache.clone(), key, long }
    }

    /// Loads the result, if it is there.
    pub(crate) fn load<R, S: Shape<R>>(&self) -> Result<Option<(R, Outcome)>> {
        let Some(folder) = &self.folder else { return Ok(None) };
        let key = self.key.as_ref().map_err(Error::clone)?;
        let Some(entry) = Layout::peek(folder, key)? else { return Ok(None) };
        let entry = check_type::<S::Stored>(&entry.header.details)
            .and_then(|()| guarded(|| entry.load::<S::Stored>()))
            .map_err(|error| error.at(Layout::entry(folder, key)))?;
        let hit = Outcome::Hit {
            age: entry.header.details.created().elapsed().unwrap_or_default(),
            saved: entry.header.details.took(),
            size: entry.header.size(),
        };
        Ok(Some((S::restored(entry.value), hit)))
    }

    /// Whether [`load`](Site::load) would find a result of this type. Its value is not read, so
    /// damage there is not seen.
    pub(crate) fn is_stored<T>(&self) -> bool {
        let (Some(folder), Ok(key)) = (&self.folder, &self.key) else { return false };
        Layout::peek(folder, key)
            .ok()
            .flatten()
            .is_some_and(|entry| check_type::<T>(&entry.header.details).is_ok() && entry.is_complete().unwrap_or(false))
    }

    /// Stores a result; gives the size of the file.
    pub(crate) fn store<T: Serialize + DeserializeOwned>(
        &self,
        arguments: Vec<Argument>,
        took: Duration,
        value: &T,
    ) -> Result<u64> {
        let Site { memo, cache, folder, key, .. } = self;
        let (Some(layout), Some(folder), Ok(key)) = (cache.layout(), folder, key) else {
            return Err(Error::new(ErrorKind::ReadOnly, "the cache is off"));
        };
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
        match put() {
            // Somebody removed a folder under us: once more, from the root.
            Err(error) if error.kind() == ErrorKind::NotFound => layout.create().and_then(|()| put()),
            result => result,
        }
    }

    /// Removes the stored result: whether there was one.
    pub(crate) fn forget(&self) -> Result<bool> {
        self.cache.writable()?;
        let Some(folder) = &self.folder else { return Ok(false) };
        let path = Layout::entry(folder, self.key.as_ref().map_err(Error::clone)?);
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io(error, "can't remove").at(path)),
        }
    }

    pub(crate) fn count_hit(&self, hit: &Outcome) {
        let (Outcome::Hit { saved, .. }, Ok(key)) = (hit, &self.key) else { return };
        self.memo.counters().hit(*saved);
        self.cache.counters().hit(*saved);
        tracing::debug!(function = self.memo.name(), %key, ?saved, "hit");
    }

    pub(crate) fn count_miss(&self, took: Duration, size: Option<u64>) {
        let Ok(key) = &self.key else { return };
        self.memo.counters().miss(took);
        self.cache.counters().miss(took);
        tracing::debug!(function = self.memo.name(), %key, ?took, ?size, "computed");
    }

    pub(crate) fn count_bypass(&self, took: Duration) {
        self.memo.counters().bypass(took);
        self.cache.counters().bypass(took);
        tracing::debug!(function = self.memo.name(), ?took, "bypassed");
    }

    /// The cache failed, and must not get in the way: logged and counted, that is all.
    #[cold]
    pub(crate) fn fault(&self, what: &str, error: &Error) {
        self.memo.counters().error();
        self.cache.counters().error();
        tracing::warn!(function = self.memo.name(), %error, "{what}");
    }
}

fn check_type<T>(details: &Details) -> Result<()> {
    let wanted = type_name::<T>();
    if details.type_name == wanted {
        return Ok(());
    }
    let found = &details.type_name;
    Err(Error::new(ErrorKind::WrongType, format!("wrong type: a `{found}` is stored, a `{wanted}` is wanted")))
}

/// Makes an error of a panic.
fn guarded<R>(run: impl FnOnce() -> Result<R>) -> Result<R> {
    catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|_| Err(Error::new(ErrorKind::NotRepresentable, "its `Serialize` or `Deserialize` panicked")))
}
