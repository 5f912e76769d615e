//! Results in memory, found by the function and the canonical encoding of the arguments, which are compared whole: no digest is
//! made.

use std::cell::RefCell;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::sync::{Cache as Map, DefaultLifecycle};
use quick_cache::{Equivalent, Weighter};

use crate::engine::memory_tier::memory_entry::{Lookup, MemoryEntry};
use crate::engine::memory_tier::thread_cache;
use crate::key::digest::Key;

/// Results of more encoded bytes are read from their files, which the kernel keeps in memory.
pub(crate) const LARGEST: usize = 64 << 10;

/// What an entry takes beside its bytes, about.
const OVERHEAD: usize = 256;

/// Slots of the admission filter.
const ADMISSION_SLOTS: usize = 1 << 12;

/// The results of one cache.
pub(crate) struct MemoryCache {
    /// Admission filter: the hash of the last key read in each slot. A result is kept on its second read, as results that are
    /// read once would only drive out others.
    read_once: Box<[AtomicU64]>,
    /// What tells this cache from the others of the process.
    number: u64,
    map: Map<Call, Arc<MemoryEntry>, Weight, BuildHasherDefault<Made>>,
}

/// The call that a result is of.
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

impl Weighter<Call, Arc<MemoryEntry>> for Weight {
    fn weight(&self, call: &Call, entry: &Arc<MemoryEntry>) -> u64 {
        (call.encoding.len() + entry.document.len() + OVERHEAD) as u64
    }
}

impl MemoryCache {
    /// Makes a cache that keeps at most about this number of bytes.
    pub(super) fn new(bytes: u64) -> Self {
        let about = usize::try_from(bytes / 512).unwrap_or(usize::MAX).min(1 << 16);
        let map = Map::with(about, bytes, Weight, BuildHasherDefault::default(), DefaultLifecycle::default());
        let read_once = (0..ADMISSION_SLOTS).map(|_| AtomicU64::new(0)).collect();
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        MemoryCache { read_once, number: NUMBER.fetch_add(1, Ordering::Relaxed), map }
    }

    /// Whether a result that is read now is to be kept: the entry of this key was read before.
    pub(super) fn admit_on_second_read(&self, key: &Key) -> bool {
        let (slot, hash) = self.admission(key);
        slot.swap(hash, Ordering::Relaxed) == hash
    }

    /// Notes that the entry of this key is a new one, which was not read yet.
    pub(super) fn reset_admission(&self, key: &Key) {
        self.admission(key).0.store(0, Ordering::Relaxed);
    }

    fn admission(&self, key: &Key) -> (&AtomicU64, u64) {
        let mut hash = [0; 8];
        hash.copy_from_slice(&key.as_bytes()[8..16]);
        let slot = usize::from(u16::from_le_bytes([hash[0], hash[1]])) % ADMISSION_SLOTS;
        (&self.read_once[slot], u64::from_le_bytes(hash))
    }

    /// Passes the result of a call to `with`, if there is one and `is_valid`.
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
            entry.note_used();
            with(entry)
        })
    }

    /// Keeps the result of a call for as long as there is room.
    pub(super) fn insert(&self, function: &Key, call: &[u8], entry: MemoryEntry) {
        let hash = Lookup::new(function, call).hash;
        self.map.insert(Call { hash, function: *function, encoding: call.into() }, Arc::new(entry));
    }

    /// Frees the memory of all results.
    pub(super) fn clear(&self) {
        self.map.clear();
    }

    /// Returns the functions and the keys of the results that were used since this was called last.
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

    /// Returns how many bytes are in it, about.
    #[cfg(test)]
    pub(super) fn weight(&self) -> u64 {
        self.map.weight()
    }
}
