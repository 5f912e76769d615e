//! How long to wait for somebody who computes the same.
//!
//! The longer, the more is seen of him. DESIGN.md has the table of who is waited for, and for how long.

use std::time::{Duration, Instant};

use super::signs::Pace;

/// How often those who wait look.
pub(super) const LOOK: Duration = Duration::from_secs(1);

/// A thread of a work-stealing pool may have, below on its stack, a part of the very job that it waits for. It does not
/// wait for one that stands still for so long.
const STEALING: Duration = Duration::from_secs(1);

/// So many limits for one of whom is not known that he waits for the one who waits for him: he may wait for something
/// else, or only look now and then whether it is there.
pub(super) const IDLE: u32 = 10;

/// So many limits for one who works, or for whom others do.
pub(super) const BUSY: u32 = 100;

/// Whether this thread is one of a pool that may take a job on top of another one.
pub(super) fn is_stealing() -> bool {
    rayon_core::current_thread_index().is_some()
}

/// How much longer than the limit to wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    limit: Duration,
    /// This thread may have jobs below on its stack that have nothing to do with what it does now.
    is_stealing: bool,
    began: Instant,
    /// Since when the other one stands still, and since when he does not work.
    still: Instant,
    light: Instant,
}

impl Patience {
    pub(super) fn new(limit: Duration, is_task: bool) -> Self {
        let now = Instant::now();
        Patience { limit, is_stealing: !is_task && is_stealing(), began: now, still: now, light: now }
    }

    /// The time until it is worth looking again.
    pub(super) fn until_next_look(&self) -> Duration {
        LOOK.min((self.limit / 4).max(Duration::from_millis(10)))
    }

    /// How the one who is waited for got on.
    pub(super) fn saw(&mut self, pace: Pace) {
        let now = Instant::now();
        if pace > Pace::Still {
            self.still = now;
        }
        if pace == Pace::Works {
            self.light = now;
        }
    }

    /// Whether it is over. One who stands still is waited for so many limits.
    pub(super) fn is_over(&self, still: u32) -> bool {
        let limits = |times: u32| self.limit.saturating_mul(times);
        let still = if self.is_stealing { self.limit.min(STEALING) } else { limits(still) };
        // Where nothing is seen of threads, everybody might work.
        let light = if cfg!(target_os = "linux") { IDLE } else { BUSY };
        self.still.elapsed() > still || self.light.elapsed() > limits(light) || self.began.elapsed() > limits(BUSY)
    }
}
