//! Counters of functions, their totals, and the public [`Stats`].

use std::collections::BTreeMap;
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

use serde::Serialize;

use crate::error::ErrorKind;
use crate::text::json::seconds;

/// Counts of a function or of a whole cache, over all processes that used it.
///
/// A cache that is off, or that can't be written to, has the counts of this process only. What a process counted in the
/// second before it was killed may be missing.
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
    /// The hits that touched no file, because the result was in this process's memory.
    pub hot_hits: u64,
    /// Calls that were computed and could have been stored, whether their result was stored or not.
    pub misses: u64,
    /// Calls that bypassed the cache: it is off, an argument has no key, or little of the stack was left.
    pub bypasses: u64,
    /// Faults of the cache, such as entries that could not be read and results that could not be stored.
    pub errors: u64,
    /// The faults by kind. Kinds that did not occur are left out.
    pub errors_by_kind: BTreeMap<ErrorKind, u64>,
    /// Results that differed from the stored ones when they were computed again (`LARDER=verify`). They also count as
    /// errors.
    pub unequal: u64,
    /// Results that were not stored because they are larger than a limit. They also count as errors, of the kind
    /// [`LimitExceeded`](ErrorKind::LimitExceeded).
    pub too_large: u64,
    /// How long functions ran. The time of a memoized call within another one counts for both. As JSON: seconds.
    #[serde(serialize_with = "seconds")]
    pub computed: Duration,
    /// How long functions would have run if their results had not been loaded. As JSON: seconds.
    #[serde(serialize_with = "seconds")]
    pub saved: Duration,
    /// Bytes of entries read from files.
    pub bytes_read: u64,
    /// Bytes of entries written.
    pub bytes_written: u64,
    /// Number of stored results. A file that another program removed is counted until the next
    /// [`trim`](crate::Cache::trim).
    pub entries: u64,
    /// Total size of their files, in bytes.
    pub bytes: u64,
}

/// The counters, in the order of the counter file. New ones may only be appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    HotHits,
    /// Nanoseconds that hits in memory saved.
    HotSaved,
    Hits,
    Saved,
    Misses,
    Bypasses,
    Computed,
    BytesRead,
    BytesWritten,
    /// This counter and the next one may go down, so they wrap.
    Entries,
    Bytes,
    Unequal,
    /// The last counter. Those between `Unequal` and this one count errors by kind.
    TooLarge = 31,
}

/// Index of the first counter of errors.
const FIRST_ERROR: usize = 12;

/// Total number of counters.
pub(crate) const COUNTERS: usize = 32;

/// The kinds of errors, in the order of the counter file. New ones may only be appended.
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

/// Returns the index of the counter for errors of a kind.
pub(super) fn index_of_errors(kind: ErrorKind) -> Option<usize> {
    KINDS.iter().position(|known| *known == kind).map(|position| FIRST_ERROR + position)
}

/// Returns the number that stands for an error kind in files.
pub(crate) fn number_of(kind: ErrorKind) -> u64 {
    KINDS.iter().zip(0..).find(|(known, _)| **known == kind).map_or(u64::MAX, |(_, number)| number)
}

/// Returns the error kind for a number in a file.
pub(crate) fn kind_of(number: u64) -> Option<ErrorKind> {
    KINDS.get(usize::try_from(number).ok()?).copied()
}

/// Converts a duration to nanoseconds. 584 years fit into a `u64`.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Number of entries and their bytes: a state, or a change of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct UsageDelta {
    pub(crate) entries: i64,
    pub(crate) bytes: i64,
}

impl UsageDelta {
    /// Returns the usage of one entry of this size.
    pub(crate) fn one(size: u64) -> Self {
        UsageDelta { entries: 1, bytes: signed(size) }
    }
}

impl Add for UsageDelta {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        UsageDelta { entries: self.entries.wrapping_add(other.entries), bytes: self.bytes.wrapping_add(other.bytes) }
    }
}

impl Sub for UsageDelta {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        UsageDelta { entries: self.entries.wrapping_sub(other.entries), bytes: self.bytes.wrapping_sub(other.bytes) }
    }
}

impl AddAssign for UsageDelta {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// The value of each counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CounterTotals(pub(crate) [u64; COUNTERS]);

impl From<UsageDelta> for CounterTotals {
    fn from(usage: UsageDelta) -> Self {
        let mut totals = CounterTotals::default();
        totals.0[Count::Entries as usize] = usage.entries.cast_unsigned();
        totals.0[Count::Bytes as usize] = usage.bytes.cast_unsigned();
        totals
    }
}

impl CounterTotals {
    pub(crate) fn add(&mut self, other: &CounterTotals) {
        self.0.iter_mut().zip(other.0).for_each(|(total, more)| *total = total.wrapping_add(more));
    }

    pub(crate) fn minus(&self, other: &CounterTotals) -> CounterTotals {
        CounterTotals(std::array::from_fn(|index| self.0[index].wrapping_sub(other.0[index])))
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.0 == [0; COUNTERS]
    }

    pub(crate) fn get(&self, count: Count) -> u64 {
        self.0[count as usize]
    }

    /// Returns the number of entries and their bytes.
    pub(crate) fn usage(&self) -> UsageDelta {
        UsageDelta { entries: self.get(Count::Entries).cast_signed(), bytes: self.get(Count::Bytes).cast_signed() }
    }

    /// Returns a counter that may go down, at least zero. It is negative if an entry was not counted when it was
    /// stored.
    fn level(&self, count: Count) -> u64 {
        self.get(count).cast_signed().max(0).cast_unsigned()
    }

    /// Converts the counters to the public type.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_error_has_a_counter() {
        assert_eq!(Count::Unequal as usize + 1, FIRST_ERROR);
        assert!(FIRST_ERROR + KINDS.len() <= Count::TooLarge as usize && (Count::TooLarge as usize) < COUNTERS);
    }
}
