//! Tests the options that limit a function's results, let them expire, and share them.

use std::cell::Cell;
use std::collections::HashSet;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use larder::{Cache, memoize};
use serde::{Deserialize, Serialize};

fn open() -> (tempfile::TempDir, Cache) {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    (folder, cache)
}

/// Makes the entries of a function look as if they had been used `ago`.
fn used_before(memo: &larder::Memo, cache: &Cache, ago: Duration) {
    for entry in memo.entries_in(cache).unwrap() {
        File::options().write(true).open(entry.path).unwrap().set_modified(SystemTime::now() - ago).unwrap();
    }
}

#[memoize(cache = cache, ignore(cache), max_entries = 3)]
fn few(cache: &Cache, n: u32) -> u32 {
    n
}

#[memoize(cache = cache, ignore(cache), max_entries = 40 + 10)]
fn some(cache: &Cache, n: u32) -> u32 {
    n
}

#[memoize(cache = cache, ignore(cache), max_bytes = "100 kB")]
fn small(cache: &Cache, n: usize) -> Vec<u8> {
    (0..n).map(|n| (n * 7919 % 251) as u8).collect()
}

const SOON: Duration = Duration::from_millis(200);

#[memoize(cache = cache, ignore(cache), max_idle = SOON)]
fn idle(cache: &Cache, n: u32) -> u32 {
    n
}

#[memoize(cache = cache, ignore(cache))]
fn unlimited(cache: &Cache, n: u32) -> u32 {
    n
}

#[test]
fn a_function_has_limits_of_its_own() {
    let (_folder, cache) = open();
    (0..20).for_each(|n| _ = unlimited(&cache, n));
    let count = |memo: &larder::Memo| memo.entries_in(&cache).unwrap().count();
    for n in 0..10 {
        few(&cache, n);
        assert!(few::call(&cache, n).is_cached());
        assert_eq!(count(few::memo()), (n as usize + 1).min(3));
        // The times of files may be coarse.
        thread::sleep(Duration::from_millis(5));
    }
    // The least recently used ones are gone.
    assert!([7, 8, 9].iter().all(|n| few::call(&cache, *n).is_cached()));
    for n in 0..200 {
        some(&cache, n);
        assert!(count(some::memo()) <= 50);
    }
    assert!(count(some::memo()) > 40);
    assert_eq!(count(unlimited::memo()), 20);
    assert_eq!(some::memo().stats_in(&cache).unwrap().entries, count(some::memo()) as u64);
}

#[test]
fn the_bytes_of_a_function_are_limited() {
    let (_folder, cache) = open();
    for n in 0..30 {
        small(&cache, 10_000 + n);
        let bytes: u64 = small::memo().entries_in(&cache).unwrap().map(|entry| entry.size).sum();
        assert!(bytes <= 100_000, "{bytes}");
    }
    // What is larger alone is not stored, and costs the others nothing.
    let before = small::memo().entries_in(&cache).unwrap().count();
    assert_eq!(small(&cache, 200_000).len(), 200_000);
    assert!(!small::call(&cache, 200_000).is_cached());
    assert_eq!(small::memo().entries_in(&cache).unwrap().count(), before);
    assert_eq!(small::memo().stats_in(&cache).unwrap().too_large, 1);
}

#[test]
fn idle_results_of_a_function_are_evicted() {
    let (_folder, cache) = open();
    (0..5).for_each(|n| _ = idle(&cache, n));
    used_before(idle::memo(), &cache, Duration::from_secs(60));
    thread::sleep(SOON);
    idle(&cache, 100);
    assert_eq!(idle::memo().entries_in(&cache).unwrap().count(), 1);
    assert!(idle::call(&cache, 100).is_cached());
}

thread_local! {
    static FAILS: Cell<bool> = const { Cell::new(false) };
}

const HOUR: Duration = Duration::from_secs(3600);

fn shortly() -> Duration {
    Duration::from_millis(1)
}

#[memoize(cache = cache, ignore(cache), max_age = shortly(), stale_on_error = HOUR)]
fn rate(cache: &Cache, currency: &str) -> Result<f64, String> {
    if FAILS.get() { Err("no network".to_owned()) } else { Ok(currency.len() as f64) }
}

#[memoize(cache = cache, ignore(cache), max_age = "1ms", stale_on_error = "1ms")]
fn short_rate(cache: &Cache) -> Result<u8, String> {
    if FAILS.get() { Err("no network".to_owned()) } else { Ok(7) }
}

#[cfg(feature = "async")]
#[memoize(cache = cache, ignore(cache), max_age = "1ms", stale_on_error = "1h")]
async fn later_rate(cache: &Cache) -> Result<u8, String> {
    if FAILS.get() { Err("no network".to_owned()) } else { Ok(7) }
}

#[test]
fn an_expired_result_replaces_an_error() {
    let (_folder, cache) = open();
    let wait = || thread::sleep(Duration::from_millis(20));
    FAILS.set(true);
    assert!(rate(&cache, "EUR").is_err());
    FAILS.set(false);
    assert_eq!(rate(&cache, "EUR"), Ok(3.0));
    assert_eq!(short_rate(&cache), Ok(7));
    wait();
    FAILS.set(true);
    let (value, outcome) = rate::call(&cache, "EUR").outcome();
    assert_eq!(value, Ok(3.0));
    assert!(matches!(outcome, larder::Outcome::Computed { size: None, .. }), "{outcome:?}");
    // It is still expired, so the function runs each time.
    assert_eq!(rate(&cache, "EUR"), Ok(3.0));
    assert_eq!(rate::memo().stats_in(&cache).unwrap().misses, 4);
    // Other arguments have nothing to use, and this result is too old.
    assert!(rate(&cache, "US").is_err());
    assert!(short_rate(&cache).is_err());
    FAILS.set(false);
    assert_eq!(rate(&cache, "EUR"), Ok(3.0));
    #[cfg(feature = "async")]
    smol::block_on(async {
        assert_eq!(later_rate(&cache).await, Ok(7));
        wait();
        FAILS.set(true);
        assert_eq!(later_rate(&cache).await, Ok(7));
    });
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Table(Vec<f64>);

static TABLES: AtomicU32 = AtomicU32::new(0);

#[memoize(cache = cache, ignore(cache))]
fn table(cache: &Cache, len: usize) -> Arc<Table> {
    TABLES.fetch_add(1, Ordering::Relaxed);
    Arc::new(Table(vec![1.5; len]))
}

#[memoize(cache = cache, ignore(cache))]
fn checked_table(cache: &Cache, len: usize) -> Result<Arc<Table>, String> {
    Ok(Arc::new(Table(vec![1.5; len])))
}

#[memoize(cache = cache, ignore(cache))]
fn counter(cache: &Cache) -> Arc<std::sync::Mutex<u32>> {
    Arc::new(std::sync::Mutex::new(7))
}

#[test]
fn hits_share_an_arc() {
    let (folder, cache) = open();
    for len in [3, 100_000] {
        let first = table(&cache, len);
        let all: Vec<_> = (0..10).map(|_| table(&cache, len)).collect();
        assert!(all.iter().all(|table| Arc::ptr_eq(table, &first)), "{len}");
        // Another handle of the folder decodes it once.
        let other = Cache::open(folder.path()).unwrap();
        let there = table(&other, len);
        assert!(!Arc::ptr_eq(&there, &first) && *there == *first);
        assert!(Arc::ptr_eq(&there, &table(&other, len)));
        let checked = checked_table(&cache, len).unwrap();
        assert!(Arc::ptr_eq(&checked, &checked_table(&cache, len).unwrap()));
    }
    assert_eq!(TABLES.load(Ordering::Relaxed), 2);
    // What was removed is not shared any more.
    let first = table(&cache, 3);
    assert!(table::call(&cache, 3).forget().unwrap());
    assert!(!Arc::ptr_eq(&first, &table(&cache, 3)));
    assert_eq!(TABLES.load(Ordering::Relaxed), 3);
    // What can be changed in place is not shared.
    let changed = counter(&cache);
    *changed.lock().unwrap() += 1;
    assert_eq!(*counter(&cache).lock().unwrap(), 7);
    // Nothing is kept: there is one owner.
    assert_eq!(Arc::strong_count(&table(&cache, 7)), 1);
}

/// It has neither serde nor `Clone`.
struct Handle(u32);

/// Neither serde nor `Clone`.
struct Failure;

static HANDLES: AtomicU32 = AtomicU32::new(0);

#[memoize(cache = cache, ignore(cache), memory_only, max_entries = 3)]
fn handle(cache: &Cache, n: u32) -> Arc<Handle> {
    HANDLES.fetch_add(1, Ordering::Relaxed);
    thread::sleep(Duration::from_millis(20));
    Arc::new(Handle(n))
}

#[memoize(cache = cache, ignore(cache), memory_only)]
fn opened(cache: &Cache, n: u32) -> Result<Arc<Handle>, Failure> {
    if FAILS.get() { Err(Failure) } else { Ok(Arc::new(Handle(n))) }
}

#[memoize(cache = cache, ignore(cache), memory_only, max_age = Duration::from_millis(1))]
fn brief(cache: &Cache) -> Arc<Handle> {
    Arc::new(Handle(0))
}

#[memoize(cache = cache, ignore(cache), memory_only)]
fn depth(cache: &Cache, n: u32) -> u32 {
    if n == 0 { 0 } else { depth(cache, n - 1) + 1 }
}

#[cfg(feature = "async")]
#[memoize(cache = cache, ignore(cache), memory_only)]
async fn later_handle(cache: &Cache, n: u32) -> Arc<Handle> {
    Arc::new(Handle(n))
}

struct Pool;

impl Pool {
    #[memoize(cache = cache, ignore(cache, self), memory_only)]
    fn take<T: Clone + Send + Sync + Serialize + 'static>(&self, cache: &Cache, value: T) -> Arc<(T, Handle)> {
        Arc::new((value, Handle(0)))
    }
}

#[test]
fn results_that_cannot_be_stored_stay_in_memory() {
    let (_folder, cache) = open();
    let same = |a: &Arc<Handle>, b: &Arc<Handle>| Arc::ptr_eq(a, b);
    // Threads that ask at the same time get one result.
    let all: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| handle(&cache, 1))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(all.iter().all(|one| same(one, &all[0]) && one.0 == 1));
    assert_eq!(HANDLES.load(Ordering::Relaxed), 1);
    // The last three that were used are kept.
    (2..5).for_each(|n| _ = handle(&cache, n));
    assert!(!same(&handle(&cache, 1), &all[0]));
    assert_eq!(HANDLES.load(Ordering::Relaxed), 5);
    let stats = handle::memo().stats_in(&cache).unwrap();
    assert_eq!((stats.hits, stats.misses, stats.entries), (7, 5, 0));
    handle::memo().clear_in(&cache).unwrap();
    handle(&cache, 1);
    assert_eq!(HANDLES.load(Ordering::Relaxed), 6);
    // An error is not kept.
    FAILS.set(true);
    assert!(opened(&cache, 1).is_err());
    FAILS.set(false);
    let first = opened(&cache, 1).ok().unwrap();
    FAILS.set(true);
    assert!(same(&opened(&cache, 1).ok().unwrap(), &first));
    FAILS.set(false);
    // Old results are not used.
    let first = brief(&cache);
    thread::sleep(Duration::from_millis(20));
    assert!(!same(&first, &brief(&cache)));
    assert_eq!(depth(&cache, 20), 20);
    assert!(Arc::ptr_eq(&Pool.take(&cache, 1_u8), &Pool.take(&cache, 1_u8)));
    assert_eq!(Pool.take(&cache, "text".to_owned()).0, "text");
    #[cfg(feature = "async")]
    smol::block_on(async { assert!(same(&later_handle(&cache, 1).await, &later_handle(&cache, 1).await)) });
    // Without a cache, nothing is kept.
    assert!(!same(&handle(&Cache::disabled(), 1), &handle(&Cache::disabled(), 1)));
}

/// Its `Clone` and `Drop` use the function that returns it.
struct Nested(Cache, u32);

impl Clone for Nested {
    fn clone(&self) -> Self {
        if self.1 > 0 {
            nested(&self.0, 0);
        }
        Nested(self.0.clone(), self.1)
    }
}

impl Drop for Nested {
    fn drop(&mut self) {
        if self.1 > 1 {
            nested(&self.0, 1);
        }
    }
}

#[memoize(cache = cache, ignore(cache), memory_only, max_entries = 2)]
fn nested(cache: &Cache, n: u32) -> Nested {
    Nested(cache.clone(), n)
}

#[test]
fn results_may_use_their_function() {
    let (_folder, cache) = open();
    (0..20).for_each(|n| drop(nested(&cache, n % 5)));
    nested::memo().clear_in(&cache).unwrap();
}

#[memoize(cache = cache, ignore(cache), memory_only)]
fn panics_once(cache: &Cache) -> u32 {
    assert!(!FAILS.get(), "it fails once");
    7
}

#[test]
fn a_panic_leaves_nobody_waiting() {
    let (_folder, cache) = open();
    FAILS.set(true);
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| panics_once(&cache))).is_err());
    FAILS.set(false);
    assert_eq!(panics_once(&cache), 7);
    assert_eq!(thread::scope(|scope| scope.spawn(|| panics_once(&cache)).join().unwrap()), 7);
}

#[test]
fn results_are_forgotten_by_their_arguments() {
    let (_folder, cache) = open();
    (0..6).for_each(|n| _ = unlimited(&cache, n));
    let odd: HashSet<String> = [1, 3, 5].map(|n| n.to_string()).into();
    let memo = unlimited::memo();
    let is_odd = |entry: &larder::Entry| odd.contains(&entry.arguments[0].preview);
    assert_eq!(memo.forget_where_in(&cache, is_odd).unwrap(), 3);
    assert_eq!(memo.forget_where_in(&cache, is_odd).unwrap(), 0);
    let cached: Vec<_> = (0..6).filter(|n| unlimited::call(&cache, *n).is_cached()).collect();
    assert_eq!(cached, [0, 2, 4]);
    assert!(unlimited::call(&cache, 1).explain().to_string().contains("forgotten"));
}

/// The child process of the test below.
#[test]
fn sets_the_global_cache() {
    let Some(folder) = std::env::var_os("TEST_LARDER_GLOBAL") else { return };
    let cache = Cache::open(&folder).unwrap();
    Cache::set_global(cache.clone()).unwrap();
    assert_eq!(Cache::global().path(), folder);
    let again = Cache::set_global(Cache::disabled()).unwrap_err();
    assert!(!again.is_enabled());
    #[memoize]
    fn library(n: u32) -> u32 {
        n + 1
    }
    assert_eq!((library(1), library(1)), (2, 2));
    assert_eq!(library::memo().cache().path(), folder);
    // The name of a closure is scoped to its crate.
    Cache::global().get_or_compute("load", &1, || 2);
    assert!(cache.functions().unwrap().iter().any(|function| function.name.ends_with("::load")));
}

#[test]
fn the_global_cache_can_be_set_once() {
    let folder = tempfile::tempdir().unwrap();
    let unused = tempfile::tempdir().unwrap();
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "options::sets_the_global_cache"])
        .env("TEST_LARDER_GLOBAL", folder.path())
        .env("LARDER_DIR", unused.path())
        .env_remove("LARDER")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(std::fs::read_dir(unused.path()).unwrap().count(), 0);
}
