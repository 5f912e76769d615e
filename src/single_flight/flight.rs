//! One call that is being computed in this process.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use crate::key::digest::Key;
use crate::single_flight::progress_probe::{Pace, ThreadProbe, ThreadProgress};
#[cfg(feature = "async")]
use crate::single_flight::task_state::TaskState;
use crate::sys::file_id::FileId;
use crate::sys::fork::generation::Born;

/// The folder of a cache, whatever path leads there.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Root {
    TrackedFile(FileId),
    Path(Arc<Path>),
}

/// One call that is being computed in this process.
pub(crate) struct InFlight {
    pub(super) key: Key,
    pub(super) root: Root,
    /// In a child that was forked, it is the parent's: what others of its threads had locked is locked for ever.
    pub(super) born: Born,
    pub(super) function: Arc<str>,
    pub(super) since: SystemTime,
    pub(super) began: Instant,
    /// The thread that computes; `None` if it is a task, which may move from thread to thread.
    pub(super) leader: Option<ThreadProbe>,
    pub(super) state: Mutex<FlightState>,
    pub(super) ended: Condvar,
}

#[derive(Default)]
pub(super) struct FlightState {
    pub(super) end: Option<FlightOutcome>,
    /// Threads that wait.
    pub(super) waiting: u32,
    /// It waits for another process to compute the same.
    pub(super) is_queueing: bool,
    /// What the report told of it last.
    pub(super) told: ProbeState,
    pub(super) beat: u64,
    pub(super) work: u64,
    #[cfg(feature = "async")]
    pub(super) task: TaskState,
}

/// What a flight showed when it was last looked at.
#[derive(Clone, Default)]
pub(super) struct ProbeState {
    pub(super) ran: ThreadProgress,
    #[cfg(feature = "async")]
    pub(super) polls: u64,
}

/// How a flight ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FlightOutcome {
    /// The result is stored.
    Stored,
    /// There was a result, and it was not stored. It is no use to wait for the next one.
    NotKept,
    /// There was none: an `Err`, a panic, or a future that was dropped. The next one may do better.
    Failed,
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl InFlight {
    pub(super) fn has_ended(&self) -> bool {
        locked(&self.state).end.is_some()
    }

    /// How its own thread or task got on since `before`, which is put right.
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
