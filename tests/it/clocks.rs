//! Tests caches shared by machines whose clocks differ a little.

use std::fs::File;
use std::time::{Duration, SystemTime};

use larder::{Cache, Limits, Reason, memoize};
use tempfile::tempdir;

use crate::faults::set_created;

#[memoize(cache = cache, ignore(cache), max_age = "1h")]
fn passing(n: u32, cache: &Cache) -> u32 {
    let _ = cache;
    n
}

/// Sets the times of all entries into the future, as if a machine whose clock is ahead had written them.
fn set_ahead(cache: &Cache, ahead: Duration) {
    let at = SystemTime::now() + ahead;
    for entry in cache.entries().unwrap() {
        set_created(&entry.path, at);
        File::options().write(true).open(&entry.path).unwrap().set_modified(at).unwrap();
    }
}

#[test]
fn entries_slightly_in_the_future_count_as_new() {
    for (seconds, is_new) in [(2, true), (120, true), (290, true), (600, false), (7200, false)] {
        let root = tempdir().unwrap();
        for limited in [false, true] {
            // One limit of the function, and one of the cache.
            let builder = Cache::builder(root.path().join(limited.to_string()));
            let builder = if limited { builder.max_age(Duration::from_secs(3600)) } else { builder };
            let cache = builder.open().unwrap();
            passing(1, &cache);
            cache.get_or_compute("plain", &1, || 1);
            set_ahead(&cache, Duration::from_secs(seconds));
            let explained = passing::call(1, &cache).explain();
            assert_eq!(explained.is_hit(), is_new, "{seconds} s: {explained}");
            assert_eq!(passing::call(1, &cache).is_cached(), is_new);
            let mut runs = 0;
            for _ in 0..5 {
                // The result comes from its file first, then from memory.
                cache.get_or_compute("plain", &1, || {
                    runs += 1;
                    1
                });
            }
            assert_eq!(runs, u32::from(limited && !is_new), "{seconds} s");
            if !is_new {
                assert!(matches!(explained.reason(), Some(Reason::Expired { age: Duration::MAX, .. })), "{explained}");
            }
        }
    }
}

/// Neither `trim` nor a limit removes an entry with a time in the future.
#[test]
fn entries_in_the_future_are_not_trimmed() {
    let root = tempdir().unwrap();
    let cache = Cache::open(root.path()).unwrap();
    passing(1, &cache);
    set_ahead(&cache, Duration::from_secs(2));
    let minute = Some(Duration::from_secs(60));
    let limits = Limits { max_age: minute, max_idle: minute, ..Limits::default() };
    assert_eq!(cache.trim_to(&limits).unwrap().removed, 0);
    let limited = Cache::builder(root.path()).max_idle(Duration::from_secs(60)).open().unwrap();
    passing(2, &limited);
    assert_eq!(limited.entries().unwrap().len(), 2);
}
