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
const LOG_AFTER: Duration = Duration::from_secs(1);
const LOG_AGAIN: Duration = Duration::from_secs(60);

/// A holder without a report is logged as unknown after this time.
const LOG_UNKNOWN_AFTER: Duration = Duration::from_secs(3);

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
    this_try_began: Instant,
    /// When the longest allowed wait ends.
    until: Option<Instant>,
    /// Identity of the entry when the wait began. If it differs later, a result was stored.
    before: Option<Option<FileId>>,
    pub(super) stage: WaitStage,
    /// Stage that an earlier try reached.
    seen: Option<WaitStage>,
    first_try_began: Instant,
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
            this_try_began: now,
            until: longest.map(|longest| now + longest),
            before: None,
            stage: WaitStage::Start,
            seen: None,
            first_try_began: now,
            report_at: now + LOG_AFTER,
        }
    }

    /// Resumes from what an earlier try has seen.
    pub(crate) fn resume(&mut self, seen: WaitProgress) {
        let WaitProgress { began, report_at, stage } = seen;
        (self.first_try_began, self.report_at, self.seen) = (began, report_at, Some(stage));
    }

    /// Stops waiting. Returns what was seen, for the next try.
    pub(crate) fn stop_waiting(mut self) -> WaitProgress {
        match &mut self.stage {
            WaitStage::Thread(wait) => wait.rest(),
            WaitStage::Process(wait) => drop(wait.take()),
            WaitStage::Start | WaitStage::Over => {}
        }
        WaitProgress { began: self.first_try_began, report_at: self.report_at, stage: self.stage }
    }

    /// Returns how long it has waited.
    pub(crate) fn waited(&self) -> Duration {
        self.this_try_began.elapsed()
    }

    /// Records which entry is stored before the first wait. Returns how long to wait until the next look; `None` if the
    /// longest allowed wait is over.
    pub(super) fn prepare_wait(&mut self) -> Option<Duration> {
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
            let Some(longest) = self.prepare_wait() else { return WaitStep::Late };
            match &mut self.stage {
                WaitStage::Thread(wait) => wait.wait(longest),
                WaitStage::Process(wait) => self.flights.locks.wait(self.key, wait.level(), longest),
                WaitStage::Start | WaitStage::Over => {}
            }
        }
    }

    /// Returns the next step if there is one without waiting; `None` if it is time to wait.
    pub(super) fn advance(&mut self) -> Option<WaitStep> {
        loop {
            let was_waiting = !matches!(self.stage, WaitStage::Start);
            let step = self.step();
            // A stage that has just begun has not looked at the leader yet, so it looks before it waits.
            if step.is_some() || was_waiting && !matches!(self.stage, WaitStage::Start) {
                return step;
            }
        }
    }

    fn step(&mut self) -> Option<WaitStep> {
        let leader = |is_task: bool| (!is_task).then(ThreadProbe::here);
        // With a limit of zero, a call never waits. `try_for` first returns such a call to its caller, who may have other
        // calls to make; only the next try computes it.
        let never_waits =
            self.flights.limit.is_zero() && (self.until.is_none() || self.first_try_began < self.this_try_began);
        match &mut self.stage {
            // A forked child has a new table, so the parent's in-flight call is not in it.
            WaitStage::Start if generation::is_child() && wait_graph::is_within(self.key, &self.flights.root) => {
                return Some(self.finish(Role::Alone));
            }
            WaitStage::Start => {
                let seen = self.seen.take();
                match self.flights.begin(self.key, self.function, leader(self.is_task)) {
                    Ok(lead) => {
                        let wait = match seen {
                            Some(WaitStage::Process(wait)) => wait.again(lead),
                            _ => ProcessWait::new(lead, self.flights.limit, self.is_task),
                        };
                        self.stage = WaitStage::Process(wait);
                    }
                    Err(_) if never_waits => return Some(self.finish(Role::Alone)),
                    Err(flight) => {
                        let wait = match seen {
                            Some(WaitStage::Thread(wait)) if wait.is_of(&flight) => wait.again(),
                            _ => ThreadWait::new(flight, self.flights.limit, self.is_task),
                        };
                        match wait {
                            Some(wait) => self.stage = WaitStage::Thread(wait),
                            None => return Some(self.finish(Role::Alone)),
                        }
                    }
                }
            }
            WaitStage::Thread(wait) => match wait.look() {
                ThreadWaitState::Ended(FlightOutcome::Stored) => return Some(self.finish(Role::Look)),
                ThreadWaitState::Ended(FlightOutcome::NotKept) => return Some(self.finish(Role::Alone)),
                ThreadWaitState::Ended(FlightOutcome::Failed) => self.stage = WaitStage::Start,
                ThreadWaitState::Stuck => {
                    let stuck = wait.flight();
                    tracing::info!(
                        function = self.function, key = %self.key, holder = %stuck.holder(),
                        "a call that is computed already makes no progress: it is computed again"
                    );
                    match self.flights.take_over(&stuck, self.function, leader(self.is_task)) {
                        Some(lead) => return Some(self.finish(Role::Leader(lead))),
                        None => self.stage = WaitStage::Start,
                    }
                }
                saw @ (ThreadWaitState::NotLookedYet | ThreadWaitState::MakesProgress) => {
                    let holder = wait.flight().holder();
                    if saw == ThreadWaitState::MakesProgress && self.is_stored() {
                        return Some(self.finish(Role::Look));
                    }
                    return self.log_wait(holder);
                }
            },
            WaitStage::Process(wait) => {
                let asked = wait.ask(self.flights, self.key, never_waits);
                let holder = wait.holder();
                // Another process may store a result without this lock. Then this call leads, and finds the result.
                if asked == LockState::Free || (asked == LockState::Looked && self.is_stored()) {
                    let WaitStage::Process(wait) = &mut self.stage else { return None };
                    let lead = wait.take();
                    return lead.map(|lead| self.finish(Role::Leader(lead)));
                }
                return self.log_wait(holder);
            }
            WaitStage::Over => return Some(WaitStep::Role(Role::Alone)),
        }
        None
    }

    fn finish(&mut self, role: Role) -> WaitStep {
        self.stage = WaitStage::Over;
        WaitStep::Role(role)
    }

    /// Reports a long wait, at intervals.
    fn log_wait(&mut self, holder: Holder) -> Option<WaitStep> {
        let now = Instant::now();
        let is_early = holder == Holder::Unknown && now < self.first_try_began + LOG_UNKNOWN_AFTER;
        if now < self.report_at || is_early {
            return None;
        }
        self.report_at = now + LOG_AGAIN;
        Some(WaitStep::Waiting(holder))
    }
}
