//! Tests trimming of a cache.

use std::fs::{self, File, FileTimes};
use std::time::{Duration, SystemTime};

use larder::{Cache, Limits, TrimReport};
use tempfile::{TempDir, tempdir};

/// Returns a cache with ten entries. The last one was used last, a day ago.
fn cache() -> (TempDir, Cache) {
    let folder = tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    for n in 0..10 {
        store(&cache, n);
        used(&cache, n, Duration::from_secs(3600 * (33 - u64::from(n))));
    }
    (folder, cache)
}

fn store(cache: &Cache, n: u32) -> u32 {
    // Two functions. The folder of one is within that of the other.
    let name = if n.is_multiple_of(2) { "even" } else { "even::odd" };
    cache.get_or_compute(name, &n, || n)
}

/// Sets the last use of an entry.
fn used(cache: &Cache, n: u32, ago: Duration) {
    let entry = cache.entries().unwrap().find(|entry| entry.arguments[0].preview == n.to_string()).unwrap();
    let times = FileTimes::new().set_modified(SystemTime::now() - ago);
    File::options().write(true).open(entry.path).unwrap().set_times(times).unwrap();
}

/// Returns the arguments of the remaining entries.
fn left(cache: &Cache) -> Vec<u32> {
    let mut left: Vec<u32> =
        cache.entries().unwrap().map(|entry| entry.arguments[0].preview.parse().unwrap()).collect();
    left.sort_unstable();
    left
}

fn none() -> Limits {
    Limits::default()
}

#[test]
fn the_least_recently_used_entries_are_removed() {
    let (_folder, cache) = cache();
    assert_eq!(cache.trim_to(&none()).unwrap().removed, 0);
    let bytes: u64 = cache.entries().unwrap().map(|entry| entry.size).sum();
    let trimmed = cache.trim_to(&Limits { max_bytes: Some(bytes), ..none() }).unwrap();
    assert_eq!((trimmed.removed, trimmed.kept, trimmed.kept_bytes), (0, 10, bytes));
    let trimmed = cache.trim_to(&Limits { max_bytes: Some(bytes - 1), ..none() }).unwrap();
    assert_eq!((trimmed.removed, trimmed.kept), (1, 9));
    assert_eq!(left(&cache), (1..10).collect::<Vec<_>>());
    cache.trim_to(&Limits { max_entries: Some(4), ..none() }).unwrap();
    assert_eq!(left(&cache), [6, 7, 8, 9]);
    // A hit counts as a use.
    store(&cache, 6);
    cache.trim_to(&Limits { max_entries: Some(2), ..none() }).unwrap();
    assert_eq!(left(&cache), [6, 9]);
    let trimmed = cache.trim_to(&Limits { max_bytes: Some(0), ..none() }).unwrap();
    assert_eq!((trimmed.removed, trimmed.kept, trimmed.kept_bytes), (2, 0, 0));
}

#[test]
fn listing_does_not_count_as_use() {
    let (_folder, cache) = cache();
    cache.entries().unwrap().for_each(drop);
    cache.trim_to(&Limits { max_entries: Some(3), ..none() }).unwrap();
    assert_eq!(left(&cache), [7, 8, 9]);
}

#[test]
fn idle_and_old_entries_are_removed() {
    let (_folder, cache) = cache();
    let hours = |hours: u64| Some(Duration::from_secs(3600 * hours));
    cache.trim_to(&Limits { max_idle: hours(28), ..none() }).unwrap();
    assert_eq!(left(&cache), [6, 7, 8, 9]);
    // All entries were written just now. Their last use does not matter here.
    assert_eq!(cache.trim_to(&Limits { max_age: hours(1), ..none() }).unwrap().removed, 0);
    std::thread::sleep(Duration::from_millis(5));
    let trimmed = cache.trim_to(&Limits { max_age: Some(Duration::from_millis(1)), ..none() }).unwrap();
    assert_eq!(trimmed.removed, 4);
    assert_eq!(cache.trim_to(&Limits { max_age: Some(Duration::ZERO), ..none() }).unwrap(), TrimReport::default());
}

#[test]
fn a_dry_run_removes_nothing() {
    let (folder, cache) = cache();
    let limits = Limits { max_entries: Some(4), ..none() };
    let told = cache.trim_dry_run(&limits).unwrap();
    assert_eq!((told.removed, told.kept), (6, 4));
    assert_eq!(left(&cache).len(), 10);
    // A read-only cache allows a dry run.
    let read_only = Cache::builder(folder.path()).read_only(true).open().unwrap();
    assert_eq!(read_only.trim_dry_run(&limits).unwrap(), told);
    assert_eq!(read_only.trim_to(&limits).unwrap_err().kind(), larder::ErrorKind::ReadOnly);
    assert_eq!(cache.trim_to(&limits).unwrap(), told);
    assert_eq!(left(&cache), [6, 7, 8, 9]);
}

#[test]
fn files_that_are_not_entries_stay() {
    let (_folder, cache) = cache();
    let notes = cache.functions().unwrap()[0].path.join("notes.txt");
    fs::write(&notes, "mine").unwrap();
    cache.trim_to(&Limits { max_entries: Some(0), ..none() }).unwrap();
    assert!(notes.exists());
    assert!(left(&cache).is_empty());
    assert_eq!(store(&cache, 3), 3);
    assert_eq!(Cache::disabled().trim_to(&Limits { max_entries: Some(0), ..none() }).unwrap(), TrimReport::default());
}
