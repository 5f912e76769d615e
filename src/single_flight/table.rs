//! The calls of one cache that are being computed in this process.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant, SystemTime};

use crate::key::digest::Key;
use crate::single_flight::flight::{End, Flight, Root, locked};
use crate::single_flight::progress_probe::Worker;
use crate::single_flight::wait_graph::Within;
use crate::single_flight::{report_file, wait_graph};
use crate::sys::file_id::Identity;
use crate::sys::fork::generation::Born;
use crate::sys::lock::key_locks::{KeyLock, KeyLocks};
use crate::sys::lock::try_lock::TryLock;

/// The calls of one cache that are being computed in this process.
pub(crate) struct Flights {
    pub(super) root: Root,
    pub(super) path: Arc<Path>,
    /// Processes that say nothing: what they said last, and when that was seen.
    pub(super) silent: Mutex<HashMap<PathBuf, (u64, Instant)>>,
    pub(super) running: Mutex<HashMap<Key, Arc<Flight>>>,
    pub(super) locks: KeyLocks,
    /// How long to wait for a holder that does not get on; zero: not at all.
    pub(super) limit: Duration,
    pub(super) report: Mutex<report_file::Own>,
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
    pub(super) flights: Arc<Flights>,
    pub(super) flight: Arc<Flight>,
    pub(super) lock: Option<KeyLock>,
    /// Of a thread; a task is within its flight while it is polled.
    _within: Option<Within>,
}

/// Calls within calls of one thread of which each takes a lock between processes.
const DEEPEST: usize = 256;

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
            report: Mutex::new(report_file::Own::default()),
        }
    }

    /// Becomes the holder of this call, unless it has one: without waiting.
    pub(crate) fn exclude(self: &Arc<Self>, key: &Key, function: &str, is_task: bool) -> Option<Lead> {
        let mut lead = self.enter(key, function, (!is_task).then(Worker::here)).ok()?;
        lead.ask(0).then_some(lead)
    }

    /// Begins a flight, unless there is one.
    pub(super) fn enter(
        self: &Arc<Self>,
        key: &Key,
        function: &str,
        leader: Option<Worker>,
    ) -> Result<Lead, Arc<Flight>> {
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
    pub(super) fn displace(
        self: &Arc<Self>,
        stuck: &Arc<Flight>,
        function: &str,
        leader: Option<Worker>,
    ) -> Option<Lead> {
        let mut running = locked(&self.running);
        let there = running.get_mut(&stuck.key).filter(|flight| Arc::ptr_eq(flight, stuck))?;
        let flight = self.flight(&stuck.key, function, leader);
        *there = flight.clone();
        drop(running);
        Some(self.lead(flight))
    }

    pub(super) fn flight(&self, key: &Key, function: &str, leader: Option<Worker>) -> Arc<Flight> {
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

    pub(super) fn lead(self: &Arc<Self>, flight: Arc<Flight>) -> Lead {
        let within = flight.leader.is_some().then(|| Within::of(&flight));
        Lead { flights: self.clone(), flight, lock: None, _within: within }
    }
}

impl Lead {
    /// Asks for the lock that other processes respect, without waiting: whether the way is free.
    pub(super) fn ask(&mut self, level: u32) -> bool {
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
