//! Joins a call: becomes its leader, or waits for the leader in this process, then for holders in other processes.

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
use crate::store::interface::Store;
use crate::sys::file_id::FileId;
use crate::sys::fork::generation;

/// Time until a waiting call is logged first, and between later log messages.
const TELL_AFTER: Duration = Duration::from_secs(1);
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// A holder without a report is logged as unknown after this time.
const TELL_UNKNOWN_AFTER: Duration = Duration::from_secs(3);

/// A call that wants to become the leader or to get the leader's result.
pub(crate) struct Join<'a> {
    pub(super) flights: &'a Arc<InFlightTable>,
    store: &'a dyn Store,
    pub(super) key: &'a Key,
    function: &'a str,
    /// The function's folder.
    folder: &'a Path,
    /// Whether a task waits, which has no thread of its own.
    is_task: bool,
    entered: Instant,
    /// When the longest allowed wait ends.
    until: Option<Instant>,
    /// Identity of the entry when the wait began. If it differs later, a result was stored.
    before: Option<Option<FileId>>,
    pub(super) stage: WaitStage,
    /// Stage that an earlier try reached.
    seen: Option<WaitStage>,
    /// When the first try began.
    began: Instant,
    report_at: Instant,
}

/// What a try has seen of the holder. The next try resumes from it. Otherwise repeated tries would never notice that
/// the holder makes no progress.
pub(crate) struct WaitProgress {
    began: Instant,
    report_at: Instant,
    stage: WaitStage,
}

pub(super) enum WaitStage {
    Start,
    /// A leader in this process computes.
    Thread(ThreadWait),
    /// This call leads in this process. Another process may compute.
    Process(ProcessWait),
    Over,
}

/// What the caller should do next.
pub(crate) enum WaitStep {
    Role(Role),
    /// Report for whom it waits, and continue.
    Waiting(Holder),
    /// The longest allowed wait is over.
    Late,
}

impl<'a> Join<'a> {
    /// Creates a join that waits at most `longest`; `None` waits until a role is assigned.
    pub(crate) fn new(
        flights: &'a Arc<InFlightTable>,
        store: &'a dyn Store,
        key: &'a Key,
        function: &'a str,
        folder: &'a Path,
        is_task: bool,
        longest: Option<Duration>,
    ) -> Self {
        let now = Instant::now();
        Join {
            flights,
            store,
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
            report_at: now + TELL_AFTER,
        }
    }

    /// Resumes from what an earlier try has seen.
    pub(crate) fn resume(&mut self, seen: WaitProgress) {
        let WaitProgress { began, report_at, stage } = seen;
        (self.began, self.report_at, self.seen) = (began, report_at, Some(stage));
    }

    /// Stops waiting. Returns what was seen, for the next try.
    pub(crate) fn stop_waiting(mut self) -> WaitProgress {
        match &mut self.stage {
            WaitStage::Thread(watch) => watch.rest(),
            WaitStage::Process(queue) => drop(queue.take()),
            WaitStage::Start | WaitStage::Over => {}
        }
        WaitProgress { began: self.began, report_at: self.report_at, stage: self.stage }
    }

    /// Returns how long it has waited.
    pub(crate) fn waited(&self) -> Duration {
        self.entered.elapsed()
    }

    /// Returns how long to wait until the next look; `None` if the longest allowed wait is over.
    pub(super) fn longest_wait(&mut self) -> Option<Duration> {
        let left = self.until.map_or(LOOK, |until| until.saturating_duration_since(Instant::now()));
        if left.is_zero() {
            return None;
        }
        if self.before.is_none() {
            self.before = Some(self.identity());
        }
        Some(left.min(LOOK))
    }

    /// Returns the identity of the entry that is stored now.
    fn identity(&self) -> Option<FileId> {
        self.store.stat(self.folder, self.key)?.identity
    }

    /// Returns whether an entry was stored since the wait began.
    fn is_stored(&self) -> bool {
        let there = self.identity();
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

    /// Returns the next step if there is one without waiting; `None` if it is time to wait.
    pub(super) fn advance(&mut self) -> Option<WaitStep> {
        loop {
            let was_waiting = !matches!(self.stage, WaitStage::Start);
            let step = self.step();
            // In a stage that has just begun, or begun again, it has not looked yet.
            if step.is_some() || was_waiting && !matches!(self.stage, WaitStage::Start) {
                return step;
            }
        }
    }

    fn step(&mut self) -> Option<WaitStep> {
        let leader = |is_task: bool| (!is_task).then(ThreadProbe::here);
        // With a limit of zero, a call never waits. A call that is only tried is postponed once, because its caller may
        // have other calls to make.
        let never_waits = self.flights.limit.is_zero() && (self.until.is_none() || self.began < self.entered);
        match &mut self.stage {
            // A forked child has a new table, so the parent's in-flight call is not in it.
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
                ThreadWaitState::Stuck => {
                    let stuck = watch.flight();
                    tracing::info!(
                        function = self.function, key = %self.key, holder = %stuck.holder(),
                        "a call that is computed already makes no progress: it is computed again"
                    );
                    match self.flights.take_over(&stuck, self.function, leader(self.is_task)) {
                        Some(lead) => return Some(self.over(Role::Leader(lead))),
                        None => self.stage = WaitStage::Start,
                    }
                }
                saw @ (ThreadWaitState::MakesProgress | ThreadWaitState::Looked) => {
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
                // Another process may store a result without this lock.
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

    /// Reports a long wait, at intervals.
    fn tell(&mut self, holder: Holder) -> Option<WaitStep> {
        let now = Instant::now();
        let is_early = holder == Holder::Unknown && now < self.began + TELL_UNKNOWN_AFTER;
        if now < self.report_at || is_early {
            return None;
        }
        self.report_at = now + TELL_AGAIN;
        Some(WaitStep::Waiting(holder))
    }
}
