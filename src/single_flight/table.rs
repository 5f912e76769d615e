//! The calls of one cache that are being computed in this process.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant, SystemTime};

use crate::key::digest::Key;
use crate::single_flight::flight::{FlightOutcome, InFlight, Root, locked};
use crate::single_flight::progress_probe::ThreadProbe;
use crate::single_flight::wait_graph::CallScope;
use crate::single_flight::{report_file, wait_graph};
use crate::sys::file_id::FileId;
use crate::sys::fork::generation::Born;
use crate::sys::lock::key_locks::{KeyLock, KeyLocks};
use crate::sys::lock::try_lock::TryLock;

/// The calls of one cache that are being computed in this process.
pub(crate) struct InFlightTable {
    pub(super) root: Root,
    pub(super) path: Arc<Path>,
    /// Processes that say nothing: what they said last, and when that was seen.
    pub(super) silent: Mutex<HashMap<PathBuf, (u64, Instant)>>,
    pub(super) running: Mutex<HashMap<Key, Arc<InFlight>>>,
    pub(super) locks: KeyLocks,
    /// How long to wait for a holder that does not get on; zero: not at all.
    pub(super) limit: Duration,
    pub(super) report: Mutex<report_file::ReportWriter>,
}

/// What a call that wants a result is to do.
pub(crate) enum Role {
    /// Look whether it has been stored meanwhile. If not, compute it; others wait for that.
    Leader(LeaderGuard),
    /// Look: it was just stored. If it is of no use, compute it alone.
    Look,
    /// Compute it, even if others do: a wait might be in vain.
    Alone,
}

impl Role {
    /// For the log.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Role::Leader(_) => "computes for all",
            Role::Look => "waited",
            Role::Alone => "computes alone",
        }
    }
}

/// The right, and the duty, to compute one call. Dropped without [`complete`](LeaderGuard::complete), it has failed.
pub(crate) struct LeaderGuard {
    pub(super) flights: Arc<InFlightTable>,
    pub(super) flight: Arc<InFlight>,
    pub(super) lock: Option<KeyLock>,
    /// Of a thread; a task is within its flight while it is polled.
    _within: Option<CallScope>,
}

/// Calls within calls of one thread of which each takes a lock between processes.
const DEEPEST: usize = 256;

impl InFlightTable {
    /// Of the cache with this root, where no call waits longer than `limit` for a holder that does not get on.
    pub(crate) fn new(root: &Path, locks: KeyLocks, limit: Duration) -> Self {
        // A link in its place leads to it.
        let identity = std::fs::metadata(root).ok().and_then(|metadata| FileId::in_metadata(&metadata));
        let path: Arc<Path> = root.into();
        InFlightTable {
            root: identity.map_or_else(|| Root::Path(path.clone()), Root::TrackedFile),
            path,
            silent: Mutex::default(),
            running: Mutex::default(),
            locks,
            limit,
            report: Mutex::new(report_file::ReportWriter::default()),
        }
    }

    /// Becomes the holder of this call, unless it has one: without waiting.
    pub(crate) fn try_lead(self: &Arc<Self>, key: &Key, function: &str, is_task: bool) -> Option<LeaderGuard> {
        let mut lead = self.begin(key, function, (!is_task).then(ThreadProbe::here)).ok()?;
        lead.ask(0).then_some(lead)
    }

    /// Begins a flight, unless there is one.
    pub(super) fn begin(
        self: &Arc<Self>,
        key: &Key,
        function: &str,
        leader: Option<ThreadProbe>,
    ) -> Result<LeaderGuard, Arc<InFlight>> {
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
    pub(super) fn take_over(
        self: &Arc<Self>,
        stuck: &Arc<InFlight>,
        function: &str,
        leader: Option<ThreadProbe>,
    ) -> Option<LeaderGuard> {
        let mut running = locked(&self.running);
        let there = running.get_mut(&stuck.key).filter(|flight| Arc::ptr_eq(flight, stuck))?;
        let flight = self.flight(&stuck.key, function, leader);
        *there = flight.clone();
        drop(running);
        Some(self.lead(flight))
    }

    pub(super) fn flight(&self, key: &Key, function: &str, leader: Option<ThreadProbe>) -> Arc<InFlight> {
        Arc::new(InFlight {
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

    pub(super) fn lead(self: &Arc<Self>, flight: Arc<InFlight>) -> LeaderGuard {
        let within = flight.leader.is_some().then(|| CallScope::of(&flight));
        LeaderGuard { flights: self.clone(), flight, lock: None, _within: within }
    }
}

impl LeaderGuard {
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
    pub(crate) fn complete(mut self, end: FlightOutcome) {
        self.end(end);
    }

    fn end(&mut self, end: FlightOutcome) {
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
        self.flight.complete(end);
    }
}

impl Drop for LeaderGuard {
    fn drop(&mut self) {
        if self.flight.born.is_here() && !self.flight.has_ended() {
            self.end(FlightOutcome::Failed);
        }
    }
}
