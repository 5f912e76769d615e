//! What is counted: the counters of a function, their totals, and the public [`Stats`].

use std::collections::BTreeMap;
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

use serde::Serialize;

use crate::error::ErrorKind;
use crate::text::json::seconds;

/// Counts of a function or of a whole cache, over all processes that used it.
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
    /// Calls that were computed and could have been stored, whether their result was stored or not.
    pub misses: u64,
    /// Calls that bypassed the cache: it is off, an argument has no key, or little of the stack was left.
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
    /// Results that are stored. A file that another program removed counts until the next
    /// [`trim`](crate::Cache::trim).
    pub entries: u64,
    /// Bytes of their files.
    pub bytes: u64,
}

/// The counters, in the order of the counter file. Only append.
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
    /// This and the next one may go down, so they wrap.
    Entries,
    Bytes,
    Unequal,
    /// The last counter. Those between `Unequal` and this one count errors by kind.
    TooLarge = 31,
}

/// Index of the first counter of errors.
const FIRST_ERROR: usize = 12;

/// Counters in all.
pub(crate) const COUNTERS: usize = 32;

/// The kinds of errors, in the order of the counter file. Only append.
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

/// Returns the number that stands for a kind in files.
pub(crate) fn number_of(kind: ErrorKind) -> u64 {
    KINDS.iter().zip(0..).find(|(known, _)| **known == kind).map_or(u64::MAX, |(_, number)| number)
}

/// Returns the kind that a number stands for.
pub(crate) fn kind_of(number: u64) -> Option<ErrorKind> {
    KINDS.get(usize::try_from(number).ok()?).copied()
}

/// Converts a duration; 584 years fit into a `u64`.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Entries and their bytes: how many there are, or by how many their number changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct UsageDelta {
    pub(crate) entries: i64,
    pub(crate) bytes: i64,
}

impl UsageDelta {
    /// Returns one entry of this size.
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

    /// Returns the entries and their bytes.
    pub(crate) fn usage(&self) -> UsageDelta {
        UsageDelta { entries: self.get(Count::Entries).cast_signed(), bytes: self.get(Count::Bytes).cast_signed() }
    }

    /// Returns a counter that may have gone down. It is below zero if an entry was not counted when it was stored.
    fn level(&self, count: Count) -> u64 {
        self.get(count).cast_signed().max(0).cast_unsigned()
    }

    /// Returns the counters as the public type has them.
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
