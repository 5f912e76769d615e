//! How long a call waits for the holder: the thread, task or process that computes the same call.
//!
//! The more the holder is seen to do, the longer. DESIGN.md has the table.

use std::time::{Duration, Instant};

use crate::single_flight::progress_probe::Pace;

/// How often a waiting call looks at the holder.
pub(super) const LOOK: Duration = Duration::from_secs(1);

/// A thread of a work-stealing pool may have a part of the holder's own work below on its stack. It waits this long for a
/// holder that stands still.
const STEALING: Duration = Duration::from_secs(1);

/// Limits for a holder that stands still or only wakes now and then, and need not be waiting for this call.
pub(super) const IDLE: u32 = 10;

/// Limits for a holder that works, or for which other threads or processes do.
pub(super) const BUSY: u32 = 100;

/// Whether this thread is one of a pool that may take a job on top of another one.
pub(super) fn is_stealing() -> bool {
    rayon_core::current_thread_index().is_some()
}

/// How long the wait may go on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    limit: Duration,
    /// The waiting thread is one of a work-stealing pool.
    is_stealing: bool,
    began: Instant,
    /// Since when the holder stands still, and since when it does not work.
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

    /// The holder got on like this since the last look.
    pub(super) fn saw(&mut self, pace: Pace) {
        let now = Instant::now();
        if pace > Pace::Still {
            self.still = now;
        }
        if pace == Pace::Works {
            self.light = now;
        }
    }

    /// Whether to give up. A holder that stands still has `still` limits.
    pub(super) fn is_over(&self, still: u32) -> bool {
        let limits = |times: u32| self.limit.saturating_mul(times);
        let still = if self.is_stealing { self.limit.min(STEALING) } else { limits(still) };
        // Where nothing is seen of threads, everybody might work.
        let light = if cfg!(target_os = "linux") { IDLE } else { BUSY };
        self.still.elapsed() > still || self.light.elapsed() > limits(light) || self.began.elapsed() > limits(BUSY)
    }
}
