//! What a call does at most for the limits, counted by a store.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::Instant;

use crate::cache::handle::Cache;
use crate::engine::eviction::budget::{LOOKS, REMOVALS};
use crate::error::{Error, Result};
use crate::key::digest::Key;
use crate::key::key_of::key_of;
use crate::store::directory::Directory;
use crate::store::entry_format::MAGIC;
use crate::store::interface::Store;
use crate::store::layout::Layout;
use crate::store::walk::{ListedEntry, Walk};
use crate::sys::atomic_file::{TempFile, create_private_folder};

/// A directory that counts what one thread does in it.
#[derive(Debug, Default)]
struct Counting {
    directory: Directory,
    thread: Mutex<Option<ThreadId>>,
    looked: AtomicUsize,
    removed: AtomicUsize,
    fails_to_remove: bool,
}

impl Counting {
    fn count(&self, what: &AtomicUsize, count: usize) {
        if *self.thread.lock().unwrap() == Some(thread::current().id()) {
            what.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// What this thread did since this was asked last.
    fn take(&self) -> (usize, usize) {
        (self.looked.swap(0, Ordering::Relaxed), self.removed.swap(0, Ordering::Relaxed))
    }
}

impl Store for Counting {
    fn get(&self, folder: &Path, key: &Key) -> Result<Option<File>> {
        self.directory.get(folder, key)
    }

    fn put(&self, folder: &Path, key: &Key, draft: TempFile, durable: bool) -> Result<Option<u64>> {
        self.directory.put(folder, key, draft, durable)
    }

    fn replace(&self, folder: &Path, key: &Key, draft: TempFile, opened: &File, durable: bool) -> Result<Option<u64>> {
        self.directory.replace(folder, key, draft, opened, durable)
    }

    #[cfg(feature = "archive")]
    fn add(&self, folder: &Path, key: &Key, draft: TempFile, durable: bool) -> Result<bool> {
        self.directory.add(folder, key, draft, durable)
    }

    fn remove(&self, folder: &Path, key: &Key) -> Result<Option<u64>> {
        self.count(&self.removed, 1);
        if self.fails_to_remove {
            return Err(Error::io(std::io::ErrorKind::PermissionDenied.into(), "can't remove"));
        }
        self.directory.remove(folder, key)
    }

    fn touch(&self, file: &File) {
        self.directory.touch(file);
    }

    fn list(&self, folder: &Path, deep: bool, found: &mut dyn FnMut(&Path, &ListedEntry)) -> Result<()> {
        self.directory.list(folder, deep, found)
    }

    fn list_some(&self, walk: &mut Walk, most: usize) -> Result<Option<(Arc<Path>, Vec<ListedEntry>)>> {
        let listed = self.directory.list_some(walk, most)?;
        self.count(&self.looked, listed.as_ref().map_or(0, |(_, files)| files.len()));
        Ok(listed)
    }
}

/// A cache with so many entries, which are empty, and a store that counts what this thread does.
fn filled(entries: u32, most: u64, fails_to_remove: bool) -> (tempfile::TempDir, Cache, Arc<Counting>) {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("v1").join("a").join("f");
    create_private_folder(&folder).unwrap();
    for n in 0..entries {
        let mut file = File::create(Layout::entry(&folder, &key_of(&n).unwrap())).unwrap();
        file.write_all(&MAGIC).unwrap();
    }
    let store = Arc::new(Counting { fails_to_remove, ..Counting::default() });
    let cache = Cache::builder(root.path()).unsteered().max_entries(most).store(store.clone()).open().unwrap();
    *store.thread.lock().unwrap() = Some(thread::current().id());
    (root, cache, store)
}

/// F39: a limit that was lowered, or a cache that another process filled.
#[test]
fn no_call_looks_at_many_entries_or_removes_many() {
    let (_root, cache, store) = filled(10_000, 100, false);
    assert_eq!(cache.stats().unwrap().entries, 10_000);
    let mut calls = 0;
    while cache.stats().unwrap().entries > 100 {
        store.take();
        cache.get_or_compute("a::f", &calls, || calls);
        let (looked, removed) = store.take();
        assert!(looked <= LOOKS && removed <= REMOVALS, "{looked} looked at, {removed} removed");
        calls += 1;
        // Some are removed by each in any case.
        assert!(calls < 6000, "{:?}", cache.stats());
    }
    assert!(calls > 1);
    let there = cache.entries().unwrap().len();
    assert!(there <= 100, "{there}");
    // What is new stays.
    assert!(cache.entries().unwrap().any(|entry| entry.fault.is_none()));
    for n in 0..300 {
        store.take();
        cache.get_or_compute("a::g", &n, || n);
        let (looked, removed) = store.take();
        assert!(looked <= 200 && removed <= 2, "{looked} looked at, {removed} removed");
        // While the thread is at it, calls go on.
        assert!(cache.entries().unwrap().len() <= 104);
    }
}

/// A cache that nobody may remove from does not look through its entries at each call.
#[test]
fn what_can_not_be_removed_is_not_looked_for_again_and_again() {
    let (_root, cache, store) = filled(3000, 100, true);
    let (mut looked, started) = (0, Instant::now());
    for n in 0..300 {
        cache.get_or_compute("a::f", &n, || n);
        looked += store.take().0;
    }
    // Once, and at most once more for each second that this takes.
    let scans = usize::try_from(started.elapsed().as_secs()).unwrap() + 2;
    assert!(looked < scans * 3300, "{looked} in {:?}", started.elapsed());
}
