//! Background thread that maintains the caches in use, once a second.

use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::thread;
use std::time::{Duration, Instant};

use crate::engine::accounting::{PAUSE_AT_END, TRIES_AT_END};
use crate::engine::roster::{Awake, Roster};
use crate::sys::fork::per_process::PerProcess;
use crate::sys::locked::locked;
use crate::sys::{catch_panic, exit_hook};

const TICK: Duration = Duration::from_secs(1);

/// Name of the work in the log of a panic.
const WHAT: &str = "looking after a cache";

/// Something that the background thread maintains.
pub(crate) trait Task: Send + Sync {
    /// Does what is due every second. Returns whether to continue; false if the cache is idle.
    fn tick(&self) -> bool;

    /// Does what is due when the cache becomes idle.
    fn rest(&self);

    /// Stops what must not run during the end of the process.
    fn stop(&self);

    /// Writes the counts at the end of the process. Returns false if it must be tried again.
    fn flush(&self) -> bool;
}

/// Connects one cache to the background thread.
#[derive(Default)]
pub(crate) struct Background {
    awake: Awake,
}

/// The caches of this process.
static CACHES: PerProcess<Mutex<Caches>> = PerProcess::new();

#[derive(Default)]
struct Caches {
    roster: Roster<Weak<dyn Task>>,
    /// When starting the thread last failed.
    refused: Option<Instant>,
}

fn caches() -> MutexGuard<'static, Caches> {
    locked(CACHES.get())
}

impl Background {
    /// Returns whether the thread maintains the cache, and so will write what the calling thread has counted.
    #[inline]
    pub(crate) fn is_awake(&self) -> bool {
        self.awake.is_set()
    }

    /// Makes the thread maintain the cache. Returns whether it does: if a thread can't be started, the next attempt is
    /// a second later.
    pub(crate) fn wake(&self, task: &Arc<dyn Task>) -> bool {
        exit_hook::run(flush_all);
        let mut caches = caches();
        let Caches { roster, refused } = &mut *caches;
        roster.wake(
            &self.awake,
            || Arc::downgrade(task),
            || {
                if refused.is_some_and(|at| at.elapsed() <= TICK) {
                    return false;
                }
                let is_started = thread::Builder::new().name("larder-background".to_owned()).spawn(run).is_ok();
                *refused = (!is_started).then(Instant::now);
                is_started
            },
        )
    }
}

/// Takes all caches off the roster if the thread ends by a panic.
struct Running;

impl Drop for Running {
    fn drop(&mut self) {
        if thread::panicking() {
            caches().roster.end();
        }
    }
}

fn run() {
    let _running = Running;
    loop {
        thread::sleep(TICK);
        visit_all();
        if caches().roster.end_if_empty(|cache| cache.strong_count() > 0) {
            return;
        }
    }
}

/// Ticks each cache that is awake, and puts idle ones to sleep.
fn visit_all() {
    let awake = caches().roster.awake();
    for (awake, cache) in awake {
        // A tracing layer, a metrics recorder or a store may panic. Then the cache is put to sleep, so that its results
        // in memory are not used while no thread checks them; the next call wakes it. `upgrade` may return the last
        // handle of the cache, so the cache may be dropped here.
        let goes_on = catch_panic::guarded(WHAT, || Ok(cache.upgrade().is_some_and(|cache| cache.tick())));
        if !goes_on.unwrap_or(false) {
            caches().roster.put_to_sleep(&awake);
            let _ = catch_panic::guarded(WHAT, || {
                cache.upgrade().inspect(|cache| cache.rest());
                Ok(())
            });
        }
    }
}

/// Writes the counts of all caches at the end of the process.
pub(crate) fn flush_all() {
    let known = caches().roster.known();
    let mut left: Vec<_> = known.iter().filter_map(Weak::upgrade).collect();
    left.iter().for_each(|cache| cache.stop());
    for _ in 0..TRIES_AT_END {
        left.retain(|cache| !cache.flush());
        if left.is_empty() {
            break;
        }
        thread::sleep(PAUSE_AT_END);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// A cache in which foreign code panics.
    #[derive(Default)]
    struct Panics {
        ticks: AtomicU32,
        rests: AtomicU32,
    }

    impl Task for Panics {
        fn tick(&self) -> bool {
            self.ticks.fetch_add(1, Ordering::Relaxed);
            panic!("a tracing layer may panic")
        }

        fn rest(&self) {
            self.rests.fetch_add(1, Ordering::Relaxed);
            panic!("a recorder may panic")
        }

        fn stop(&self) {}

        fn flush(&self) -> bool {
            true
        }
    }

    /// A panic in foreign code does not end the thread or its work for other caches, and no cache stays awake
    /// without a thread that maintains it.
    #[test]
    fn a_panic_puts_the_cache_to_sleep_and_the_thread_goes_on() {
        let (background, cache) = (Background::default(), Arc::new(Panics::default()));
        let task: Arc<dyn Task> = cache.clone();
        for round in 1..=2 {
            assert!(background.wake(&task) && background.is_awake());
            let until = Instant::now() + Duration::from_secs(30);
            while background.is_awake() || cache.rests.load(Ordering::Relaxed) < round {
                assert!(Instant::now() < until, "the cache is awake, and the thread is gone");
                thread::sleep(Duration::from_millis(20));
            }
            assert_eq!(cache.ticks.load(Ordering::Relaxed), round);
        }
    }
}
