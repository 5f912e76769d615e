//! Threads that work while their owner continues, and return results in the order of the jobs.
//!
//! For work within one call, [`workers`](crate::sys::workers) is enough. A compressing writer is called many times; its
//! threads must outlive each call, so they can't be scoped.

use std::any::Any;
use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};

use crate::sys::locked::locked;

/// Bytes to work on, and a buffer for the result. It returns to the owner, which reuses the buffers.
#[derive(Default)]
pub(crate) struct Job {
    pub(crate) input: Vec<u8>,
    pub(crate) output: Vec<u8>,
}

type Work = dyn Fn(&[u8], &mut Vec<u8>) -> io::Result<()> + Send + Sync;
type Done = (Job, io::Result<()>);
type Queue = Mutex<Receiver<(Job, SyncSender<Done>)>>;

/// Threads that do the same work on one job after another. They are started as jobs are submitted, and joined when the
/// pool is dropped.
pub(crate) struct Pool {
    work: Arc<Work>,
    most: usize,
    /// `None` when the pool is being dropped.
    jobs: Option<Sender<(Job, SyncSender<Done>)>>,
    queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
    results: VecDeque<Receiver<Done>>,
}

impl Pool {
    pub(crate) fn new(
        threads: usize,
        work: impl Fn(&[u8], &mut Vec<u8>) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let (jobs, queue) = channel();
        Pool {
            work: Arc::new(work),
            most: threads,
            jobs: Some(jobs),
            queue: Arc::new(Mutex::new(queue)),
            threads: Vec::new(),
            results: VecDeque::new(),
        }
    }

    /// Returns whether enough jobs are queued: one for each thread, and one more.
    pub(crate) fn is_full(&self) -> bool {
        self.results.len() > self.most
    }

    /// Queues a job for the next free thread. If the system has no threads, the job runs here.
    ///
    /// # Errors
    /// If the threads have stopped.
    pub(crate) fn submit(&mut self, job: Job) -> io::Result<()> {
        if self.threads.len() < self.most.min(self.results.len() + 1) {
            let (work, queue) = (Arc::clone(&self.work), Arc::clone(&self.queue));
            match Builder::new().name("larder".to_owned()).spawn(move || serve(&*work, &queue)) {
                Ok(thread) => self.threads.push(thread),
                Err(error) => tracing::debug!(%error, "can't start another thread; working with fewer"),
            }
        }
        let (sender, result) = sync_channel(1);
        if self.threads.is_empty() {
            let _ = sender.send(perform(&*self.work, job));
            self.results.push_back(result);
        } else if let Some(jobs) = &self.jobs {
            jobs.send((job, sender)).map_err(|_| stopped())?;
            self.results.push_back(result);
        }
        Ok(())
    }

    /// Waits for the oldest job and returns it; `None` if there is none.
    pub(crate) fn next(&mut self) -> Option<Done> {
        let result = self.results.pop_front()?;
        Some(result.recv().unwrap_or_else(|_| (Job::default(), Err(stopped()))))
    }
}

/// Returns the error for threads that ended before the pool. They catch panics, so this does not happen.
fn stopped() -> io::Error {
    io::Error::other("a thread of larder has stopped")
}

/// Runs jobs until the channel closes.
fn serve(work: &Work, queue: &Queue) {
    loop {
        // A thread holds the lock while it waits for a job. The other threads wait for the lock.
        let next = locked(queue).recv();
        let Ok((job, sender)) = next else { return };
        // Fails only if the pool is being dropped.
        let _ = sender.send(perform(work, job));
    }
}

fn perform(work: &Work, mut job: Job) -> Done {
    let result = catch_unwind(AssertUnwindSafe(|| work(&job.input, &mut job.output)))
        .unwrap_or_else(|panic| Err(io::Error::other(format!("a thread panicked: {}", message(&*panic)))));
    (job, result)
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}

impl Drop for Pool {
    fn drop(&mut self) {
        drop(self.jobs.take());
        {
            // Drop the jobs that no thread has begun.
            let queue = locked(&self.queue);
            while queue.try_recv().is_ok() {}
        }
        for thread in self.threads.drain(..) {
            // Can't fail: the threads catch panics.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(byte: u8) -> Job {
        Job { input: vec![byte], output: Vec::new() }
    }

    #[test]
    fn results_come_in_order_and_panics_are_errors() {
        let mut pool = Pool::new(3, |input, output| {
            if input[0] % 10 == 7 {
                panic!("seven");
            }
            input.clone_into(output);
            Ok(())
        });
        let mut results = Vec::new();
        for byte in 0..40 {
            if pool.is_full() {
                results.push(pool.next().unwrap());
            }
            pool.submit(job(byte)).unwrap();
        }
        results.extend(std::iter::from_fn(|| pool.next()));
        assert_eq!(results.len(), 40);
        assert_eq!(pool.threads.len(), 3);
        for (index, (job, result)) in results.into_iter().enumerate() {
            assert_eq!(usize::from(job.input[0]), index);
            match result {
                Ok(()) => assert_eq!(job.output, job.input),
                Err(error) => assert!(index % 10 == 7 && error.to_string().contains("seven"), "{error}"),
            }
        }
    }

    #[test]
    fn dropping_the_pool_waits_for_its_threads() {
        let running = Arc::new(());
        let held = Arc::clone(&running);
        let mut pool = Pool::new(2, move |_, _| {
            let _ = &held;
            Ok(())
        });
        for byte in 0..3 {
            pool.submit(job(byte)).unwrap();
        }
        drop(pool);
        assert_eq!(Arc::strong_count(&running), 1);
    }
}
