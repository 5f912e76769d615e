//! THE call: from the arguments to the result.

use std::marker::PhantomData;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::cache::Cache;
use crate::container::Details;
use crate::key::{Argument, Describe, Key, call};
use crate::memo::Memo;
use crate::outcome::Outcome;
use crate::shape::Shape;
use crate::stats::nanoseconds;
use crate::store::Layout;
use crate::{Error, ErrorKind, Result, faithful};

/// Loads the result of a call, or computes and keeps it.
pub fn call<A, R, S: Shape<R>>(
    memo: &Memo,
    cache: &Cache,
    arguments: A,
    describe: impl Fn(&A, &mut Describe<'_>),
    compute: impl FnOnce(A) -> R,
    _: PhantomData<S>,
) -> R {
    memo.uses(cache);
    let key = key(memo, cache, |description| describe(&arguments, description));
    run::<A, R, S>(memo, cache, &key, false, arguments, describe, compute).0
}

/// `call` for a function that is `async`.
#[cfg(feature = "async")]
pub async fn call_async<A, R, S: Shape<R>, F: Future<Output = R>>(
    memo: &Memo,
    cache: &Cache,
    arguments: A,
    describe: impl Fn(&A, &mut Describe<'_>),
    compute: impl FnOnce(A) -> F,
    _: PhantomData<S>,
) -> R {
    memo.uses(cache);
    let key = key(memo, cache, |description| describe(&arguments, description));
    run_async::<A, R, S, F>(memo, cache, &key, false, arguments, describe, compute).await.0
}

/// The key of a call, unless nothing will be looked up under it.
fn key(memo: &Memo, cache: &Cache, describe: impl FnOnce(&mut Describe<'_>)) -> Result<Key> {
    if cache.layout().is_none() {
        return Err(Error::new(ErrorKind::NotFound, "the cache is off"));
    }
    call::key(memo.key(), describe)
}

/// The way of a call whose key is known.
pub(crate) fn run<A, R, S: Shape<R>>(
    memo: &Memo,
    cache: &Cache,
    key: &Result<Key>,
    refresh: bool,
    arguments: A,
    describe: impl Fn(&A, &mut Describe<'_>),
    compute: impl FnOnce(A) -> R,
) -> (R, Outcome) {
    // 1. Look up, check, decode.
    let miss = match begin::<R, S>(memo, cache, key, refresh, |description| describe(&arguments, description)) {
        Begun::Hit(value, hit) => return (value, hit),
        Begun::Miss(miss) => miss,
    };
    // 2. Compute.
    let started = Instant::now();
    let value = compute(arguments);
    // 3. Encode, compress, publish.
    let outcome = miss.end::<R, S>(&value, started.elapsed());
    (value, outcome)
}

/// [`run`] for a function that is `async`: the same steps, and a pause in the second.
#[cfg(feature = "async")]
pub(crate) async fn run_async<A, R, S: Shape<R>, F: Future<Output = R>>(
    memo: &Memo,
    cache: &Cache,
    key: &Result<Key>,
    refresh: bool,
    arguments: A,
    describe: impl Fn(&A, &mut Describe<'_>),
    compute: impl FnOnce(A) -> F,
) -> (R, Outcome) {
    let miss = match begin::<R, S>(memo, cache, key, refresh, |description| describe(&arguments, description)) {
        Begun::Hit(value, hit) => return (value, hit),
        Begun::Miss(miss) => miss,
    };
    let started = Instant::now();
    let value = compute(arguments).await;
    let outcome = miss.end::<R, S>(&value, started.elapsed());
    (value, outcome)
}

/// What a call turns out to be once it was looked up.
enum Begun<'a, R> {
    Hit(R, Outcome),
    Miss(Miss<'a>),
}

/// A call whose function is about to run.
struct Miss<'a> {
    memo: &'a Memo,
    cache: &'a Cache,
    /// Where the result will be stored: not at all without a cache or a key.
    place: Option<(&'a Layout, &'a Key)>,
    /// What the entry will show of the arguments: they are gone once the function has run.
    shown: Vec<Argument>,
}

fn begin<'a, R, S: Shape<R>>(
    memo: &'a Memo,
    cache: &'a Cache,
    key: &'a Result<Key>,
    refresh: bool,
    describe: impl FnOnce(&mut Describe<'_>),
) -> Begun<'a, R> {
    let (layout, key) = match (cache.layout(), key) {
        (Some(layout), Ok(key)) => (layout, key),
        (Some(_), Err(error)) => {
            fault(memo, cache, "a call can't be cached", error);
            return Begun::Miss(Miss { memo, cache, place: None, shown: Vec::new() });
        }
        (None, _) => return Begun::Miss(Miss { memo, cache, place: None, shown: Vec::new() }),
    };
    if !refresh && !cache.refreshes() {
        match load::<R, S>(memo, layout, key) {
            Ok(Some((value, hit))) => {
                count_hit(memo, cache, key, &hit);
                return Begun::Hit(value, hit);
            }
            Ok(None) => {}
            Err(error) => fault(memo, cache, "an entry can't be read: it is computed anew", &error),
        }
    }
    let shown = if cache.is_read_only() { Vec::new() } else { call::show(describe) };
    Begun::Miss(Miss { memo, cache, place: Some((layout, key)), shown })
}

impl Miss<'_> {
    /// The function has run: keep what it returned.
    fn end<R, S: Shape<R>>(self, value: &R, took: Duration) -> Outcome {
        let Miss { memo, cache, place, shown } = self;
        let Some((layout, key)) = place else {
            memo.counters().bypass(took);
            cache.counters().bypass(took);
            tracing::debug!(function = memo.name(), ?took, "bypassed");
            return Outcome::Bypassed { took };
        };
        let size = match S::stored(value) {
            Some(stored) if !cache.is_read_only() => store::<R, S>(memo, cache, layout, key, shown, took, stored)
                .inspect_err(|error| fault(memo, cache, "a result can't be stored: it will be computed again", error))
                .ok(),
            _ => None,
        };
        memo.counters().miss(took);
        cache.counters().miss(took);
        tracing::debug!(function = memo.name(), %key, ?took, ?size, "computed");
        Outcome::Computed { took, size }
    }
}

/// Loads the result of a call, if it is there.
pub(crate) fn load<R, S: Shape<R>>(memo: &Memo, layout: &Layout, key: &Key) -> Result<Option<(R, Outcome)>> {
    let folder = layout.function(memo.function());
    let Some(entry) = Layout::peek(&folder, key)? else { return Ok(None) };
    check_type::<S::Stored>(&entry.header.details).map_err(|e| e.at(Layout::entry(&folder, key)))?;
    let entry = entry.load::<S::Stored>().map_err(|error| error.at(Layout::entry(&folder, key)))?;
    let hit = Outcome::Hit {
        age: entry.header.details.created().elapsed().unwrap_or_default(),
        saved: entry.header.details.took(),
        size: entry.header.payload_at + entry.header.payload.len,
    };
    Ok(Some((S::restored(entry.value), hit)))
}

/// Whether [`load`] would find a result. Its value is not read, so damage there is not seen.
pub(crate) fn is_stored<R, S: Shape<R>>(memo: &Memo, layout: &Layout, key: &Key) -> bool {
    let entry = Layout::peek(&layout.function(memo.function()), key);
    entry.ok().flatten().is_some_and(|entry| {
        check_type::<S::Stored>(&entry.header.details).is_ok() && entry.is_complete().unwrap_or(false)
    })
}

fn check_type<T>(details: &Details) -> Result<()> {
    let wanted = std::any::type_name::<T>();
    if details.type_name == wanted {
        return Ok(());
    }
    let found = &details.type_name;
    Err(Error::new(ErrorKind::WrongType, format!("wrong type: a `{found}` is stored, a `{wanted}` is wanted")))
}

fn store<R, S: Shape<R>>(
    memo: &Memo,
    cache: &Cache,
    layout: &Layout,
    key: &Key,
    arguments: Vec<Argument>,
    took: Duration,
    value: &S::Stored,
) -> Result<u64> {
    faithful::check(value)?;
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
        type_name: std::any::type_name::<S::Stored>().to_owned(),
    };
    let put = || {
        let folder = memo.ensure_folder(layout)?;
        layout.put(&folder, &details, value, compression, cache.is_durable())
    };
    match put() {
        // Somebody removed a folder under us: once more, from the root.
        Err(error) if error.kind() == ErrorKind::NotFound => layout.create().and_then(|()| put()),
        result => result,
    }
}

fn count_hit(memo: &Memo, cache: &Cache, key: &Key, hit: &Outcome) {
    let Outcome::Hit { saved, .. } = hit else { return };
    memo.counters().hit(*saved);
    cache.counters().hit(*saved);
    tracing::debug!(function = memo.name(), %key, ?saved, "hit");
}

/// The cache failed, and must not get in the way: logged and counted, that is all.
#[cold]
fn fault(memo: &Memo, cache: &Cache, what: &str, error: &Error) {
    memo.counters().error();
    cache.counters().error();
    tracing::warn!(function = memo.name(), %error, "{what}");
}

/// Gives a closure the type that `call` wants, where the compiler would not find it by itself.
pub fn describe_fn<A, F: Fn(&A, &mut Describe<'_>)>(_: &A, describe: F) -> F {
    describe
}

/// The same for the closure that computes.
pub fn compute_fn<A, R, F: FnOnce(A) -> R>(_: &A, compute: F) -> F {
    compute
}
