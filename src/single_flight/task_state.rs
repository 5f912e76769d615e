//! What is known of the tasks of a flight: the one that computes, and those that wait.

use std::mem;
use std::task::Waker;
use std::time::Instant;

use crate::single_flight::progress_probe::ThreadProbe;

/// What tasks keep of a flight.
#[derive(Default)]
pub(super) struct TaskState {
    pub(super) waiting: Vec<Waker>,
    /// Since when the task that computes should have been polled.
    pub(super) woken: Option<Instant>,
    /// How often it was polled, and the thread that polls it now.
    pub(super) polls: u64,
    pub(super) polling: Option<ThreadProbe>,
}

impl TaskState {
    pub(super) fn take_waiting(&mut self) -> Vec<Waker> {
        mem::take(&mut self.waiting)
    }
}
