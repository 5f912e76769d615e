//! Tests how much work a call does for eviction, with a store that counts it.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};

use crate::cache::handle::Cache;
use crate::engine::eviction::budget::{LOOKS, REMOVALS};
use crate::engine::eviction::policy::Limits;
use crate::error::{Error, Result};
use crate::format::compress::registry::ENTRY_MAGIC;
use crate::key::digest::Key;
use crate::key::key_of::key_of;
use crate::store::directory::Directory;
use crate::store::interface::{Listing, Store};
use crate::store::layout::Layout;
use crate::store::listed_entry::ListedEntry;
use crate::store::stored_entry::{EntryStat, StoredEntry};
use crate::sys::atomic_file::TempFile;
use crate::sys::private_folder::create_private_folder;

/// Store that counts what one thread does in it.
#[derive(Debug, Default)]
struct Counting {
    directory: Directory,
    counts: Arc<Counts>,
    /// Decides for which entries removal fails.
    fails_to_remove: Option<fn(&Key) -> bool>,
    /// Name of the folders that can't be listed.
    fails_to_list: Option<&'static str>,
}

#[derive(Debug, Default)]
struct Counts {
    thread: Mutex<Option<ThreadId>>,
    looked: AtomicUsize,
    removed: AtomicUsize,
}

impl Counts {
    fn count(&self, what: &AtomicUsize, count: usize) {
        if *self.thread.lock().unwrap() == Some(thread::current().id()) {
            what.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// Returns the counts since the last call.
    fn take(&self) -> (usize, usize) {
        (self.looked.swap(0, Ordering::Relaxed), self.removed.swap(0, Ordering::Relaxed))
    }
}

impl Store for Counting {
    fn get(&self, folder: &Path, key: &Key) -> Result<Option<StoredEntry>> {
        self.directory.get(folder, key)
    }

    fn stat(&self, folder: &Path, key: &Key) -> Option<EntryStat> {
        self.directory.stat(folder, key)
    }

    fn put(&self, folder: &Path, key: &Key, draft: TempFile, durable: bool) -> Result<Option<u64>> {
        self.directory.put(folder, key, draft, durable)
    }

    fn replace(
        &self,
        folder: &Path,
        key: &Key,
        draft: TempFile,
        opened: &StoredEntry,
        durable: bool,
    ) -> Result<Option<u64>> {
        self.directory.replace(folder, key, draft, opened, durable)
    }

    #[cfg(feature = "archive")]
    fn add(&self, folder: &Path, key: &Key, draft: TempFile, durable: bool) -> Result<bool> {
        self.directory.add(folder, key, draft, durable)
    }

    fn remove(&self, folder: &Path, key: &Key) -> Result<Option<u64>> {
        self.counts.count(&self.counts.removed, 1);
        if self.fails_to_remove.is_some_and(|fails| fails(key)) {
            return Err(Error::io(std::io::ErrorKind::PermissionDenied.into(), "can't remove"));
        }
        self.directory.remove(folder, key)
    }

    fn touch(&self, opened: &StoredEntry) {
        self.directory.touch(opened);
    }

    fn list(&self, folder: &Path, deep: bool) -> Box<dyn Listing> {
        let (listing, counts) = (self.directory.list(folder, deep), self.counts.clone());
        Box::new(CountingListing { listing, counts, fails_to_list: self.fails_to_list })
    }
}

/// Listing that counts the entries that one thread lists.
#[derive(Debug)]
struct CountingListing {
    listing: Box<dyn Listing>,
    counts: Arc<Counts>,
    fails_to_list: Option<&'static str>,
}

impl Listing for CountingListing {
    fn next(&mut self, most: usize) -> Result<Option<(Arc<Path>, Vec<ListedEntry>)>> {
        let listed = self.listing.next(most)?;
        if let Some((folder, _)) = &listed
            && self.fails_to_list.is_some_and(|name| folder.ends_with(name))
        {
            return Err(Error::io(std::io::ErrorKind::PermissionDenied.into(), "can't list"));
        }
        self.counts.count(&self.counts.looked, listed.as_ref().map_or(0, |(_, files)| files.len()));
        Ok(listed)
    }
}

/// Creates empty entries of a function.
fn fill(root: &Path, function: &str, entries: u32) {
    let folder = root.join("v1").join("a").join(function);
    create_private_folder(&folder).unwrap();
    for n in 0..entries {
        let mut file = File::create(Layout::entry(&folder, &key_of(&n).unwrap())).unwrap();
        file.write_all(&ENTRY_MAGIC).unwrap();
    }
}

/// Makes a cache with empty entries, and a store that counts what this thread does.
fn filled(entries: u32, most: u64, store: Counting) -> (tempfile::TempDir, Cache, Arc<Counting>) {
    let root = tempfile::tempdir().unwrap();
    fill(root.path(), "f", entries);
    let store = Arc::new(store);
    let cache =
        Cache::builder(root.path()).ignore_run_mode(true).max_entries(most).store(store.clone()).open().unwrap();
    *store.counts.thread.lock().unwrap() = Some(thread::current().id());
    (root, cache, store)
}

/// A limit was lowered, or another process filled the cache.
#[test]
fn no_call_looks_at_many_entries_or_removes_many() {
    let (_root, cache, store) = filled(10_000, 100, Counting::default());
    assert_eq!(cache.stats().unwrap().entries, 10_000);
    let mut calls = 0;
    while cache.stats().unwrap().entries > 100 {
        store.counts.take();
        cache.get_or_compute("a::f", &calls, || calls);
        let (looked, removed) = store.counts.take();
        assert!(looked <= LOOKS && removed <= REMOVALS, "{looked} looked at, {removed} removed");
        calls += 1;
        // Every call removes some, so this ends.
        assert!(calls < 6000, "{:?}", cache.stats());
    }
    assert!(calls > 1);
    let there = cache.entries().unwrap().len();
    assert!(there <= 100, "{there}");
    // New entries stay.
    assert!(cache.entries().unwrap().any(|entry| entry.fault.is_none()));
    for n in 0..300 {
        store.counts.take();
        cache.get_or_compute("a::g", &n, || n);
        let (looked, removed) = store.counts.take();
        assert!(looked <= 200 && removed <= 2, "{looked} looked at, {removed} removed");
        // Calls run while the background thread works.
        assert!(cache.entries().unwrap().len() <= 104);
    }
}

/// A cache from which nothing can be removed is not scanned on every call.
#[test]
fn entries_that_can_not_be_removed_are_not_scanned_again_and_again() {
    let (_root, cache, store) = filled(3000, 100, Counting { fails_to_remove: Some(|_| true), ..Counting::default() });
    let mut looked = 0;
    for n in 0..300 {
        cache.get_or_compute("a::f", &n, || n);
        looked += store.counts.take().0;
    }
    // Each scan queues a quarter of the rest and remembers that it stays, so about 12 scans know all.
    assert!(looked < 20 * 3300, "{looked}");
}

/// Entries that can't be removed don't stop the eviction of others, even if they are the oldest and more than one
/// scan queues.
#[test]
fn entries_that_can_not_be_removed_do_not_switch_limits_off() {
    fn is_stuck(key: &Key) -> bool {
        key.as_bytes()[0] < 128
    }
    let (_root, cache, store) = filled(400, 300, Counting { fails_to_remove: Some(is_stuck), ..Counting::default() });
    let mut stuck = 0;
    for entry in cache.entries().unwrap() {
        if is_stuck(&entry.key) {
            stuck += 1;
            let file = File::options().write(true).open(&entry.path).unwrap();
            file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(100_000)).unwrap();
        }
    }
    assert!(stuck > 150);
    let mut looked = 0;
    for n in 0..1000 {
        cache.get_or_compute("a::g", &n, || n);
        looked += store.counts.take().0;
    }
    // Entries that can't be removed are not compared with the limit.
    let there = cache.entries().unwrap().count();
    let movable = cache.entries().unwrap().filter(|entry| !is_stuck(&entry.key)).count();
    assert!(movable <= 300, "{movable} of {there}: the limit is off");
    // One scan for each quarter of the limit, not one for each stored entry.
    assert!(looked < 100 * there, "{looked} looked at");
}

/// A folder that can't be listed does not stop it either.
#[test]
fn a_folder_that_can_not_be_listed_does_not_switch_limits_off() {
    let (root, cache, _store) = filled(10, 50, Counting { fails_to_list: Some("closed"), ..Counting::default() });
    fill(root.path(), "closed", 10);
    for n in 0..300 {
        cache.get_or_compute("a::g", &n, || n);
    }
    let listed =
        cache.entries().unwrap().filter(|entry| !entry.path.starts_with(root.path().join("v1/a/closed"))).count();
    assert!(listed <= 50, "{listed}");
}

/// Entries that can't be removed don't stop a trim either.
#[test]
fn trim_removes_the_rest_if_an_entry_can_not_be_removed() {
    let (_root, cache, _store) =
        filled(100, 1000, Counting { fails_to_remove: Some(|key| key.as_bytes()[0] < 16), ..Counting::default() });
    let fail = cache.entries().unwrap().filter(|entry| entry.key.as_bytes()[0] < 16).count();
    assert!((1..100).contains(&fail));
    let error = cache.trim_to(&Limits { max_idle: Some(std::time::Duration::ZERO), ..Limits::default() }).unwrap_err();
    assert_eq!(error.kind(), crate::error::ErrorKind::PermissionDenied);
    assert_eq!(cache.entries().unwrap().count(), fail);
}
