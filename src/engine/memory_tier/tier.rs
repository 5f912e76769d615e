//! Memory tier of one cache: its results in memory, and the checks whether they may be used.
//!
//! Results are used only while the background thread calls [`MemoryTier::check`] once a second, see `background.rs`.

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

/// The results in memory, and their validity.
pub(crate) struct MemoryTier {
    /// `None` if no results are kept in memory.
    cache: Option<MemoryCache>,
    validity: Validity,
    touch_times: TouchTimes,
}

impl MemoryTier {
    /// Makes a tier of about this number of bytes. `layout` is `None` for a cache that is off.
    pub(crate) fn new(bytes: u64, layout: Option<&Layout>, read_only: bool) -> Self {
        MemoryTier {
            cache: (bytes > 0).then(|| MemoryCache::new(bytes)),
            validity: Validity::new(layout.map(Layout::marks), read_only),
            touch_times: TouchTimes::default(),
        }
    }

    /// Returns whether results are kept in memory.
    #[inline]
    pub(crate) fn is_used(&self) -> bool {
        self.cache.is_some()
    }

    /// Passes the result of a call to `with`, if it is in memory and valid.
    #[inline]
    pub(crate) fn get<R>(
        &self,
        function: &Key,
        call: &[u8],
        with: impl FnOnce(&MemoryEntry) -> Option<R>,
    ) -> Option<R> {
        self.cache.as_ref()?.get(function, call, |entry| self.validity.is_current(&entry.snapshot), with)
    }

    /// Takes a snapshot before the file of this key in `folder` is opened. `None` if the result should not be inserted.
    pub(crate) fn snapshot(&self, key: &Key, function: &Key, folder: &Arc<Path>) -> Option<Snapshot> {
        self.cache.as_ref().filter(|cache| cache.admit_on_second_read(key))?;
        self.validity.snapshot(key, function, folder)
    }

    /// Inserts the result of a call.
    pub(crate) fn insert(&self, function: &Key, call: &[u8], entry: MemoryEntry) {
        if let Some(cache) = &self.cache {
            cache.insert(function, call, entry);
        }
    }

    /// Records that the entry of this key is new.
    pub(crate) fn reset_admission(&self, key: &Key) {
        if let Some(cache) = &self.cache {
            cache.reset_admission(key);
        }
    }

    /// Invalidates the entry of this key in all processes. Call this after it was removed or replaced.
    ///
    /// # Errors
    /// If other processes can't be notified.
    pub(crate) fn bump(&self, key: &Key) -> io::Result<()> {
        self.validity.bump(Some(key))
    }

    /// Invalidates all entries in all processes.
    ///
    /// # Errors
    /// If other processes can't be notified.
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

    /// Returns whether the entry of this key needs a touch: none is known in the current minute. Records one.
    pub(crate) fn is_touch_due(&self, key: &Key) -> bool {
        self.touch_times.is_due(key)
    }

    /// Touches the files of entries that were used in memory since the last call, so that they don't look idle.
    pub(crate) fn touch_used(&self, store: &dyn Store) {
        let Some(cache) = &self.cache else { return };
        let used = cache.take_used();
        if used.is_empty() {
            return;
        }
        let folders = self.validity.folders();
        for (function, key) in used {
            if let Some(folder) = folders.get(&function)
                && let Ok(Some(opened)) = store.get(folder, &key)
            {
                store.touch(&opened);
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
    fn a_result_is_found_by_function_and_all_arguments() {
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
        // A snapshot from before the removal is invalid after it.
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
        // Also if the result comes from the thread's own cache.
        (0..3).for_each(|_| assert!(it.has(&F, b"1")));
        assert_eq!(used(), [(F, KEY)]);
    }

    /// Otherwise its file would not be touched, and would be evicted although the result is used all the time.
    #[test]
    fn a_result_that_only_a_thread_keeps_returns_to_the_shared_map() {
        let it = Fixture::new(1 << 20);
        it.insert(b"1", it.snapshot(), 10);
        let cache = it.tier.cache.as_ref().unwrap();
        (0..3).for_each(|_| assert!(it.has(&F, b"1")));
        assert_eq!(cache.take_used(), [(F, KEY)]);
        // As if the map had evicted it.
        cache.clear();
        assert!(it.has(&F, b"1"));
        assert_eq!(cache.take_used(), [(F, KEY)]);
    }

    #[test]
    fn results_take_no_more_memory_than_allowed() {
        let it = Fixture::new(100 << 10);
        for n in 0..10_000_u32 {
            it.insert(&n.to_le_bytes(), it.snapshot(), 1000);
            assert!(it.tier.cache.as_ref().unwrap().weight() <= 100 << 10);
        }
        assert!((0..10_000_u32).filter(|n| it.has(&F, &n.to_le_bytes())).count() > 20);
    }

    #[test]
    fn no_results_are_kept_with_a_limit_of_zero() {
        let it = Fixture::new(0);
        assert!(!it.tier.is_used() && it.tier.snapshot(&KEY, &F, &it.root.path().into()).is_none());
        it.insert(b"1", it.snapshot(), 10);
        assert!(!it.has(&F, b"1"));
    }
}
