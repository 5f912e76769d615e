//! How much is done at a time for the limits, so that nobody waits for it.

use std::time::{Duration, Instant};

/// What one call does at most: entries that are looked at, and entries that are removed.
pub(crate) const LOOKS: usize = 4096;
pub(crate) const REMOVALS: usize = 128;

/// How long one piece of work takes, about.
const TIME: Duration = Duration::from_millis(10);

/// After so many looks, the time is looked at: each may take a millisecond, where the disk has to be asked.
const AT_ONCE: usize = 16;

/// A cache of so few entries is kept to its limits to the entry, however slow the machine is: so much is done in any case.
const FEW: i64 = 1000;
const OF_FEW: Anyway = Anyway { looks: 256, removals: 64 };
const OF_MANY: Anyway = Anyway { looks: AT_ONCE, removals: 2 };

/// What is done in any case.
#[derive(Clone, Copy)]
struct Anyway {
    looks: usize,
    removals: usize,
}

/// What may still be done.
pub(crate) struct Budget {
    looks: usize,
    removals: usize,
    most_looks: usize,
    anyway: Anyway,
    until: Instant,
}

impl Budget {
    /// Of a call, or of one piece of the thread's work, in a cache of so many entries.
    pub(crate) fn of(entries: i64) -> Self {
        let anyway = if entries <= FEW { OF_FEW } else { OF_MANY };
        Budget { looks: 0, removals: 0, most_looks: LOOKS, anyway, until: Instant::now() + TIME }
    }

    /// For looking at so many entries.
    pub(crate) fn of_looks(count: usize) -> Self {
        Budget { most_looks: count, ..Budget::of(i64::MAX) }
    }

    /// How many entries may be looked at now; 0 if none.
    pub(crate) fn looks(&self) -> usize {
        let left = self.most_looks - self.looks;
        match self.anyway.looks.saturating_sub(self.looks) {
            0 if Instant::now() >= self.until => 0,
            0 => left.min(AT_ONCE),
            anyway => left.min(anyway),
        }
    }

    pub(crate) fn looked(&mut self, count: usize) {
        self.looks = self.looks.saturating_add(count).min(self.most_looks);
    }

    /// Whether an entry may be removed.
    pub(crate) fn removal(&mut self) -> bool {
        let is_late = || self.removals >= self.anyway.removals && Instant::now() >= self.until;
        if self.removals >= REMOVALS || is_late() {
            return false;
        }
        self.removals += 1;
        true
    }
}
