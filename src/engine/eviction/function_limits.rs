//! Limits of one function, beside those of its cache.
//!
//! The entries of the function are listed when they may exceed a limit. Then an eighth of them is evicted at once, so
//! that the cost of a stored entry does not grow with their number. Between two listings, only the entries that this
//! process stored are counted. So after at most an eighth of the limit, they are listed again: other processes store
//! entries as well.

use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use crate::engine::cache_engine::Engine;
use crate::engine::eviction::policy::{Candidate, EvictionOrder, Limits, victims};
use crate::engine::failures::Failures;
use crate::error::Result;
use crate::key::digest::Key;
use crate::sys::locked::locked;

/// The part of a limit that is evicted at once. Below this number of entries, none more than needed.
const AT_ONCE: u64 = 8;

/// When the entries of a function are listed next.
#[derive(Debug, Default)]
pub(crate) struct FunctionLimits(Mutex<Next>);

#[derive(Debug, Default)]
struct Next {
    /// How many more entries and bytes may be stored before.
    entries: u64,
    bytes: u64,
    /// At the latest then, if idle entries are to be evicted.
    at: Option<Instant>,
}

impl FunctionLimits {
    /// Enforces `limits` after an entry of `size` bytes was stored in the function's folder.
    ///
    /// # Errors
    /// If the folder can't be listed, or an entry can't be removed. Everything else is done first.
    pub(crate) fn enforce(&self, engine: &Engine, folder: &Path, limits: &Limits, size: u64) -> Result<()> {
        {
            let mut next = locked(&self.0);
            let is_early = next.at.is_none_or(|at| Instant::now() < at);
            if let (Some(entries), Some(bytes), true) =
                (next.entries.checked_sub(1), next.bytes.checked_sub(size), is_early)
            {
                (next.entries, next.bytes) = (entries, bytes);
                return Ok(());
            }
            // Calls that store at the same time leave the rest to this one.
            *next = Next { entries: AT_ONCE, bytes: u64::MAX, at: None };
        }
        let (level, result) = evict(engine, folder, limits);
        let rest = |limit: Option<u64>, level: u64| {
            limit.map_or(u64::MAX, |limit| limit.saturating_sub(level).min(limit / AT_ONCE))
        };
        let interval = limits.max_idle.map(|max_idle| (max_idle / 8).max(Duration::from_millis(10)));
        *locked(&self.0) = Next {
            entries: rest(limits.max_entries, level.0),
            bytes: rest(limits.max_bytes, level.1),
            at: interval.and_then(|interval| Instant::now().checked_add(interval)),
        };
        result
    }
}

/// Evicts the entries in a function's folder that exceed the limits. Returns the number of those that are left and their
/// bytes.
fn evict(engine: &Engine, folder: &Path, limits: &Limits) -> ((u64, u64), Result<()>) {
    let Some(place) = &engine.folder else { return ((0, 0), Ok(())) };
    let (mut keys, mut candidates) = (Vec::<Key>::new(), Vec::<Candidate>::new());
    let listed = place.store.list(folder, false).each(&mut |_, entries| {
        for entry in entries {
            if let Some(stat) = entry.stat() {
                keys.push(entry.key);
                candidates.push(Candidate { size: stat.size, used: stat.used, written: None, took: Duration::MAX });
            }
        }
    });
    let bytes = candidates.iter().map(|candidate| candidate.size).sum::<u64>();
    let fits = |limit: Option<u64>, level: u64| limit.is_none_or(|limit| level <= limit);
    let room = |limit: u64| limit - if limit >= 2 * AT_ONCE { limit / AT_ONCE } else { 0 };
    let limits = match fits(limits.max_entries, keys.len() as u64) && fits(limits.max_bytes, bytes) {
        true => limits.clone(),
        false => Limits {
            max_entries: limits.max_entries.map(room),
            max_bytes: limits.max_bytes.map(room),
            ..limits.clone()
        },
    };
    let (mut left, mut failures) = ((keys.len() as u64, bytes), Failures::default());
    for index in victims(&candidates, &limits, EvictionOrder::LeastRecentlyUsed, SystemTime::now()) {
        match engine.evict(folder, &keys[index]) {
            Ok(_) => left = (left.0 - 1, left.1 - candidates[index].size),
            Err(error) => failures.add(error),
        }
    }
    (left, failures.result().and(listed))
}
