//! Waiting as a task does: it gives its thread away meanwhile.
//!
//! A task that computes gets on only while somebody polls it, and whoever waits for it may be the one
//! who should: `select!` and buffered streams keep futures that they do not poll. So the one who
//! computes notes when it was woken and when it was polled. If it was woken, and is not polled for a
//! second, nobody waits for it any longer.

use std::future::poll_fn;
use std::mem;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use crate::single_flight::flight::{FlightOutcome, InFlight, ProbeState, locked};
use crate::single_flight::join::{Join, WaitStage, WaitStep};
use crate::single_flight::progress_probe::{Pace, ThreadProbe};
use crate::single_flight::table::Role;
use crate::single_flight::wait_graph::CallScope;
use crate::sys::timer;

/// A task that was woken and not polled for so long is not going to be.
const STARVED: Duration = Duration::from_secs(1);

/// How often those who wait look after it.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

impl Join<'_> {
    /// [`next`](Join::next) for a task.
    pub(crate) async fn next_as_task(&mut self) -> WaitStep {
        loop {
            if let Some(step) = self.advance() {
                return step;
            }
            let Some(longest) = self.longest_wait() else { return WaitStep::Late };
            match &mut self.stage {
                WaitStage::Thread(watch) => watch.wait_as_task(longest.min(LOOK_AGAIN)).await,
                WaitStage::Process(queue) => {
                    let wait = self.flights.locks.wait_as_task(self.key, queue.level());
                    match queue.flight() {
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
    /// What others wait for, if they do.
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
            // In a child that was forked: who computes it, computes it in the parent.
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

    /// Whether it is computed by a task that nobody polls.
    pub(super) fn is_starved(&self) -> bool {
        let task = &locked(&self.state).task;
        task.polling.is_none() && task.woken.is_some_and(|woken| woken.elapsed() > STARVED)
    }

    /// How the task got on since `before`: whether it was polled, and how the thread gets on that polls it.
    pub(super) fn pace_of_task(&self, before: &mut ProbeState) -> Pace {
        let (polls, polling) = {
            let task = &locked(&self.state).task;
            (task.polls, task.polling)
        };
        let was_polled = mem::replace(&mut before.polls, polls) != polls;
        let least = if was_polled { Pace::Light } else { Pace::Still };
        polling.map_or(least, |thread| thread.pace(&mut before.ran)).max(least)
    }

    /// Runs a future, and notes when it is woken and polled.
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

/// A task is polled, until this is dropped.
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

/// Wakes a task, and notes when.
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
