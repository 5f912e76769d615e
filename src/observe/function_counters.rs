//! The counters of one function in this process.

use std::cell::Cell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::error::ErrorKind;
use crate::observe::stats::{COUNTERS, Count, CounterTotals, UsageDelta, index_of_errors, nanoseconds};
use crate::sys::locked::locked;

/// Threads count in one of several lanes, so that they rarely write to the same cache line.
const LANES: usize = 8;

/// The counters that one thread, or a few, add to. Aligned to two cache lines, which processors fetch in pairs; the first
/// line has the counters of hits in memory.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Lane([AtomicU64; COUNTERS]);

/// Counts of one function in one cache, by this process.
#[derive(Debug, Default)]
pub(crate) struct FunctionCounters {
    /// The function's folder, relative to the folder of all functions.
    name: String,
    lanes: [Lane; LANES],
    /// The counts that the counter file already has.
    flushed: Mutex<CounterTotals>,
    /// The counts that were already exported as metrics.
    #[cfg(feature = "metrics")]
    exported: Mutex<CounterTotals>,
}

impl FunctionCounters {
    pub(crate) fn new(name: String) -> Self {
        FunctionCounters { name, ..FunctionCounters::default() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Adds to a counter with sequentially consistent ordering, which `engine/roster.rs` depends on.
    #[inline]
    pub(crate) fn add(&self, count: Count, number: u64) {
        self.lanes[lane()].0[count as usize].fetch_add(number, Ordering::SeqCst);
    }

    #[inline]
    pub(crate) fn hot_hit(&self, saved: Duration) {
        let lane = &self.lanes[lane()].0;
        lane[Count::HotHits as usize].fetch_add(1, Ordering::SeqCst);
        lane[Count::HotSaved as usize].fetch_add(nanoseconds(saved), Ordering::SeqCst);
    }

    pub(crate) fn hit(&self, saved: Duration, bytes: u64) {
        self.add(Count::Hits, 1);
        self.add(Count::Saved, nanoseconds(saved));
        self.add(Count::BytesRead, bytes);
    }

    pub(crate) fn miss(&self, computed: Duration) {
        self.add(Count::Misses, 1);
        self.add(Count::Computed, nanoseconds(computed));
    }

    pub(crate) fn bypass(&self, computed: Duration) {
        self.add(Count::Bypasses, 1);
        self.add(Count::Computed, nanoseconds(computed));
    }

    pub(crate) fn error(&self, kind: ErrorKind) {
        if let Some(index) = index_of_errors(kind) {
            self.lanes[lane()].0[index].fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Counts entries that were stored or removed.
    pub(crate) fn usage(&self, change: UsageDelta) {
        self.add(Count::Entries, change.entries.cast_unsigned());
        self.add(Count::Bytes, change.bytes.cast_unsigned());
    }

    /// Returns the counts of this process.
    pub(crate) fn totals(&self) -> CounterTotals {
        let mut totals = CounterTotals::default();
        for lane in &self.lanes {
            totals.add(&CounterTotals(std::array::from_fn(|index| lane.0[index].load(Ordering::Relaxed))));
        }
        totals
    }

    /// Returns the counts that the counter file does not have yet.
    pub(crate) fn unflushed(&self) -> CounterTotals {
        let flushed = locked(&self.flushed);
        self.totals().minus(&flushed)
    }

    /// Returns the counts that the counter file already has.
    pub(crate) fn flushed(&self) -> CounterTotals {
        *locked(&self.flushed)
    }

    /// Records that `more` was added to the counter file.
    pub(crate) fn note_flushed(&self, more: &CounterTotals) {
        locked(&self.flushed).add(more);
    }

    /// Returns the totals of the last export and the current totals, and records these as exported.
    #[cfg(feature = "metrics")]
    pub(crate) fn take_unexported(&self) -> (CounterTotals, CounterTotals) {
        let mut exported = locked(&self.exported);
        let totals = self.totals();
        (std::mem::replace(&mut *exported, totals), totals)
    }
}

/// Returns the lane of this thread.
#[inline]
fn lane() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    const NONE: usize = usize::MAX;
    thread_local! {
        static LANE: Cell<usize> = const { Cell::new(NONE) };
    }
    match LANE.get() {
        NONE => {
            let lane = NEXT.fetch_add(1, Ordering::Relaxed) % LANES;
            LANE.set(lane);
            lane
        }
        lane => lane,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_of_all_threads_add_up() {
        let counters = FunctionCounters::default();
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        counters.hot_hit(Duration::from_nanos(3));
                    }
                    counters.hit(Duration::from_nanos(5), 100);
                    counters.error(ErrorKind::InvalidInput);
                    counters.usage(UsageDelta { entries: 2, bytes: 10 });
                    counters.usage(UsageDelta { entries: -1, bytes: -7 });
                });
            }
        });
        let stats = counters.totals().stats();
        assert_eq!((stats.hits, stats.hot_hits), (20_020, 20_000));
        assert_eq!(stats.saved, Duration::from_nanos(60_100));
        assert_eq!((stats.entries, stats.bytes, stats.bytes_read), (20, 60, 2000));
        assert_eq!((stats.errors, stats.errors_by_kind[&ErrorKind::InvalidInput]), (20, 20));
    }

    #[test]
    fn flushed_counts_are_not_flushed_again() {
        let counters = FunctionCounters::default();
        counters.miss(Duration::from_nanos(7));
        let first = counters.unflushed();
        counters.miss(Duration::from_nanos(1));
        counters.note_flushed(&first);
        assert_eq!(counters.unflushed().stats().computed, Duration::from_nanos(1));
        counters.usage(UsageDelta { entries: -1, bytes: -5 });
        assert_eq!(counters.unflushed().stats().entries, 0);
        assert_eq!(counters.unflushed().usage(), UsageDelta { entries: -1, bytes: -5 });
    }
}
