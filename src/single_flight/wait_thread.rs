//! A wait for a leader in this process.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use crate::single_flight::flight::{FlightOutcome, InFlight, ProbeState};
use crate::single_flight::holder::Holder;
use crate::single_flight::progress_probe::{Pace, ProcessWatch, ThreadProbe};
use crate::single_flight::wait_graph;
use crate::single_flight::wait_graph::WaitGuard;
use crate::single_flight::wait_policy::{BUSY, IDLE, WaitPolicy};
use crate::sys::locked::locked;
use crate::sys::proc;

/// A wait for a leader in this process.
pub(super) struct ThreadWait {
    flight: Arc<InFlight>,
    end: Option<FlightOutcome>,
    policy: WaitPolicy,
    looked: Instant,
    /// Progress of the calls at the ends of the chain of waits, when they were last observed.
    seen: Vec<(Arc<InFlight>, ProbeState)>,
    process: Option<ProcessWatch>,
    /// Whether this thread was started after the computation, maybe by it.
    is_young: Option<bool>,
    is_task: bool,
    waits: Option<WaitGuard>,
}

/// What a look at the leader shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ThreadWaitState {
    Ended(FlightOutcome),
    /// It is not time to look yet.
    NotLookedYet,
    /// It was looked at just now, and makes progress.
    MakesProgress,
    Stuck,
}

impl ThreadWait {
    /// Begins a wait. `None` if it would close a cycle.
    pub(super) fn new(flight: Arc<InFlight>, limit: Duration, is_task: bool) -> Option<ThreadWait> {
        Some(ThreadWait {
            waits: Some(WaitGuard::unless_in_a_cycle(&flight)?),
            end: flight.end(),
            flight,
            policy: WaitPolicy::new(limit, is_task),
            looked: Instant::now(),
            seen: Vec::new(),
            process: None,
            is_young: is_task.then_some(false),
            is_task,
        })
    }

    /// Stops waiting for a while.
    pub(super) fn rest(&mut self) {
        self.waits = None;
    }

    /// Resumes the wait. `None` if it would close a cycle.
    pub(super) fn again(mut self) -> Option<ThreadWait> {
        self.waits = Some(WaitGuard::unless_in_a_cycle(&self.flight)?);
        self.end = self.flight.end();
        // Another thread may be waiting now.
        self.is_young = self.is_task.then_some(false);
        Some(self)
    }

    pub(super) fn is_of(&self, flight: &Arc<InFlight>) -> bool {
        Arc::ptr_eq(&self.flight, flight)
    }

    pub(super) fn flight(&self) -> Arc<InFlight> {
        self.flight.clone()
    }

    /// Waits for the end until it is time to look again, at most `longest`.
    pub(super) fn wait(&mut self, longest: Duration) {
        self.end = self.flight.wait(self.policy.until_next_look().min(longest));
    }

    /// Waits like [`wait`](ThreadWait::wait), for a task.
    #[cfg(feature = "async")]
    pub(super) async fn wait_as_task(&mut self, longest: Duration) {
        self.end = self.flight.wait_as_task(self.policy.until_next_look().min(longest)).await;
    }

    pub(super) fn look(&mut self) -> ThreadWaitState {
        if let Some(end) = self.end {
            return ThreadWaitState::Ended(end);
        }
        match self.is_hopeless() {
            Some(true) => ThreadWaitState::Stuck,
            Some(false) => ThreadWaitState::MakesProgress,
            None => ThreadWaitState::NotLookedYet,
        }
    }

    /// Looks at the leader, if it is time to. Returns whether to give up.
    fn is_hopeless(&mut self) -> Option<bool> {
        #[cfg(feature = "async")]
        if self.flight.is_starved() {
            return Some(true);
        }
        if self.looked.elapsed() < self.policy.until_next_look() {
            return None;
        }
        self.looked = Instant::now();
        let is_busy = self.process.get_or_insert_with(ProcessWatch::new).is_busy();
        let ends = wait_graph::at_the_end(&self.flight);
        // A wait for another process has its own limit.
        let is_bounded = ends.is_empty() || ends.iter().any(|flight| locked(&flight.state).waits_for_process);
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
        self.policy.saw(pace);
        let began = self.flight.began;
        let is_young = *self.is_young.get_or_insert_with(|| {
            let ticks = |time: Duration| time.as_millis() / u128::from(1000 / proc::TICKS);
            ThreadProbe::here().age().is_some_and(|age| u128::from(age) <= ticks(began.elapsed()))
        });
        // If the leader started this thread, it may be joining it. A leader may also be awaiting this task, unless
        // other threads of the process work. Anything else that the leader waits for may take long.
        let times = match self.is_task {
            _ if !cfg!(target_os = "linux") => BUSY,
            false if is_young => 1,
            true if !is_busy => 1,
            _ => IDLE,
        };
        Some(self.policy.is_over(times))
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
