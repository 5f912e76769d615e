//! A wait for a holder in this process.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use crate::single_flight::flight::{FlightOutcome, InFlight, ProbeState, locked};
use crate::single_flight::holder::Holder;
use crate::single_flight::progress_probe::{Pace, ProcessWatch, ThreadProbe};
use crate::single_flight::wait_graph;
use crate::single_flight::wait_graph::WaitGuard;
use crate::single_flight::wait_policy::{BUSY, IDLE, Patience};
use crate::sys::proc;

/// A wait for a holder in this process.
pub(super) struct ThreadWait {
    flight: Arc<InFlight>,
    end: Option<FlightOutcome>,
    patience: Patience,
    looked: Instant,
    /// What was seen of the holders at the end of the chain of waits.
    seen: Vec<(Arc<InFlight>, ProbeState)>,
    process: Option<ProcessWatch>,
    /// This thread was begun after the computation was, maybe by it.
    is_young: Option<bool>,
    is_task: bool,
    waits: Option<WaitGuard>,
}

/// What is to be seen of a flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ThreadWaitState {
    Ended(FlightOutcome),
    /// It is not time to look.
    GetsOn,
    /// It gets on, as far as was seen just now.
    Looked,
    StandsStill,
}

impl ThreadWait {
    /// `None` if it would be a wait in a circle.
    pub(super) fn new(flight: Arc<InFlight>, limit: Duration, is_task: bool) -> Option<ThreadWait> {
        Some(ThreadWait {
            waits: Some(WaitGuard::unless_in_a_circle(&flight)?),
            end: flight.end(),
            flight,
            patience: Patience::new(limit, is_task),
            looked: Instant::now(),
            seen: Vec::new(),
            process: None,
            is_young: is_task.then_some(false),
            is_task,
        })
    }

    /// It waits no longer, for a while.
    pub(super) fn rest(&mut self) {
        self.waits = None;
    }

    /// It waits again. `None` if that would be a wait in a circle.
    pub(super) fn again(mut self) -> Option<ThreadWait> {
        self.waits = Some(WaitGuard::unless_in_a_circle(&self.flight)?);
        self.end = self.flight.end();
        // It may be another thread that waits now.
        self.is_young = self.is_task.then_some(false);
        Some(self)
    }

    pub(super) fn is_of(&self, flight: &Arc<InFlight>) -> bool {
        Arc::ptr_eq(&self.flight, flight)
    }

    pub(super) fn flight(&self) -> Arc<InFlight> {
        self.flight.clone()
    }

    /// Waits for the end, until it is time to look again, at most `longest`.
    pub(super) fn wait(&mut self, longest: Duration) {
        self.end = self.flight.wait(self.patience.until_next_look().min(longest));
    }

    /// [`wait`](ThreadWait::wait) for a task.
    #[cfg(feature = "async")]
    pub(super) async fn wait_as_task(&mut self, longest: Duration) {
        self.end = self.flight.wait_as_task(self.patience.until_next_look().min(longest)).await;
    }

    pub(super) fn look(&mut self) -> ThreadWaitState {
        if let Some(end) = self.end {
            return ThreadWaitState::Ended(end);
        }
        match self.is_in_vain() {
            Some(true) => ThreadWaitState::StandsStill,
            Some(false) => ThreadWaitState::Looked,
            None => ThreadWaitState::GetsOn,
        }
    }

    /// Looks, if it is time to: whether there is nothing to wait for.
    fn is_in_vain(&mut self) -> Option<bool> {
        #[cfg(feature = "async")]
        if self.flight.is_starved() {
            return Some(true);
        }
        if self.looked.elapsed() < self.patience.until_next_look() {
            return None;
        }
        self.looked = Instant::now();
        let is_busy = self.process.get_or_insert_with(ProcessWatch::new).is_busy();
        let ends = wait_graph::at_the_end(&self.flight);
        // A wait for another process is bounded by itself.
        let is_bounded = ends.is_empty() || ends.iter().any(|flight| locked(&flight.state).is_queueing);
        let mut pace = if is_bounded { Pace::Works } else { Pace::Still };
        self.seen.retain(|(flight, _)| ends.iter().any(|end| Arc::ptr_eq(end, flight)));
        for end in ends {
            let place = self.seen.iter().position(|(flight, _)| Arc::ptr_eq(flight, &end));
            let place = place.unwrap_or_else(|| {
                self.seen.push((end.clone(), ProbeState::default()));
                self.seen.len() - 1
            });
            pace = pace.max(end.pace(&mut self.seen[place].1));
        }
        self.patience.saw(pace);
        let began = self.flight.began;
        let is_young = *self.is_young.get_or_insert_with(|| {
            let ticks = |time: Duration| time.as_millis() / u128::from(1000 / proc::TICKS);
            ThreadProbe::here().age().is_some_and(|age| u128::from(age) <= ticks(began.elapsed()))
        });
        // The holder may be joining this thread if it started it. It may be awaiting this task, unless other threads work
        // for it. Whatever else it waits for may take long.
        let times = match self.is_task {
            _ if !cfg!(target_os = "linux") => BUSY,
            false if is_young => 1,
            true if !is_busy => 1,
            _ => IDLE,
        };
        Some(self.patience.is_over(times))
    }
}

impl InFlight {
    fn end(&self) -> Option<FlightOutcome> {
        locked(&self.state).end
    }

    pub(super) fn holder(&self) -> Holder {
        Holder::Here { since: self.since }
    }

    /// Waits for the end, at most `longest`.
    fn wait(&self, longest: Duration) -> Option<FlightOutcome> {
        let mut state = locked(&self.state);
        state.waiting += 1;
        let until = Instant::now() + longest;
        while state.end.is_none() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.ended.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.waiting -= 1;
        state.end
    }
}
