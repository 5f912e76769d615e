//! Once: of several calls that are the same and are made at the same time, one computes and the others wait.
//!
//! In this process, the call that computes has a [`Flight`] in the cache's table; others find it there
//! and wait for it. Between processes, it holds the key's lock as well, see `lock`. DESIGN.md says
//! why every wait ends.
//!
//! - `join` is the way to a turn: it waits for what is in the way, which `watch` looks at in this process, and `queue` in others.
//! - `circle` knows who waits for whom in this process; `signs` tells how a thread gets on.
//! - `patience` says how long to wait; `others` looks at other processes, which say in `report` what they do.

pub(crate) mod join;
pub(crate) mod other_process;
pub(crate) mod progress_probe;
pub(crate) mod running_calls;
#[cfg(feature = "async")]
pub(crate) mod task;
pub(crate) mod wait_graph;
pub(crate) mod wait_policy;
pub(crate) mod wait_process;
pub(crate) mod wait_thread;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::key::digest::Key;
use crate::single_flight::progress_probe::{Pace, Ran, Worker};
use crate::single_flight::wait_graph::Within;
use crate::sys::file_id::Identity;
use crate::sys::fork::generation::Born;
use crate::sys::lock::key_locks::{KeyLock, KeyLocks};
use crate::sys::lock::try_lock::TryLock;

/// The folder of a cache, whatever path leads there.
#[derive(Clone, PartialEq, Eq)]
enum Root {
    Known(Identity),
    Path(Arc<Path>),
}

/// The calls of one cache that are being computed in this process.
pub(crate) struct Flights {
    root: Root,
    path: Arc<Path>,
    /// Processes that say nothing: what they said last, and when that was seen.
    silent: Mutex<HashMap<PathBuf, (u64, Instant)>>,
    running: Mutex<HashMap<Key, Arc<Flight>>>,
    locks: KeyLocks,
    /// How long to wait for a holder that does not get on; zero: not at all.
    limit: Duration,
    report: Mutex<running_calls::Own>,
}

/// One call that is being computed in this process.
pub(crate) struct Flight {
    key: Key,
    root: Root,
    /// In a child that was forked, it is the parent's: what others of its threads had locked is locked for ever.
    born: Born,
    function: Arc<str>,
    since: SystemTime,
    began: Instant,
    /// The thread that computes; `None` if it is a task, which may move from thread to thread.
    leader: Option<Worker>,
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Default)]
struct State {
    end: Option<End>,
    /// Threads that wait.
    waiting: u32,
    /// It waits for another process to compute the same.
    is_queueing: bool,
    /// What the report told of it last.
    told: Signs,
    beat: u64,
    work: u64,
    #[cfg(feature = "async")]
    task: task::State,
}

/// What a flight showed when it was last looked at.
#[derive(Clone, Default)]
struct Signs {
    ran: Ran,
    #[cfg(feature = "async")]
    polls: u64,
}

/// How a flight ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The result is stored.
    Stored,
    /// There was a result, and it was not stored. It is no use to wait for the next one.
    NotKept,
    /// There was none: an `Err`, a panic, or a future that was dropped. The next one may do better.
    Failed,
}

/// What a call that wants a result is to do.
pub(crate) enum Turn {
    /// Look whether it has been stored meanwhile. If not, compute it; others wait for that.
    Lead(Lead),
    /// Look: it was just stored. If it is of no use, compute it alone.
    Look,
    /// Compute it, even if others do: a wait might be in vain.
    Alone,
}

impl Turn {
    /// For the log.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Turn::Lead(_) => "computes for all",
            Turn::Look => "waited",
            Turn::Alone => "computes alone",
        }
    }
}

/// The right, and the duty, to compute one call. Dropped without [`land`](Lead::land), it has failed.
pub(crate) struct Lead {
    flights: Arc<Flights>,
    flight: Arc<Flight>,
    lock: Option<KeyLock>,
    /// Of a thread; a task is within its flight while it is polled.
    _within: Option<Within>,
}

/// Calls within calls of one thread of which each takes a lock between processes.
const DEEPEST: usize = 256;

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Flights {
    /// Of the cache with this root, where no call waits longer than `limit` for a holder that does not get on.
    pub(crate) fn new(root: &Path, locks: KeyLocks, limit: Duration) -> Self {
        // A link in its place leads to it.
        let identity = std::fs::metadata(root).ok().and_then(|metadata| Identity::in_metadata(&metadata));
        let path: Arc<Path> = root.into();
        Flights {
            root: identity.map_or_else(|| Root::Path(path.clone()), Root::Known),
            path,
            silent: Mutex::default(),
            running: Mutex::default(),
            locks,
            limit,
            report: Mutex::new(running_calls::Own::default()),
        }
    }

    /// Becomes the holder of this call, unless it has one: without waiting.
    pub(crate) fn exclude(self: &Arc<Self>, key: &Key, function: &str, is_task: bool) -> Option<Lead> {
        let mut lead = self.enter(key, function, (!is_task).then(Worker::here)).ok()?;
        lead.ask(0).then_some(lead)
    }

    /// Begins a flight, unless there is one.
    fn enter(self: &Arc<Self>, key: &Key, function: &str, leader: Option<Worker>) -> Result<Lead, Arc<Flight>> {
        let mut running = locked(&self.running);
        if let Some(flight) = running.get(key) {
            return Err(flight.clone());
        }
        let flight = self.flight(key, function, leader);
        running.insert(*key, flight.clone());
        drop(running);
        Ok(self.lead(flight))
    }

    /// Begins a flight in the place of one that does not get on, unless that is not there any more. It has no lock: that is
    /// the other one's.
    fn displace(self: &Arc<Self>, stuck: &Arc<Flight>, function: &str, leader: Option<Worker>) -> Option<Lead> {
        let mut running = locked(&self.running);
        let there = running.get_mut(&stuck.key).filter(|flight| Arc::ptr_eq(flight, stuck))?;
        let flight = self.flight(&stuck.key, function, leader);
        *there = flight.clone();
        drop(running);
        Some(self.lead(flight))
    }

    fn flight(&self, key: &Key, function: &str, leader: Option<Worker>) -> Arc<Flight> {
        Arc::new(Flight {
            key: *key,
            root: self.root.clone(),
            born: Born::here(),
            function: function.into(),
            since: SystemTime::now(),
            began: Instant::now(),
            leader,
            state: Mutex::default(),
            ended: Condvar::new(),
        })
    }

    fn lead(self: &Arc<Self>, flight: Arc<Flight>) -> Lead {
        let within = flight.leader.is_some().then(|| Within::of(&flight));
        Lead { flights: self.clone(), flight, lock: None, _within: within }
    }
}

impl Flight {
    fn has_ended(&self) -> bool {
        locked(&self.state).end.is_some()
    }

    /// How its own thread or task got on since `before`, which is put right.
    fn pace(&self, before: &mut Signs) -> Pace {
        match self.leader {
            Some(worker) => worker.pace(&mut before.ran),
            #[cfg(feature = "async")]
            None => self.pace_of_task(before),
            #[cfg(not(feature = "async"))]
            None => Pace::Still,
        }
    }

    fn land(&self, end: End) {
        let mut state = locked(&self.state);
        state.end = Some(end);
        // Waking nobody takes a while as well.
        let waits = state.waiting > 0;
        #[cfg(feature = "async")]
        let tasks = state.task.take_waiting();
        drop(state);
        if waits {
            self.ended.notify_all();
        }
        // A waker is others' code, so no lock is held meanwhile.
        #[cfg(feature = "async")]
        tasks.into_iter().for_each(std::task::Waker::wake);
    }
}

impl Lead {
    /// Asks for the lock that other processes respect, without waiting: whether the way is free.
    fn ask(&mut self, level: u32) -> bool {
        // The system goes through all locks of a file to take one. At this depth the calls further out have locks, and other
        // processes wait for those.
        if wait_graph::depth() > DEEPEST {
            return true;
        }
        match self.flights.locks.ask_at(&self.flight.key, level) {
            Ok(TryLock::Acquired(lock)) => self.lock = Some(lock),
            Ok(TryLock::Busy) => return false,
            // Then another process may compute the same: that costs time, and no more.
            Err(error) => tracing::debug!(%error, "there are no locks between processes"),
        }
        true
    }

    /// The call has been computed, or turned out to be there.
    pub(crate) fn land(mut self, end: End) {
        self.end(end);
    }

    fn end(&mut self, end: End) {
        if !self.flight.born.is_here() {
            return;
        }
        // First the lock: the next flight of this key would share it.
        self.lock = None;
        let mut running = locked(&self.flights.running);
        if running.get(&self.flight.key).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight)) {
            running.remove(&self.flight.key);
        }
        drop(running);
        self.flight.land(end);
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        if self.flight.born.is_here() && !self.flight.has_ended() {
            self.end(End::Failed);
        }
    }
}
