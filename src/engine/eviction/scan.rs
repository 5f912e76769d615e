//! Looking through all entries, some at a time, for those that should go first.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::engine::accounting::Before;
use crate::engine::eviction::budget::Budget;
use crate::engine::eviction::policy::{Candidate, Order, must_go};
use crate::engine::{Place, Upkeep};
use crate::error::Result;
use crate::key::digest::Key;
use crate::store::counters::{Counted, name_of_folder};
use crate::store::entries::Entry;
use crate::store::layout::Layout;
use crate::store::walk::Walk;

/// The part of the entries that is lined up by one scan.
const LINED_UP: usize = 4;

/// Entries that go at most before the rest is looked at.
const MOST_SAMPLED: usize = 4096;

/// Of so few entries, all are kept until it is known how many there are.
const FEW: usize = 4096;

/// An entry that should go.
pub(crate) struct Victim {
    pub(crate) folder: Arc<Path>,
    pub(crate) key: Key,
    /// When it was used last, as far as is known.
    pub(crate) used: SystemTime,
    size: u64,
    /// The smaller it is, the earlier the entry goes.
    rank: (u128, SystemTime),
}

impl Ord for Victim {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank.cmp(&other.rank)
    }
}

impl PartialOrd for Victim {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Victim {
    fn eq(&self, other: &Self) -> bool {
        self.rank == other.rank
    }
}

impl Eq for Victim {}

/// A scan that is under way.
pub(crate) struct Scan {
    walk: Walk,
    is_listed: bool,
    started: Instant,
    /// What was thought to be there when it began, and how many entries had come and gone.
    before: Before,
    moved: u64,
    counted: BTreeMap<String, Counted>,
    entries: usize,
    /// Those that were used least recently, at most `most` of them.
    oldest: BinaryHeap<Victim>,
    most: usize,
    /// Those of them whose headers are still to be read.
    unread: Vec<Victim>,
    /// Those that may not stay.
    late: VecDeque<Victim>,
}

/// What a scan found.
pub(crate) struct Scanned {
    pub(crate) late: VecDeque<Victim>,
    pub(crate) next: BinaryHeap<Reverse<Victim>>,
}

impl Scan {
    pub(crate) fn begin(upkeep: &Upkeep, place: &Place) -> Self {
        let bounds = &place.bounds;
        let known = usize::try_from(bounds.level().0).unwrap_or(0);
        let share = if bounds.order() == Order::CheapestFirst { known / 2 } else { known / LINED_UP };
        Scan {
            walk: Walk::under(&place.layout.functions()),
            is_listed: false,
            started: Instant::now(),
            before: upkeep.before(place),
            moved: bounds.moved(),
            counted: BTreeMap::new(),
            entries: 0,
            oldest: BinaryHeap::new(),
            most: share.max(bounds.surplus() + 1).max(FEW),
            unread: Vec::new(),
            late: VecDeque::new(),
        }
    }

    /// Goes on, as far as the budget allows: whether that was all.
    pub(crate) fn go_on(&mut self, place: &Place, budget: &mut Budget) -> Result<bool> {
        while !self.is_listed {
            let most = budget.looks();
            if most == 0 {
                return Ok(false);
            }
            // An empty folder costs as well.
            let looked = self.list_some(place, most)?;
            budget.looked(looked.max(1));
        }
        while let Some(mut victim) = self.unread.pop() {
            if budget.looks() == 0 {
                self.unread.push(victim);
                return Ok(false);
            }
            // Opening a file takes as long as asking many for their times.
            budget.looked(16);
            let entry = Entry::read(Layout::locate(&victim.folder, &victim.key), victim.key).ok().flatten();
            let candidate = Candidate {
                size: victim.size,
                used: victim.used,
                written: None,
                took: entry.map_or(Duration::ZERO, |entry| entry.took),
            };
            victim.rank = Order::CheapestFirst.rank(&candidate, SystemTime::now());
            self.oldest.push(victim);
        }
        Ok(true)
    }

    /// Looks at the next entries of one folder: how many.
    fn list_some(&mut self, place: &Place, most: usize) -> Result<usize> {
        let Some((folder, files)) = place.store.list_some(&mut self.walk, most)? else {
            self.is_listed = true;
            self.choose(place);
            return Ok(0);
        };
        let now = SystemTime::now();
        let looked = files.len();
        if files.is_empty() {
            return Ok(0);
        }
        let counted = self.counted.entry(name_of_folder(&place.layout.functions(), &folder)).or_default();
        for file in files {
            // What vanishes meanwhile needs no removing.
            let Ok(metadata) = file.metadata() else { continue };
            let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            counted.entries += 1;
            counted.bytes += metadata.len();
            self.entries += 1;
            let victim = Victim { folder: folder.clone(), key: file.key, used, size: metadata.len(), rank: (0, used) };
            // An entry is written before it is used. So what was not used for so long is too old, and the rest is not used
            // any more when it is: that will do, if nobody asks for all of them at once.
            let candidate = Candidate { size: metadata.len(), used, written: Some(used), took: Duration::MAX };
            if must_go(&candidate, place.bounds.limits(), now) {
                self.late.push_back(victim);
                continue;
            }
            self.oldest.push(victim);
            if self.oldest.len() > self.most {
                self.oldest.pop();
            }
        }
        Ok(looked)
    }

    /// Now that all are known: of those that were used least recently, the part that is lined up.
    fn choose(&mut self, place: &Place) {
        let is_by_cost = place.bounds.order() == Order::CheapestFirst;
        let share = if is_by_cost { (self.entries / 2).max(1) } else { self.entries / LINED_UP };
        let chosen = self.take_oldest(share.max(place.bounds.surplus() + 1));
        if is_by_cost {
            self.unread = chosen;
            self.oldest = BinaryHeap::new();
        } else {
            self.oldest = chosen.into();
        }
    }

    /// Takes so many of those found so far, used least recently, in no order.
    fn take_oldest(&mut self, count: usize) -> Vec<Victim> {
        let mut all = std::mem::take(&mut self.oldest).into_vec();
        if count >= all.len() {
            return all;
        }
        all.select_nth_unstable(count);
        self.oldest = all.split_off(count).into();
        all
    }

    /// Of what was found so far, those that may go if it can't be waited for the rest.
    pub(crate) fn sample(&mut self) -> Vec<Victim> {
        let found = self.oldest.len();
        if self.is_listed || found == 0 { Vec::new() } else { self.take_oldest((found / 8).clamp(1, MOST_SAMPLED)) }
    }

    /// Puts right what was counted, and gives who is to go.
    pub(crate) fn end(self, upkeep: &Upkeep, place: &Place) -> Scanned {
        // What came and went meanwhile may have been looked at or not. So only a larger difference says something.
        let moved = place.bounds.moved().wrapping_sub(self.moved);
        let thought = self.before.entries();
        if moved == 0 || thought.abs_diff(i64::try_from(self.entries).unwrap_or(i64::MAX)) > moved {
            upkeep.correct(place, &self.before, &self.counted);
        }
        tracing::debug!(
            root = %place.layout.root().display(), entries = self.entries, lined_up = self.oldest.len(),
            took = ?self.started.elapsed(), "looked through the cache"
        );
        Scanned { late: self.late, next: self.oldest.into_iter().map(Reverse).collect() }
    }
}

impl Victim {
    /// Whether it was used, or is another one, since it was looked at.
    pub(crate) fn was_used_since(&self) -> bool {
        let used = std::fs::symlink_metadata(Layout::locate(&self.folder, &self.key)).and_then(|file| file.modified());
        !used.is_ok_and(|used| used <= self.used)
    }
}
