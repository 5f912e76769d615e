//! The memory tier of one cache: its results in memory, and whether they may be used.
//!
//! It does not look after itself: results are used only while a thread calls [`MemoryTier::check`] once a second, see
//! `background.rs`.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::engine::memory_tier::memory_cache::MemoryCache;
use crate::engine::memory_tier::memory_entry::MemoryEntry;
use crate::engine::memory_tier::touch_times::TouchTimes;
use crate::engine::memory_tier::validity::{Snapshot, Validity};
use crate::key::digest::Key;
use crate::store::interface::Store;
use crate::store::layout::Layout;

/// Results in memory, and what says which of them may be used.
pub(crate) struct MemoryTier {
    /// `None` if nothing is kept in memory.
    cache: Option<MemoryCache>,
    validity: Validity,
    touch_times: TouchTimes,
}

impl MemoryTier {
    /// Makes a tier that keeps at most about this number of bytes; with `None`, of a cache that is off.
    pub(crate) fn new(bytes: u64, layout: Option<&Layout>, read_only: bool) -> Self {
        MemoryTier {
            cache: (bytes > 0).then(|| MemoryCache::new(bytes)),
            validity: Validity::new(layout.map(Layout::marks), read_only),
            touch_times: TouchTimes::default(),
        }
    }

    /// Whether results are kept in memory at all.
    #[inline]
    pub(crate) fn is_used(&self) -> bool {
        self.cache.is_some()
    }

    /// Passes the result of a call to `with`, if it is in memory and can't have been removed.
    #[inline]
    pub(crate) fn get<R>(
        &self,
        function: &Key,
        call: &[u8],
        with: impl FnOnce(&MemoryEntry) -> Option<R>,
    ) -> Option<R> {
        self.cache.as_ref()?.get(function, call, |entry| self.validity.is_current(&entry.snapshot), with)
    }

    /// Takes a snapshot before the file of this key in `folder` is opened; `None` if its result is not to be kept in memory.
    pub(crate) fn snapshot(&self, key: &Key, function: &Key, folder: &Arc<Path>) -> Option<Snapshot> {
        self.cache.as_ref().filter(|cache| cache.admit_on_second_read(key))?;
        self.validity.snapshot(key, function, folder)
    }

    /// Keeps the result of a call.
    pub(crate) fn insert(&self, function: &Key, call: &[u8], entry: MemoryEntry) {
        if let Some(cache) = &self.cache {
            cache.insert(function, call, entry);
        }
    }

    /// Notes that the entry of this key is a new one.
    pub(crate) fn reset_admission(&self, key: &Key) {
        if let Some(cache) = &self.cache {
            cache.reset_admission(key);
        }
    }

    /// Tells all processes that the entry of this key was removed or replaced. To be called when it was.
    ///
    /// # Errors
    /// If other processes can't be told.
    pub(crate) fn bump(&self, key: &Key) -> io::Result<()> {
        self.validity.bump(Some(key))
    }

    /// Tells all processes that any entry may have been removed.
    ///
    /// # Errors
    /// If other processes can't be told.
    pub(crate) fn bump_all(&self) -> io::Result<()> {
        self.validity.bump(None)
    }

    /// Drops all results if the folder of one, or the file of version counters, was removed or replaced.
    pub(crate) fn check(&self) {
        if let Some(cache) = &self.cache
            && self.validity.check()
        {
            cache.clear();
        }
    }

    /// Whether the entry of this key may not have been touched for a minute.
    pub(crate) fn is_touch_due(&self, key: &Key) -> bool {
        self.touch_times.is_due(key)
    }

    /// Touches the files of entries that were used in memory since this was called last, so that they don't look idle.
    pub(crate) fn touch_used(&self, store: &dyn Store) {
        let Some(cache) = &self.cache else { return };
        let used = cache.take_used();
        if used.is_empty() {
            return;
        }
        let folders = self.validity.folders();
        for (function, key) in used {
            if let Some(folder) = folders.get(&function)
                && let Ok(Some(file)) = store.get(folder, &key)
            {
                store.touch(&file);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    const F: Key = Key::from_bytes([7; 32]);
    const G: Key = Key::from_bytes([8; 32]);
    const KEY: Key = Key::from_bytes([1; 32]);

    struct Fixture {
        root: tempfile::TempDir,
        tier: MemoryTier,
    }

    impl Fixture {
        fn new(bytes: u64) -> Self {
            let root = tempfile::tempdir().unwrap();
            let tier = MemoryTier::new(bytes, Some(&Layout::at(root.path()).unwrap()), false);
            Fixture { root, tier }
        }

        fn snapshot(&self) -> Snapshot {
            self.tier.validity.snapshot(&KEY, &F, &self.root.path().into()).unwrap()
        }

        fn insert(&self, call: &[u8], snapshot: Snapshot, bytes: usize) {
            let document = vec![1; bytes].into();
            let entry = MemoryEntry::new(KEY, document, SystemTime::UNIX_EPOCH, Duration::ZERO, 1, snapshot);
            self.tier.insert(&F, call, entry);
        }

        fn has(&self, function: &Key, call: &[u8]) -> bool {
            self.tier.get(function, call, |entry| Some(entry.document[0])) == Some(1)
        }
    }

    #[test]
    fn a_result_is_found_by_its_whole_call() {
        let it = Fixture::new(1 << 20);
        it.insert(b"1", it.snapshot(), 10);
        assert!(it.has(&F, b"1") && !it.has(&F, b"2") && !it.has(&G, b"1") && !it.has(&F, b""));
    }

    #[test]
    fn a_result_is_admitted_on_its_second_read() {
        let it = Fixture::new(1 << 20);
        let folder: Arc<Path> = it.root.path().into();
        let admits = || it.tier.snapshot(&KEY, &F, &folder).is_some();
        assert!(!admits() && admits());
        it.tier.reset_admission(&KEY);
        assert!(!admits() && admits());
    }

    #[test]
    fn removing_an_entry_invalidates_it_in_memory() {
        let it = Fixture::new(1 << 20);
        let before = it.snapshot();
        it.insert(b"1", before.clone(), 10);
        it.tier.bump(&Key::from_bytes([3; 32])).unwrap();
        assert!(it.has(&F, b"1"));
        it.tier.bump(&KEY).unwrap();
        assert!(!it.has(&F, b"1"));
        // A snapshot from before the removal is of no use after it.
        it.insert(b"1", before, 10);
        assert!(!it.has(&F, b"1"));
        it.insert(b"1", it.snapshot(), 10);
        assert!(it.has(&F, b"1"));
        it.tier.bump_all().unwrap();
        assert!(!it.has(&F, b"1"));
    }

    #[test]
    fn a_table_that_is_removed_invalidates_everything() {
        let it = Fixture::new(1 << 20);
        it.insert(b"1", it.snapshot(), 10);
        it.tier.check();
        assert!(it.has(&F, b"1"));
        std::fs::remove_file(it.root.path().join("marks")).unwrap();
        it.tier.check();
        assert!(!it.has(&F, b"1") && it.root.path().join("marks").exists());
        it.insert(b"1", it.snapshot(), 10);
        assert!(it.has(&F, b"1"));
    }

    #[test]
    fn used_results_are_reported_once() {
        let it = Fixture::new(1 << 20);
        it.insert(b"1", it.snapshot(), 10);
        let used = || it.tier.cache.as_ref().unwrap().take_used();
        assert!(used().is_empty() && it.has(&F, b"1"));
        assert_eq!(used(), [(F, KEY)]);
        assert!(used().is_empty());
        // Also when the thread keeps the result itself.
        (0..3).for_each(|_| assert!(it.has(&F, b"1")));
        assert_eq!(used(), [(F, KEY)]);
    }

    #[test]
    fn results_take_no_more_than_they_may() {
        let it = Fixture::new(100 << 10);
        for n in 0..10_000_u32 {
            it.insert(&n.to_le_bytes(), it.snapshot(), 1000);
            assert!(it.tier.cache.as_ref().unwrap().weight() <= 100 << 10);
        }
        assert!((0..10_000_u32).filter(|n| it.has(&F, &n.to_le_bytes())).count() > 20);
    }

    #[test]
    fn nothing_is_kept_if_no_memory_is_given() {
        let it = Fixture::new(0);
        assert!(!it.tier.is_used() && it.tier.snapshot(&KEY, &F, &it.root.path().into()).is_none());
        it.insert(b"1", it.snapshot(), 10);
        assert!(!it.has(&F, b"1"));
    }
}
