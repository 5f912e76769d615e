//! Waiting in async tasks, which don't block their thread.
//!
//! A task that computes makes progress only while it is polled. The waiter itself may be responsible for polling it:
//! `select!` and buffered streams hold futures that they do not poll. So the leader records when it was woken and when
//! it was polled. If it was woken but not polled for a second, waiters give up.

use std::future::poll_fn;
use std::mem;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use crate::single_flight::flight::{FlightOutcome, InFlight, ProbeState};
use crate::single_flight::join::{Join, WaitStage, WaitStep};
use crate::single_flight::progress_probe::{Pace, ThreadProbe};
use crate::single_flight::table::Role;
use crate::single_flight::wait_graph::CallScope;
use crate::sys::locked::locked;
use crate::sys::timer;

/// A task that was woken and not polled for this long counts as abandoned.
const STARVED: Duration = Duration::from_secs(1);

/// How often waiting tasks look at the leader.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

impl Join<'_> {
    /// Waits like [`next`](Join::next), for a task.
    pub(crate) async fn next_as_task(&mut self) -> WaitStep {
        loop {
            if let Some(step) = self.advance() {
                return step;
            }
            let Some(longest) = self.prepare_wait() else { return WaitStep::Late };
            match &mut self.stage {
                WaitStage::Thread(wait) => wait.wait_as_task(longest.min(LOOK_AGAIN)).await,
                WaitStage::Process(process) => {
                    let wait = self.flights.locks.wait_as_task(self.key, process.level());
                    match process.flight() {
                        Some(flight) => flight.watch(wait).await,
                        None => wait.await,
                    }
                }
                WaitStage::Start | WaitStage::Over => {}
            }
        }
    }
}

impl Role {
    /// Returns the in-flight call that others wait for, if this role leads one.
    pub(crate) fn flight(&self) -> Option<Arc<InFlight>> {
        match self {
            Role::Leader(lead) => Some(lead.flight.clone()),
            Role::Look | Role::Alone => None,
        }
    }
}

impl InFlight {
    /// Waits for the end, at most `longest`.
    pub(super) async fn wait_as_task(&self, longest: Duration) -> Option<FlightOutcome> {
        let mut look = pin!(timer::sleep(longest));
        poll_fn(|context| {
            // In a forked child: the leader is in the parent, and its result never arrives here.
            if !self.born.is_here() {
                return Poll::Ready(Some(FlightOutcome::NotKept));
            }
            let mut state = locked(&self.state);
            if state.end.is_some() {
                return Poll::Ready(state.end);
            }
            let waiting = &mut state.task.waiting;
            if !waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                waiting.push(context.waker().clone());
            }
            drop(state);
            look.as_mut().poll(context).map(|()| None)
        })
        .await
    }

    /// Returns whether the leader is a task that is not polled although it was woken.
    pub(super) fn is_starved(&self) -> bool {
        let task = &locked(&self.state).task;
        task.polling.is_none() && task.woken.is_some_and(|woken| woken.elapsed() > STARVED)
    }

    /// Returns the task's progress since `before`: whether it was polled, and the progress of the thread that polls it.
    pub(super) fn pace_of_task(&self, before: &mut ProbeState) -> Pace {
        let (polls, polling) = {
            let task = &locked(&self.state).task;
            (task.polls, task.polling)
        };
        let was_polled = mem::replace(&mut before.polls, polls) != polls;
        let least = if was_polled { Pace::Light } else { Pace::Still };
        polling.map_or(least, |thread| thread.pace(&mut before.ran)).max(least)
    }

    /// Runs a future, and records when it is woken and polled.
    pub(crate) async fn watch<T>(self: &Arc<Self>, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let mut noting: Option<(Waker, Waker)> = None;
        poll_fn(|context| {
            let theirs = context.waker();
            let ours = match &noting {
                Some((known, ours)) if known.will_wake(theirs) => ours.clone(),
                _ => {
                    let ours = Waker::from(Arc::new(NotingWaker { flight: self.clone(), task: theirs.clone() }));
                    noting = Some((theirs.clone(), ours.clone()));
                    ours
                }
            };
            let _polling = self.born.is_here().then(|| Polling::begin(self));
            let _within = CallScope::of(self);
            work.as_mut().poll(&mut Context::from_waker(&ours))
        })
        .await
    }
}

/// Marks a task as being polled, until this is dropped.
struct Polling<'f>(&'f InFlight);

impl<'f> Polling<'f> {
    fn begin(flight: &'f InFlight) -> Self {
        let task = &mut locked(&flight.state).task;
        task.woken = None;
        task.polls += 1;
        task.polling = Some(ThreadProbe::here());
        Polling(flight)
    }
}

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        locked(&self.0.state).task.polling = None;
    }
}

/// Wakes a task, and records when.
struct NotingWaker {
    flight: Arc<InFlight>,
    task: Waker,
}

impl Wake for NotingWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.flight.born.is_here() {
            locked(&self.flight.state).task.woken.get_or_insert_with(Instant::now);
        }
        self.task.wake_by_ref();
    }
}
