//! The thread that looks after all caches, once a second while there is anything to do.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, Weak};
use std::thread;
use std::time::{Duration, Instant};

use crate::engine::{LAST_PAUSE, LAST_TRIES, Upkeep, locked};
use crate::sys::exit_hook;
use crate::sys::fork::per_process::PerProcess;

const TICK: Duration = Duration::from_secs(1);

/// Ticks without news after which nobody looks any more.
const IDLE_TICKS: u32 = 3;

/// Ticks from one time to the next that what was used in memory is touched.
const TOUCH_TICKS: u32 = 60;

/// The caches that are looked after.
static KEPT: PerProcess<Mutex<Kept>> = PerProcess::new();

#[derive(Default)]
struct Kept {
    caches: Vec<Weak<Upkeep>>,
    running: bool,
    /// When there was no thread to be had.
    refused: Option<Instant>,
}

impl Upkeep {
    /// Sees to it that the thread is at it: whether it is.
    #[cold]
    pub(crate) fn wake(self: &Arc<Self>) -> bool {
        if self.place.is_none() {
            return false;
        }
        // Who knows what happened while nobody looked.
        self.check_folders();
        exit_hook::run(flush_all);
        let mut kept = locked(KEPT.get());
        if self.awake.load(Ordering::Acquire) {
            return true;
        }
        // If the system has no thread to give, it is not asked at each call.
        if !kept.running && kept.refused.is_none_or(|at| at.elapsed() > TICK) {
            kept.running = thread::Builder::new().name("larder-upkeep".to_owned()).spawn(run).is_ok();
            kept.refused = (!kept.running).then(Instant::now);
        }
        if !kept.caches.iter().any(|cache| cache.as_ptr() == Arc::as_ptr(self)) {
            kept.caches.push(Arc::downgrade(self));
        }
        locked(&self.ticks).idle = 0;
        self.awake.store(kept.running, Ordering::Release);
        kept.running
    }

    /// Something was counted.
    #[inline]
    pub(crate) fn counted(self: &Arc<Self>) {
        if !self.awake.load(Ordering::Relaxed) {
            self.wake();
        }
    }

    /// Whether to go on.
    pub(super) fn tick(&self) -> bool {
        self.check_folders();
        let flights = self.place.as_ref().and_then(|place| place.flights.as_ref());
        let computes = flights.is_some_and(|flights| flights.report());
        if let Err(error) = self.flush() {
            tracing::debug!(%error, "can't note what was counted");
        }
        let mut is_busy = false;
        if let Some(place) = self.place.as_ref().filter(|place| !place.read_only && place.bounds.are_limits()) {
            // What others have stored counts as well.
            let before = place.bounds.level();
            if let Ok((entries, bytes)) = self.sums().map(|sums| sums.contents()) {
                place.bounds.shift(entries - before.0, bytes - before.1);
            }
            is_busy = self.enforce_in_between(place);
        }
        let mut ticks = locked(&self.ticks);
        ticks.since_touched += 1;
        if ticks.since_touched >= TOUCH_TICKS {
            ticks.since_touched = 0;
            self.touch_used();
        }
        let sums = self.own_sums();
        ticks.idle = if sums == ticks.seen && !computes && !is_busy { ticks.idle + 1 } else { 0 };
        ticks.seen = sums;
        ticks.idle < IDLE_TICKS
    }
}

/// What the thread does.
fn run() {
    loop {
        thread::sleep(TICK);
        let caches: Vec<_> = locked(KEPT.get()).caches.iter().filter_map(Weak::upgrade).collect();
        for cache in caches {
            if cache.tick() {
                continue;
            }
            // First it is asleep, then what was counted until then is written: whoever counts now wakes it.
            cache.awake.store(false, Ordering::Release);
            locked(KEPT.get()).caches.retain(|kept| kept.as_ptr() != Arc::as_ptr(&cache));
            let _ = cache.flush();
            cache.rest();
        }
        let mut kept = locked(KEPT.get());
        kept.caches.retain(|cache| cache.strong_count() > 0);
        if kept.caches.is_empty() {
            kept.running = false;
            return;
        }
    }
}

/// Puts what was counted into the ledgers, at the end of the process.
pub(crate) fn flush_all() {
    let mut caches: Vec<_> = locked(KEPT.get()).caches.iter().filter_map(Weak::upgrade).collect();
    let places = caches.iter().filter_map(|cache| cache.place.as_ref());
    places.filter_map(|place| place.flights.as_ref()).for_each(|flights| flights.stop_reporting());
    for _ in 0..LAST_TRIES {
        caches.retain(|cache| matches!(cache.flush(), Ok(false)));
        if caches.is_empty() {
            break;
        }
        thread::sleep(LAST_PAUSE);
    }
}
