//! How much a cache may hold, and how much it does, as far as this process knows. `upkeep/limits.rs` sees to it.

use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::engine::eviction::policy::{Limits, Order};
use crate::error::{Error, ErrorKind, Result};
use crate::observe::stats::Level;
use crate::store::layout::Layout;

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
    /// Entries that this process stored or removed.
    moved: AtomicU64,
    space: Mutex<Space>,
}

#[derive(Default)]
struct Space {
    asked: Option<Instant>,
    /// Bytes that may be written before asking again.
    allowance: u64,
}

/// Bytes that are free on the disk of this folder, and all that it has. `None` if the file system does not tell: some say
/// that they have no blocks at all (ramfs, tmpfs without a limit, FUSE without `statfs`).
pub(crate) fn free_space(folder: &Path) -> Option<(u64, u64)> {
    let total = fs2::total_space(folder).ok().filter(|total| *total > 0)?;
    Some((fs2::available_space(folder).ok()?, total))
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
            moved: AtomicU64::new(0),
            space: Mutex::default(),
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Bytes of the largest entry that may be stored.
    pub(crate) fn largest(&self) -> u64 {
        self.limits.max_bytes.unwrap_or(u64::MAX)
    }

    pub(crate) fn order(&self) -> Order {
        self.order
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
            let (available, total) = free_space(layout.root()).unwrap_or((u64::MAX, u64::MAX));
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
        self.moved.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(signed(size) - signed(before.unwrap_or(0)), Ordering::Relaxed);
        let mut space = self.space.lock().unwrap_or_else(PoisonError::into_inner);
        space.allowance = space.allowance.saturating_sub(size);
    }

    /// An entry was removed.
    pub(crate) fn removed(&self, size: u64) {
        self.entries.fetch_sub(1, Ordering::Relaxed);
        self.moved.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_sub(i64::try_from(size).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// How many entries this process has stored or removed.
    pub(crate) fn moved(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
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

    pub(crate) fn is_over(&self) -> bool {
        let over = |max: Option<u64>, there: &AtomicI64| {
            max.is_some_and(|max| there.load(Ordering::Relaxed) > i64::try_from(max).unwrap_or(i64::MAX))
        };
        over(self.limits.max_entries, &self.entries) || over(self.limits.max_bytes, &self.bytes)
    }

    /// Whether the next entries will be too many, or too large.
    pub(crate) fn is_near(&self) -> bool {
        let near = |max: Option<u64>, there: &AtomicI64| {
            max.is_some_and(|max| there.load(Ordering::Relaxed) >= i64::try_from(max - max / 64).unwrap_or(i64::MAX))
        };
        near(self.limits.max_entries, &self.entries) || near(self.limits.max_bytes, &self.bytes)
    }

    /// Whether it is so much over them that whoever stores more has to wait.
    pub(crate) fn is_far_over(&self) -> bool {
        let over = |max: Option<u64>, there: &AtomicI64, some: u64| {
            let most = max.map(|max| max.saturating_add(max / 64).saturating_add(some));
            most.is_some_and(|most| there.load(Ordering::Relaxed) > i64::try_from(most).unwrap_or(i64::MAX))
        };
        over(self.limits.max_entries, &self.entries, 2) || over(self.limits.max_bytes, &self.bytes, 0)
    }

    /// How long to wait from one scan for what is too old to the next.
    pub(crate) fn rhythm(&self) -> Option<Duration> {
        let shortest = [self.limits.max_age, self.limits.max_idle].into_iter().flatten().min()?;
        Some((shortest / 8).max(Duration::from_millis(10)))
    }

    /// Entries that are too many by number.
    pub(crate) fn surplus(&self) -> usize {
        let max = self.limits.max_entries.map_or(i64::MAX, |max| i64::try_from(max).unwrap_or(i64::MAX));
        usize::try_from(self.entries.load(Ordering::Relaxed).saturating_sub(max)).unwrap_or(0)
    }
}
