//! Decides when a cache is idle, and when its entries are touched.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::observe::stats::CounterTotals;

/// A cache is idle after this number of ticks of the background thread without activity.
const IDLE_TICKS: u32 = 3;

/// Time between two touches of the entries that were used in memory.
const TOUCH_INTERVAL: Duration = Duration::from_secs(60);

/// State of a cache between two ticks of the background thread.
pub(super) struct IdleClock(Mutex<Seen>);

struct Seen {
    /// Number of ticks without activity.
    idle_ticks: u32,
    totals: CounterTotals,
    touched: Instant,
}

impl Default for IdleClock {
    fn default() -> Self {
        IdleClock(Mutex::new(Seen { idle_ticks: 0, totals: CounterTotals::default(), touched: Instant::now() }))
    }
}

impl IdleClock {
    /// Records a tick. `totals` are the current counts of this process; `is_busy` says whether work is in progress.
    /// Returns whether the cache is in use.
    pub(super) fn tick(&self, totals: CounterTotals, is_busy: bool) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.idle_ticks = if is_busy || totals != seen.totals { 0 } else { seen.idle_ticks + 1 };
        seen.totals = totals;
        let is_in_use = seen.idle_ticks < IDLE_TICKS;
        if !is_in_use {
            seen.idle_ticks = 0;
        }
        is_in_use
    }

    /// Returns whether the entries used in memory must be touched now, and records that they are.
    pub(super) fn is_touch_due(&self) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = seen.touched.elapsed() >= TOUCH_INTERVAL;
        if is_due {
            seen.touched = Instant::now();
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::stats::UsageDelta;

    #[test]
    fn a_cache_is_idle_when_nothing_was_counted_for_a_while() {
        let clock = IdleClock::default();
        let totals = |entries| CounterTotals::from(UsageDelta { entries, bytes: 0 });
        let ticks = |totals, is_busy| (0..10).take_while(|_| clock.tick(totals, is_busy)).count();
        assert_eq!(ticks(totals(1), false), 3);
        // The cache was woken again.
        assert_eq!(ticks(totals(1), false), 2);
        assert_eq!(ticks(totals(2), true), 10);
    }

    #[test]
    fn entries_are_touched_once_a_minute() {
        let clock = IdleClock::default();
        assert!(!clock.is_touch_due());
        clock.0.lock().unwrap().touched = Instant::now().checked_sub(TOUCH_INTERVAL).unwrap();
        assert!(clock.is_touch_due() && !clock.is_touch_due());
    }
}
