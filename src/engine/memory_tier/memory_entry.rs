//! One result in memory, and how it is looked up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use twox_hash::XxHash3_64;

use crate::engine::memory_tier::validity::Snapshot;
use crate::key::digest::Key;

/// One result.
pub(crate) struct MemoryEntry {
    /// The key of the call, which is the name of its file.
    pub(crate) key: Key,
    /// The encoded result.
    pub(crate) document: Box<[u8]>,
    pub(crate) created: SystemTime,
    pub(crate) took: Duration,
    /// Bytes of the file.
    pub(crate) size: u64,
    /// Taken before the file was opened.
    pub(crate) snapshot: Snapshot,
    /// Whether it was used since [`take_used`](MemoryEntry::take_used) was called last.
    used: AtomicBool,
}

/// A call that is looked up.
pub(super) struct Lookup<'a> {
    pub(super) hash: u64,
    pub(super) function: &'a Key,
    pub(super) encoding: &'a [u8],
}

impl<'a> Lookup<'a> {
    pub(super) fn new(function: &'a Key, encoding: &'a [u8]) -> Self {
        // The function's key is random as it is.
        let mut seed = [0; 8];
        seed.copy_from_slice(&function.as_bytes()[..8]);
        Lookup { hash: XxHash3_64::oneshot_with_seed(u64::from_le_bytes(seed), encoding), function, encoding }
    }
}

impl MemoryEntry {
    pub(crate) fn new(
        key: Key,
        document: Box<[u8]>,
        created: SystemTime,
        took: Duration,
        size: u64,
        snapshot: Snapshot,
    ) -> Self {
        MemoryEntry { key, document, created, took, size, snapshot, used: AtomicBool::new(false) }
    }

    /// Notes that it was used.
    #[inline]
    pub(super) fn note_used(&self) {
        // The cache line is left alone where nothing changes: other threads read it.
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
    }

    /// Whether it was used since this was called last.
    pub(super) fn take_used(&self) -> bool {
        self.used.swap(false, Ordering::Relaxed)
    }
}
