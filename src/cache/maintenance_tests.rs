//! Tests of the background work for a cache.

use std::fs::File;
use std::time::{Duration, SystemTime};

use crate::cache::handle::Cache;
use crate::engine::background::Task as _;

/// A cache that is used briefly every 20 minutes never stays awake for a minute.
#[test]
fn an_entry_used_in_memory_is_touched_when_the_cache_becomes_idle() {
    let root = tempfile::tempdir().unwrap();
    let cache = Cache::builder(root.path()).ignore_run_mode(true).open().unwrap();
    let call = || cache.get_or_compute("f", &1, || 1);
    (0..4).for_each(|_| _ = call());
    let path = cache.entries().unwrap().next().unwrap().path;
    let file = File::options().write(true).open(path).unwrap();
    cache.engine().rest();
    let long_ago = SystemTime::now() - Duration::from_secs(100_000);
    file.set_modified(long_ago).unwrap();
    let before = cache.stats().unwrap().hot_hits;
    call();
    assert_eq!(cache.stats().unwrap().hot_hits, before + 1);
    cache.engine().rest();
    assert!(file.metadata().unwrap().modified().unwrap() > long_ago);
}
