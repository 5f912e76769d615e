//! Results in this process's memory, as they are encoded, so that a repeated hit touches no file.
//!
//! They are found by the function and the canonical encoding of the arguments, whole: no digest is made. How it
//! is seen that another process has removed one is told in `marks.rs`.

pub(crate) mod thread_cache;

use std::cell::RefCell;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use quick_cache::sync::{Cache as Map, DefaultLifecycle};
use quick_cache::{Equivalent, Weighter};
use twox_hash::XxHash3_64;

use crate::engine::invalidation::Marks;
use crate::key::digest::Key;

/// Results of more encoded bytes are read from their files, where the kernel keeps them.
pub(crate) const LARGEST: usize = 64 << 10;

/// What an entry takes beside its bytes, about.
const OVERHEAD: usize = 256;

/// Keys of which it is remembered that they were read once.
const REMEMBERED: usize = 1 << 12;

/// The results of one cache.
pub(crate) struct Hot {
    /// The keys that were read once, by their first bytes, and where they overlap the last of them. A result is kept
    /// when it is read for the second time: those that are read once would only drive out others.
    once: Box<[AtomicU64]>,
    /// Another one for each.
    number: u64,
    map: Map<Place, Arc<Warm>, Weight, BuildHasherDefault<Made>>,
    /// What was put in before this changed is not used.
    generation: AtomicU64,
}

/// One result.
pub(crate) struct Warm {
    /// The key, by which its file is called.
    pub(crate) key: Key,
    /// The encoded result.
    pub(crate) document: Box<[u8]>,
    pub(crate) created: SystemTime,
    pub(crate) took: Duration,
    /// Bytes of the file.
    pub(crate) size: u64,
    /// What says whether it is still there.
    pub(crate) since: Since,
    /// Whether it was used since this was asked last.
    used: AtomicBool,
}

/// What the cache was like before a file was opened.
#[derive(Clone)]
pub(crate) struct Since {
    marks: Arc<Marks>,
    slot: usize,
    mark: u64,
    generation: u64,
}

/// Which call a result is of.
#[derive(PartialEq, Eq)]
struct Place {
    hash: u64,
    function: Key,
    call: Box<[u8]>,
}

/// The same, to look for it.
struct Sought<'a> {
    hash: u64,
    function: &'a Key,
    call: &'a [u8],
}

impl<'a> Sought<'a> {
    fn new(function: &'a Key, call: &'a [u8]) -> Self {
        // The function's key is random as it is.
        let mut seed = [0; 8];
        seed.copy_from_slice(&function.as_bytes()[..8]);
        Sought { hash: XxHash3_64::oneshot_with_seed(u64::from_le_bytes(seed), call), function, call }
    }
}

impl Hash for Place {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl Hash for Sought<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl Equivalent<Place> for Sought<'_> {
    fn equivalent(&self, place: &Place) -> bool {
        *self.call == *place.call && *self.function == place.function
    }
}

/// Takes the hash that was made.
#[derive(Default)]
struct Made(u64);

impl Hasher for Made {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }
}

#[derive(Clone)]
struct Weight;

impl Weighter<Place, Arc<Warm>> for Weight {
    fn weight(&self, place: &Place, warm: &Arc<Warm>) -> u64 {
        (place.call.len() + warm.document.len() + OVERHEAD) as u64
    }
}

impl Hot {
    /// Keeps about so many bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        let about = usize::try_from(bytes / 512).unwrap_or(usize::MAX).min(1 << 16);
        let map = Map::with(about, bytes, Weight, BuildHasherDefault::default(), DefaultLifecycle::default());
        let once = (0..REMEMBERED).map(|_| AtomicU64::new(0)).collect();
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Hot { once, number, map, generation: AtomicU64::new(0) }
    }

    /// What the cache is like now: to be asked before the file of `key` is opened.
    pub(crate) fn since(&self, marks: Arc<Marks>, key: &Key) -> Since {
        let slot = Marks::slot(key);
        Since { mark: marks.read(slot), generation: self.generation.load(Ordering::Acquire), marks, slot }
    }

    /// Whether the entry of this key was read before.
    pub(crate) fn is_second(&self, key: &Key) -> bool {
        let (place, mark) = self.remembered(key);
        place.swap(mark, Ordering::Relaxed) == mark
    }

    /// The entry of this key is another one: it was not read yet.
    pub(crate) fn is_new(&self, key: &Key) {
        self.remembered(key).0.store(0, Ordering::Relaxed);
    }

    fn remembered(&self, key: &Key) -> (&AtomicU64, u64) {
        let mut mark = [0; 8];
        mark.copy_from_slice(&key.as_bytes()[8..16]);
        let mark = u64::from_le_bytes(mark);
        (&self.once[usize::from(u16::from_le_bytes([key.as_bytes()[8], key.as_bytes()[9]])) % REMEMBERED], mark)
    }

    /// Lets `take` have the result of this call, unless it may have been removed.
    #[inline]
    pub(crate) fn get<R>(&self, function: &Key, call: &[u8], take: impl FnOnce(&Warm) -> Option<R>) -> Option<R> {
        let sought = Sought::new(function, call);
        let find = || self.map.get(&sought);
        thread_cache::get(
            self.number,
            &sought,
            |warm| self.is_current(warm),
            find,
            |warm| {
                // Others' cache lines are left alone where nothing changes.
                if !warm.used.load(Ordering::Relaxed) {
                    warm.used.store(true, Ordering::Relaxed);
                }
                take(warm)
            },
        )
    }

    /// Whether nobody can have removed it.
    #[inline]
    fn is_current(&self, warm: &Warm) -> bool {
        let since = &warm.since;
        since.marks.read(since.slot) == since.mark && self.generation.load(Ordering::Acquire) == since.generation
    }

    /// Keeps a result for as long as there is room.
    pub(crate) fn put(&self, function: &Key, call: &[u8], warm: Warm) {
        let hash = Sought::new(function, call).hash;
        self.map.insert(Place { hash, function: *function, call: call.into() }, Arc::new(warm));
    }

    /// What is in it is not used any more.
    pub(crate) fn forget_all(&self) {
        self.generation.fetch_add(1, Ordering::Release);
        self.map.clear();
    }

    /// The results that were used since this was asked last.
    pub(crate) fn used(&self) -> Vec<(Key, Key)> {
        let used = RefCell::new(Vec::new());
        self.map.retain(|place, warm| {
            if warm.used.swap(false, Ordering::Relaxed) {
                used.borrow_mut().push((place.function, warm.key));
            }
            true
        });
        used.into_inner()
    }

    /// Bytes that are in it, about.
    #[cfg(test)]
    pub(crate) fn weight(&self) -> u64 {
        self.map.weight()
    }
}

impl Warm {
    pub(crate) fn new(
        key: Key,
        document: Box<[u8]>,
        created: SystemTime,
        took: Duration,
        size: u64,
        since: Since,
    ) -> Self {
        Warm { key, document, created, took, size, since, used: AtomicBool::new(false) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(root: &std::path::Path) -> Arc<Marks> {
        Marks::shared(root.join("marks"), false).unwrap()
    }

    fn warm(since: Since, key: u8, bytes: usize) -> Warm {
        Warm::new(Key::from_bytes([key; 32]), vec![key; bytes].into(), SystemTime::UNIX_EPOCH, Duration::ZERO, 1, since)
    }

    #[test]
    fn what_is_put_in_is_found_by_all_of_its_call() {
        let root = tempfile::tempdir().unwrap();
        let (hot, marks) = (Hot::new(1 << 20), marks(root.path()));
        let (f, g, key) = (Key::from_bytes([7; 32]), Key::from_bytes([8; 32]), Key::from_bytes([1; 32]));
        let since = hot.since(marks.clone(), &key);
        hot.put(&f, b"1", warm(since.clone(), 1, 10));
        assert!(!hot.is_second(&key) && hot.is_second(&key));
        hot.is_new(&key);
        assert!(!hot.is_second(&key));
        assert_eq!(hot.get(&f, b"1", |warm| Some(warm.document.to_vec())).unwrap(), [1; 10]);
        assert!(
            hot.get(&f, b"2", |_| Some(())).is_none()
                && hot.get(&g, b"1", |_| Some(())).is_none()
                && hot.get(&f, b"", |_| Some(())).is_none()
        );
        assert_eq!(hot.used(), [(f, key)]);
        assert!(hot.used().is_empty());
        marks.change(&Key::from_bytes([3; 32]));
        assert!(hot.get(&f, b"1", |_| Some(())).is_some());
        marks.change(&key);
        assert!(hot.get(&f, b"1", |_| Some(())).is_none());
        // What was asked for before the change is of no use after it.
        hot.put(&f, b"1", warm(since, 1, 10));
        assert!(hot.get(&f, b"1", |_| Some(())).is_none());
        hot.put(&f, b"1", warm(hot.since(marks, &key), 1, 10));
        assert!(hot.get(&f, b"1", |_| Some(())).is_some());
        hot.forget_all();
        assert!(hot.get(&f, b"1", |_| Some(())).is_none());
    }

    #[test]
    fn it_takes_what_it_may() {
        let root = tempfile::tempdir().unwrap();
        let (hot, marks) = (Hot::new(100 << 10), marks(root.path()));
        let f = Key::from_bytes([7; 32]);
        for n in 0..10_000_u32 {
            let since = hot.since(marks.clone(), &f);
            hot.put(&f, &n.to_le_bytes(), warm(since, 1, 1000));
            assert!(hot.weight() <= 100 << 10);
        }
        assert!((0..10_000_u32).filter(|n| hot.get(&f, &n.to_le_bytes(), |_| Some(())).is_some()).count() > 20);
    }
}
