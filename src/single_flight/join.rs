//! The way to a turn: past the holder in this process, if there is one, then past those in other processes.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::key::digest::Key;
use crate::single_flight::flight::FlightOutcome;
use crate::single_flight::holder::Holder;
use crate::single_flight::progress_probe::ThreadProbe;
use crate::single_flight::table::{InFlightTable, Role};
use crate::single_flight::wait_graph;
use crate::single_flight::wait_policy::LOOK;
use crate::single_flight::wait_process::{LockState, ProcessWait};
use crate::single_flight::wait_thread::{ThreadWait, ThreadWaitState};
use crate::store::layout::Layout;
use crate::sys::file_id::FileId;
use crate::sys::fork::generation;

/// When a waiting call is logged first, and how often later.
const TELL_AFTER: Duration = Duration::from_secs(1);
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// A holder that has not reported yet is logged as unknown after this time.
const TELL_UNKNOWN_AFTER: Duration = Duration::from_secs(3);

/// A call on its way to a turn.
pub(crate) struct Join<'a> {
    pub(super) flights: &'a Arc<InFlightTable>,
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
    before: Option<Option<FileId>>,
    pub(super) stage: WaitStage,
    /// What an earlier try has seen.
    seen: Option<WaitStage>,
    /// When the first try began.
    began: Instant,
    tell_at: Instant,
}

/// What a call that is tried has seen of the holder. The next try goes on from there: it would not find out otherwise that
/// the holder stands still.
pub(crate) struct WaitProgress {
    began: Instant,
    tell_at: Instant,
    stage: WaitStage,
}

pub(super) enum WaitStage {
    Start,
    /// A holder in this process computes.
    Thread(ThreadWait),
    /// It is our turn in this process. Another process may compute.
    Process(ProcessWait),
    Over,
}

/// What there is to do.
pub(crate) enum WaitStep {
    Role(Role),
    /// To tell for whom it waits, and to go on.
    Waiting(Holder),
    /// The longest wait is over.
    Late,
}

impl<'a> Join<'a> {
    /// On the way for the `longest` time, or until its turn has come.
    pub(crate) fn new(
        flights: &'a Arc<InFlightTable>,
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
            stage: WaitStage::Start,
            seen: None,
            began: now,
            tell_at: now + TELL_AFTER,
        }
    }

    /// Goes on from what an earlier try has seen.
    pub(crate) fn resume(&mut self, seen: WaitProgress) {
        let WaitProgress { began, tell_at, stage } = seen;
        (self.began, self.tell_at, self.seen) = (began, tell_at, Some(stage));
    }

    /// Waits no longer.
    pub(crate) fn stop_waiting(mut self) -> WaitProgress {
        match &mut self.stage {
            WaitStage::Thread(watch) => watch.rest(),
            WaitStage::Process(queue) => drop(queue.take()),
            WaitStage::Start | WaitStage::Over => {}
        }
        WaitProgress { began: self.began, tell_at: self.tell_at, stage: self.stage }
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
        self.before.get_or_insert_with(|| FileId::of(&Layout::locate(self.folder, self.key)));
        Some(left.min(LOOK))
    }

    /// Whether an entry was stored since it began to wait.
    fn is_stored(&self) -> bool {
        let there = FileId::of(&Layout::locate(self.folder, self.key));
        there.is_some() && self.before.is_some_and(|before| before != there)
    }

    /// Waits until there is something to do.
    pub(crate) fn next(&mut self) -> WaitStep {
        loop {
            if let Some(step) = self.advance() {
                return step;
            }
            let Some(longest) = self.longest_wait() else { return WaitStep::Late };
            match &mut self.stage {
                WaitStage::Thread(watch) => watch.wait(longest),
                WaitStage::Process(queue) => self.flights.locks.wait(self.key, queue.level(), longest),
                WaitStage::Start | WaitStage::Over => {}
            }
        }
    }

    /// What there is to do without waiting; `None` if it is time to wait.
    pub(super) fn advance(&mut self) -> Option<WaitStep> {
        loop {
            let was_waiting = !matches!(self.stage, WaitStage::Start);
            let step = self.step();
            // Where it has just come from the start, or is there again, it has not looked yet.
            if step.is_some() || was_waiting && !matches!(self.stage, WaitStage::Start) {
                return step;
            }
        }
    }

    fn step(&mut self) -> Option<WaitStep> {
        let leader = |is_task: bool| (!is_task).then(ThreadProbe::here);
        // Where nobody waits, a call that is tried is put off at first: there may be other calls to do.
        let never_waits = self.flights.limit.is_zero() && (self.until.is_none() || self.began < self.entered);
        match &mut self.stage {
            // In a child that was forked, the table is a new one.
            WaitStage::Start if generation::is_child() && wait_graph::is_within(self.key, &self.flights.root) => {
                return Some(self.over(Role::Alone));
            }
            WaitStage::Start => {
                let seen = self.seen.take();
                match self.flights.begin(self.key, self.function, leader(self.is_task)) {
                    Ok(lead) => {
                        let queue = match seen {
                            Some(WaitStage::Process(queue)) => queue.again(lead),
                            _ => ProcessWait::new(lead, self.flights.limit, self.is_task),
                        };
                        self.stage = WaitStage::Process(queue);
                    }
                    Err(_) if never_waits => return Some(self.over(Role::Alone)),
                    Err(flight) => {
                        let watch = match seen {
                            Some(WaitStage::Thread(watch)) if watch.is_of(&flight) => watch.again(),
                            _ => ThreadWait::new(flight, self.flights.limit, self.is_task),
                        };
                        match watch {
                            Some(watch) => self.stage = WaitStage::Thread(watch),
                            None => return Some(self.over(Role::Alone)),
                        }
                    }
                }
            }
            WaitStage::Thread(watch) => match watch.look() {
                ThreadWaitState::Ended(FlightOutcome::Stored) => return Some(self.over(Role::Look)),
                ThreadWaitState::Ended(FlightOutcome::NotKept) => return Some(self.over(Role::Alone)),
                ThreadWaitState::Ended(FlightOutcome::Failed) => self.stage = WaitStage::Start,
                ThreadWaitState::StandsStill => {
                    let stuck = watch.flight();
                    tracing::info!(
                        function = self.function, key = %self.key, holder = %stuck.holder(),
                        "a call that is computed already does not get on: it is computed again"
                    );
                    match self.flights.take_over(&stuck, self.function, leader(self.is_task)) {
                        Some(lead) => return Some(self.over(Role::Leader(lead))),
                        None => self.stage = WaitStage::Start,
                    }
                }
                saw @ (ThreadWaitState::GetsOn | ThreadWaitState::Looked) => {
                    let holder = watch.flight().holder();
                    if saw == ThreadWaitState::Looked && self.is_stored() {
                        return Some(self.over(Role::Look));
                    }
                    return self.tell(holder);
                }
            },
            WaitStage::Process(queue) => {
                let asked = queue.ask(self.flights, self.key, never_waits);
                let holder = queue.holder();
                // A result may be stored without this lock.
                if asked == LockState::Free || (asked == LockState::Looked && self.is_stored()) {
                    let WaitStage::Process(queue) = &mut self.stage else { return None };
                    let lead = queue.take();
                    return lead.map(|lead| self.over(Role::Leader(lead)));
                }
                return self.tell(holder);
            }
            WaitStage::Over => return Some(WaitStep::Role(Role::Alone)),
        }
        None
    }

    fn over(&mut self, turn: Role) -> WaitStep {
        self.stage = WaitStage::Over;
        WaitStep::Role(turn)
    }

    /// Who waits for long says so.
    fn tell(&mut self, holder: Holder) -> Option<WaitStep> {
        let now = Instant::now();
        let is_early = holder == Holder::Unknown && now < self.began + TELL_UNKNOWN_AFTER;
        if now < self.tell_at || is_early {
            return None;
        }
        self.tell_at = now + TELL_AGAIN;
        Some(WaitStep::Waiting(holder))
    }
}
