//! State of the tasks of an in-flight call: the one that leads, and those that wait.

use std::mem;
use std::task::Waker;
use std::time::Instant;

use crate::single_flight::progress_probe::ThreadProbe;

/// State of the tasks of an in-flight call.
#[derive(Default)]
pub(super) struct TaskState {
    pub(super) waiting: Vec<Waker>,
    /// When the leading task was woken, if it has not been polled since.
    pub(super) woken: Option<Instant>,
    /// Number of polls, and the thread that polls the task now.
    pub(super) polls: u64,
    pub(super) polling: Option<ThreadProbe>,
}

impl TaskState {
    pub(super) fn take_waiting(&mut self) -> Vec<Waker> {
        mem::take(&mut self.waiting)
    }
}
