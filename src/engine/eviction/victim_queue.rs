//! Queue of the entries that are evicted next.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::{Duration, Instant};

use crate::engine::eviction::scan::Scan;
use crate::engine::eviction::victim::{Unremovable, Victim};

/// If no queued entry could be removed, the next scan begins after this time.
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
    /// How many entries the last scan queued, and how many of them could be removed.
    pub(super) queued: usize,
    pub(super) removed: usize,
    /// The scan in progress.
    pub(super) scan: Option<Box<Scan>>,
    pub(super) unremovable: Unremovable,
}

impl VictimQueue {
    /// Fills the queue with the result of a scan.
    pub(super) fn fill(&mut self, overdue: VecDeque<Victim>, next: BinaryHeap<Reverse<Victim>>) {
        (self.queued, self.removed) = (overdue.len() + next.len(), 0);
        (self.overdue, self.next) = (overdue, next);
        (self.scanned, self.is_usage_known) = (Some(Instant::now()), true);
    }

    /// Returns whether no queued entry could be removed, so that another scan now would find the same entries.
    pub(super) fn is_stuck(&self) -> bool {
        self.removed == 0 && self.queued > 0 && self.scanned.is_some_and(|at| at.elapsed() < PAUSE_AFTER_FAILURE)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::SystemTime;

    use super::*;
    use crate::key::digest::Key;

    #[test]
    fn a_queue_is_stuck_if_no_queued_entry_could_be_removed() {
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
        queue.removed = 1;
        assert!(!queue.is_stuck());
        queue.fill(VecDeque::new(), BinaryHeap::new());
        assert!(!queue.is_stuck());
    }
}
