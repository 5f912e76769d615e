//! Defines the cached functions, with attributes as a user of each crate would write them.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, OnceLock};

use cached::macros::concurrent_cached;
use cached::{RedbCache, RedbCacheError};
use larder::{Cache, memoize};

/// Counts how often a function ran. Hits don't change it.
pub static COMPUTED: AtomicU64 = AtomicU64::new(0);

/// Folder that holds all caches of this run.
pub static FOLDER: OnceLock<PathBuf> = OnceLock::new();

/// Length of a result of 1 MB.
const NUMBERS: u32 = 125_000;

pub fn folder(name: &str) -> PathBuf {
    FOLDER.get().expect("main says it").join(name)
}

pub fn compute(n: u64) -> u64 {
    COMPUTED.fetch_add(1, Ordering::Relaxed);
    3 * n + 1
}

pub fn compute_large(n: u64) -> Vec<f64> {
    COMPUTED.fetch_add(1, Ordering::Relaxed);
    (0..NUMBERS).map(|i| n as f64 + f64::from(i) / 7.0).collect()
}

pub fn is_right(n: u64, result: u64) -> bool {
    result == 3 * n + 1
}

/// Compares two of the numbers. Comparing all of them would take as long as some peers need for a call.
pub fn is_right_large(n: u64, numbers: &[f64]) -> bool {
    let right = |index: u32, number: &f64| *number == n as f64 + f64::from(index) / 7.0;
    numbers.len() == NUMBERS as usize && right(0, &numbers[0]) && right(NUMBERS - 1, &numbers[NUMBERS as usize - 1])
}

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::open(folder("larder")).expect("a folder for larder"));

#[memoize(cache = &CACHE)]
pub fn larder_small(n: u64) -> u64 {
    compute(n)
}

#[memoize(cache = &CACHE)]
pub fn larder_large(n: u64) -> Vec<f64> {
    compute_large(n)
}

fn redb<T: serde::Serialize + serde::de::DeserializeOwned>(name: &str, durable: bool) -> RedbCache<u64, T> {
    let builder = RedbCache::builder(name).disk_dir(folder("cached")).durable(durable);
    builder.build().expect("a database for cached")
}

#[concurrent_cached(disk = true, create = { redb("durable", true) }, map_error = |error| error)]
pub fn cached_durable(n: u64) -> Result<u64, RedbCacheError> {
    Ok(compute(n))
}

#[concurrent_cached(disk = true, create = { redb("small", false) }, map_error = |error| error)]
pub fn cached_small(n: u64) -> Result<u64, RedbCacheError> {
    Ok(compute(n))
}

#[concurrent_cached(disk = true, create = { redb("large", false) }, map_error = |error| error)]
pub fn cached_large(n: u64) -> Result<Vec<f64>, RedbCacheError> {
    Ok(compute_large(n))
}

/// Makes the results in `cached_small` and `cached_large` survive the end of the process.
pub fn flush_cached() -> Result<(), RedbCacheError> {
    CACHED_SMALL.flush()?;
    CACHED_LARGE.flush()
}

#[concurrent_cached]
pub fn cached_in_memory(n: u64) -> u64 {
    compute(n)
}
