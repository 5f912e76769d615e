//! Scan of all entries, in steps, for those that should be evicted first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::time::{Duration, Instant, SystemTime};

use crate::engine::accounting::Scanned;
use crate::engine::accounting::correction::Baseline;
use crate::engine::cache_folder::CacheFolder;
use crate::engine::eviction::budget::Budget;
use crate::engine::eviction::policy::{Candidate, EvictionOrder, must_go};
use crate::engine::eviction::victim::{Unremovable, Victim};
use crate::error::Error;
use crate::observe::stats::UsageDelta;
use crate::store::counters::name_of_folder;
use crate::store::entry::Entry;
use crate::store::interface::Listing;
use crate::store::stored_entry::EntryStat;

/// A scan queues this fraction of the entries: 1/4.
const QUEUED_PART: usize = 4;

/// Maximum number of entries that are evicted before the scan has seen all.
const MOST_SAMPLED: usize = 4096;

/// Number of candidates that are kept at least, while the total is unknown.
const FEW: usize = 4096;

/// Reading a header costs as much as this number of looks.
const LOOKS_FOR_HEADER: usize = 16;

/// A scan in progress.
pub(crate) struct Scan {
    order: EvictionOrder,
    listing: Box<dyn Listing>,
    is_listed: bool,
    started: Instant,
    /// The counts when the scan began.
    baseline: Baseline,
    counted: Scanned,
    entries: usize,
    /// The least recently used entries, at most `most` of them.
    oldest: BinaryHeap<Victim>,
    most: usize,
    /// Candidates whose headers are not read yet.
    unread: Vec<Victim>,
    /// Entries that must be evicted.
    overdue: VecDeque<Victim>,
    /// The first folder that could not be listed.
    failed: Option<Error>,
}

/// Result of a scan.
pub(crate) struct Found {
    pub(crate) overdue: VecDeque<Victim>,
    pub(crate) next: BinaryHeap<Reverse<Victim>>,
    pub(crate) baseline: Baseline,
    /// Number of entries of each function.
    pub(crate) counted: Scanned,
    pub(crate) entries: usize,
    pub(crate) took: Duration,
    /// The first folder that could not be listed, so that its entries are not counted.
    pub(crate) failed: Option<Error>,
}

impl Scan {
    /// Begins a scan of a cache with about `entries` entries, of which `surplus` exceed the limit.
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
            listing: folder.store.list(&folder.layout.functions(), true),
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

    /// Continues the scan within the budget. Returns whether it is complete.
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
            // An empty folder also costs a look.
            let looked = self.list_some(folder, unremovable, surplus, most);
            budget.looked(looked.max(1));
        }
        while let Some(mut victim) = self.unread.pop() {
            if budget.looks() == 0 {
                self.unread.push(victim);
                return false;
            }
            budget.looked(LOOKS_FOR_HEADER);
            let entry = Entry::read(&*folder.store, &victim.folder, victim.key).ok().flatten();
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

    /// Looks at the next entries of one folder. Returns how many.
    fn list_some(&mut self, place: &CacheFolder, unremovable: &Unremovable, surplus: usize, most: usize) -> usize {
        let (folder, files) = match self.listing.next(most) {
            Ok(Some(listed)) => listed,
            Ok(None) => {
                self.is_listed = true;
                self.choose(surplus);
                return 0;
            }
            // A folder that can't be listed does not stop eviction in the others.
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
            // An entry that no longer exists need not be removed.
            let Some(EntryStat { size, used, .. }) = file.stat() else { continue };
            *counted += UsageDelta::one(size);
            if unremovable.contains(&file.key) {
                continue;
            }
            self.entries += 1;
            let victim = Victim { folder: folder.clone(), key: file.key, used, size, rank: (0, used) };
            // An entry is written before it is used, so one that was not used for `max_age` is too old. One that was
            // used since then is rejected by the next lookup, and found here `max_age` after its last use.
            let candidate = Candidate { size, used, written: Some(used), took: Duration::MAX };
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

    /// Chooses the entries to queue, when all are known.
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

    /// Takes the `count` least recently used entries, in no particular order.
    fn take_oldest(&mut self, count: usize) -> Vec<Victim> {
        let mut all = std::mem::take(&mut self.oldest).into_vec();
        if count >= all.len() {
            return all;
        }
        all.select_nth_unstable(count);
        self.oldest = all.split_off(count).into();
        all
    }

    /// Takes some of the entries found so far, to evict them when there is no time for a complete scan.
    pub(crate) fn sample(&mut self) -> Vec<Victim> {
        let found = self.oldest.len();
        if self.is_listed || found == 0 { Vec::new() } else { self.take_oldest((found / 8).clamp(1, MOST_SAMPLED)) }
    }

    /// Returns the result of the completed scan.
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
