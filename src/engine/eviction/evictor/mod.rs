//! Keeping a cache within its limits as entries are written.
//!
//! The cost of that does not grow with the cache: how much there is, is counted. When it is too much, a scan lines up the
//! quarter of the entries that should go first; those go one by one, as new ones come, and the next scan begins when the line
//! is almost used up. So a stored entry pays for about four that are looked at. An entry that was used since it was lined up is
//! passed over.
//!
//! No call waits long for this: what it does at most says `budget.rs`. The rest is done by the calls after it, and in
//! between.

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::{MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use crate::engine::eviction::budget::Budget;
use crate::engine::eviction::scan::{Scan, Victim};
use crate::engine::{Place, Upkeep};
use crate::error::Result;
use crate::observe::repeated_faults::Logged;

/// What is too old or too idle is looked for in caches of so many entries while somebody waits; in larger ones in between.
const FEW: i64 = 10_000;

/// From one scan for what is too old to the next, so long for each entry.
const FOR_EACH: Duration = Duration::from_micros(100);

/// The next scan begins when this part of the line is left.
const RUNS_LOW: usize = 8;

/// Of the next scan, what a call does that needs nothing of it yet.
const AHEAD: usize = 64;

/// How long a call waits for another thread that makes room.
const LONGEST_WAIT: Duration = Duration::from_millis(20);

/// How long the thread is at it for one cache, before others have their turn.
const THREADS_TURN: Duration = Duration::from_millis(300);

/// If nothing could be removed of what was lined up, the next scan waits for so long.
const AFTER_NOTHING: Duration = Duration::from_secs(1);

/// The entries that should go first, as one scan has lined them up.
#[derive(Default)]
pub(crate) struct Line {
    /// Whether anything is known of what there is.
    counted: bool,
    scanned: Option<Instant>,
    /// Those that may not stay.
    late: VecDeque<Victim>,
    /// Who goes next.
    next: BinaryHeap<Reverse<Victim>>,
    /// How many were lined up, and how many of them could be removed.
    lined_up: usize,
    removed: usize,
    /// The scan that is under way.
    scan: Option<Box<Scan>>,
}

/// Whether there is more to do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    Nothing,
    More,
}

impl Upkeep {
    /// Sees to it that the limits hold, after an entry was stored.
    pub(crate) fn enforce(&self, place: &Place) {
        if !place.bounds.are_limits() {
            return;
        }
        let mut budget = Budget::of(place.bounds.level().0);
        // Whoever is at it looks once more when done.
        while let Some(mut line) = line_of(place) {
            let left = self.enforce_now(&mut line, place, &mut budget, true);
            let is_over = place.bounds.is_over();
            drop(line);
            // Somebody else may have stored more just now, and gone on as this thread was at it.
            if left == Left::More || is_over || !place.bounds.is_over() {
                return;
            }
        }
    }

    /// Does what calls have left, for a while: whether there is more.
    pub(crate) fn enforce_in_between(&self, place: &Place) -> bool {
        if !place.bounds.are_limits() {
            return false;
        }
        let until = Instant::now() + THREADS_TURN;
        loop {
            // Calls that want it have it in between.
            let Some(mut line) = line_of(place) else { return true };
            let left = self.enforce_now(&mut line, place, &mut Budget::of(place.bounds.level().0), false);
            drop(line);
            if left == Left::Nothing || Instant::now() >= until {
                return left == Left::More;
            }
            thread::yield_now();
        }
    }

    fn enforce_now(&self, line: &mut Line, place: &Place, budget: &mut Budget, is_call: bool) -> Left {
        self.try_to_enforce(line, place, budget, is_call).unwrap_or_else(|error| {
            line.scan = None;
            line.scanned = Some(Instant::now());
            let what = "the cache's limits can't be enforced";
            if let Some(Logged { unlogged }) = self.repeats.came(what, Some(error.kind()), "") {
                tracing::warn!(%error, unlogged, "{what}");
            }
            Left::Nothing
        })
    }

    fn try_to_enforce(&self, line: &mut Line, place: &Place, budget: &mut Budget, is_call: bool) -> Result<Left> {
        let bounds = &place.bounds;
        if !line.counted && self.sums_by_folder()?.is_some() {
            let before = bounds.level();
            let (entries, bytes) = self.sums()?.contents();
            bounds.shift(entries - before.0, bytes - before.1);
            line.counted = true;
        }
        // Looking through many is not begun again at once.
        let pause = FOR_EACH.saturating_mul(u32::try_from(bounds.level().0).unwrap_or(0));
        let is_due = |rhythm: Duration| line.scanned.is_none_or(|at| at.elapsed() >= rhythm.max(pause));
        let mut is_due = bounds.rhythm().is_some_and(is_due) && (!is_call || bounds.level().0 <= FEW);
        loop {
            while let Some(victim) = line.late.pop_front() {
                if !budget.removal() {
                    line.late.push_front(victim);
                    return Ok(Left::More);
                }
                line.removed += usize::from(self.evict(&victim));
            }
            while bounds.is_over()
                && let Some(Reverse(victim)) = line.next.pop()
            {
                if !budget.removal() {
                    line.next.push(Reverse(victim));
                    return Ok(Left::More);
                }
                line.removed += usize::from(self.evict(&victim));
            }
            let may_help = !line.is_vain();
            let is_needed = may_help && bounds.is_over() && line.next.is_empty();
            let runs_low = may_help && line.next.len() < line.lined_up / RUNS_LOW && bounds.is_near();
            if !(is_due || is_needed || !line.counted || runs_low) {
                return Ok(Left::Nothing);
            }
            let mut scan = line.scan.take().unwrap_or_else(|| Box::new(Scan::begin(self, place)));
            let is_ahead = is_call && !(is_due || is_needed || !line.counted);
            let is_done =
                if is_ahead { scan.go_on(place, &mut Budget::of_looks(AHEAD))? } else { scan.go_on(place, budget)? };
            if is_done {
                let scanned = scan.end(self, place);
                (line.late, line.next) = (scanned.late, scanned.next);
                (line.lined_up, line.removed) = (line.next.len() + line.late.len(), 0);
                (line.scanned, line.counted, is_due) = (Some(Instant::now()), true, false);
                if line.lined_up == 0 {
                    return Ok(Left::Nothing);
                }
                continue;
            }
            // It can't be waited for what the rest is like.
            let sample = if bounds.is_far_over() && line.next.is_empty() { scan.sample() } else { Vec::new() };
            line.scan = Some(scan);
            if sample.is_empty() {
                return Ok(Left::More);
            }
            line.next = sample.into_iter().map(Reverse).collect();
            (line.lined_up, line.removed) = (0, 0);
        }
    }

    /// Removes an entry, unless it was used meanwhile: whether it did.
    fn evict(&self, victim: &Victim) -> bool {
        !victim.was_used_since()
            && self.remove_own(&victim.folder, &victim.key).unwrap_or_else(|error| {
                let what = "an entry can't be removed, and is passed over";
                if let Some(Logged { unlogged }) = self.repeats.came(what, Some(error.kind()), "") {
                    tracing::warn!(%error, unlogged, "{what}");
                }
                false
            })
    }
}

impl Line {
    /// Whether looking through the entries again would give the same, of which nothing could be removed.
    fn is_vain(&self) -> bool {
        self.removed == 0 && self.lined_up > 0 && self.scanned.is_some_and(|at| at.elapsed() < AFTER_NOTHING)
    }
}

/// The line, if no other thread has it; waits for it a little, if there is far too much.
fn line_of(place: &Place) -> Option<MutexGuard<'_, Line>> {
    let until = Instant::now() + LONGEST_WAIT;
    loop {
        match place.line.try_lock() {
            Ok(line) => return Some(line),
            Err(TryLockError::Poisoned(poisoned)) => return Some(PoisonError::into_inner(poisoned)),
            Err(TryLockError::WouldBlock) if place.bounds.is_far_over() && Instant::now() < until => {
                thread::sleep(Duration::from_micros(100));
            }
            Err(TryLockError::WouldBlock) => return None,
        }
    }
}
