//! Keeping a cache within its limits as entries are written.
//!
//! The cost of that does not grow with the cache: how much there is, is counted. When it is too much, one scan
//! lines up the quarter of the entries that should go first; those go one by one, as new ones come, and the next scan
//! is due when the line is used up. So a stored entry pays for about four that are looked at. An entry that was used
//! since it was lined up is passed over.

use std::collections::{HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::{PoisonError, TryLockError};
use std::time::{Duration, Instant, SystemTime};

use super::{Place, Upkeep};
use crate::Result;
use crate::key::Key;
use crate::policy::{Candidate, Limits, Order, victims};
use crate::store::{Entry, Layout, Store, Trimmed};

/// Caches of so many entries are looked through while somebody waits; larger ones in between.
const FEW: i64 = 10_000;

/// The part of the entries that is lined up by one scan.
const LINED_UP: usize = 4;

/// The entries that should go first, as one scan has lined them up.
#[derive(Default)]
pub(super) struct Line {
    /// Whether anything is known of what there is.
    counted: bool,
    scanned: Option<Instant>,
    /// Who goes next.
    victims: VecDeque<Victim>,
}

struct Victim {
    folder: PathBuf,
    key: Key,
    used: SystemTime,
}

/// One entry that a scan has found.
pub(crate) struct Found {
    pub(crate) folder: PathBuf,
    pub(crate) key: Key,
    pub(crate) candidate: Candidate,
}

impl Upkeep {
    /// Sees to it that the limits hold, after an entry was stored, or once in a while.
    pub(super) fn enforce(&self, place: &Place, in_passing: bool) {
        let bounds = &place.bounds;
        if !bounds.are_limits() {
            return;
        }
        // Whoever is at it looks once more when done.
        loop {
            let mut line = match place.line.try_lock() {
                Ok(line) => line,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) if bounds.is_far_over() => {
                    place.line.lock().unwrap_or_else(PoisonError::into_inner)
                }
                Err(TryLockError::WouldBlock) => return,
            };
            if let Err(error) = self.enforce_now(&mut line, place, in_passing) {
                return tracing::warn!(%error, "the cache's limits can't be enforced");
            }
            drop(line);
            if !bounds.is_over() {
                return;
            }
        }
    }

    fn enforce_now(&self, line: &mut Line, place: &Place, in_passing: bool) -> Result<()> {
        let bounds = &place.bounds;
        if !line.counted {
            let before = bounds.level();
            match self.sums_by_folder()? {
                Some(_) => {
                    let (entries, bytes) = self.sums()?.contents();
                    bounds.shift(entries - before.0, bytes - before.1);
                }
                None => self.scan(line, place)?,
            }
            line.counted = true;
        }
        let is_due = bounds.rhythm().is_some_and(|rhythm| line.scanned.is_none_or(|at| at.elapsed() >= rhythm));
        if is_due && (!in_passing || bounds.level().0 <= FEW) {
            self.scan(line, place)?;
        }
        while bounds.is_over() {
            let Some(victim) = line.victims.pop_front() else {
                self.scan(line, place)?;
                if line.victims.is_empty() {
                    return Ok(());
                }
                continue;
            };
            let path = Layout::locate(&victim.folder, &victim.key);
            let used = std::fs::symlink_metadata(&path).and_then(|metadata| metadata.modified());
            if used.is_ok_and(|used| used <= victim.used) {
                self.evict(&victim.folder, &victim.key)?;
            }
        }
        Ok(())
    }

    /// Looks through all entries: removes what is too old or too idle, and lines up what should go next.
    fn scan(&self, line: &mut Line, place: &Place) -> Result<()> {
        let bounds = &place.bounds;
        let started = Instant::now();
        let before = self.before(place);
        let found = find(&*place.store, &place.layout, false)?;
        self.found(place, &before, &found);
        line.scanned = Some(Instant::now());

        let mut candidates: Vec<Candidate> = found.iter().map(|found| found.candidate).collect();
        if bounds.order() == Order::CheapestFirst {
            learn_costs(&found, &mut candidates);
        }
        let now = SystemTime::now();
        let too_old = Limits { max_bytes: None, max_entries: None, ..bounds.limits().clone() };
        let gone: HashSet<_> = victims(&candidates, &too_old, bounds.order(), now).into_iter().collect();
        for index in &gone {
            self.evict(&found[*index].folder, &found[*index].key)?;
        }
        let all = Limits { max_entries: Some(0), ..Limits::default() };
        let needed = bounds.surplus();
        let mut next: VecDeque<_> = victims(&candidates, &all, bounds.order(), now).into();
        next.retain(|index| !gone.contains(index));
        next.truncate((next.len() / LINED_UP).max(needed + 1));
        line.victims = next
            .into_iter()
            .map(|index| Victim {
                folder: found[index].folder.clone(),
                key: found[index].key,
                used: found[index].candidate.used,
            })
            .collect();
        tracing::debug!(
            root = %place.layout.root().display(), entries = found.len(), lined_up = line.victims.len(), took = ?started.elapsed(),
            "looked through the cache"
        );
        Ok(())
    }

    /// Removes entries until the limits hold, and counts what is there anew; with `dry_run`, only tells what would go.
    pub(crate) fn trim(&self, place: &Place, limits: &Limits) -> Result<Trimmed> {
        let before = self.before(place);
        let found = find(&*place.store, &place.layout, limits.max_age.is_some())?;
        let candidates: Vec<Candidate> = found.iter().map(|found| found.candidate).collect();
        let bytes: u64 = candidates.iter().map(|candidate| candidate.size).sum();
        let mut trimmed = Trimmed { kept: found.len() as u64, kept_bytes: bytes, ..Trimmed::default() };
        if !limits.dry_run {
            self.found(place, &before, &found);
        }
        let victims = victims(&candidates, limits, Order::LeastRecentlyUsed, SystemTime::now());
        for (done, index) in (1..).zip(&victims) {
            let index = *index;
            if !limits.dry_run {
                self.evict(&found[index].folder, &found[index].key)?;
            }
            place.progress.tell(done, victims.len() as u64);
            let size = candidates[index].size;
            trimmed.removed += 1;
            trimmed.removed_bytes += size;
            trimmed.kept -= 1;
            trimmed.kept_bytes -= size;
        }
        tracing::debug!(root = %place.layout.root().display(), ?limits, ?trimmed, "trimmed");
        Ok(trimmed)
    }
}

/// Asks the headers of those that were used least recently what they cost.
fn learn_costs(found: &[Found], candidates: &mut [Candidate]) {
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_unstable_by_key(|index| candidates[*index].used);
    for index in order.into_iter().take((found.len() / 2).max(1)) {
        let path = Layout::locate(&found[index].folder, &found[index].key);
        candidates[index].took =
            Entry::read(path, found[index].key).ok().flatten().map_or(Duration::ZERO, |entry| entry.took);
    }
}

/// All entries, with what is known of them without opening them, or `exactly` when they were written.
fn find(store: &dyn Store, layout: &Layout, exactly: bool) -> Result<Vec<Found>> {
    let mut all = Vec::new();
    store.list(&layout.functions(), true, &mut |folder, entry| {
        // What vanishes meanwhile needs no removing.
        let Ok(metadata) = entry.metadata() else { return };
        let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        // An entry is written before it is used. So what was not used for so long is too old, and the rest is not used
        // any more when it is: that will do, if nobody asks for all of them at once.
        let written = if exactly { written(Layout::locate(folder, &entry.key), entry.key) } else { Some(used) };
        let candidate = Candidate { size: metadata.len(), used, written, took: Duration::MAX };
        all.push(Found { folder: folder.to_owned(), key: entry.key, candidate });
    })?;
    Ok(all)
}

/// When the entry was written, as its header says: the time of its file says when it was used.
fn written(path: PathBuf, key: Key) -> Option<SystemTime> {
    Entry::read(path, key).ok().flatten().map(|entry| entry.created)
}
