//! Thread pool for work that may wait for a disk, so that async tasks don't block. Independent of the async runtime.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use crate::sys::fork::per_process::PerProcess;
use crate::sys::locked::locked;

/// Maximum number of threads. It is large because a job may need another job, if a `Deserialize` makes calls of its
/// own.
const MOST: usize = 500;

/// How long a thread stays without work.
const IDLE: Duration = Duration::from_millis(500);

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Pool {
    jobs: VecDeque<Job>,
    threads: usize,
    /// Number of threads that wait for a job.
    idle: usize,
}

/// The pool, and the condition variable for new jobs. A forked child has none of its parent's threads.
static POOL: PerProcess<(Mutex<Pool>, Condvar)> = PerProcess::new();

/// Runs `work` on another thread, or on this one if the system refuses more threads. A panic of `work` continues here.
/// If the future is dropped before `work` has begun, it is not run.
pub(crate) async fn unblock<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let awaited = Awaited(Arc::new(Mutex::new(State { result: None, waker: None, is_wanted: true })));
    let state = awaited.0.clone();
    submit(Box::new(move || {
        if !locked(&state).is_wanted {
            return;
        }
        let result = catch_unwind(AssertUnwindSafe(work));
        let mut state = locked(&state);
        state.result = Some(result);
        let waker = state.waker.take();
        drop(state);
        // A waker is foreign code, so no lock may be held here.
        if let Some(waker) = waker {
            waker.wake();
        }
    }));
    let result = poll_fn(|context| {
        let mut state = locked(&awaited.0);
        match state.result.take() {
            Some(result) => Poll::Ready(result),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    });
    result.await.unwrap_or_else(|panic| resume_unwind(panic))
}

/// Result that a task waits for.
struct Awaited<T>(Arc<Mutex<State<T>>>);

struct State<T> {
    result: Option<thread::Result<T>>,
    waker: Option<Waker>,
    is_wanted: bool,
}

impl<T> Drop for Awaited<T> {
    fn drop(&mut self) {
        locked(&self.0).is_wanted = false;
    }
}

fn submit(job: Job) {
    let (pool, changed) = POOL.get();
    let mut pool = locked(pool);
    pool.jobs.push_back(job);
    if pool.jobs.len() <= pool.idle {
        return changed.notify_one();
    }
    if pool.threads < MOST {
        if thread::Builder::new().name("larder-files".to_owned()).spawn(serve).is_ok() {
            pool.threads += 1;
            return;
        }
        // The existing threads may be waiting for the result of this job, so run it here.
        if let Some(job) = pool.jobs.pop_back() {
            drop(pool);
            job();
        }
    }
}

fn serve() {
    let (all, changed) = POOL.get();
    let mut pool = locked(all);
    loop {
        if let Some(job) = pool.jobs.pop_front() {
            drop(pool);
            job();
            pool = locked(all);
            continue;
        }
        pool.idle += 1;
        let (waited, timeout) = changed.wait_timeout(pool, IDLE).unwrap_or_else(PoisonError::into_inner);
        pool = waited;
        pool.idle -= 1;
        if timeout.timed_out() && pool.jobs.is_empty() {
            pool.threads -= 1;
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn work_runs_on_another_thread_and_panics_come_back() {
        let here = thread::current().id();
        assert_ne!(smol::block_on(unblock(move || thread::current().id())), here);
        let panic = catch_unwind(|| smol::block_on(unblock(|| panic!("seven")))).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"seven"));
    }

    #[test]
    fn many_jobs_run_at_the_same_time() {
        static DONE: AtomicU32 = AtomicU32::new(0);
        let work = || {
            thread::sleep(Duration::from_millis(20));
            DONE.fetch_add(1, Ordering::Relaxed);
        };
        thread::scope(|scope| {
            for _ in 0..50 {
                scope.spawn(|| smol::block_on(unblock(work)));
            }
        });
        assert_eq!(DONE.load(Ordering::Relaxed), 50);
    }
}
