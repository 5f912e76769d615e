//! What is done for a cache beside its calls: about once a second, by one thread for all caches, while there is
//! anything to do.
//!
//! - What was counted goes into the ledger.
//! - Results in memory are dropped if somebody removed the folder that they are from. While nobody looks after
//!   that, they are not used: the first call after a pause looks itself.
//! - Entries that were used in memory are touched, so that they don't look idle.

pub(crate) mod accounting;
pub(crate) mod background;
pub(crate) mod deferred_open;
pub(crate) mod entry_changes;
pub(crate) mod eviction;
pub(crate) mod invalidation;
pub(crate) mod memory_maintenance;
pub(crate) mod memory_tier;
pub(crate) mod unstored;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::engine::deferred_open::Latent;
use crate::engine::eviction::evictor::Line;
use crate::engine::eviction::policy::{Limits, Order};
use crate::engine::eviction::usage::Bounds;
use crate::engine::invalidation::Current;
use crate::engine::memory_maintenance::{Touched, Watched};
use crate::engine::memory_tier::Hot;
use crate::engine::unstored::Unkept;
use crate::error::{Error, ErrorKind, Result};
use crate::key::digest::Key;
use crate::observe::progress::Watcher;
use crate::observe::repeated_faults::Repeats;
use crate::observe::stats::{Sums, Tally};
use crate::single_flight::table::InFlightTable;
use crate::store::counters::Ledger;
use crate::store::entries::Entry;
use crate::store::hourly_stats::Hours;
use crate::store::interface::Store;
use crate::store::layout::Layout;
use crate::sys::lock::key_locks::KeyLocks;
use crate::sys::open_files;

/// How often the ledger is tried where it matters, and the time between.
const LAST_TRIES: u32 = 10;
const LAST_PAUSE: Duration = Duration::from_millis(5);

/// What one cache needs looking after.
pub(crate) struct Upkeep {
    /// Where it is; `None` if it is off.
    place: Option<Place>,
    tallies: Mutex<BTreeMap<String, Arc<Tally>>>,
    /// What of it is noted under its hour.
    noted: Mutex<Sums>,
    hot: Option<Hot>,
    marks: Current,
    /// The folders of functions with results in memory, by the functions' keys.
    watched: Mutex<BTreeMap<Key, Watched>>,
    /// When entries were touched.
    touched: Touched,
    /// The faults that were logged.
    pub(crate) repeats: Repeats,
    /// The calls whose results were not kept.
    pub(crate) unkept: Unkept,
    /// Whether the thread is at it.
    awake: AtomicBool,
    ticks: Mutex<Ticks>,
}

/// How a cache is to be looked after, in this process and in those that it forks.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) layout: Layout,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) limits: Limits,
    pub(crate) order: Order,
    pub(crate) progress: Watcher,
    pub(crate) read_only: bool,
    /// Why its folder could not be made.
    pub(crate) latent: Option<Error>,
    /// How long to wait for somebody who does not get on.
    pub(crate) wait_limit: Duration,
    /// Bytes of results that are kept in memory.
    pub(crate) hot_bytes: u64,
}

pub(crate) struct Place {
    pub(crate) layout: Layout,
    pub(crate) locks: KeyLocks,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) bounds: Bounds,
    pub(crate) progress: Watcher,
    /// Who computes what; `None` if nothing is stored, so that there is nothing to wait for.
    pub(crate) flights: Option<Arc<InFlightTable>>,
    /// What the limits will remove next.
    line: Mutex<Line>,
    ledger: Ledger,
    hours: Hours,
    pub(crate) read_only: bool,
    latent: Latent,
}

#[derive(Default)]
struct Ticks {
    idle: u32,
    since_touched: u32,
    /// What there was of the counters at the last one.
    seen: Sums,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Upkeep {
    /// For a cache that is off.
    pub(crate) fn of_nothing() -> Arc<Self> {
        Arc::new(Upkeep::new(None, 0))
    }

    /// For the cache that is planned.
    pub(crate) fn of(plan: &Plan) -> Arc<Self> {
        let Plan { layout, store, progress, read_only, .. } = plan.clone();
        let locks = KeyLocks::under(layout.root());
        let flights = (!read_only).then(|| Arc::new(InFlightTable::new(layout.root(), locks.clone(), plan.wait_limit)));
        let upkeep = Upkeep::new(
            Some(Place {
                ledger: Ledger::at(layout.counters(), locks.clone()),
                hours: Hours::at(layout.activity(), locks.clone()),
                locks,
                flights,
                bounds: Bounds::new(plan.limits.clone(), plan.order),
                line: Mutex::default(),
                layout,
                store,
                progress,
                read_only,
                latent: Latent::new(plan.latent.clone()),
            }),
            plan.hot_bytes,
        );
        upkeep.look_for_marks();
        // From now on everything is counted; what is there already is counted here.
        let is_counted = |place: &&Place| place.read_only || place.latent.is_latent() || place.ledger.exists();
        if let Some(place) = upkeep.place.as_ref().filter(|place| !is_counted(place))
            && let Err(error) = upkeep.begin_to_count(place)
        {
            tracing::debug!(%error, "can't note what is there");
        }
        Arc::new(upkeep)
    }

    fn new(place: Option<Place>, hot_bytes: u64) -> Self {
        Upkeep {
            place,
            tallies: Mutex::default(),
            noted: Mutex::default(),
            hot: (hot_bytes > 0).then(|| Hot::new(hot_bytes)),
            marks: Current::default(),
            watched: Mutex::default(),
            touched: Touched::default(),
            repeats: Repeats::default(),
            unkept: Unkept::default(),
            awake: AtomicBool::new(false),
            ticks: Mutex::default(),
        }
    }

    /// Where the cache is; `None` if it is off, or its folder can't be made.
    #[inline]
    pub(crate) fn place(&self) -> Option<&Place> {
        let place = self.place.as_ref()?;
        (!place.latent.is_latent() || place.latent.try_again(&place.layout)).then_some(place)
    }

    /// Why its folder can't be made; `None` if it is there, or the cache is off.
    pub(crate) fn latent_error(&self) -> Option<Error> {
        self.place.as_ref().and_then(|place| place.latent.error())
    }

    /// Where it is to be, also if its folder can't be made now.
    pub(crate) fn planned(&self) -> Option<&Layout> {
        self.place.as_ref().map(|place| &place.layout)
    }

    /// The folder of the cache; empty if it is off.
    pub(crate) fn root(&self) -> &Path {
        self.place.as_ref().map_or(Path::new(""), |place| place.layout.root())
    }

    /// What all processes counted in the cache of this folder.
    pub(crate) fn sums_in(root: &Path) -> Result<Sums> {
        let layout = Layout::at(root)?;
        let mut sums = Sums::default();
        let records = Ledger::at(layout.counters(), KeyLocks::under(root)).read()?;
        records.iter().flatten().for_each(|record| sums.add(&record.sums));
        Ok(sums)
    }
}

impl Place {
    /// The folder of an entry.
    ///
    /// # Errors
    /// If it is of another cache.
    pub(crate) fn folder_of<'e>(&self, entry: &'e Entry) -> Result<Cow<'e, Path>> {
        let folder = entry.path.parent().filter(|folder| folder.starts_with(self.layout.functions()));
        let folder = folder.map(Layout::function_of);
        folder.ok_or_else(|| Error::new(ErrorKind::InvalidInput, "the entry is of another cache").at(&entry.path))
    }
}

impl Upkeep {
    /// Closes the files that are open only so that they need not be opened again.
    fn rest(&self) {
        if let Some(place) = &self.place {
            place.locks.rest();
            open_files::close_under(place.layout.root());
        }
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.touch_used();
        self.flush_surely();
        self.rest();
    }
}
