//! Queue of the entries that are evicted next.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::{Duration, Instant};

use crate::engine::eviction::scan::Scan;
use crate::engine::eviction::victim::{Unremovable, Victim};

/// Time until the next scan if no entry of the queue is settled.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// The entries that should be evicted first, found by the last scan.
#[derive(Default)]
pub(crate) struct VictimQueue {
    /// Whether the usage of the whole cache is known.
    pub(super) is_usage_known: bool,
    /// When the last scan ended.
    pub(super) scanned: Option<Instant>,
    /// Entries that must be evicted.
    pub(super) overdue: VecDeque<Victim>,
    /// Entries to evict while a limit is exceeded.
    pub(super) next: BinaryHeap<Reverse<Victim>>,
    /// How many entries the last scan queued.
    pub(super) queued: usize,
    /// How many of them were removed, or are remembered as unremovable: the next scan does not find these again.
    pub(super) settled: usize,
    /// The scan that is under way.
    pub(super) scan: Option<Box<Scan>>,
    pub(super) unremovable: Unremovable,
}

impl VictimQueue {
    /// Fills the queue with the result of a scan.
    pub(super) fn fill(&mut self, overdue: VecDeque<Victim>, next: BinaryHeap<Reverse<Victim>>) {
        (self.queued, self.settled) = (overdue.len() + next.len(), 0);
        (self.overdue, self.next) = (overdue, next);
        (self.scanned, self.is_usage_known) = (Some(Instant::now()), true);
    }

    /// Whether another scan would find the same entries, because none of them is settled.
    pub(super) fn is_stuck(&self) -> bool {
        self.settled == 0 && self.queued > 0 && self.scanned.is_some_and(|at| at.elapsed() < PAUSE_AFTER_FAILURE)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::SystemTime;

    use super::*;
    use crate::key::digest::Key;

    #[test]
    fn a_queue_is_stuck_if_no_entry_of_it_is_settled() {
        let victim = || Victim {
            folder: Path::new("f").into(),
            key: Key::from_bytes([1; 32]),
            used: SystemTime::UNIX_EPOCH,
            size: 1,
            rank: (0, SystemTime::UNIX_EPOCH),
        };
        let mut queue = VictimQueue::default();
        assert!(!queue.is_stuck());
        queue.fill(VecDeque::from([victim()]), BinaryHeap::new());
        assert!(queue.is_stuck());
        queue.settled = 1;
        assert!(!queue.is_stuck());
        queue.fill(VecDeque::new(), BinaryHeap::new());
        assert!(!queue.is_stuck());
    }
}
