//! Usage of a cache: the number and size of its entries, as far as this process knows.
//!
//! It is derived from the counters: what the counter file has, plus what this process has not flushed. It is kept in
//! two parts, so that storing an entry costs two atomic additions, and reading the file can't lose an entry that is
//! stored at the same time.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::observe::stats::UsageDelta;

/// Number and bytes of entries that threads change concurrently. The two are not read in one step.
#[derive(Debug, Default)]
pub(crate) struct AtomicUsage {
    entries: AtomicI64,
    bytes: AtomicI64,
}

impl AtomicUsage {
    pub(crate) fn load(&self) -> UsageDelta {
        UsageDelta { entries: self.entries.load(Ordering::Relaxed), bytes: self.bytes.load(Ordering::Relaxed) }
    }

    pub(crate) fn store(&self, usage: UsageDelta) {
        self.entries.store(usage.entries, Ordering::Relaxed);
        self.bytes.store(usage.bytes, Ordering::Relaxed);
    }

    pub(crate) fn add(&self, change: UsageDelta) {
        self.entries.fetch_add(change.entries, Ordering::Relaxed);
        self.bytes.fetch_add(change.bytes, Ordering::Relaxed);
    }
}

/// Number and bytes of the entries of one cache.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    /// What the counter file has, without the counts that this process flushed to it.
    others: AtomicUsage,
    /// What this process counted, flushed or not.
    own: AtomicUsage,
    /// Number of entries that this process stored or removed.
    moved: AtomicU64,
}

impl Usage {
    /// Returns the current usage.
    pub(crate) fn level(&self) -> UsageDelta {
        self.others.load() + self.own.load()
    }

    /// Adds what this process stored, removed or corrected.
    pub(super) fn change(&self, change: UsageDelta) {
        self.own.add(change);
    }

    /// Sets what all other processes counted.
    pub(super) fn set_others(&self, others: UsageDelta) {
        self.others.store(others);
    }

    /// Records that entries were stored or removed.
    pub(super) fn note_moved(&self, entries: u64) {
        self.moved.fetch_add(entries, Ordering::Relaxed);
    }

    /// Returns how many entries this process has stored or removed.
    pub(crate) fn moved(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }
}
