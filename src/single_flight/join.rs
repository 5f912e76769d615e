//! The way to a turn: past the holder in this process, if there is one, then past those in other processes.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::key::digest::Key;
use crate::single_flight::flight::End;
use crate::single_flight::holder::Holder;
use crate::single_flight::progress_probe::Worker;
use crate::single_flight::table::{Flights, Turn};
use crate::single_flight::wait_graph;
use crate::single_flight::wait_policy::LOOK;
use crate::single_flight::wait_process::{Asked, Queue};
use crate::single_flight::wait_thread::{Saw, Watch};
use crate::store::layout::Layout;
use crate::sys::file_id::Identity;
use crate::sys::fork::generation;

/// When a waiting call is logged first, and how often later.
const TELL_AFTER: Duration = Duration::from_secs(1);
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// A holder that has not reported yet is logged as unknown after this time.
const TELL_UNKNOWN_AFTER: Duration = Duration::from_secs(3);

/// A call on its way to a turn.
pub(crate) struct Join<'a> {
    pub(super) flights: &'a Arc<Flights>,
    pub(super) key: &'a Key,
    function: &'a str,
    /// The function's folder.
    folder: &'a Path,
    /// A task has no thread of its own.
    is_task: bool,
    entered: Instant,
    /// The end of the longest wait.
    until: Option<Instant>,
    /// The entry's file when the wait began. If there is another file later, a result was stored.
    before: Option<Option<Identity>>,
    pub(super) stage: Stage,
    /// What an earlier try has seen.
    seen: Option<Stage>,
    /// When the first try began.
    began: Instant,
    tell_at: Instant,
}

/// What a call that is tried has seen of the holder. The next try goes on from there: it would not find out otherwise that
/// the holder stands still.
pub(crate) struct Seen {
    began: Instant,
    tell_at: Instant,
    stage: Stage,
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

impl<'a> Join<'a> {
    /// On the way for the `longest` time, or until its turn has come.
    pub(crate) fn new(
        flights: &'a Arc<Flights>,
        key: &'a Key,
        function: &'a str,
        folder: &'a Path,
        is_task: bool,
        longest: Option<Duration>,
    ) -> Self {
        let now = Instant::now();
        Join {
            flights,
            key,
            function,
            folder,
            is_task,
            entered: now,
            until: longest.map(|longest| now + longest),
            before: None,
            stage: Stage::Start,
            seen: None,
            began: now,
            tell_at: now + TELL_AFTER,
        }
    }

    /// Goes on from what an earlier try has seen.
    pub(crate) fn goes_on_from(&mut self, seen: Seen) {
        let Seen { began, tell_at, stage } = seen;
        (self.began, self.tell_at, self.seen) = (began, tell_at, Some(stage));
    }

    /// Waits no longer.
    pub(crate) fn give_up(mut self) -> Seen {
        match &mut self.stage {
            Stage::Flight(watch) => watch.rest(),
            Stage::Queue(queue) => drop(queue.take()),
            Stage::Start | Stage::Over => {}
        }
        Seen { began: self.began, tell_at: self.tell_at, stage: self.stage }
    }

    /// How long it has waited.
    pub(crate) fn waited(&self) -> Duration {
        self.entered.elapsed()
    }

    /// How long it may wait before it looks again; `None` if the longest wait is over.
    pub(super) fn longest_wait(&mut self) -> Option<Duration> {
        let left = self.until.map_or(LOOK, |until| until.saturating_duration_since(Instant::now()));
        if left.is_zero() {
            return None;
        }
        self.before.get_or_insert_with(|| Identity::of(&Layout::locate(self.folder, self.key)));
        Some(left.min(LOOK))
    }

    /// Whether an entry was stored since it began to wait.
    fn is_stored(&self) -> bool {
        let there = Identity::of(&Layout::locate(self.folder, self.key));
        there.is_some() && self.before.is_some_and(|before| before != there)
    }

    /// Waits until there is something to do.
    pub(crate) fn next(&mut self) -> Step {
        loop {
            if let Some(step) = self.go_on() {
                return step;
            }
            let Some(longest) = self.longest_wait() else { return Step::Late };
            match &mut self.stage {
                Stage::Flight(watch) => watch.wait(longest),
                Stage::Queue(queue) => self.flights.locks.wait(self.key, queue.level(), longest),
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
        let leader = |is_task: bool| (!is_task).then(Worker::here);
        // Where nobody waits, a call that is tried is put off at first: there may be other calls to do.
        let never_waits = self.flights.limit.is_zero() && (self.until.is_none() || self.began < self.entered);
        match &mut self.stage {
            // In a child that was forked, the table is a new one.
            Stage::Start if generation::is_child() && wait_graph::is_within(self.key, &self.flights.root) => {
                return Some(self.over(Turn::Alone));
            }
            Stage::Start => {
                let seen = self.seen.take();
                match self.flights.enter(self.key, self.function, leader(self.is_task)) {
                    Ok(lead) => {
                        let queue = match seen {
                            Some(Stage::Queue(queue)) => queue.again(lead),
                            _ => Queue::new(lead, self.flights.limit, self.is_task),
                        };
                        self.stage = Stage::Queue(queue);
                    }
                    Err(_) if never_waits => return Some(self.over(Turn::Alone)),
                    Err(flight) => {
                        let watch = match seen {
                            Some(Stage::Flight(watch)) if watch.is_of(&flight) => watch.again(),
                            _ => Watch::new(flight, self.flights.limit, self.is_task),
                        };
                        match watch {
                            Some(watch) => self.stage = Stage::Flight(watch),
                            None => return Some(self.over(Turn::Alone)),
                        }
                    }
                }
            }
            Stage::Flight(watch) => match watch.look() {
                Saw::Ended(End::Stored) => return Some(self.over(Turn::Look)),
                Saw::Ended(End::NotKept) => return Some(self.over(Turn::Alone)),
                Saw::Ended(End::Failed) => self.stage = Stage::Start,
                Saw::StandsStill => {
                    let stuck = watch.flight();
                    tracing::info!(
                        function = self.function, key = %self.key, holder = %stuck.holder(),
                        "a call that is computed already does not get on: it is computed again"
                    );
                    match self.flights.displace(&stuck, self.function, leader(self.is_task)) {
                        Some(lead) => return Some(self.over(Turn::Lead(lead))),
                        None => self.stage = Stage::Start,
                    }
                }
                saw @ (Saw::GetsOn | Saw::Looked) => {
                    let holder = watch.flight().holder();
                    if saw == Saw::Looked && self.is_stored() {
                        return Some(self.over(Turn::Look));
                    }
                    return self.tell(holder);
                }
            },
            Stage::Queue(queue) => {
                let asked = queue.ask(self.flights, self.key, never_waits);
                let holder = queue.holder();
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
