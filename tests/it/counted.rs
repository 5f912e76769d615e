//! Tests counts over processes and functions.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use larder::{Cache, ErrorKind, Stats};
use tempfile::tempdir;

use crate::child;

fn numbers(stats: &Stats) -> (u64, u64, u64, u64) {
    (stats.hits, stats.misses, stats.entries, stats.errors)
}

/// Makes some calls in a child process.
#[test]
fn makes_calls() {
    let Some(root) = child::root() else { return };
    let cache = Cache::open(root).unwrap();
    for n in 0..10 {
        for _ in 0..5 {
            cache.get_or_compute("slow", &n, || std::thread::sleep(Duration::from_millis(2)));
        }
    }
    cache.get_or_compute("other", &std::process::id(), || 1);
    if std::env::var("TEST_LARDER_DO").unwrap() == "wait to be killed" {
        std::thread::sleep(Duration::from_secs(3));
        // Ends like `kill -9`: no exit handler runs.
        std::process::abort();
    }
}

fn run(root: &Path, what: &str) {
    child::run("counted::makes_calls", root, &[("TEST_LARDER_DO", what)]);
}

#[test]
fn counts_outlive_processes() {
    let root = tempdir().unwrap();
    run(root.path(), "end");
    let cache = Cache::open(root.path()).unwrap();
    let stats = cache.stats().unwrap();
    assert_eq!(numbers(&stats), (40, 11, 11, 0));
    assert_eq!(stats.hot_hits, 20);
    assert!(stats.computed >= Duration::from_millis(20) && stats.saved >= Duration::from_millis(80));
    assert!(stats.bytes_written == stats.bytes && stats.bytes_read > 0);
    let on_disk: u64 = cache.entries().unwrap().map(|entry| entry.size).sum();
    assert_eq!(stats.bytes, on_disk);
    run(root.path(), "end");
    assert_eq!(numbers(&cache.stats().unwrap()), (90, 12, 12, 0));
    let functions = cache.functions().unwrap();
    let slow = functions.iter().find(|function| function.name == "slow").unwrap();
    assert_eq!(numbers(&slow.stats), (90, 10, 10, 0));
    assert_eq!((slow.entries, slow.stats.computed), (10, slow.stats.computed.max(Duration::from_millis(20))));
}

#[test]
fn a_process_that_is_killed_loses_a_second_at_most() {
    let root = tempdir().unwrap();
    let killed = std::panic::catch_unwind(|| run(root.path(), "wait to be killed"));
    assert!(killed.is_err());
    assert_eq!(numbers(&Cache::open(root.path()).unwrap().stats().unwrap()), (40, 11, 11, 0));
}

#[test]
fn entries_are_counted_when_stored_and_removed() {
    let root = tempdir().unwrap();
    let cache = Cache::open(root.path()).unwrap();
    let count = |cache: &Cache| {
        let stats = cache.stats().unwrap();
        let all: Vec<_> = cache.entries().unwrap().collect();
        assert_eq!((stats.entries, stats.bytes), (all.len() as u64, all.iter().map(|entry| entry.size).sum()));
        let functions = cache.functions().unwrap();
        assert_eq!(stats.entries, functions.iter().map(|function| function.entries).sum::<u64>());
        stats.entries
    };
    assert_eq!(count(&cache), 0);
    for n in 0..20_u64 {
        cache.get_or_compute(if n % 2 == 0 { "even" } else { "odd" }, &n, || vec![n; usize::try_from(n).unwrap()]);
    }
    assert_eq!(count(&cache), 20);
    // Another handle sees the change at once.
    assert_eq!(count(&Cache::open(root.path()).unwrap()), 20);
    assert!(cache.clear_function("odd").unwrap());
    assert_eq!(count(&cache), 10);
    cache.trim_to(&larder::Limits { max_entries: Some(4), ..larder::Limits::default() }).unwrap();
    assert_eq!(count(&cache), 4);
    // A file that was removed directly is noticed at the next scan.
    fs::remove_file(cache.entries().unwrap().next().unwrap().path).unwrap();
    assert_eq!(cache.stats().unwrap().entries, 4);
    assert_eq!(cache.trim().unwrap().kept, 3);
    assert_eq!(count(&cache), 3);
    cache.clear().unwrap();
    assert_eq!(count(&cache), 0);
    // Counts of past calls stay.
    assert_eq!(cache.stats().unwrap().misses, 20);
}

#[test]
fn missing_or_damaged_counters_restart_from_the_stored_entries() {
    let root = tempdir().unwrap();
    let cache = Cache::open(root.path()).unwrap();
    for n in 0..5 {
        cache.get_or_compute("f", &n, || n);
    }
    drop(cache);
    fs::remove_file(root.path().join("counters")).unwrap();
    let read_only = Cache::builder(root.path()).read_only(true).open().unwrap();
    assert_eq!(read_only.functions().unwrap()[0].entries, 5);
    assert!(!root.path().join("counters").exists());
    let cache = Cache::open(root.path()).unwrap();
    assert_eq!(numbers(&cache.stats().unwrap()), (0, 0, 5, 0));
    fs::write(root.path().join("counters"), vec![0x55; 5000]).unwrap();
    assert_eq!(cache.get_or_compute("f", &1, || 9), 1);
    assert_eq!(cache.stats().unwrap().hits, 1);
    cache.trim().unwrap();
    assert_eq!(cache.stats().unwrap().entries, 5);
}

/// One of them counts what is there.
#[test]
fn processes_that_open_a_cache_without_counters_count_its_entries_once() {
    let root = tempdir().unwrap();
    let cache = Cache::open(root.path()).unwrap();
    for n in 0..300 {
        cache.get_or_compute("f", &n, || n);
    }
    drop(cache);
    for _ in 0..3 {
        fs::remove_file(root.path().join("counters")).unwrap();
        let start = || {
            let mut command = child::command("counted::opens_a_cache", root.path());
            command.stdout(Stdio::null()).spawn().unwrap()
        };
        let processes: Vec<_> = (0..8).map(|_| start()).collect();
        // They wait for each other, so that they find the file missing at the same time.
        while child::told(root.path()).len() < 8 {
            std::thread::sleep(Duration::from_millis(5));
        }
        fs::write(root.path().join("go"), "").unwrap();
        for mut process in processes {
            assert!(process.wait().unwrap().success());
        }
        fs::remove_file(root.path().join("go")).unwrap();
        fs::remove_file(root.path().join("told")).unwrap();
        assert_eq!(Cache::open(root.path()).unwrap().stats().unwrap().entries, 300);
    }
}

#[test]
fn opens_a_cache() {
    let Some(root) = child::root() else { return };
    child::tell(&root, &std::process::id().to_string());
    while !root.join("go").exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
    drop(Cache::open(root).unwrap());
}

/// Two processes that scan at the same time, as the counters are wrong.
#[test]
fn processes_that_correct_the_counters_at_one_time_correct_them_once() {
    let root = tempdir().unwrap();
    let cache = Cache::open(root.path()).unwrap();
    for n in 0..300 {
        cache.get_or_compute("f", &n, || n);
    }
    for entry in cache.entries().unwrap().take(200) {
        fs::remove_file(entry.path).unwrap();
    }
    drop(cache);
    let trim = || child::command("counted::trims_a_cache", root.path()).stdout(Stdio::null()).spawn().unwrap();
    let processes: Vec<_> = (0..6).map(|_| trim()).collect();
    while child::told(root.path()).len() < 6 {
        std::thread::sleep(Duration::from_millis(5));
    }
    fs::write(root.path().join("go"), "").unwrap();
    for mut process in processes {
        assert!(process.wait().unwrap().success());
    }
    assert_eq!(Cache::open(root.path()).unwrap().stats().unwrap().entries, 100);
}

#[test]
fn trims_a_cache() {
    let Some(root) = child::root() else { return };
    let cache = Cache::open(&root).unwrap();
    child::tell(&root, &std::process::id().to_string());
    while !root.join("go").exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
    cache.trim().unwrap();
}

/// If the counter file is removed while a process runs, the counts begin with the stored entries, for all processes.
#[test]
fn counters_removed_during_use_restart_from_the_stored_entries() {
    let root = tempdir().unwrap();
    let cache = Cache::open(root.path()).unwrap();
    for n in 0..50 {
        cache.get_or_compute("f", &n, || n);
    }
    fs::remove_file(root.path().join("counters")).unwrap();
    cache.get_or_compute("g", &1, || 1);
    drop(cache);
    assert_eq!(Cache::open(root.path()).unwrap().stats().unwrap().entries, 51);
}

#[test]
fn faults_are_counted_by_kind() {
    let root = tempdir().unwrap();
    let cache = Cache::builder(root.path()).hot_bytes(0).open().unwrap();
    for n in 0..3 {
        cache.get_or_compute("f", &n, || n);
    }
    for (entry, content) in
        cache.entries().unwrap().zip(["", "nonsense that is longer than a header, so that it is read on and on"])
    {
        fs::write(entry.path, content).unwrap();
    }
    for n in 0..3 {
        assert_eq!(cache.get_or_compute("f", &n, || n), n);
    }
    let stats = cache.stats().unwrap();
    let kinds: BTreeSet<_> = stats.errors_by_kind.keys().copied().collect();
    assert_eq!(kinds, BTreeSet::from([ErrorKind::Truncated, ErrorKind::NotLarder]));
    assert_eq!(stats.errors, 2);
    let json = serde_json::to_value(&stats).unwrap();
    assert_eq!(json["errors_by_kind"]["not-larder"], 1);
}
