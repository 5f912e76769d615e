//! One result in memory, and how it is looked up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use twox_hash::XxHash3_64;

use crate::engine::memory_tier::validity::Snapshot;
use crate::key::digest::Key;

/// A result in memory.
pub(crate) struct MemoryEntry {
    /// The key of the call, which names its file.
    pub(crate) key: Key,
    /// The encoded result.
    pub(crate) document: Box<[u8]>,
    pub(crate) created: SystemTime,
    pub(crate) took: Duration,
    /// Size of the file, in bytes.
    pub(crate) size: u64,
    /// Taken before the file was opened.
    pub(crate) snapshot: Snapshot,
    /// Whether it was used since the last call of [`take_used`](MemoryEntry::take_used).
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
        // The function's key is random enough to be a seed.
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

    /// Records that the result was used. Returns whether it is the first use since [`take_used`](Self::take_used).
    #[inline]
    pub(super) fn note_used(&self) -> bool {
        // Write only if the value changes, as other threads read this cache line.
        !self.used.load(Ordering::Relaxed) && !self.used.swap(true, Ordering::Relaxed)
    }

    /// Returns whether it was used since the last call.
    pub(super) fn take_used(&self) -> bool {
        self.used.swap(false, Ordering::Relaxed)
    }
}
