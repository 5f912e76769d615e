//! What is done for a cache beside its calls: about once a second, by one thread for all caches, while there is
//! anything to do.
//!
//! - What was counted goes into the ledger.
//! - Results in memory are dropped if somebody removed the folder that they are from. While nobody looks after
//!   that, they are not used: the first call after a pause looks itself.
//! - Entries that were used in memory are touched, so that they don't look idle.

mod contents;
mod counting;
mod limits;
mod thread;
mod warmth;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::bounds::Bounds;
use crate::hot::Hot;
use crate::kept;
use crate::key::Key;
use crate::lock::KeyLocks;
use crate::marks::Current;
use crate::policy::{Limits, Order};
use crate::progress::Watcher;
use crate::stats::{Sums, Tally};
use crate::store::{Entry, Hours, Layout, Ledger, Store};
use crate::{Error, ErrorKind, Result};

use limits::Line;
pub(crate) use thread::flush_all;
use warmth::{Touched, Watched};

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
    /// Bytes of results that are kept in memory.
    pub(crate) hot_bytes: u64,
}

pub(crate) struct Place {
    pub(crate) layout: Layout,
    pub(crate) locks: KeyLocks,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) bounds: Bounds,
    pub(crate) progress: Watcher,
    /// What the limits will remove next.
    line: Mutex<Line>,
    ledger: Ledger,
    hours: Hours,
    pub(crate) read_only: bool,
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
        let upkeep = Upkeep::new(
            Some(Place {
                ledger: Ledger::at(layout.counters(), locks.clone()),
                hours: Hours::at(layout.activity(), locks.clone()),
                locks,
                bounds: Bounds::new(plan.limits.clone(), plan.order),
                line: Mutex::default(),
                layout,
                store,
                progress,
                read_only,
            }),
            plan.hot_bytes,
        );
        upkeep.look_for_marks();
        // From now on everything is counted; what is there already is counted here.
        if let Some(place) = upkeep.place.as_ref().filter(|place| !(place.read_only || place.ledger.exists()))
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
            awake: AtomicBool::new(false),
            ticks: Mutex::default(),
        }
    }

    /// Where the cache is; `None` if it is off.
    pub(crate) fn place(&self) -> Option<&Place> {
        self.place.as_ref()
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
    pub(crate) fn folder_of<'e>(&self, entry: &'e Entry) -> Result<&'e Path> {
        let folder = entry.path.parent().filter(|folder| folder.starts_with(self.layout.functions()));
        folder.ok_or_else(|| Error::new(ErrorKind::InvalidInput, "the entry is of another cache").at(&entry.path))
    }
}

impl Upkeep {
    /// Closes the files that are open only so that they need not be opened again.
    fn rest(&self) {
        if let Some(place) = &self.place {
            place.locks.rest();
            kept::close_under(place.layout.root());
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
