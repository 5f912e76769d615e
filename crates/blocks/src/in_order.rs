//! Jobs done by several threads, with the results in the order of the jobs.

use std::collections::VecDeque;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Jobs for each thread that are begun and not yet delivered. This bounds the memory.
const JOBS_PER_THREAD: usize = 3;

/// Does the jobs that `next` returns, on one thread for each of the `workers` (the first one on the caller's), and passes
/// the results to `deliver` in order. `next` and `deliver` run on the caller's thread. A panic of any thread is resumed
/// on the caller's.
pub(crate) fn in_order<W: Send, J: Send, R: Send>(
    workers: &mut [W],
    next: &mut dyn FnMut() -> io::Result<Option<J>>,
    work: &(dyn Fn(&mut W, J) -> R + Sync),
    deliver: &mut dyn FnMut(R) -> io::Result<()>,
) -> io::Result<()> {
    let Some((own, others)) = workers.split_first_mut() else { return Ok(()) };
    if others.is_empty() {
        while let Some(job) = next()? {
            deliver(work(own, job))?;
        }
        return Ok(());
    }
    let most = (others.len() + 1) * JOBS_PER_THREAD;
    let shared = Shared::default();
    thread::scope(|scope| {
        let _closing = Closing { shared: &shared, always: true };
        for other in others {
            // If the system has no more threads, fewer do all jobs.
            let _ = thread::Builder::new().spawn_scoped(scope, || serve(&shared, other, work));
        }
        let mut more = true;
        loop {
            while more && shared.outstanding() < most {
                match next()? {
                    Some(job) => shared.push(job),
                    None => more = false,
                }
            }
            match shared.take() {
                Taken::Result(result) => deliver(result)?,
                Taken::Job(number, job) => shared.finish(number, work(own, job)),
                Taken::Nothing => return Ok(()),
            }
        }
    })
}

/// Does jobs on another thread until none is left.
fn serve<W, J, R>(shared: &Shared<J, R>, worker: &mut W, work: &(dyn Fn(&mut W, J) -> R + Sync)) {
    let _closing = Closing { shared, always: false };
    while let Some((number, job)) = shared.wait_for_job() {
        shared.finish(number, work(worker, job));
    }
}

/// Jobs to do, and results to deliver.
struct State<J, R> {
    jobs: VecDeque<(usize, J)>,
    /// Results from number `delivered` on; `None` for a job that is not done.
    results: VecDeque<Option<R>>,
    delivered: usize,
    closed: bool,
}

struct Shared<J, R> {
    state: Mutex<State<J, R>>,
    changed: Condvar,
}

/// What the caller's thread does next.
enum Taken<J, R> {
    Result(R),
    Job(usize, J),
    Nothing,
}

impl<J, R> Default for Shared<J, R> {
    fn default() -> Self {
        let state = State { jobs: VecDeque::new(), results: VecDeque::new(), delivered: 0, closed: false };
        Shared { state: Mutex::new(state), changed: Condvar::new() }
    }
}

impl<J, R> Shared<J, R> {
    /// No code that can panic runs while the lock is held.
    fn lock(&self) -> MutexGuard<'_, State<J, R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn outstanding(&self) -> usize {
        self.lock().results.len()
    }

    fn push(&self, job: J) {
        let mut state = self.lock();
        let number = state.delivered + state.results.len();
        state.results.push_back(None);
        state.jobs.push_back((number, job));
        drop(state);
        self.changed.notify_all();
    }

    /// Returns the next result, else a job, else waits. Returns nothing if all is done, or if a thread has panicked.
    fn take(&self) -> Taken<J, R> {
        let mut state = self.lock();
        loop {
            if let Some(Some(_)) = state.results.front()
                && let Some(Some(result)) = state.results.pop_front()
            {
                state.delivered += 1;
                return Taken::Result(result);
            }
            if state.results.is_empty() || state.closed {
                return Taken::Nothing;
            }
            if let Some((number, job)) = state.jobs.pop_front() {
                return Taken::Job(number, job);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn wait_for_job(&self) -> Option<(usize, J)> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn finish(&self, number: usize, result: R) {
        let mut state = self.lock();
        let index = number - state.delivered;
        state.results[index] = Some(result);
        drop(state);
        self.changed.notify_all();
    }
}

/// Ends all threads when the caller's leaves, by a return or a panic, or when one of the others panics: the scope then
/// resumes the panic.
struct Closing<'s, J, R> {
    shared: &'s Shared<J, R>,
    always: bool,
}

impl<J, R> Drop for Closing<'_, J, R> {
    fn drop(&mut self) {
        if self.always || thread::panicking() {
            self.shared.lock().closed = true;
            self.shared.changed.notify_all();
        }
    }
}
