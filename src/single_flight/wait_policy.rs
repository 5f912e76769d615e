//! Wait policy: how long a call waits for the thread, task or process that computes the same call.
//!
//! The more progress the holder shows, the longer the wait. `docs/design/concurrency.md` has the table.

use std::time::{Duration, Instant};

use crate::single_flight::progress_probe::Pace;

/// How often a waiting call looks at the holder.
pub(super) const LOOK: Duration = Duration::from_secs(1);

/// Maximum wait of a work-stealing thread for a holder without progress. Further down its stack, such a thread may have
/// a job that the holder needs.
const STEALING: Duration = Duration::from_secs(1);

/// Multiple of the limit for a holder that stands still or only wakes now and then, if it need not be waiting for this
/// call.
pub(super) const IDLE: u32 = 10;

/// Multiple of the limit for a holder that works, or for which other threads or processes work.
pub(super) const BUSY: u32 = 100;

/// Returns whether this thread belongs to a pool that may run a job on top of another one.
pub(super) fn is_stealing() -> bool {
    rayon_core::current_thread_index().is_some()
}

/// How long a wait may continue.
#[derive(Clone, Copy, Debug)]
pub(super) struct WaitPolicy {
    limit: Duration,
    /// Whether the waiting thread belongs to a work-stealing pool.
    is_stealing: bool,
    began: Instant,
    /// Since when the holder has stood still, and since when it has not worked.
    still: Instant,
    light: Instant,
}

impl WaitPolicy {
    pub(super) fn new(limit: Duration, is_task: bool) -> Self {
        let now = Instant::now();
        WaitPolicy { limit, is_stealing: !is_task && is_stealing(), began: now, still: now, light: now }
    }

    /// Returns the time until the next look.
    pub(super) fn until_next_look(&self) -> Duration {
        LOOK.min((self.limit / 4).max(Duration::from_millis(10)))
    }

    /// Records the holder's progress since the last look.
    pub(super) fn saw(&mut self, pace: Pace) {
        let now = Instant::now();
        if pace > Pace::Still {
            self.still = now;
        }
        if pace == Pace::Works {
            self.light = now;
        }
    }

    /// Returns whether to give up. A holder that stands still has `still` times the limit.
    pub(super) fn is_over(&self, still: u32) -> bool {
        let limits = |times: u32| self.limit.saturating_mul(times);
        let still = if self.is_stealing { self.limit.min(STEALING) } else { limits(still) };
        // Where the progress of threads is invisible, the holder might be working.
        let light = if cfg!(target_os = "linux") { IDLE } else { BUSY };
        self.still.elapsed() > still || self.light.elapsed() > limits(light) || self.began.elapsed() > limits(BUSY)
    }
}
