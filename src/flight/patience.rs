//! How long to wait for somebody who computes the same.
//!
//! As long as it takes, if he is seen to get on. DESIGN.md has the table of who is waited for, and for how long.

use std::time::{Duration, Instant};

/// How often those who wait look.
pub(super) const LOOK: Duration = Duration::from_secs(1);

/// A thread of a work-stealing pool may have, below on its stack, a part of the very job that it waits for. It does not
/// wait for one that stands still for so long.
const STEALING: Duration = Duration::from_secs(1);

/// Somebody who can't be seen to get on, and works or might work otherwise, is waited for so many times longer.
pub(super) const IDLE: u32 = 10;
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
    since: Instant,
}

impl Patience {
    pub(super) fn new(limit: Duration, is_task: bool) -> Self {
        Patience { limit, is_stealing: !is_task && is_stealing(), since: Instant::now() }
    }

    /// The time until it is worth looking again.
    pub(super) fn until_next_look(&self) -> Duration {
        LOOK.min((self.limit / 4).max(Duration::from_millis(10)))
    }

    /// The one who is waited for has got on.
    pub(super) fn renew(&mut self) {
        self.since = Instant::now();
    }

    /// Whether somebody stood still for so many times the limit.
    pub(super) fn is_over(&self, times: u32) -> bool {
        let limit = if self.is_stealing { self.limit.min(STEALING) } else { self.limit.saturating_mul(times) };
        self.since.elapsed() > limit
    }
}
