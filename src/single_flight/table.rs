//! `InFlightTable`: the calls of one cache that are being computed in this process, and `LeaderGuard`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant, SystemTime};

use crate::key::digest::Key;
use crate::single_flight::flight::{FlightOutcome, InFlight, Root};
use crate::single_flight::progress_probe::ThreadProbe;
use crate::single_flight::wait_graph::CallScope;
use crate::single_flight::{report_file, wait_graph};
use crate::sys::file_id::FileId;
use crate::sys::fork::generation::Born;
use crate::sys::lock::key_locks::{KeyLock, KeyLocks};
use crate::sys::lock::try_lock::TryLock;
use crate::sys::locked::locked;

/// The calls of one cache that are being computed in this process.
pub(crate) struct InFlightTable {
    pub(super) root: Root,
    pub(super) path: Arc<Path>,
    /// For each other process, the number of its last report, and when that number was first seen.
    pub(super) silent: Mutex<HashMap<PathBuf, (u64, Instant)>>,
    pub(super) running: Mutex<HashMap<Key, Arc<InFlight>>>,
    pub(super) locks: KeyLocks,
    /// How long to wait for a holder without progress; zero means that calls don't wait.
    pub(super) limit: Duration,
    pub(super) report: Mutex<report_file::ReportWriter>,
}

/// What a call should do to get its result.
pub(crate) enum Role {
    /// Look whether the result has been stored by now. If not, compute it; others wait for it.
    Leader(LeaderGuard),
    /// Look for the result, which was just stored. If it is unusable, compute the call without others waiting.
    Look,
    /// Compute it even if others do, because a wait might never end.
    Alone,
}

impl Role {
    /// Returns the name of the role for log messages.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Role::Leader(_) => "computes for all",
            Role::Look => "waited",
            Role::Alone => "computes alone",
        }
    }
}

/// The right and the duty to compute one call. If it is dropped without [`complete`](LeaderGuard::complete), the call
/// has failed.
pub(crate) struct LeaderGuard {
    pub(super) flights: Arc<InFlightTable>,
    pub(super) flight: Arc<InFlight>,
    pub(super) lock: Option<KeyLock>,
    /// Scope of a leading thread. A task enters the scope only while it is polled.
    _within: Option<CallScope>,
}

/// Maximum depth of nested calls on one thread for which the lock between processes is taken.
const DEEPEST: usize = 256;

impl InFlightTable {
    /// Creates the table of the cache with this root. No call waits longer than `limit` for a holder without progress.
    pub(crate) fn new(root: &Path, locks: KeyLocks, limit: Duration) -> Self {
        // Follows a link, so that all paths to a cache share one identity.
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

    /// Makes this call the leader if nothing else computes it; never waits.
    pub(crate) fn try_lead(self: &Arc<Self>, key: &Key, function: &str, is_task: bool) -> Option<LeaderGuard> {
        let mut lead = self.begin(key, function, (!is_task).then(ThreadProbe::here)).ok()?;
        lead.ask(0).then_some(lead)
    }

    /// Adds an in-flight call. Returns the existing one as an error if there is one.
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

    /// Replaces an in-flight call that makes no progress; `None` if it is not in the table any more. The new leader
    /// does not hold the lock between processes, because the old one does.
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
    /// Tries to take the lock between processes. Returns whether the call may be computed.
    pub(super) fn ask(&mut self, level: u32) -> bool {
        // The kernel goes through all locks of a file to take one, so deep nesting would be slow. At this depth, the
        // outer calls hold locks, and other processes wait for those.
        if wait_graph::depth() > DEEPEST {
            return true;
        }
        match self.flights.locks.ask_at(&self.flight.key, level) {
            Ok(TryLock::Acquired(lock)) => self.lock = Some(lock),
            Ok(TryLock::Busy) => return false,
            // Then another process may compute the same call, which only costs time.
            Err(error) => tracing::debug!(%error, "there are no locks between processes"),
        }
        true
    }

    /// Ends the call, which was computed or found.
    pub(crate) fn complete(mut self, end: FlightOutcome) {
        self.end(end);
    }

    fn end(&mut self, end: FlightOutcome) {
        if !self.flight.born.is_here() {
            return;
        }
        // Release the lock first: otherwise the next in-flight call of this key would find it held.
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
