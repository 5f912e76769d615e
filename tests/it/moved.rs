//! Tests folders that are moved or exchanged during use.

use std::fs;
use std::path::Path;

use larder::Cache;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use tempfile::tempdir;

use crate::faults::works_again;
use crate::file_systems::computes;

/// A handle uses the folder that has the cache's path now, not the one that had it before.
#[test]
fn a_moved_folder_is_not_used() {
    let root = tempdir().unwrap();
    let (folder, moved) = (root.path().join("cache"), root.path().join("moved"));
    let cache = Cache::builder(&folder).hot_bytes(0).open().unwrap();
    works_again(&cache, &[1, 2]);
    let before = Cache::open(&folder).unwrap().stats().unwrap();
    fs::rename(&folder, &moved).unwrap();
    works_again(&cache, &[1, 2, 3]);
    let other = Cache::open(&folder).unwrap();
    let functions = other.functions().unwrap();
    assert_eq!((functions.len(), functions[0].entries, other.entries().unwrap().len()), (1, 3, 3));
    assert_eq!(other.stats().unwrap().entries, 3);
    drop(cache);
    assert_eq!(Cache::open(&moved).unwrap().stats().unwrap(), before);
    assert_eq!(Cache::open(&moved).unwrap().entries().unwrap().len(), 2);
}

/// Two caches exchange their paths.
#[test]
fn exchanged_folders_are_distinguished() {
    let root = tempdir().unwrap();
    let (folder, moved) = (root.path().join("cache"), root.path().join("moved"));
    let cache = Cache::builder(&folder).open().unwrap();
    let other = Cache::builder(&moved).open().unwrap();
    works_again(&cache, &[1, 2, 3]);
    works_again(&other, &[4]);
    drop(other);
    // Results in memory are not used either.
    for n in [1, 1, 1] {
        assert!(!computes(&cache, n));
    }
    renameat_with(CWD, &folder, CWD, &moved, RenameFlags::EXCHANGE).unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
    while !computes(&cache, 1) {
        assert!(std::time::Instant::now() < deadline, "the exchange is not noticed");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert!(!computes(&cache, 4) && computes(&cache, 5));
    assert_eq!(cache.functions().unwrap()[0].entries, 3);
    drop(cache);
    let entries = |folder: &Path| Cache::open(folder).unwrap().stats().unwrap().entries;
    assert_eq!((entries(&folder), entries(&moved)), (3, 3));
    // Locks belong to the folder that has the path now, so calls in the two folders don't wait for each other.
    let listed = |folder: &Path| Cache::open(folder).unwrap().entries().unwrap().len();
    assert_eq!((listed(&folder), listed(&moved)), (3, 3));
}
