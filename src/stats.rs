//! Counting what the cache did.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

/// What happened in this process, to a function or to a whole cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// Calls whose result was loaded.
    pub hits: u64,
    /// Calls that were computed with the cache at hand, whether their result was stored or not.
    pub misses: u64,
    /// Calls that went past the cache: it is off, or an argument has no key.
    pub bypasses: u64,
    /// Faults of the cache: entries that could not be read, results that could not be stored.
    pub errors: u64,
    /// Time that functions ran.
    pub computed: Duration,
    /// Time that functions would have run, had their results not been loaded.
    pub saved: Duration,
}

/// The counters behind [`Stats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    hits: AtomicU64,
    misses: AtomicU64,
    bypasses: AtomicU64,
    errors: AtomicU64,
    /// Both in nanoseconds.
    computed: AtomicU64,
    saved: AtomicU64,
}

/// 584 years fit into a `u64`.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Counters {
    pub(crate) fn hit(&self, saved: Duration) {
        self.hits.fetch_add(1, Ordering::Relaxed);
        self.saved.fetch_add(nanoseconds(saved), Ordering::Relaxed);
    }

    pub(crate) fn miss(&self, computed: Duration) {
        self.misses.fetch_add(1, Ordering::Relaxed);
        self.computed.fetch_add(nanoseconds(computed), Ordering::Relaxed);
    }

    pub(crate) fn bypass(&self, computed: Duration) {
        self.bypasses.fetch_add(1, Ordering::Relaxed);
        self.computed.fetch_add(nanoseconds(computed), Ordering::Relaxed);
    }

    pub(crate) fn error(&self) {
        self.errors.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Stats {
        let duration = |counter: &AtomicU64| Duration::from_nanos(counter.load(Ordering::Relaxed));
        Stats {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            bypasses: self.bypasses.load(Ordering::Relaxed),
            errors: self.errors.load(Ordering::Relaxed),
            computed: duration(&self.computed),
            saved: duration(&self.saved),
        }
    }
}
