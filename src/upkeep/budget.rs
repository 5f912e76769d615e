//! How much is done at a time for the limits, so that nobody waits for it.

use std::time::{Duration, Instant};

/// What one call does at most: entries that are looked at, and entries that are removed.
pub(super) const LOOKS: usize = 4096;
pub(super) const REMOVALS: usize = 128;

/// How long one piece of work takes, about.
const TIME: Duration = Duration::from_millis(10);

/// So much is done in any case, so that a small cache is kept to its limits to the entry, however slow the machine is.
const LOOKS_ANYWAY: usize = 256;
const REMOVALS_ANYWAY: usize = 32;

/// Then the time is looked at after so many.
const AT_ONCE: usize = 64;

/// What may still be done.
pub(super) struct Budget {
    looks: usize,
    removals: usize,
    most: (usize, usize),
    until: Instant,
}

impl Budget {
    /// Of a call, or of one piece of the thread's work.
    pub(super) fn new() -> Self {
        Budget { looks: 0, removals: 0, most: (LOOKS, REMOVALS), until: Instant::now() + TIME }
    }

    /// For looking at so many entries.
    pub(super) fn of_looks(count: usize) -> Self {
        Budget { most: (count, 0), ..Budget::new() }
    }

    /// How many entries may be looked at now; 0 if none.
    pub(super) fn looks(&self) -> usize {
        let left = self.most.0 - self.looks;
        match self.looks {
            looks if looks < LOOKS_ANYWAY => left.min(LOOKS_ANYWAY - looks),
            _ if Instant::now() >= self.until => 0,
            _ => left.min(AT_ONCE),
        }
    }

    pub(super) fn looked(&mut self, count: usize) {
        self.looks = self.looks.saturating_add(count).min(self.most.0);
    }

    /// Whether an entry may be removed.
    pub(super) fn removal(&mut self) -> bool {
        if self.removals >= self.most.1 || (self.removals >= REMOVALS_ANYWAY && Instant::now() >= self.until) {
            return false;
        }
        self.removals += 1;
        true
    }
}
