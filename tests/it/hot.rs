//! Tests the memory tier: hits read no file, and results that others removed are not used.

use std::cell::Cell;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use larder::{Cache, Limits, memoize};
use tempfile::tempdir;

use crate::child;
use crate::removal::remove_in_use;

fn computes(cache: &Cache, n: u32) -> bool {
    let computed = Cell::new(false);
    let value = cache.get_or_compute("square", &n, || {
        computed.set(true);
        n * n
    });
    assert_eq!(value, n * n);
    computed.get()
}

/// Calls until the result is in memory.
fn warm(cache: &Cache, n: u32) {
    let before = cache.stats().unwrap().hot_hits;
    computes(cache, n);
    // Two hits from the file are usually enough. It takes more if the folder's identity is just being checked.
    assert!(within_a_second_or_two(|| {
        (0..3).for_each(|_| assert!(!computes(cache, n)));
        cache.stats().unwrap().hot_hits > before
    }));
}

fn entry(cache: &Cache, n: u32) -> PathBuf {
    cache.entries().unwrap().find(|entry| entry.arguments[0].preview == n.to_string()).unwrap().path
}

#[test]
fn a_repeated_hit_reads_no_file() {
    let root = tempdir().unwrap();
    let cache = Cache::open(root.path()).unwrap();
    warm(&cache, 3);
    // The file can't be read any more, but the memory tier does not notice this at once.
    fs::write(entry(&cache, 3), "nonsense").unwrap();
    assert!(!computes(&cache, 3));
    let stats = cache.stats().unwrap();
    assert_eq!((stats.misses, stats.hits, stats.hot_hits, stats.errors), (1, 4, 2, 0));
    drop(cache);
    let cold = Cache::builder(root.path()).hot_bytes(0).open().unwrap();
    assert!(computes(&cold, 3) && !computes(&cold, 3) && !computes(&cold, 3) && !computes(&cold, 3));
    assert_eq!(cold.stats().unwrap().hot_hits, 2);
}

#[test]
fn results_removed_in_this_process_are_not_used() {
    let root = tempdir().unwrap();
    let (here, there) = (Cache::open(root.path()).unwrap(), Cache::open(root.path()).unwrap());
    for (n, remove) in [
        (1, (&|| assert!(there.clear_function("square").unwrap())) as &dyn Fn()),
        (2, &|| there.clear().unwrap()),
        (3, &|| assert_eq!(there.trim_to(&Limits { max_entries: Some(0), ..Limits::default() }).unwrap().removed, 1)),
        (4, &|| here.clear().unwrap()),
    ] {
        warm(&here, n);
        remove();
        assert!(computes(&here, n), "{n}");
        here.clear().unwrap();
    }
}

#[memoize(cache = cache, ignore(cache, other))]
fn double(n: u32, other: u32, cache: &Cache) -> u32 {
    let _ = cache;
    2 * n + other
}

#[test]
fn the_next_call_notices_removals_and_refreshes_by_other_handles() {
    let root = tempdir().unwrap();
    let (here, there) = (Cache::open(root.path()).unwrap(), Cache::open(root.path()).unwrap());
    for _ in 0..5 {
        assert_eq!(double(1, 0, &here), 2);
        assert_eq!(double(2, 0, &here), 4);
    }
    assert!(double::call(1, 0, &there).forget().unwrap());
    assert_eq!(double(1, 100, &here), 102);
    assert_eq!(double::call(2, 50, &there).refresh(), 54);
    assert_eq!(double(2, 7, &here), 54);
    let shelved = double::call(2, 0, &here).shelve().unwrap();
    for _ in 0..5 {
        assert_eq!(double(2, 7, &here), 54);
    }
    assert!(shelved.forget().unwrap());
    assert_eq!(double(2, 9, &here), 13);
}

/// Runs in the other process, and does what the variable says.
#[test]
fn changes_the_cache() {
    let Some(root) = child::root() else { return };
    let cache = Cache::open(root).unwrap();
    match std::env::var("TEST_LARDER_DO").unwrap().as_str() {
        "forget" => assert!(double::call(1, 0, &cache).forget().unwrap()),
        "refresh" => assert_eq!(double::call(1, 40, &cache).refresh(), 42),
        "clear" => cache.clear().unwrap(),
        "evict" => {
            let small = Cache::builder(cache.path()).max_entries(1).open().unwrap();
            double(77, 0, &small);
            double(78, 0, &small);
        }
        other => panic!("{other}"),
    }
}

#[test]
fn the_next_call_notices_changes_by_other_processes() {
    let root = tempdir().unwrap();
    let cache = Cache::open(root.path()).unwrap();
    let other = |what| child::run("hot::changes_the_cache", root.path(), &[("TEST_LARDER_DO", what)]);
    for (what, expected) in [("forget", 1002), ("refresh", 42), ("clear", 1002), ("evict", 1002)] {
        cache.clear().unwrap();
        for _ in 0..5 {
            assert_eq!(double(1, 0, &cache), 2);
        }
        other(what);
        assert_eq!(double(1, 1000, &cache), expected, "{what}");
    }
}

fn within_a_second_or_two(mut done: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(20) {
        if done() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    false
}

#[test]
fn a_removed_folder_is_noticed() {
    let root = tempdir().unwrap();
    for removed in ["cache/v1/square", "cache/v1", "cache", "cache/marks"] {
        let cache = Cache::open(root.path().join("cache")).unwrap();
        cache.clear().unwrap();
        warm(&cache, 5);
        let path = root.path().join(removed);
        if path.is_dir() {
            remove_in_use(&path);
            assert!(within_a_second_or_two(|| computes(&cache, 5)), "{removed}");
        } else {
            // Without this file, other processes could not announce removals. This process notices that and checks
            // the files itself.
            fs::remove_file(&path).unwrap();
            assert!(within_a_second_or_two(|| path.exists()), "{removed}");
            let other = Cache::open(root.path().join("cache")).unwrap();
            warm(&cache, 5);
            assert!(other.clear_function("square").unwrap());
            assert!(computes(&cache, 5));
        }
        warm(&cache, 6);
    }
}

#[test]
fn the_first_call_after_a_pause_checks_the_files() {
    let root = tempdir().unwrap();
    let cache = Cache::open(root.path()).unwrap();
    warm(&cache, 5);
    // By then the background thread no longer checks the memory tier.
    std::thread::sleep(Duration::from_secs(6));
    remove_in_use(&root.path().join("v1"));
    assert!(computes(&cache, 5));
}

#[test]
fn large_and_expiring_results_are_not_kept_in_memory() {
    let root = tempdir().unwrap();
    let cache = Cache::open(root.path()).unwrap();
    for _ in 0..5 {
        cache.get_or_compute("large", &(), || vec![0.5; 20_000]);
    }
    assert_eq!(cache.stats().unwrap().hot_hits, 0);

    #[memoize(cache = cache, ignore(cache), max_age = "300ms")]
    fn passing(n: u32, cache: &Cache) -> Option<Duration> {
        let _ = (n, cache);
        std::time::SystemTime::UNIX_EPOCH.elapsed().ok()
    }
    let first = passing(1, &cache);
    let mut same = 0;
    while passing(1, &cache) == first {
        same += 1;
        std::thread::sleep(Duration::from_millis(1));
        assert!(same < 10_000, "it never expired");
    }

    #[memoize(cache = cache, ignore(cache), valid = |n: &u32| n.is_multiple_of(2))]
    fn even(n: u32, cache: &Cache) -> u32 {
        let _ = cache;
        n
    }
    let before = cache.stats().unwrap().hot_hits;
    for _ in 0..5 {
        even(2, &cache);
    }
    assert_eq!(cache.stats().unwrap().hot_hits, before);
}

#[test]
fn results_from_memory_equal_the_stored_ones() {
    let root = tempdir().unwrap();
    for method in ["none", "zlib:3"] {
        let cache = Cache::builder(root.path()).compression(method.parse().unwrap()).open().unwrap();
        type Odd = (Option<Option<()>>, f32, i128, Vec<(char, String)>);
        let odd = || -> Odd { (Some(None), f32::from_bits(0x7fc1_2345), i128::MIN, vec![('ß', "x".repeat(500))]) };
        for round in 0..6 {
            let value = cache.get_or_compute(method, &round.min(0), odd);
            assert_eq!((value.0, value.1.to_bits(), value.2, value.3), (Some(None), 0x7fc1_2345, i128::MIN, odd().3));
        }
        let failing =
            |n: u32| cache.get_or_try_compute("failing", &(method, n), || if n > 0 { Ok(n) } else { Err("no") });
        for _ in 0..6 {
            assert_eq!((failing(0), failing(1)), (Err("no"), Ok(1)));
        }
    }
    let cache = Cache::open(root.path()).unwrap();
    assert!(cache.stats().unwrap().hot_hits >= 12, "{:?}", cache.stats());
}

/// If an entry is only used from memory, its file's time is still updated.
#[test]
fn use_from_memory_updates_the_last_use_of_the_entry() {
    let root = tempdir().unwrap();
    let cache = Cache::open(root.path()).unwrap();
    warm(&cache, 1);
    let file = fs::File::options().write(true).open(entry(&cache, 1)).unwrap();
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(100_000);
    file.set_modified(long_ago).unwrap();
    assert!(!computes(&cache, 1));
    // The update happens once a minute, at the end of the process, and here when the cache is closed.
    drop(cache);
    assert!(file.metadata().unwrap().modified().unwrap() > long_ago + Duration::from_secs(1000));
}

/// A process that uses a result for a moment every 20 minutes is never looked after for a minute.
#[test]
fn what_is_used_in_memory_is_touched_when_the_cache_comes_to_rest() {
    let root = tempdir().unwrap();
    let cache = Cache::open(root.path()).unwrap();
    warm(&cache, 1);
    let file = fs::File::options().write(true).open(entry(&cache, 1)).unwrap();
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(100_000);
    file.set_modified(long_ago).unwrap();
    let before = cache.stats().unwrap().hot_hits;
    assert!(!computes(&cache, 1));
    assert_eq!(cache.stats().unwrap().hot_hits, before + 1);
    assert!(within_a_second_or_two(|| file.metadata().unwrap().modified().unwrap() > long_ago));
}
