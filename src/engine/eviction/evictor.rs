//! Evictor: keeps a cache within its limits as entries are written.
//!
//! Its cost per stored entry does not grow with the cache, because usage is counted. When a limit is exceeded, a scan
//! queues the quarter of the entries that should be evicted first. They are evicted one by one as new entries are
//! stored, and the next scan begins when the queue is almost empty. So each stored entry pays for looking at about four
//! entries. An entry that was used since it was queued stays.
//!
//! No call waits long: `budget.rs` limits its work. Later calls and the background thread do the rest.
//!
//! The lock of the queue is only ever tried. Foreign code that runs under it (such as a tracing layer, while an entry
//! is removed) may store results itself; it then leaves eviction to the thread that holds the queue.

use std::cmp::Reverse;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use crate::engine::accounting::Accounting;
use crate::engine::cache_folder::CacheFolder;
use crate::engine::eviction::budget::Budget;
use crate::engine::eviction::policy::{EvictionOrder, Limits};
use crate::engine::eviction::scan::Scan;
use crate::engine::eviction::victim::Victim;
use crate::engine::eviction::victim_queue::VictimQueue;
use crate::engine::usage::AtomicUsage;
use crate::error::{Error, Result};
use crate::key::digest::Key;
use crate::observe::repeated_faults::{Logged, Repeats};
use crate::observe::stats::UsageDelta;

/// In a cache of at most this size, calls look for entries that are too old or idle. In a larger one, the background
/// thread does.
const FEW: i64 = 10_000;

/// Minimum time between two scans for old entries, per entry in the cache.
const PAUSE_FOR_EACH: Duration = Duration::from_micros(100);

/// The next scan begins when this fraction of the queue is left: 1/8.
const RUNS_LOW: usize = 8;

/// Number of entries that a call looks at for a scan whose result is not needed yet.
const AHEAD: usize = 64;

/// How long a call waits for another thread that evicts.
const LONGEST_WAIT: Duration = Duration::from_millis(20);

/// How long the background thread works on one cache before it continues with the next.
const THREADS_TURN: Duration = Duration::from_millis(300);

/// Function that removes an entry. Returns whether it existed.
pub(crate) type Remove<'r> = &'r dyn Fn(&Path, &Key) -> Result<bool>;

/// What the evictor needs from the engine.
#[derive(Clone, Copy)]
pub(crate) struct EvictionContext<'s> {
    pub(crate) folder: &'s CacheFolder,
    pub(crate) accounting: &'s Accounting,
    pub(crate) repeats: &'s Repeats,
    pub(crate) remove: Remove<'s>,
}

/// Keeps one cache within its limits.
pub(crate) struct Evictor {
    limits: Limits,
    order: EvictionOrder,
    queue: Mutex<VictimQueue>,
    /// Entries that can't be removed. They are not compared with the limits.
    unremovable: AtomicUsage,
}

/// Whether work is left.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    Nothing,
    More,
}

/// What is logged after the queue is released.
#[derive(Default)]
struct Report {
    faults: Vec<(&'static str, Error)>,
    /// Number of entries, number of queued entries, and time of each scan.
    scans: Vec<(usize, usize, Duration)>,
}

impl Evictor {
    pub(crate) fn new(limits: Limits, order: EvictionOrder) -> Self {
        Evictor { limits, order, queue: Mutex::default(), unremovable: AtomicUsage::default() }
    }

    /// Returns whether there is any limit.
    pub(crate) fn has_limits(&self) -> bool {
        let Limits { max_bytes, max_entries, max_age, max_idle, .. } = &self.limits;
        max_bytes.is_some() || max_entries.is_some() || max_age.is_some() || max_idle.is_some()
    }

    /// Enforces the limits after an entry was stored, within the budget of a call.
    pub(crate) fn enforce(&self, context: EvictionContext<'_>) {
        if !self.has_limits() {
            return;
        }
        let mut budget = Budget::of(self.level(context).entries);
        while let Some(mut queue) = self.try_queue(context) {
            let mut report = Report::default();
            let left = self.work(&mut queue, context, &mut budget, true, &mut report);
            let is_over = self.is_over(context);
            drop(queue);
            report.log(context);
            // Another thread may have stored entries in between, and left the eviction to this thread.
            if left == Left::More || is_over || !self.is_over(context) {
                return;
            }
        }
    }

    /// Enforces the limits in the background, for a limited time. Returns whether there is more to do.
    pub(crate) fn enforce_in_background(&self, context: EvictionContext<'_>) -> bool {
        if !self.has_limits() {
            return false;
        }
        let until = Instant::now() + THREADS_TURN;
        loop {
            // Between two pieces of work, calls may take the queue.
            let Some(mut queue) = self.try_queue(context) else { return true };
            let mut report = Report::default();
            let mut budget = Budget::of(self.level(context).entries);
            let left = self.work(&mut queue, context, &mut budget, false, &mut report);
            drop(queue);
            report.log(context);
            if left == Left::Nothing || Instant::now() >= until {
                return left == Left::More;
            }
            thread::yield_now();
        }
    }

    fn work(
        &self,
        queue: &mut VictimQueue,
        context: EvictionContext<'_>,
        budget: &mut Budget,
        is_call: bool,
        report: &mut Report,
    ) -> Left {
        if !queue.is_usage_known {
            queue.is_usage_known = context.accounting.refresh();
        }
        queue.unremovable.expire();
        self.unremovable.store(queue.unremovable.usage());
        // If there are many entries, a scan for old ones does not follow the last scan immediately.
        let entries = self.level(context).entries;
        let pause = PAUSE_FOR_EACH.saturating_mul(u32::try_from(entries.max(0)).unwrap_or(u32::MAX));
        let is_time = |interval: Duration| queue.scanned.is_none_or(|at| at.elapsed() >= interval.max(pause));
        let mut is_due = self.interval().is_some_and(is_time) && (!is_call || entries <= FEW);
        loop {
            while let Some(victim) = queue.overdue.pop_front() {
                if !budget.removal() {
                    queue.overdue.push_front(victim);
                    return Left::More;
                }
                self.evict(&victim, queue, context, report);
            }
            while self.is_over(context)
                && let Some(Reverse(victim)) = queue.next.pop()
            {
                if !budget.removal() {
                    queue.next.push(Reverse(victim));
                    return Left::More;
                }
                self.evict(&victim, queue, context, report);
            }
            let may_help = !queue.is_stuck();
            let is_needed = may_help && self.is_over(context) && queue.next.is_empty();
            let runs_low = may_help && queue.next.len() < queue.queued / RUNS_LOW && self.is_near(context);
            if !(is_due || is_needed || !queue.is_usage_known || runs_low) {
                return Left::Nothing;
            }
            let surplus = self.surplus(context);
            let mut scan = queue.scan.take().unwrap_or_else(|| {
                let baseline = context.accounting.baseline();
                Box::new(Scan::begin(context.folder, self.order, baseline, self.level(context).entries, surplus))
            });
            let is_ahead = is_call && !(is_due || is_needed || !queue.is_usage_known);
            let mut ahead = Budget::of_looks(AHEAD);
            let budget = if is_ahead { &mut ahead } else { &mut *budget };
            if scan.advance(context.folder, &queue.unremovable, surplus, budget) {
                self.finish(*scan, queue, context, report);
                is_due = false;
                if queue.queued == 0 {
                    return Left::Nothing;
                }
                continue;
            }
            // There is no time to scan the rest first, so evict some of the entries that were found.
            let sample = if self.is_far_over(context) && queue.next.is_empty() { scan.sample() } else { Vec::new() };
            queue.scan = Some(scan);
            if sample.is_empty() {
                return Left::More;
            }
            queue.next = sample.into_iter().map(Reverse).collect();
            (queue.queued, queue.settled) = (0, 0);
        }
    }

    /// Corrects the counters by the result of a scan, and fills the queue.
    fn finish(&self, scan: Scan, queue: &mut VictimQueue, context: EvictionContext<'_>, report: &mut Report) {
        let found = scan.finish();
        report.scans.push((found.entries, found.next.len() + found.overdue.len(), found.took));
        match found.failed {
            // Entries in a folder that can't be listed still exist, so the counters can't be corrected.
            Some(error) => report.faults.push(("a folder can't be listed, so its entries are not evicted", error)),
            None => {
                if let Err(error) = context.accounting.reconcile(&found.baseline, &found.counted, true) {
                    report.faults.push(("the number of entries can't be corrected", error));
                }
            }
        }
        context.accounting.refresh();
        queue.fill(found.overdue, found.next);
    }

    /// Removes an entry, unless it was used since it was queued.
    fn evict(&self, victim: &Victim, queue: &mut VictimQueue, context: EvictionContext<'_>, report: &mut Report) {
        if victim.was_used_since(&*context.folder.store) {
            return;
        }
        match (context.remove)(&victim.folder, &victim.key) {
            Ok(removed) => queue.settled += usize::from(removed),
            Err(error) => {
                // The next scan leaves it out.
                queue.settled += usize::from(queue.unremovable.add(victim.key, victim.size));
                self.unremovable.store(queue.unremovable.usage());
                // One error is enough to show the cause.
                if report.faults.is_empty() {
                    report.faults.push(("an entry can't be removed, so it stays", error));
                }
            }
        }
    }

    /// Takes the queue, unless another thread has it. Waits for it briefly if usage is far over a limit.
    fn try_queue(&self, context: EvictionContext<'_>) -> Option<MutexGuard<'_, VictimQueue>> {
        let until = Instant::now() + LONGEST_WAIT;
        loop {
            match self.queue.try_lock() {
                Ok(queue) => return Some(queue),
                Err(TryLockError::Poisoned(poisoned)) => return Some(PoisonError::into_inner(poisoned)),
                Err(TryLockError::WouldBlock) if self.is_far_over(context) && Instant::now() < until => {
                    thread::sleep(Duration::from_micros(100));
                }
                Err(TryLockError::WouldBlock) => return None,
            }
        }
    }

    /// Returns the usage that is compared with the limits.
    fn level(&self, context: EvictionContext<'_>) -> UsageDelta {
        context.accounting.usage().level() - self.unremovable.load()
    }

    /// Returns whether usage exceeds, for any limit, the threshold that `margin` computes from it.
    fn exceeds(&self, context: EvictionContext<'_>, margin: impl Fn(u64, u64) -> u64, few: u64) -> bool {
        let level = self.level(context);
        let exceeds = |limit: Option<u64>, level: i64, few: u64| {
            limit.is_some_and(|limit| level > i64::try_from(margin(limit, few)).unwrap_or(i64::MAX))
        };
        exceeds(self.limits.max_entries, level.entries, few) || exceeds(self.limits.max_bytes, level.bytes, 0)
    }

    /// Returns whether usage exceeds a limit.
    fn is_over(&self, context: EvictionContext<'_>) -> bool {
        self.exceeds(context, |limit, _| limit, 0)
    }

    /// Returns whether the next entries will make usage exceed a limit.
    fn is_near(&self, context: EvictionContext<'_>) -> bool {
        self.exceeds(context, |limit, _| (limit - limit / 64).saturating_sub(1), 0)
    }

    /// Returns whether usage is so far over a limit that calls which store entries must wait.
    fn is_far_over(&self, context: EvictionContext<'_>) -> bool {
        self.exceeds(context, |limit, few| limit.saturating_add(limit / 64).saturating_add(few), 2)
    }

    /// Returns how many entries exceed `max_entries`.
    fn surplus(&self, context: EvictionContext<'_>) -> usize {
        let limit = self.limits.max_entries.map_or(i64::MAX, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
        usize::try_from(self.level(context).entries.saturating_sub(limit)).unwrap_or(0)
    }

    /// Returns the time between two scans for entries that are too old or idle.
    fn interval(&self) -> Option<Duration> {
        let shortest = [self.limits.max_age, self.limits.max_idle].into_iter().flatten().min()?;
        Some((shortest / 8).max(Duration::from_millis(10)))
    }
}

impl Report {
    fn log(self, context: EvictionContext<'_>) {
        let root = context.folder.layout.root();
        for (entries, queued, took) in self.scans {
            tracing::debug!(root = %root.display(), entries, queued, ?took, "scanned the cache");
        }
        for (what, error) in self.faults {
            if let Some(Logged { unlogged }) = context.repeats.came(what, Some(error.kind()), "") {
                tracing::warn!(root = %root.display(), %error, unlogged, "{what}");
            }
        }
    }
}
