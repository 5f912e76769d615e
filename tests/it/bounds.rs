//! Tests limits, which are enforced as entries are written.

use std::fs;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use larder::{Cache, CacheBuilder, ErrorKind, Reason, memoize};
use tempfile::{TempDir, tempdir};

fn cache(limit: impl FnOnce(CacheBuilder) -> CacheBuilder) -> (TempDir, Cache) {
    let folder = tempdir().unwrap();
    let cache = limit(Cache::builder(folder.path())).open().unwrap();
    (folder, cache)
}

/// Stores a result of about one kilobyte.
fn store(cache: &Cache, n: u32) {
    cache.get_or_compute("f", &n, || vec![n; 256]);
}

fn there(cache: &Cache) -> Vec<u32> {
    let mut there: Vec<u32> =
        cache.entries().unwrap().map(|entry| entry.arguments[0].preview.parse().unwrap()).collect();
    there.sort_unstable();
    there
}

/// Sets the last use of an entry to `seconds` ago.
fn age(cache: &Cache, n: u32, seconds: u64) {
    let entry = cache.entries().unwrap().find(|entry| entry.arguments[0].preview == n.to_string()).unwrap();
    let file = fs::File::options().write(true).open(entry.path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
}

#[test]
fn the_number_of_entries_never_exceeds_the_limit() {
    let (_folder, cache) = cache(|builder| builder.max_entries(10));
    for n in 0..50 {
        store(&cache, n);
        if n < 10 {
            age(&cache, n, 1000 - u64::from(n));
        }
        assert!(there(&cache).len() <= 10, "{n}");
        assert!(there(&cache).contains(&n));
        assert_eq!(cache.stats().unwrap().entries, there(&cache).len() as u64);
    }
    assert_eq!(there(&cache).len(), 10);
}

#[test]
fn the_size_of_entries_never_exceeds_the_limit() {
    let (_folder, cache) = cache(|builder| builder.max_bytes(larder::parse_bytes("20 KiB").unwrap()));
    for n in 0..100 {
        store(&cache, n);
        assert!(cache.entries().unwrap().map(|entry| entry.size).sum::<u64>() <= 20 << 10);
    }
    assert!(there(&cache).len() >= 10, "{:?}", there(&cache));
    // An entry larger than the whole limit is removed.
    cache.get_or_compute("f", &1000, || vec![7_u64; 10_000]);
    assert!(cache.entries().unwrap().map(|entry| entry.size).sum::<u64>() <= 20 << 10);
}

#[test]
fn the_least_recently_used_entry_is_evicted_first() {
    let (_folder, cache) = cache(|builder| builder.max_entries(8));
    for n in 0..8 {
        store(&cache, n);
        age(&cache, n, 10_000 - u64::from(n));
    }
    // A hit counts as a use.
    store(&cache, 0);
    store(&cache, 8);
    store(&cache, 9);
    assert_eq!(there(&cache), [0, 3, 4, 5, 6, 7, 8, 9]);
    // This also holds for an entry that was already selected for eviction.
    store(&cache, 3);
    store(&cache, 10);
    assert_eq!(there(&cache), [0, 3, 5, 6, 7, 8, 9, 10]);
}

#[test]
fn limits_include_entries_stored_through_other_handles() {
    let (folder, cache) = cache(|builder| builder);
    for n in 0..30 {
        store(&cache, n);
        age(&cache, n, 10_000 - u64::from(n));
    }
    let bounded = Cache::builder(folder.path()).max_entries(5).open().unwrap();
    assert_eq!(there(&bounded).len(), 30);
    store(&bounded, 100);
    assert_eq!(there(&bounded), [26, 27, 28, 29, 100]);
    assert_eq!(cache.trim().unwrap().removed, 0);
}

#[test]
fn several_threads_together_keep_the_limits() {
    let (_folder, cache) = cache(|builder| builder.max_entries(20));
    let most = Mutex::new(0);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (cache, most) = (&cache, &most);
            scope.spawn(move || {
                for n in 0..100 {
                    store(cache, 1000 * thread + n);
                    let mut most = most.lock().unwrap();
                    *most = (*most).max(cache.entries().unwrap().len());
                }
            });
        }
    });
    // A few entries may be stored while another thread evicts: two before calls have to wait, and one for each
    // thread.
    assert!(most.into_inner().unwrap() <= 26);
    // An entry that one thread stores while another scans may be counted twice until the next scan. Then a few more
    // are evicted.
    let left = cache.entries().unwrap().len();
    assert!((16..=20).contains(&left), "{left}");
    cache.trim().unwrap();
    assert_eq!(cache.stats().unwrap().entries, left as u64);
}

#[test]
fn idle_entries_are_removed_when_an_entry_is_stored() {
    let (_folder, cache) = cache(|builder| builder.max_idle(Duration::from_secs(3600)));
    for n in 0..5 {
        store(&cache, n);
    }
    age(&cache, 1, 4000);
    age(&cache, 3, 4000);
    let again = Cache::builder(cache.path()).max_idle(Duration::from_secs(3600)).open().unwrap();
    store(&again, 7);
    assert_eq!(there(&again), [0, 2, 4, 7]);
}

#[test]
fn expired_entries_are_not_used_and_are_removed() {
    #[memoize(cache = cache, ignore(cache), max_age = "1h")]
    fn now(n: u32, cache: &Cache) -> u128 {
        let _ = (n, cache);
        SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos()
    }

    let (_folder, cache) = cache(|builder| builder.max_age(Duration::from_millis(200)));
    let first = now(1, &cache);
    let mut calls = 0;
    let last = loop {
        let value = now(1, &cache);
        if value != first {
            break value;
        }
        calls += 1;
        std::thread::sleep(Duration::from_millis(2));
    };
    assert!(last - first >= 200_000_000, "{calls} calls");
    std::thread::sleep(Duration::from_millis(250));
    // The background thread may have removed it already.
    let explained = now::call(1, &cache).explain();
    assert!(matches!(explained.reason(), Some(Reason::Expired { .. } | Reason::Evicted)), "{explained}");
    now(2, &cache);
    assert_eq!(there(&cache), [2]);
}

#[test]
fn expensive_entries_stay_longer_if_cost_is_weighed() {
    for (weighed, left) in [(true, vec![0, 2, 3]), (false, vec![1, 2, 3])] {
        let (_folder, cache) = cache(|builder| builder.max_entries(3).weigh_cost(weighed));
        for n in 0..3 {
            cache.get_or_compute("f", &n, || std::thread::sleep(Duration::from_millis(if n == 0 { 100 } else { 1 })));
            age(&cache, n, 5000 - u64::from(n));
        }
        cache.get_or_compute("f", &3, || ());
        assert_eq!(there(&cache), left, "{weighed}");
    }
}

#[test]
fn invalid_limits_are_refused() {
    let folder = tempdir().unwrap();
    let builder = || Cache::builder(folder.path());
    for (builder, name) in [
        (builder().max_bytes(0), "max_bytes"),
        (builder().max_entries(0), "max_entries"),
        (builder().max_age(Duration::ZERO), "max_age"),
        (builder().max_idle(Duration::ZERO), "max_idle"),
    ] {
        let error = builder.open().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(name), "{error}");
    }
    assert!(builder().max_bytes(1).max_entries(u64::MAX).open().is_ok());
}

/// A file that is open stays readable after its removal.
#[test]
fn an_entry_that_is_read_during_eviction_stays_whole() {
    let (_folder, cache) = cache(|builder| builder.max_entries(1));
    let table = |n: u64| cache.get_or_compute("table", &n, || vec![n; 300_000]);
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let table = &table;
            scope.spawn(move || {
                for round in 0..40 {
                    let n = (round + thread) % 3;
                    assert_eq!(table(n), vec![n; 300_000]);
                }
            });
        }
    });
    let stats = cache.stats().unwrap();
    assert_eq!(stats.errors, 0, "{stats:?}");
}
