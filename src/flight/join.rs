//! The way to a turn: past the holder in this process, if there is one, then past those in other processes.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::circle::{self, Waits};
use super::others::{Others, Verdict};
use super::patience::{BUSY, IDLE, LOOK, Patience};
use super::signs::{Pace, ProcessWatch, Worker};
use super::{End, Flight, Flights, Lead, Signs, Turn, locked};
use crate::fork;
use crate::identity::Identity;
use crate::key::Key;
use crate::readable::duration;
use crate::store::Layout;

/// When a waiting call is logged first, and how often later.
const TELL_AFTER: Duration = Duration::from_secs(1);
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// A holder that has not reported yet is logged as unknown after this time.
const TELL_UNKNOWN_AFTER: Duration = Duration::from_secs(3);

/// A wait this short is not worth asking the system who holds the lock.
const SHORT: Duration = Duration::from_millis(5);

/// Locks of one key. When the holders of all of them stand still, the call is computed without one.
const LEVELS: u32 = 8;

/// A call on its way to a turn.
pub(crate) struct Join<'a> {
    pub(super) flights: &'a Arc<Flights>,
    pub(super) key: &'a Key,
    pub(super) function: &'a str,
    /// The function's folder.
    pub(super) folder: &'a Path,
    /// A task has no thread of its own.
    pub(super) is_task: bool,
    began: Instant,
    tell_at: Instant,
    /// The entry's file when the wait began. If there is another file later, a result was stored.
    before: Option<Option<Identity>>,
    until: Option<Instant>,
    pub(super) stage: Stage,
}

pub(super) enum Stage {
    Start,
    /// A holder in this process computes.
    Flight(Watch),
    /// It is our turn in this process. Another process may compute.
    Queue(Queue),
    Over,
}

/// What there is to do.
pub(crate) enum Step {
    Turn(Turn),
    /// To tell for whom it waits, and to go on.
    Waiting(Holder),
    /// The longest wait is over.
    Late,
}

/// Who computes the call that is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    Here {
        since: SystemTime,
    },
    Elsewhere {
        pid: u32,
        host: String,
        since: SystemTime,
    },
    /// It has not reported yet.
    Unknown,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Holder::Here { since } => write!(f, "this process, for {}", duration(since.elapsed().unwrap_or_default())),
            Holder::Elsewhere { pid, host, since } => {
                write!(f, "process {pid} on {host}, for {}", duration(since.elapsed().unwrap_or_default()))
            }
            Holder::Unknown => f.write_str("another process, which does not say which"),
        }
    }
}

impl<'a> Join<'a> {
    pub(crate) fn new(
        flights: &'a Arc<Flights>,
        key: &'a Key,
        function: &'a str,
        folder: &'a Path,
        is_task: bool,
    ) -> Self {
        let began = Instant::now();
        let tell_at = began + TELL_AFTER;
        Join { flights, key, function, folder, is_task, began, tell_at, before: None, until: None, stage: Stage::Start }
    }

    pub(super) fn begins_to_wait(&mut self) {
        self.before.get_or_insert_with(|| Identity::of(&Layout::locate(self.folder, self.key)));
    }

    /// Whether an entry was stored since it began to wait.
    fn is_stored(&mut self) -> bool {
        let there = Identity::of(&Layout::locate(self.folder, self.key));
        there.is_some() && self.before.is_some_and(|before| before != there)
    }

    /// Waits no longer than this.
    pub(crate) fn waits_at_most(&mut self, longest: Option<Duration>) {
        self.until = longest.map(|longest| self.began + longest);
    }

    /// How long it has waited.
    pub(crate) fn waited(&self) -> Duration {
        self.began.elapsed()
    }

    /// Waits until there is something to do.
    pub(crate) fn next(&mut self) -> Step {
        loop {
            if let Some(step) = self.go_on() {
                return step;
            }
            self.begins_to_wait();
            let left = self.until.map_or(LOOK, |until| until.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Step::Late;
            }
            match &mut self.stage {
                Stage::Flight(watch) => watch.end = watch.flight.wait(watch.patience.until_next_look().min(left)),
                Stage::Queue(queue) => self.flights.locks.wait(self.key, queue.level, LOOK.min(left)),
                Stage::Start | Stage::Over => {}
            }
        }
    }

    /// What there is to do without waiting; `None` if it is time to wait.
    pub(super) fn go_on(&mut self) -> Option<Step> {
        loop {
            let was_waiting = !matches!(self.stage, Stage::Start);
            let step = self.step();
            // Where it has just come from the start, or is there again, it has not looked yet.
            if step.is_some() || was_waiting && !matches!(self.stage, Stage::Start) {
                return step;
            }
        }
    }

    fn step(&mut self) -> Option<Step> {
        let leader = (!self.is_task).then(Worker::here);
        match &mut self.stage {
            // In a child that was forked, the table is a new one.
            Stage::Start if fork::is_child() && circle::is_within(self.key, &self.flights.root) => {
                return Some(self.over(Turn::Alone));
            }
            Stage::Start => match self.flights.enter(self.key, self.function, leader) {
                Ok(lead) => self.stage = Stage::Queue(Queue::new(lead, self.flights.limit, self.is_task)),
                Err(_) if self.flights.limit.is_zero() => return Some(self.over(Turn::Alone)),
                Err(flight) => match Watch::new(flight, self.flights.limit, self.is_task) {
                    Some(watch) => self.stage = Stage::Flight(watch),
                    None => return Some(self.over(Turn::Alone)),
                },
            },
            Stage::Flight(watch) => match watch.look() {
                Seen::Ended(End::Stored) => return Some(self.over(Turn::Look)),
                Seen::Ended(End::NotKept) => return Some(self.over(Turn::Alone)),
                Seen::Ended(End::Failed) => self.stage = Stage::Start,
                Seen::StandsStill => {
                    let stuck = watch.flight.clone();
                    tracing::info!(
                        function = self.function, key = %self.key, holder = %stuck.holder(),
                        "a call that is computed already does not get on: it is computed again"
                    );
                    match self.flights.displace(&stuck, self.function, leader) {
                        Some(lead) => return Some(self.over(Turn::Lead(lead))),
                        None => self.stage = Stage::Start,
                    }
                }
                Seen::Looked if self.is_stored() => return Some(self.over(Turn::Look)),
                Seen::GetsOn | Seen::Looked => {
                    let Stage::Flight(watch) = &self.stage else { return None };
                    let holder = watch.flight.holder();
                    return self.tell(holder);
                }
            },
            Stage::Queue(queue) => {
                let asked = queue.ask(self.flights, self.key);
                let holder = queue.others.holder();
                // A result may be stored without this lock.
                if asked == Asked::Free || (asked == Asked::Looked && self.is_stored()) {
                    let Stage::Queue(queue) = &mut self.stage else { return None };
                    let lead = queue.take();
                    return lead.map(|lead| self.over(Turn::Lead(lead)));
                }
                return self.tell(holder);
            }
            Stage::Over => return Some(Step::Turn(Turn::Alone)),
        }
        None
    }

    fn over(&mut self, turn: Turn) -> Step {
        self.stage = Stage::Over;
        Step::Turn(turn)
    }

    /// Who waits for long says so.
    fn tell(&mut self, holder: Holder) -> Option<Step> {
        let now = Instant::now();
        let is_early = holder == Holder::Unknown && now < self.began + TELL_UNKNOWN_AFTER;
        if now < self.tell_at || is_early {
            return None;
        }
        self.tell_at = now + TELL_AGAIN;
        Some(Step::Waiting(holder))
    }
}

/// A wait for a holder in this process.
pub(super) struct Watch {
    pub(super) flight: Arc<Flight>,
    pub(super) end: Option<End>,
    pub(super) patience: Patience,
    looked: Instant,
    /// What was seen of the holders at the end of the chain of waits.
    seen: Vec<(Arc<Flight>, Signs)>,
    process: Option<ProcessWatch>,
    /// This thread was begun after the computation was, maybe by it.
    is_young: Option<bool>,
    is_task: bool,
    _waits: Waits,
}

/// What is to be seen of a flight.
enum Seen {
    Ended(End),
    /// It is not time to look.
    GetsOn,
    /// It gets on, as far as was seen just now.
    Looked,
    StandsStill,
}

impl Watch {
    /// `None` if it would be a wait in a circle.
    fn new(flight: Arc<Flight>, limit: Duration, is_task: bool) -> Option<Watch> {
        Some(Watch {
            _waits: Waits::unless_in_a_circle(&flight)?,
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

    fn look(&mut self) -> Seen {
        if let Some(end) = self.end {
            return Seen::Ended(end);
        }
        match self.is_in_vain() {
            Some(true) => Seen::StandsStill,
            Some(false) => Seen::Looked,
            None => Seen::GetsOn,
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
        let ends = circle::at_the_end(&self.flight);
        // A wait for another process is bounded by itself.
        let is_bounded = ends.is_empty() || ends.iter().any(|flight| locked(&flight.state).is_queueing);
        let mut pace = if is_bounded { Pace::Works } else { Pace::Still };
        self.seen.retain(|(flight, _)| ends.iter().any(|end| Arc::ptr_eq(end, flight)));
        for end in ends {
            let place = self.seen.iter().position(|(flight, _)| Arc::ptr_eq(flight, &end));
            let place = place.unwrap_or_else(|| {
                self.seen.push((end.clone(), Signs::default()));
                self.seen.len() - 1
            });
            pace = pace.max(end.pace(&mut self.seen[place].1));
        }
        self.patience.saw(pace);
        let began = self.flight.began;
        let is_young = *self.is_young.get_or_insert_with(|| {
            let ticks = |time: Duration| time.as_millis() / u128::from(1000 / crate::proc::TICKS);
            Worker::here().age().is_some_and(|age| u128::from(age) <= ticks(began.elapsed()))
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

/// What became of asking for the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// The way is free, with the lock or without.
    Free,
    Held,
    /// It is held, and others were looked at.
    Looked,
}

/// A wait for another process.
pub(super) struct Queue {
    lead: Option<Lead>,
    pub(super) level: u32,
    pub(super) others: Others,
    began: Instant,
    has_asked_who: bool,
    waits: Option<Waits>,
}

impl Queue {
    fn new(lead: Lead, limit: Duration, is_task: bool) -> Queue {
        let others = Others::new(limit, is_task);
        Queue { lead: Some(lead), level: 0, others, began: Instant::now(), has_asked_who: false, waits: None }
    }

    #[cfg(feature = "async")]
    pub(super) fn flight(&self) -> Option<Arc<Flight>> {
        self.lead.as_ref().map(|lead| lead.flight.clone())
    }

    /// Asks for the lock, and looks at who has it.
    fn ask(&mut self, flights: &Flights, key: &Key) -> Asked {
        let Some(lead) = &mut self.lead else { return Asked::Free };
        if lead.ask(self.level) || flights.limit.is_zero() {
            return Asked::Free;
        }
        if self.waits.is_none() {
            // A cache that was opened by another path has another table.
            if circle::is_within_around(&lead.flight) {
                return Asked::Free;
            }
            locked(&lead.flight.state).is_queueing = true;
            self.waits = Some(Waits::of_those_around(&lead.flight));
        }
        if !self.has_asked_who && self.began.elapsed() > SHORT {
            self.has_asked_who = true;
            if flights.locks.is_held_by_an_ancestor(key, self.level) {
                tracing::debug!(%key, "the process that started this one computes the same: it may wait for this one");
                return Asked::Free;
            }
        }
        match self.others.look(flights, key) {
            Verdict::GoOn => Asked::Held,
            Verdict::Looked => Asked::Looked,
            Verdict::Circle => Asked::Free,
            Verdict::GiveUp => {
                tracing::info!(
                    function = &*lead.flight.function, %key, holder = %self.others.holder(),
                    "a call that another process computes does not get on: it is computed here"
                );
                self.level += 1;
                self.others.begin_again();
                self.has_asked_who = false;
                if self.level == LEVELS { Asked::Free } else { Asked::Held }
            }
        }
    }

    fn take(&mut self) -> Option<Lead> {
        self.waits = None;
        let lead = self.lead.take()?;
        locked(&lead.flight.state).is_queueing = false;
        Some(lead)
    }
}

impl Flight {
    fn end(&self) -> Option<End> {
        locked(&self.state).end
    }

    fn holder(&self) -> Holder {
        Holder::Here { since: self.since }
    }

    /// Waits for the end, at most `longest`.
    fn wait(&self, longest: Duration) -> Option<End> {
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
