//! Map of the results in memory. The key is the function and the whole canonical encoding of the arguments, so a lookup
//! computes no digest.

use std::cell::RefCell;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::sync::{Cache as Map, DefaultLifecycle};
use quick_cache::{Equivalent, Weighter};

use crate::engine::memory_tier::memory_entry::{Lookup, MemoryEntry};
use crate::engine::memory_tier::thread_cache;
use crate::key::digest::Key;

/// Larger results, in encoded bytes, are read from their files, which the kernel caches.
pub(crate) const LARGEST: usize = 64 << 10;

/// Approximate size of an entry without its bytes.
const OVERHEAD: usize = 256;

/// Number of slots of the admission filter.
const ADMISSION_SLOTS: usize = 1 << 12;

/// The results in memory of one cache.
pub(crate) struct MemoryCache {
    /// Admission filter: the hash of the last key read, per slot. A result is inserted on its second read: results that
    /// are read only once would evict others.
    read_once: Box<[AtomicU64]>,
    /// Number that distinguishes this cache from the others of the process.
    number: u64,
    map: Map<Call, Arc<MemoryEntry>, Weight, BuildHasherDefault<Made>>,
}

/// The call whose result this is.
#[derive(PartialEq, Eq)]
struct Call {
    hash: u64,
    function: Key,
    encoding: Box<[u8]>,
}

impl Hash for Call {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl Hash for Lookup<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl Equivalent<Call> for Lookup<'_> {
    fn equivalent(&self, call: &Call) -> bool {
        *self.encoding == *call.encoding && *self.function == call.function
    }
}

/// Hasher for keys that already have their hash.
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

impl Weighter<Call, Arc<MemoryEntry>> for Weight {
    fn weight(&self, call: &Call, entry: &Arc<MemoryEntry>) -> u64 {
        (call.encoding.len() + entry.document.len() + OVERHEAD) as u64
    }
}

impl MemoryCache {
    /// Makes a cache that holds about this number of bytes.
    pub(super) fn new(bytes: u64) -> Self {
        let about = usize::try_from(bytes / 512).unwrap_or(usize::MAX).min(1 << 16);
        let map = Map::with(about, bytes, Weight, BuildHasherDefault::default(), DefaultLifecycle::default());
        let read_once = (0..ADMISSION_SLOTS).map(|_| AtomicU64::new(0)).collect();
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        MemoryCache { read_once, number: NUMBER.fetch_add(1, Ordering::Relaxed), map }
    }

    /// Returns whether to insert a result that is read now: its entry was read before.
    pub(super) fn admit_on_second_read(&self, key: &Key) -> bool {
        let (slot, hash) = self.admission(key);
        slot.swap(hash, Ordering::Relaxed) == hash
    }

    /// Records that the entry of this key is new and was not read yet.
    pub(super) fn reset_admission(&self, key: &Key) {
        self.admission(key).0.store(0, Ordering::Relaxed);
    }

    fn admission(&self, key: &Key) -> (&AtomicU64, u64) {
        let mut hash = [0; 8];
        hash.copy_from_slice(&key.as_bytes()[8..16]);
        let slot = usize::from(u16::from_le_bytes([hash[0], hash[1]])) % ADMISSION_SLOTS;
        (&self.read_once[slot], u64::from_le_bytes(hash))
    }

    /// Passes the result of a call to `with`, if it exists and `is_valid`.
    #[inline]
    pub(super) fn get<R>(
        &self,
        function: &Key,
        call: &[u8],
        is_valid: impl Fn(&MemoryEntry) -> bool,
        with: impl FnOnce(&MemoryEntry) -> Option<R>,
    ) -> Option<R> {
        let lookup = Lookup::new(function, call);
        let find = || self.map.get(&lookup);
        thread_cache::get(self.number, &lookup, is_valid, find, |entry| {
            // A thread that has the result in a slot of its own does not look it up in the map, where it would become
            // the next to be evicted, and its file would not be touched.
            if entry.note_used() && self.map.get(&lookup).is_none() {
                let call = Call { hash: lookup.hash, function: *function, encoding: call.into() };
                self.map.insert(call, entry.clone());
            }
            with(entry)
        })
    }

    /// Inserts the result of a call. It may be evicted to make room for others.
    pub(super) fn insert(&self, function: &Key, call: &[u8], entry: MemoryEntry) {
        let hash = Lookup::new(function, call).hash;
        self.map.insert(Call { hash, function: *function, encoding: call.into() }, Arc::new(entry));
    }

    /// Frees the memory of all results.
    pub(super) fn clear(&self) {
        self.map.clear();
    }

    /// Returns the function and key of each result used since the last call.
    pub(super) fn take_used(&self) -> Vec<(Key, Key)> {
        let used = RefCell::new(Vec::new());
        self.map.retain(|call, entry| {
            if entry.take_used() {
                used.borrow_mut().push((call.function, entry.key));
            }
            true
        });
        used.into_inner()
    }

    /// Returns the approximate size of the content, in bytes.
    #[cfg(test)]
    pub(super) fn weight(&self) -> u64 {
        self.map.weight()
    }
}
