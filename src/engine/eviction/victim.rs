//! Entries to evict, and entries that can't be removed.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::key::digest::Key;
use crate::observe::stats::UsageDelta;
use crate::store::interface::Store;

/// An entry that can't be removed is tried again after this time.
const TRY_AGAIN: Duration = Duration::from_secs(60);

/// Maximum number of remembered entries that can't be removed.
const MOST_UNREMOVABLE: usize = 1 << 16;

/// An entry to evict.
#[derive(Clone)]
pub(crate) struct Victim {
    pub(crate) folder: Arc<Path>,
    pub(crate) key: Key,
    /// When it was last used, as far as known.
    pub(crate) used: SystemTime,
    pub(crate) size: u64,
    /// The smallest rank is evicted first.
    pub(crate) rank: (u128, SystemTime),
}

impl Victim {
    /// Returns whether it was used or replaced since the scan saw it.
    pub(crate) fn was_used_since(&self, store: &dyn Store) -> bool {
        store.stat(&self.folder, &self.key).is_none_or(|stat| stat.used > self.used)
    }
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

/// Entries that could not be removed. Scans skip them, so that others are evicted. They are also not compared with the
/// limits: otherwise all other entries would be evicted because of them.
#[derive(Default)]
pub(crate) struct Unremovable {
    entries: HashMap<Key, u64>,
    since: Option<Instant>,
    usage: UsageDelta,
}

impl Unremovable {
    /// Remembers an entry. Returns whether it was not remembered before, and there is room for it.
    pub(super) fn add(&mut self, key: Key, size: u64) -> bool {
        let is_new = self.entries.len() < MOST_UNREMOVABLE && self.entries.insert(key, size).is_none();
        if is_new {
            self.usage += UsageDelta::one(size);
            self.since.get_or_insert_with(Instant::now);
        }
        is_new
    }

    pub(super) fn contains(&self, key: &Key) -> bool {
        self.entries.contains_key(key)
    }

    pub(super) fn usage(&self) -> UsageDelta {
        self.usage
    }

    /// Forgets them after a while, so that their removal is tried again.
    pub(super) fn expire(&mut self) {
        if self.since.is_some_and(|since| since.elapsed() >= TRY_AGAIN) {
            *self = Unremovable::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_that_can_not_be_removed_are_remembered_for_a_while() {
        let (mut unremovable, key) = (Unremovable::default(), Key::from_bytes([1; 32]));
        unremovable.add(key, 100);
        unremovable.add(key, 100);
        unremovable.expire();
        assert!(unremovable.contains(&key));
        assert_eq!(unremovable.usage(), UsageDelta { entries: 1, bytes: 100 });
        unremovable.since = Instant::now().checked_sub(TRY_AGAIN);
        unremovable.expire();
        assert!(!unremovable.contains(&key));
        assert_eq!(unremovable.usage(), UsageDelta::default());
    }
}
