//! Keeping a cache within its limits as entries are written.
//!
//! The cost of that does not grow with the cache: how much there is, is counted. When it is too much, one scan
//! lines up the quarter of the entries that should go first; those go one by one, as new ones come, and the next scan
//! is due when the line is used up. So a stored entry pays for about four that are looked at. An entry that was used
//! since it was lined up is passed over.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError, TryLockError};
use std::time::{Duration, Instant, SystemTime};

use crate::key::Key;
use crate::policy::{Candidate, Limits, Order, victims};
use crate::stats::Level;
use crate::store::{Entry, Layout, Store, Trimmed};
use crate::upkeep::{Place, Upkeep};
use crate::{Error, ErrorKind, Result};

/// Caches of so many entries are looked through while somebody waits; larger ones in between.
const FEW: i64 = 10_000;

/// The part of the entries that is lined up by one scan.
const LINED_UP: usize = 4;

/// How long what is known of the free space is believed.
const BELIEVED: Duration = Duration::from_secs(1);

/// Free space that is left to others: of the disk the fiftieth part, at most this.
const MOST_LEFT_FREE: u64 = 1 << 30;

/// What bounds one cache.
pub(crate) struct Bounds {
    limits: Limits,
    order: Order,
    /// What there is, as far as this process knows.
    entries: AtomicI64,
    bytes: AtomicI64,
    state: Mutex<State>,
    space: Mutex<Space>,
}

#[derive(Default)]
struct State {
    /// Whether anything is known of what there is.
    counted: bool,
    scanned: Option<Instant>,
    line: VecDeque<Victim>,
}

struct Victim {
    folder: PathBuf,
    key: Key,
    used: SystemTime,
}

#[derive(Default)]
struct Space {
    asked: Option<Instant>,
    /// Bytes that may be written before asking again.
    allowance: u64,
}

/// One entry that a scan has found.
pub(crate) struct Found {
    pub(crate) folder: PathBuf,
    pub(crate) key: Key,
    pub(crate) candidate: Candidate,
}

/// Of a disk of so many bytes, those that are left to others.
pub(crate) fn left_free(total: u64) -> u64 {
    (total / 50).min(MOST_LEFT_FREE)
}

impl Bounds {
    pub(crate) fn new(limits: Limits, order: Order) -> Self {
        Bounds {
            limits,
            order,
            entries: AtomicI64::new(0),
            bytes: AtomicI64::new(0),
            state: Mutex::default(),
            space: Mutex::default(),
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn are_limits(&self) -> bool {
        let Limits { max_bytes, max_entries, max_age, max_idle, .. } = &self.limits;
        max_bytes.is_some() || max_entries.is_some() || max_age.is_some() || max_idle.is_some()
    }

    /// An error if others need what space there is on the disk.
    pub(crate) fn expect_space(&self, layout: &Layout) -> Result<()> {
        let mut space = self.space.lock().unwrap_or_else(PoisonError::into_inner);
        if space.allowance == 0 || space.asked.is_none_or(|asked| asked.elapsed() > BELIEVED) {
            // Where it can't be known, writing will tell.
            let available = fs2::available_space(layout.root()).unwrap_or(u64::MAX);
            let total = fs2::total_space(layout.root()).unwrap_or(u64::MAX);
            *space = Space { asked: Some(Instant::now()), allowance: available.saturating_sub(left_free(total)) };
        }
        if space.allowance > 0 {
            return Ok(());
        }
        let what = "the disk is almost full: nothing more is stored, so that others can go on; remove something, \
                    or trim the cache";
        Err(Error::new(ErrorKind::NoSpace, what).at(layout.root()))
    }

    /// An entry was stored, instead of one of `before` bytes.
    pub(crate) fn stored(&self, before: Option<u64>, size: u64) {
        let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
        self.entries.fetch_add(i64::from(before.is_none()), Ordering::Relaxed);
        self.bytes.fetch_add(signed(size) - signed(before.unwrap_or(0)), Ordering::Relaxed);
        let mut space = self.space.lock().unwrap_or_else(PoisonError::into_inner);
        space.allowance = space.allowance.saturating_sub(size);
    }

    /// An entry was removed.
    pub(crate) fn removed(&self, size: u64) {
        self.entries.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(i64::try_from(size).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// How much there is, as far as this process knows.
    pub(crate) fn level(&self) -> Level {
        (self.entries.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }

    /// There is more than was known, or less.
    pub(crate) fn shift(&self, entries: i64, bytes: i64) {
        self.entries.fetch_add(entries, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn is_over(&self) -> bool {
        let over = |max: Option<u64>, there: &AtomicI64| {
            max.is_some_and(|max| there.load(Ordering::Relaxed) > i64::try_from(max).unwrap_or(i64::MAX))
        };
        over(self.limits.max_entries, &self.entries) || over(self.limits.max_bytes, &self.bytes)
    }

    /// Whether it is so much over them that whoever stores more has to wait.
    fn is_far_over(&self) -> bool {
        let over = |max: Option<u64>, there: &AtomicI64, some: u64| {
            let most = max.map(|max| max.saturating_add(max / 64).saturating_add(some));
            most.is_some_and(|most| there.load(Ordering::Relaxed) > i64::try_from(most).unwrap_or(i64::MAX))
        };
        over(self.limits.max_entries, &self.entries, 2) || over(self.limits.max_bytes, &self.bytes, 0)
    }

    /// How long to wait from one scan for what is too old to the next.
    fn rhythm(&self) -> Option<Duration> {
        let shortest = [self.limits.max_age, self.limits.max_idle].into_iter().flatten().min()?;
        Some((shortest / 8).max(Duration::from_millis(10)))
    }

    /// Sees to it that the limits hold, after an entry was stored, or once in a while.
    pub(crate) fn enforce(&self, upkeep: &Upkeep, place: &Place, in_passing: bool) {
        if !self.are_limits() {
            return;
        }
        // Whoever is at it looks once more when done.
        loop {
            let mut state = match self.state.try_lock() {
                Ok(state) => state,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) if self.is_far_over() => {
                    self.state.lock().unwrap_or_else(PoisonError::into_inner)
                }
                Err(TryLockError::WouldBlock) => return,
            };
            if let Err(error) = self.enforce_now(&mut state, upkeep, place, in_passing) {
                return tracing::warn!(%error, "the cache's limits can't be enforced");
            }
            drop(state);
            if !self.is_over() {
                return;
            }
        }
    }

    fn enforce_now(&self, state: &mut State, upkeep: &Upkeep, place: &Place, in_passing: bool) -> Result<()> {
        if !state.counted {
            let before = self.level();
            match upkeep.sums_by_folder()? {
                Some(_) => {
                    let (entries, bytes) = upkeep.sums()?.contents();
                    self.shift(entries - before.0, bytes - before.1);
                }
                None => self.scan(state, upkeep, place)?,
            }
            state.counted = true;
        }
        let is_due = self.rhythm().is_some_and(|rhythm| state.scanned.is_none_or(|at| at.elapsed() >= rhythm));
        if is_due && (!in_passing || self.entries.load(Ordering::Relaxed) <= FEW) {
            self.scan(state, upkeep, place)?;
        }
        while self.is_over() {
            let Some(victim) = state.line.pop_front() else {
                self.scan(state, upkeep, place)?;
                if state.line.is_empty() {
                    return Ok(());
                }
                continue;
            };
            let path = Layout::entry(&victim.folder, &victim.key);
            let used = std::fs::symlink_metadata(&path).and_then(|metadata| metadata.modified());
            if used.is_ok_and(|used| used <= victim.used) {
                upkeep.remove(&victim.folder, &victim.key)?;
            }
        }
        Ok(())
    }

    /// Looks through all entries: removes what is too old or too idle, and lines up what should go next.
    fn scan(&self, state: &mut State, upkeep: &Upkeep, place: &Place) -> Result<()> {
        let started = Instant::now();
        let before = upkeep.before(place);
        let found = find(&*place.store, &place.layout, false)?;
        upkeep.found(place, &before, &found);
        state.scanned = Some(Instant::now());

        let mut candidates: Vec<Candidate> = found.iter().map(|found| found.candidate).collect();
        if self.order == Order::CheapestFirst {
            self.learn_costs(&found, &mut candidates);
        }
        let now = SystemTime::now();
        let too_old = Limits { max_bytes: None, max_entries: None, ..self.limits.clone() };
        let gone = victims(&candidates, &too_old, self.order, now);
        for index in &gone {
            upkeep.remove(&found[*index].folder, &found[*index].key)?;
        }
        let all = Limits { max_entries: Some(0), ..Limits::default() };
        let needed = self.surplus();
        let mut line: VecDeque<_> = victims(&candidates, &all, self.order, now).into();
        line.retain(|index| !gone.contains(index));
        line.truncate((line.len() / LINED_UP).max(needed + 1));
        state.line = line
            .into_iter()
            .map(|index| Victim {
                folder: found[index].folder.clone(),
                key: found[index].key,
                used: found[index].candidate.used,
            })
            .collect();
        tracing::debug!(
            root = %place.layout.root().display(), entries = found.len(), lined_up = state.line.len(), took = ?started.elapsed(),
            "looked through the cache"
        );
        Ok(())
    }

    /// Entries that are too many by number.
    fn surplus(&self) -> usize {
        let max = self.limits.max_entries.map_or(i64::MAX, |max| i64::try_from(max).unwrap_or(i64::MAX));
        usize::try_from(self.entries.load(Ordering::Relaxed).saturating_sub(max)).unwrap_or(0)
    }

    /// Asks the headers of those that were used least recently what they cost.
    fn learn_costs(&self, found: &[Found], candidates: &mut [Candidate]) {
        let mut order: Vec<usize> = (0..candidates.len()).collect();
        order.sort_unstable_by_key(|index| candidates[*index].used);
        for index in order.into_iter().take((found.len() / 2).max(1)) {
            let path = Layout::entry(&found[index].folder, &found[index].key);
            candidates[index].took =
                Entry::read(path, found[index].key).ok().flatten().map_or(Duration::ZERO, |entry| entry.took);
        }
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
        let written = if exactly { written(Layout::entry(folder, &entry.key), entry.key) } else { Some(used) };
        let candidate = Candidate { size: metadata.len(), used, written, took: Duration::MAX };
        all.push(Found { folder: folder.to_owned(), key: entry.key, candidate });
    })?;
    Ok(all)
}

/// When the entry was written, as its header says: the time of its file says when it was used.
fn written(path: PathBuf, key: Key) -> Option<SystemTime> {
    Entry::read(path, key).ok().flatten().map(|entry| entry.created)
}

/// Removes entries until the limits hold, and counts what is there anew; with `dry_run`, only tells what would go.
pub(crate) fn trim(upkeep: &Upkeep, place: &Place, limits: &Limits) -> Result<Trimmed> {
    let before = upkeep.before(place);
    let found = find(&*place.store, &place.layout, limits.max_age.is_some())?;
    let candidates: Vec<Candidate> = found.iter().map(|found| found.candidate).collect();
    let bytes: u64 = candidates.iter().map(|candidate| candidate.size).sum();
    let mut trimmed = Trimmed { kept: found.len() as u64, kept_bytes: bytes, ..Trimmed::default() };
    if !limits.dry_run {
        upkeep.found(place, &before, &found);
    }
    let victims = victims(&candidates, limits, Order::LeastRecentlyUsed, SystemTime::now());
    for (done, index) in (1..).zip(&victims) {
        let index = *index;
        if !limits.dry_run {
            upkeep.remove(&found[index].folder, &found[index].key)?;
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
