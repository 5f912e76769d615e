//! Counting what the cache did.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;

use crate::error::ErrorKind;
use crate::text::json::seconds;

/// What happened to a function or to a whole cache, in this process, those before and those beside it.
///
/// A cache that is off, or that can't be written to, counts for this process alone. What a process counted in
/// the second before it was killed may be missing.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// let cache = larder::Cache::open(folder.path())?;
/// for _ in 0..10 {
///     cache.get_or_compute("answer", &(), || 42);
/// }
/// let stats = cache.stats()?;
/// assert_eq!((stats.hits, stats.misses, stats.entries), (9, 1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// Calls whose result was loaded.
    pub hits: u64,
    /// Those of them that touched no file: the result was in this process's memory.
    pub hot_hits: u64,
    /// Calls that were computed with the cache at hand, whether their result was stored or not.
    pub misses: u64,
    /// Calls that went past the cache: it is off, an argument has no key, or little of the stack was left.
    pub bypasses: u64,
    /// Faults of the cache: entries that could not be read, results that could not be stored.
    pub errors: u64,
    /// The faults by their kind; those that did not happen are left out.
    pub errors_by_kind: BTreeMap<ErrorKind, u64>,
    /// Results that were not the stored ones when they were computed again (`LARDER=verify`). They are errors as well.
    pub unequal: u64,
    /// Results that were not stored, because each alone is larger than a limit. They are errors as well, of the kind
    /// [`LimitExceeded`](ErrorKind::LimitExceeded).
    pub too_large: u64,
    /// Time that functions ran. That of a memoized call within another one counts for both. As JSON: seconds.
    #[serde(serialize_with = "seconds")]
    pub computed: Duration,
    /// Time that functions would have run, had their results not been loaded. As JSON: seconds.
    #[serde(serialize_with = "seconds")]
    pub saved: Duration,
    /// Bytes of entries that were read from files.
    pub bytes_read: u64,
    /// Bytes of entries that were written.
    pub bytes_written: u64,
    /// Results that are stored. Files that were removed by hand count until the next
    /// [`trim`](crate::Cache::trim).
    pub entries: u64,
    /// Bytes of their files.
    pub bytes: u64,
}

/// What is counted, in the order that files have it: append only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    HotHits,
    /// Of the hot hits, in nanoseconds.
    HotSaved,
    Hits,
    Saved,
    Misses,
    Bypasses,
    Computed,
    BytesRead,
    BytesWritten,
    /// These two may go down; they wrap.
    Entries,
    Bytes,
    Unequal,
    /// The last number: those before are of errors.
    TooLarge = 31,
}

/// Numbers before those of errors.
const FIRST_ERROR: usize = 12;

/// Numbers in all. There is room for more kinds.
pub(crate) const NUMBERS: usize = 32;

/// The kinds of errors, in the order that files have them: append only.
const KINDS: [ErrorKind; 19] = [
    ErrorKind::NotFound,
    ErrorKind::PermissionDenied,
    ErrorKind::NoSpace,
    ErrorKind::ReadOnly,
    ErrorKind::Locked,
    ErrorKind::Io,
    ErrorKind::NotLarder,
    ErrorKind::Truncated,
    ErrorKind::Damaged,
    ErrorKind::WrongType,
    ErrorKind::NewerFormat,
    ErrorKind::UnknownCompressor,
    ErrorKind::AlreadyRegistered,
    ErrorKind::CompressorDisabled,
    ErrorKind::LevelOutOfRange,
    ErrorKind::NotMappable,
    ErrorKind::NotRepresentable,
    ErrorKind::LimitExceeded,
    ErrorKind::InvalidInput,
];

/// The number of a kind in files.
pub(crate) fn number_of(kind: ErrorKind) -> u64 {
    KINDS.iter().zip(0..).find(|(known, _)| **known == kind).map_or(u64::MAX, |(_, number)| number)
}

/// The kind with this number.
pub(crate) fn kind_of(number: u64) -> Option<ErrorKind> {
    KINDS.get(usize::try_from(number).ok()?).copied()
}

/// 584 years fit into a `u64`.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Entries and their bytes, which may come and go.
pub(crate) type Level = (i64, i64);

/// One of each number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums(pub(crate) [u64; NUMBERS]);

impl Sums {
    pub(crate) fn add(&mut self, other: &Sums) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, more)| *sum = sum.wrapping_add(more));
    }

    pub(crate) fn minus(&self, other: &Sums) -> Sums {
        Sums(std::array::from_fn(|index| self.0[index].wrapping_sub(other.0[index])))
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.0 == [0; NUMBERS]
    }

    pub(crate) fn get(&self, count: Count) -> u64 {
        self.0[count as usize]
    }

    pub(crate) fn set(&mut self, count: Count, value: u64) {
        self.0[count as usize] = value;
    }

    /// Entries and their bytes.
    pub(crate) fn contents(&self) -> Level {
        (self.get(Count::Entries).cast_signed(), self.get(Count::Bytes).cast_signed())
    }

    /// A number that may have gone down. Below zero is what was forgotten to be counted up.
    fn level(&self, count: Count) -> u64 {
        self.get(count).cast_signed().max(0).cast_unsigned()
    }

    pub(crate) fn stats(&self) -> Stats {
        let errors_by_kind: BTreeMap<_, _> =
            KINDS.into_iter().zip(self.0[FIRST_ERROR..].iter().copied()).filter(|(_, count)| *count > 0).collect();
        let unequal = self.get(Count::Unequal);
        Stats {
            hits: self.get(Count::Hits) + self.get(Count::HotHits),
            hot_hits: self.get(Count::HotHits),
            misses: self.get(Count::Misses),
            bypasses: self.get(Count::Bypasses),
            errors: errors_by_kind.values().sum::<u64>() + unequal,
            errors_by_kind,
            unequal,
            too_large: self.get(Count::TooLarge),
            computed: Duration::from_nanos(self.get(Count::Computed)),
            saved: Duration::from_nanos(self.get(Count::Saved).saturating_add(self.get(Count::HotSaved))),
            bytes_read: self.get(Count::BytesRead),
            bytes_written: self.get(Count::BytesWritten),
            entries: self.level(Count::Entries),
            bytes: self.level(Count::Bytes),
        }
    }
}

/// Threads count side by side, so that they don't wait for each other's cache lines.
const LANES: usize = 8;

/// What one thread counts, or a few. Two lines of the cache, as processors fetch them in pairs; the first line
/// has what hot hits count.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Lane([AtomicU64; NUMBERS]);

/// What this process counted of one function in one cache.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// The function's folder, from the root on.
    name: String,
    lanes: [Lane; LANES],
    /// What of it the file has.
    flushed: Mutex<Sums>,
    /// What of it was told to whoever collects metrics.
    #[cfg(feature = "metrics")]
    metered: Mutex<Sums>,
}

impl Tally {
    pub(crate) fn of(name: String) -> Self {
        Tally { name, ..Tally::default() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    #[inline]
    pub(crate) fn add(&self, count: Count, number: u64) {
        self.lanes[lane()].0[count as usize].fetch_add(number, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn hot_hit(&self, saved: Duration) {
        let lane = &self.lanes[lane()].0;
        lane[Count::HotHits as usize].fetch_add(1, Ordering::Relaxed);
        lane[Count::HotSaved as usize].fetch_add(nanoseconds(saved), Ordering::Relaxed);
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
        if let Some(index) = KINDS.iter().position(|known| *known == kind) {
            self.lanes[lane()].0[FIRST_ERROR + index].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Entries and bytes that came, or went.
    pub(crate) fn contents(&self, entries: i64, bytes: i64) {
        self.add(Count::Entries, entries.cast_unsigned());
        self.add(Count::Bytes, bytes.cast_unsigned());
    }

    pub(crate) fn sums(&self) -> Sums {
        let mut sums = Sums::default();
        for lane in &self.lanes {
            sums.add(&Sums(std::array::from_fn(|index| lane.0[index].load(Ordering::Relaxed))));
        }
        sums
    }

    /// What the file does not have yet.
    pub(crate) fn unflushed(&self) -> Sums {
        self.sums().minus(&self.flushed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells whoever collects metrics what was counted until the last time, and until now.
    #[cfg(feature = "metrics")]
    pub(crate) fn meter(&self, tell: impl FnOnce(&str, &Sums, &Sums)) {
        let mut metered = self.metered.lock().unwrap_or_else(PoisonError::into_inner);
        let sums = self.sums();
        tell(&self.name, &metered, &sums);
        *metered = sums;
    }

    /// The file has these as well now.
    pub(crate) fn flushed(&self, more: &Sums) {
        self.flushed.lock().unwrap_or_else(PoisonError::into_inner).add(more);
    }
}

/// The lane of this thread.
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
    fn threads_count_together() {
        let tally = Tally::default();
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        tally.hot_hit(Duration::from_nanos(3));
                    }
                    tally.hit(Duration::from_nanos(5), 100);
                    tally.error(ErrorKind::InvalidInput);
                    tally.contents(2, 10);
                    tally.contents(-1, -7);
                });
            }
        });
        let stats = tally.sums().stats();
        assert_eq!((stats.hits, stats.hot_hits), (20_020, 20_000));
        assert_eq!(stats.saved, Duration::from_nanos(60_100));
        assert_eq!((stats.entries, stats.bytes, stats.bytes_read), (20, 60, 2000));
        assert_eq!((stats.errors, stats.errors_by_kind[&ErrorKind::InvalidInput]), (20, 20));
    }

    #[test]
    fn what_was_flushed_is_not_flushed_again() {
        let tally = Tally::default();
        tally.miss(Duration::from_nanos(7));
        let first = tally.unflushed();
        tally.miss(Duration::from_nanos(1));
        tally.flushed(&first);
        assert_eq!(tally.unflushed().stats().computed, Duration::from_nanos(1));
        tally.contents(-1, -5);
        assert_eq!(tally.unflushed().stats().entries, 0);
    }

    #[test]
    fn there_is_room_for_every_kind() {
        assert_eq!(Count::Unequal as usize + 1, FIRST_ERROR);
        assert!(FIRST_ERROR + KINDS.len() <= Count::TooLarge as usize && (Count::TooLarge as usize) < NUMBERS);
    }
}
