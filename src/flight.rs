//! Once: of all who make the same call at the same time, one computes and the others wait.
//!
//! In this process, the one who computes has a [`Flight`] in the cache's table; others find it there
//! and wait for it. Between processes, it holds the key's lock as well, see `lock`. DESIGN.md says
//! why nobody waits for ever.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use crate::fork::{Born, PerProcess};
use crate::key::Key;
use crate::lock::{Asked, KeyLock, KeyLocks};
use crate::patience::{self, Progress, Worker};

#[cfg(feature = "async")]
mod task;

/// How often the lock of another process is asked for.
const ASK_AGAIN: Duration = Duration::from_millis(2);

/// The calls of one cache that are being computed in this process.
pub(crate) struct Flights {
    running: Mutex<HashMap<Key, Arc<Flight>>>,
    locks: KeyLocks,
}

/// One call that is being computed in this process.
pub(crate) struct Flight {
    key: Key,
    born: Born,
    /// The thread that computes; `None` if it is a task, which may move from thread to thread.
    leader: Option<(ThreadId, Worker)>,
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Default)]
struct State {
    end: Option<End>,
    /// Threads that wait.
    waiting: u32,
    #[cfg(feature = "async")]
    task: task::State,
}

/// How a flight ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The result is stored.
    Stored,
    /// There was a result, and it was not stored. It is no use to wait for the next one.
    NotKept,
    /// There was none: an `Err`, a panic, or a future that was dropped. The next one may do better.
    Failed,
}

/// What somebody who wants a result is to do.
pub(crate) enum Turn {
    /// Look whether it has been stored meanwhile. If not, compute it; others wait for that.
    Lead(Lead),
    /// Look: it was just stored. If it is of no use, compute it alone.
    Look,
    /// Compute it, whoever else does so: to wait might be in vain.
    Alone,
}

impl Turn {
    /// For the log.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Turn::Lead(_) => "computes for all",
            Turn::Look => "waited",
            Turn::Alone => "computes alone",
        }
    }
}

/// The right, and the duty, to compute one call. Dropped without [`land`](Lead::land), it has failed.
pub(crate) struct Lead {
    flights: Arc<Flights>,
    flight: Arc<Flight>,
    lock: Option<KeyLock>,
    led: Option<Led>,
}

/// A call that is being computed further up on this thread's stack.
struct Led(Key);

thread_local! {
    /// Those calls, and the processes that began them.
    static LED: RefCell<Vec<(Key, Born)>> = const { RefCell::new(Vec::new()) };
}

impl Led {
    fn begin(key: &Key) -> Self {
        let _ = LED.try_with(|led| led.borrow_mut().push((*key, Born::here())));
        Led(*key)
    }

    /// Whether this process was forked within that very call: the parent has the key's lock, and may wait for this
    /// process.
    fn before_fork(key: &Key) -> bool {
        let is_led = |(led, born): &(Key, Born)| led == key && !born.is_here();
        LED.try_with(|led| led.borrow().iter().any(is_led)).unwrap_or(false)
    }
}

impl Drop for Led {
    fn drop(&mut self) {
        let _ = LED.try_with(|led| {
            let mut led = led.borrow_mut();
            if let Some(index) = led.iter().rposition(|(key, _)| *key == self.0) {
                led.remove(index);
            }
        });
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Flights {
    pub(crate) fn new(locks: KeyLocks) -> Self {
        Flights { running: Mutex::default(), locks }
    }

    /// Waits until this call's result is there, or it is this thread's turn to compute it.
    pub(crate) fn join(self: &Arc<Self>, key: &Key) -> Turn {
        if Led::before_fork(key) {
            return Turn::Alone;
        }
        loop {
            let flight = match self.enter(key, Some((thread::current().id(), Worker::here()))) {
                Ok(mut lead) => {
                    lead.led = Some(Led::begin(key));
                    lead.exclude_other_processes();
                    return Turn::Lead(lead);
                }
                Err(flight) => flight,
            };
            match flight.wait() {
                Some(End::Stored) => return Turn::Look,
                Some(End::NotKept) | None => return Turn::Alone,
                Some(End::Failed) => {}
            }
        }
    }

    /// Takes the place of somebody who computes this call, unless somebody does: for a moment, without waiting.
    pub(crate) fn exclude(self: &Arc<Self>, key: &Key) -> Option<Lead> {
        let mut lead = self.enter(key, Some((thread::current().id(), Worker::here()))).ok()?;
        (lead.ask() == Step::Through).then_some(lead)
    }

    /// Begins a flight, unless there is one.
    fn enter(self: &Arc<Self>, key: &Key, leader: Option<(ThreadId, Worker)>) -> Result<Lead, Arc<Flight>> {
        let mut running = locked(&self.running);
        if let Some(flight) = running.get(key) {
            return Err(flight.clone());
        }
        let (state, ended) = (Mutex::default(), Condvar::new());
        let flight = Arc::new(Flight { key: *key, born: Born::here(), leader, state, ended });
        running.insert(*key, flight.clone());
        Ok(Lead { flights: self.clone(), flight, lock: None, led: None })
    }
}

/// Which thread waits for which flight.
static WAITING: PerProcess<Mutex<HashMap<ThreadId, Arc<Flight>>>> = PerProcess::new();

impl Flight {
    /// Waits for the end. `None` if that might never come.
    fn wait(self: &Arc<Self>) -> Option<End> {
        let _waits = Waits::unless_in_a_circle(self)?;
        let looking = patience::before_looking();
        let mut seen = self.progress().filter(|_| looking.is_some());
        let mut waits = 0;
        let mut state = locked(&self.state);
        state.waiting += 1;
        loop {
            if let Some(end) = state.end {
                return Some(end);
            }
            let Some(looking) = looking else {
                state = self.ended.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let (waited, timeout) = self.ended.wait_timeout(state, looking).unwrap_or_else(PoisonError::into_inner);
            state = waited;
            if timeout.timed_out() && state.end.is_none() {
                waits += 1;
                let now = self.progress();
                match (&now, &seen) {
                    (Some(now), Some(before)) if now.is_worth_waiting(before, waits) => {}
                    _ => return None,
                }
                seen = now;
            }
        }
    }

    fn progress(&self) -> Option<Progress> {
        self.leader.as_ref().map(|(_, worker)| worker.progress())
    }

    fn land(&self, end: End) {
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

/// A thread's place among those that wait.
struct Waits(ThreadId);

impl Waits {
    /// This thread waits for `flight`, unless the thread that leads it waits, maybe through others,
    /// for this one: then there is no place in the queue.
    fn unless_in_a_circle(flight: &Arc<Flight>) -> Option<Waits> {
        let me = thread::current().id();
        let mut waiting = locked(WAITING.get());
        let mut next = Some(flight);
        while let Some(flight) = next {
            let Some((leader, _)) = &flight.leader else { break };
            // Who waits for what has ended is about to leave the queue. (So there is no circle among the
            // others either, in which this would go round for ever.)
            if locked(&flight.state).end.is_some() {
                break;
            }
            if *leader == me {
                return None;
            }
            next = waiting.get(leader);
        }
        waiting.insert(me, flight.clone());
        Some(Waits(me))
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        locked(WAITING.get()).remove(&self.0);
    }
}

impl Lead {
    /// Takes the lock that other processes respect; waits for whoever has it.
    fn exclude_other_processes(&mut self) {
        let deadline = patience::for_a_process().map(|patience| Instant::now() + patience);
        while self.ask() == Step::Waiting && deadline.is_none_or(|deadline| Instant::now() < deadline) {
            thread::sleep(ASK_AGAIN);
        }
    }

    /// Asks for the lock once.
    fn ask(&mut self) -> Step {
        match self.flights.locks.ask(&self.flight.key) {
            Ok(Asked::Mine(lock)) => self.lock = Some(lock),
            Ok(Asked::Theirs) => return Step::Waiting,
            // Then another process may compute the same: that costs time, and no more.
            Err(error) => tracing::debug!(%error, "there are no locks between processes"),
        }
        Step::Through
    }

    /// The call has been computed, or turned out to be there.
    pub(crate) fn land(mut self, end: End) {
        self.end(end);
    }

    fn end(&mut self, end: End) {
        self.led = None;
        // It is the parent's: what others of its threads had locked is locked for ever.
        if !self.flight.born.is_here() {
            return;
        }
        // First the lock: the next flight of this key would share it.
        self.lock = None;
        let mut running = locked(&self.flights.running);
        if running.get(&self.flight.key).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight)) {
            running.remove(&self.flight.key);
        }
        drop(running);
        self.flight.land(end);
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        if self.flight.born.is_here() && locked(&self.flight.state).end.is_none() {
            self.end(End::Failed);
        }
    }
}

/// Whether a lock is still to be waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Waiting,
    Through,
}
