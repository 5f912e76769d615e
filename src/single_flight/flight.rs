//! `InFlight`: one call that is being computed in this process.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Instant, SystemTime};

use crate::key::digest::Key;
use crate::single_flight::progress_probe::{Pace, ThreadProbe, ThreadProgress};
#[cfg(feature = "async")]
use crate::single_flight::task_state::TaskState;
use crate::sys::file_id::FileId;
use crate::sys::fork::generation::Born;
use crate::sys::locked::locked;

/// The root folder of a cache, independent of the path that leads to it.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Root {
    TrackedFile(FileId),
    Path(Arc<Path>),
}

/// One call that is being computed in this process.
pub(crate) struct InFlight {
    pub(super) key: Key,
    pub(super) root: Root,
    /// The process that began the call. In a forked child it is the parent: locks that other threads of the parent held
    /// then are never released in the child.
    pub(super) born: Born,
    pub(super) function: Arc<str>,
    pub(super) since: SystemTime,
    pub(super) began: Instant,
    /// The thread that computes; `None` for a task, which may move from thread to thread.
    pub(super) leader: Option<ThreadProbe>,
    pub(super) state: Mutex<FlightState>,
    pub(super) ended: Condvar,
}

#[derive(Default)]
pub(super) struct FlightState {
    pub(super) end: Option<FlightOutcome>,
    /// Number of threads that wait.
    pub(super) waiting: u32,
    /// Whether the leader waits for another process that computes the same call.
    pub(super) waits_for_process: bool,
    /// What the last report saw of the leader's progress.
    pub(super) told: ProbeState,
    pub(super) beat: u64,
    pub(super) work: u64,
    #[cfg(feature = "async")]
    pub(super) task: TaskState,
}

/// Progress of the leader when it was last observed.
#[derive(Clone, Default)]
pub(super) struct ProbeState {
    pub(super) ran: ThreadProgress,
    #[cfg(feature = "async")]
    pub(super) polls: u64,
}

/// How an in-flight call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FlightOutcome {
    /// The result is stored.
    Stored,
    /// There is a result, but it was not stored. Waiting for another leader is useless.
    NotKept,
    /// There is no result: an `Err`, a panic, or a dropped future. Another leader may succeed.
    Failed,
}

impl InFlight {
    pub(super) fn has_ended(&self) -> bool {
        locked(&self.state).end.is_some()
    }

    /// Returns the leader's progress since `before`, and updates `before`.
    pub(super) fn pace(&self, before: &mut ProbeState) -> Pace {
        match self.leader {
            Some(worker) => worker.pace(&mut before.ran),
            #[cfg(feature = "async")]
            None => self.pace_of_task(before),
            #[cfg(not(feature = "async"))]
            None => Pace::Still,
        }
    }

    pub(super) fn complete(&self, end: FlightOutcome) {
        let mut state = locked(&self.state);
        state.end = Some(end);
        // Notifying a condition variable takes time even if no thread waits.
        let waits = state.waiting > 0;
        #[cfg(feature = "async")]
        let tasks = state.task.take_waiting();
        drop(state);
        if waits {
            self.ended.notify_all();
        }
        // A waker is foreign code, so no lock may be held here.
        #[cfg(feature = "async")]
        tasks.into_iter().for_each(std::task::Waker::wake);
    }
}
