//! Limits the eviction work of one call, so that no call waits long.

use std::time::{Duration, Instant};

/// Maximum numbers of entries that one call looks at and removes.
pub(crate) const LOOKS: usize = 4096;
pub(crate) const REMOVALS: usize = 128;

/// Approximate time limit of one piece of work.
const TIME: Duration = Duration::from_millis(10);

/// The clock is read after this number of looks. Each look may take a millisecond if it reads from the disk.
const AT_ONCE: usize = 16;

/// A cache with at most this number of entries is kept exactly within its limits, however slow the machine is.
const FEW: i64 = 1000;
const IF_FEW: Minimum = Minimum { looks: 256, removals: 64 };
const IF_MANY: Minimum = Minimum { looks: AT_ONCE, removals: 2 };

/// Work that is allowed even after the time limit.
#[derive(Clone, Copy)]
struct Minimum {
    looks: usize,
    removals: usize,
}

/// Work that is still allowed.
pub(crate) struct Budget {
    looks: usize,
    removals: usize,
    most_looks: usize,
    minimum: Minimum,
    until: Instant,
}

impl Budget {
    /// Returns the budget of a call, or of one piece of the background thread's work, in a cache of this size.
    pub(crate) fn of(entries: i64) -> Self {
        let minimum = if entries <= FEW { IF_FEW } else { IF_MANY };
        Budget { looks: 0, removals: 0, most_looks: LOOKS, minimum, until: Instant::now() + TIME }
    }

    /// Returns a budget for looking at `count` entries.
    pub(crate) fn of_looks(count: usize) -> Self {
        Budget { most_looks: count, ..Budget::of(i64::MAX) }
    }

    /// Returns how many entries may be looked at now.
    pub(crate) fn looks(&self) -> usize {
        let left = self.most_looks - self.looks;
        match self.minimum.looks.saturating_sub(self.looks) {
            0 if Instant::now() >= self.until => 0,
            0 => left.min(AT_ONCE),
            minimum => left.min(minimum),
        }
    }

    pub(crate) fn looked(&mut self, count: usize) {
        self.looks = self.looks.saturating_add(count).min(self.most_looks);
    }

    /// Returns whether one more entry may be removed, and counts it.
    pub(crate) fn removal(&mut self) -> bool {
        let is_late = || self.removals >= self.minimum.removals && Instant::now() >= self.until;
        if self.removals >= REMOVALS || is_late() {
            return false;
        }
        self.removals += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_that_is_late_allows_the_minimum() {
        for (entries, minimum) in [(FEW, IF_FEW), (FEW + 1, IF_MANY)] {
            let mut budget = Budget::of(entries);
            budget.until = Instant::now();
            let mut looks = 0;
            while let count @ 1.. = budget.looks() {
                looks += count;
                budget.looked(count);
            }
            let removals = (0..).take_while(|_| budget.removal()).count();
            assert_eq!((looks, removals), (minimum.looks, minimum.removals));
        }
    }

    #[test]
    fn a_budget_with_time_left_allows_no_more_than_its_most() {
        let mut budget = Budget::of(i64::MAX);
        budget.until = Instant::now() + Duration::from_secs(60);
        budget.looked(LOOKS - 3);
        assert_eq!(budget.looks(), 3);
        budget.looked(3);
        assert_eq!((budget.looks(), (0..).take_while(|_| budget.removal()).count()), (0, REMOVALS));
        assert_eq!(Budget::of_looks(5).most_looks, 5);
    }
}
