//! Timers for async tasks, independent of the runtime: one thread, which exists only while there are timers.

use std::future::poll_fn;
use std::sync::{Condvar, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use crate::sys::fork::per_process::PerProcess;
use crate::sys::locked::locked;

/// How long the thread stays without timers.
const IDLE: Duration = Duration::from_secs(2);

#[derive(Default)]
struct Timers {
    set: Vec<(Instant, Waker)>,
    /// Whether the thread runs.
    running: bool,
}

/// The timers, and the condition variable that tells the thread of changes.
static TIMERS: PerProcess<(Mutex<Timers>, Condvar)> = PerProcess::new();

/// Waits for `duration` without blocking a thread.
pub(crate) fn sleep(duration: Duration) -> impl Future<Output = ()> {
    let due = Instant::now() + duration;
    let mut set: Option<Waker> = None;
    poll_fn(move |context| {
        if Instant::now() >= due {
            return Poll::Ready(());
        }
        if !set.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            set = Some(context.waker().clone());
            if !wake_at(due, context.waker().clone()) {
                // The system refuses a thread. The task is then polled in a busy loop, but it still completes.
                set = None;
                context.waker().wake_by_ref();
            }
        }
        Poll::Pending
    })
}

/// Registers a waker. Returns false if there is no thread that will call it.
fn wake_at(due: Instant, waker: Waker) -> bool {
    let (timers, changed) = TIMERS.get();
    let mut timers = locked(timers);
    if !timers.running {
        timers.running = thread::Builder::new().name("larder-timer".to_owned()).spawn(run).is_ok();
    }
    if timers.running {
        timers.set.push((due, waker));
        changed.notify_one();
    }
    timers.running
}

fn run() {
    let (all, changed) = TIMERS.get();
    let mut timers = locked(all);
    loop {
        let now = Instant::now();
        let due: Vec<_> = timers.set.extract_if(.., |(due, _)| *due <= now).collect();
        if !due.is_empty() {
            // A waker is foreign code, so no lock may be held here.
            drop(timers);
            due.into_iter().for_each(|(_, waker)| waker.wake());
            timers = locked(all);
            continue;
        }
        let next = timers.set.iter().map(|(due, _)| *due).min();
        let wait = next.map_or(IDLE, |next| next.saturating_duration_since(now));
        let (waited, timeout) = changed.wait_timeout(timers, wait).unwrap_or_else(PoisonError::into_inner);
        timers = waited;
        if timeout.timed_out() && timers.set.is_empty() {
            timers.running = false;
            return;
        }
    }
}
