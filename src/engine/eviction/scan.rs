//! A scan: looking at all entries, some at a time, for those that should go first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::time::{Duration, Instant, SystemTime};

use crate::engine::accounting::{Baseline, Scanned};
use crate::engine::cache_folder::CacheFolder;
use crate::engine::eviction::budget::Budget;
use crate::engine::eviction::policy::{Candidate, EvictionOrder, must_go};
use crate::engine::eviction::victim::{Unremovable, Victim};
use crate::error::Error;
use crate::observe::stats::UsageDelta;
use crate::store::counters::name_of_folder;
use crate::store::entries::Entry;
use crate::store::layout::Layout;
use crate::store::walk::Walk;

/// One scan queues this part of the entries.
const QUEUED_PART: usize = 4;

/// The number of entries that go at most before the rest was seen.
const MOST_SAMPLED: usize = 4096;

/// The number of entries that are kept at least until their total is known.
const FEW: usize = 4096;

/// Reading a header takes as long as this number of looks.
const LOOKS_FOR_HEADER: usize = 16;

/// A scan that is under way.
pub(crate) struct Scan {
    order: EvictionOrder,
    walk: Walk,
    is_listed: bool,
    started: Instant,
    /// The counts when it began.
    baseline: Baseline,
    counted: Scanned,
    entries: usize,
    /// Those that were used least recently, at most `most` of them.
    oldest: BinaryHeap<Victim>,
    most: usize,
    /// Those of them whose headers are still to be read.
    unread: Vec<Victim>,
    /// Those that have to go.
    overdue: VecDeque<Victim>,
    /// The first folder that could not be listed.
    failed: Option<Error>,
}

/// What a scan found.
pub(crate) struct Found {
    pub(crate) overdue: VecDeque<Victim>,
    pub(crate) next: BinaryHeap<Reverse<Victim>>,
    pub(crate) baseline: Baseline,
    /// The entries of each function.
    pub(crate) counted: Scanned,
    pub(crate) entries: usize,
    pub(crate) took: Duration,
    /// Why not all entries were counted.
    pub(crate) failed: Option<Error>,
}

impl Scan {
    /// Begins a scan of a cache that has about `entries`, `surplus` of them too many.
    pub(crate) fn begin(
        folder: &CacheFolder,
        order: EvictionOrder,
        baseline: Baseline,
        entries: i64,
        surplus: usize,
    ) -> Self {
        let known = usize::try_from(entries).unwrap_or(0);
        let part = if order == EvictionOrder::CheapestFirst { known / 2 } else { known / QUEUED_PART };
        Scan {
            order,
            walk: Walk::under(&folder.layout.functions()),
            is_listed: false,
            started: Instant::now(),
            baseline,
            counted: BTreeMap::new(),
            entries: 0,
            oldest: BinaryHeap::new(),
            most: part.max(surplus + 1).max(FEW),
            unread: Vec::new(),
            overdue: VecDeque::new(),
            failed: None,
        }
    }

    /// Continues as far as the budget allows: whether the scan is done.
    pub(crate) fn advance(
        &mut self,
        folder: &CacheFolder,
        unremovable: &Unremovable,
        surplus: usize,
        budget: &mut Budget,
    ) -> bool {
        while !self.is_listed {
            let most = budget.looks();
            if most == 0 {
                return false;
            }
            // An empty folder costs a look as well.
            let looked = self.list_some(folder, unremovable, surplus, most);
            budget.looked(looked.max(1));
        }
        while let Some(mut victim) = self.unread.pop() {
            if budget.looks() == 0 {
                self.unread.push(victim);
                return false;
            }
            budget.looked(LOOKS_FOR_HEADER);
            let entry = Entry::read(Layout::locate(&victim.folder, &victim.key), victim.key).ok().flatten();
            let candidate = Candidate {
                size: victim.size,
                used: victim.used,
                written: None,
                took: entry.map_or(Duration::ZERO, |entry| entry.took),
            };
            victim.rank = self.order.rank(&candidate, SystemTime::now());
            self.oldest.push(victim);
        }
        true
    }

    /// Looks at the next entries of one folder, and returns how many.
    fn list_some(&mut self, place: &CacheFolder, unremovable: &Unremovable, surplus: usize, most: usize) -> usize {
        let (folder, files) = match place.store.list_some(&mut self.walk, most) {
            Ok(Some(listed)) => listed,
            Ok(None) => {
                self.is_listed = true;
                self.choose(surplus);
                return 0;
            }
            // A folder that can't be listed does not keep the limits from being enforced in the others.
            Err(error) => {
                self.failed.get_or_insert(error);
                return 0;
            }
        };
        let now = SystemTime::now();
        let looked = files.len();
        if files.is_empty() {
            return 0;
        }
        let counted = self.counted.entry(name_of_folder(&place.layout.functions(), &folder)).or_default();
        for file in files {
            // An entry that vanishes need not be removed.
            let Ok(metadata) = file.metadata() else { continue };
            *counted += UsageDelta::one(metadata.len());
            if unremovable.contains(&file.key) {
                continue;
            }
            self.entries += 1;
            let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            let victim = Victim { folder: folder.clone(), key: file.key, used, size: metadata.len(), rank: (0, used) };
            // An entry is written before it is used, so one that was not used for `max_age` is too old. One that was used
            // since is refused by the next lookup, and is found here `max_age` after its last use.
            let candidate = Candidate { size: metadata.len(), used, written: Some(used), took: Duration::MAX };
            if must_go(&candidate, &place.limits, now) {
                self.overdue.push_back(victim);
                continue;
            }
            self.oldest.push(victim);
            if self.oldest.len() > self.most {
                self.oldest.pop();
            }
        }
        looked
    }

    /// Chooses the part of the entries that is queued, when all are known.
    fn choose(&mut self, surplus: usize) {
        let is_by_cost = self.order == EvictionOrder::CheapestFirst;
        let part = if is_by_cost { (self.entries / 2).max(1) } else { self.entries / QUEUED_PART };
        let chosen = self.take_oldest(part.max(surplus + 1));
        if is_by_cost {
            self.unread = chosen;
            self.oldest = BinaryHeap::new();
        } else {
            self.oldest = chosen.into();
        }
    }

    /// Takes the `count` entries that were used least recently, in no order.
    fn take_oldest(&mut self, count: usize) -> Vec<Victim> {
        let mut all = std::mem::take(&mut self.oldest).into_vec();
        if count >= all.len() {
            return all;
        }
        all.select_nth_unstable(count);
        self.oldest = all.split_off(count).into();
        all
    }

    /// Takes some of the entries that were found so far, to be removed if there is no time to find the rest.
    pub(crate) fn sample(&mut self) -> Vec<Victim> {
        let found = self.oldest.len();
        if self.is_listed || found == 0 { Vec::new() } else { self.take_oldest((found / 8).clamp(1, MOST_SAMPLED)) }
    }

    /// Returns what the scan found, when it is done.
    pub(crate) fn finish(self) -> Found {
        Found {
            overdue: self.overdue,
            next: self.oldest.into_iter().map(Reverse).collect(),
            baseline: self.baseline,
            counted: self.counted,
            entries: self.entries,
            took: self.started.elapsed(),
            failed: self.failed,
        }
    }
}
