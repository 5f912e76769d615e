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

use super::{ASK_AGAIN, End, Flight, Flights, Lead, Led, Step, Turn, locked};
use crate::key::Key;
use crate::timer;

/// A task that was woken and not polled for so long is not going to be.
const STARVED: Duration = Duration::from_secs(1);

/// How often those who wait look after it.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// What tasks keep of a flight.
#[derive(Default)]
pub(super) struct State {
    waiting: Vec<Waker>,
    /// Since when the task that computes should have been polled.
    woken: Option<Instant>,
}

impl State {
    pub(super) fn take_waiting(&mut self) -> Vec<Waker> {
        mem::take(&mut self.waiting)
    }
}

impl Flights {
    /// [`join`](Flights::join) for a task.
    pub(crate) async fn join_as_task(self: &Arc<Self>, key: &Key) -> Turn {
        if Led::before_fork(key) {
            return Turn::Alone;
        }
        loop {
            let flight = match self.enter(key, None) {
                Ok(mut lead) => {
                    let flight = lead.flight.clone();
                    flight.watch(lead.exclude_other_processes_as_task()).await;
                    return Turn::Lead(lead);
                }
                Err(flight) => flight,
            };
            match flight.wait_as_task().await {
                Some(End::Stored) => return Turn::Look,
                Some(End::NotKept) | None => return Turn::Alone,
                Some(End::Failed) => {}
            }
        }
    }
}

impl Lead {
    async fn exclude_other_processes_as_task(&mut self) {
        while self.ask() == Step::Waiting {
            timer::sleep(ASK_AGAIN).await;
        }
    }
}

impl Turn {
    /// What others wait for, if they do.
    pub(crate) fn flight(&self) -> Option<Arc<Flight>> {
        match self {
            Turn::Lead(lead) => Some(lead.flight.clone()),
            Turn::Look | Turn::Alone => None,
        }
    }
}

impl Flight {
    async fn wait_as_task(&self) -> Option<End> {
        let mut look = pin!(timer::sleep(LOOK_AGAIN));
        poll_fn(|context| {
            // Who computes it, computes it in the parent.
            if !self.born.is_here() {
                return Poll::Ready(None);
            }
            let mut state = locked(&self.state);
            if state.end.is_some() {
                return Poll::Ready(state.end);
            }
            let waiting = &mut state.task.waiting;
            if !waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                waiting.push(context.waker().clone());
            }
            while look.as_mut().poll(context).is_ready() {
                if state.task.woken.is_some_and(|woken| woken.elapsed() > STARVED) {
                    return Poll::Ready(None);
                }
                look.set(timer::sleep(LOOK_AGAIN));
            }
            Poll::Pending
        })
        .await
    }

    /// Runs a future, and notes when it is woken and polled.
    pub(crate) async fn watch<T>(self: &Arc<Self>, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let mut bell: Option<(Waker, Waker)> = None;
        poll_fn(|context| {
            let theirs = context.waker();
            let ours = match &bell {
                Some((known, ours)) if known.will_wake(theirs) => ours.clone(),
                _ => {
                    let ours = Waker::from(Arc::new(Bell { flight: self.clone(), task: theirs.clone() }));
                    bell = Some((theirs.clone(), ours.clone()));
                    ours
                }
            };
            if self.born.is_here() {
                locked(&self.state).task.woken = None;
            }
            let _led = Led::begin(&self.key);
            work.as_mut().poll(&mut Context::from_waker(&ours))
        })
        .await
    }
}

/// Wakes a task, and notes when.
struct Bell {
    flight: Arc<Flight>,
    task: Waker,
}

impl Wake for Bell {
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
