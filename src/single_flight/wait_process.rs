//! A wait for other processes.

#[cfg(feature = "async")]
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::key::digest::Key;
#[cfg(feature = "async")]
use crate::single_flight::flight::InFlight;
use crate::single_flight::flight::locked;
use crate::single_flight::holder::Holder;
use crate::single_flight::other_process::{HolderState, OtherProcesses};
use crate::single_flight::table::{InFlightTable, LeaderGuard};
use crate::single_flight::wait_graph;
use crate::single_flight::wait_graph::WaitGuard;

/// A wait this short is not worth asking the system who holds the lock.
const SHORT: Duration = Duration::from_millis(5);

/// Locks of one key. When the holders of all of them stand still, the call is computed without one.
const LEVELS: u32 = 8;

/// What became of asking for the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LockState {
    /// The way is free, with the lock or without.
    Free,
    Held,
    /// It is held, and others were looked at.
    Looked,
}

/// A wait for another process.
pub(super) struct ProcessWait {
    lead: Option<LeaderGuard>,
    level: u32,
    others: OtherProcesses,
    began: Instant,
    has_asked_who: bool,
    waits: Option<WaitGuard>,
}

impl ProcessWait {
    pub(super) fn new(lead: LeaderGuard, limit: Duration, is_task: bool) -> ProcessWait {
        let others = OtherProcesses::new(limit, is_task);
        ProcessWait { lead: Some(lead), level: 0, others, began: Instant::now(), has_asked_who: false, waits: None }
    }

    #[cfg(feature = "async")]
    pub(super) fn flight(&self) -> Option<Arc<InFlight>> {
        self.lead.as_ref().map(|lead| lead.flight.clone())
    }

    /// It waits again.
    pub(super) fn again(mut self, lead: LeaderGuard) -> ProcessWait {
        self.lead = Some(lead);
        self
    }

    pub(super) fn level(&self) -> u32 {
        self.level
    }

    pub(super) fn holder(&self) -> Holder {
        self.others.holder()
    }

    /// Asks for the lock, and looks at who has it. Who never waits goes on without it.
    pub(super) fn ask(&mut self, flights: &InFlightTable, key: &Key, never_waits: bool) -> LockState {
        let Some(lead) = &mut self.lead else { return LockState::Free };
        if lead.ask(self.level) || never_waits {
            return LockState::Free;
        }
        if self.waits.is_none() {
            // A cache that was opened by another path has another table.
            if wait_graph::is_within_around(&lead.flight) {
                return LockState::Free;
            }
            locked(&lead.flight.state).is_queueing = true;
            self.waits = Some(WaitGuard::of_those_around(&lead.flight));
        }
        if !self.has_asked_who && self.began.elapsed() > SHORT {
            self.has_asked_who = true;
            if flights.locks.is_held_by_an_ancestor(key, self.level) {
                tracing::debug!(%key, "the process that started this one computes the same: it may wait for this one");
                return LockState::Free;
            }
        }
        match self.others.look(flights, key) {
            HolderState::GoOn => LockState::Held,
            HolderState::Looked => LockState::Looked,
            HolderState::Circle => LockState::Free,
            HolderState::GiveUp => {
                tracing::info!(
                    function = &*lead.flight.function, %key, holder = %self.others.holder(),
                    "a call that another process computes does not get on: it is computed here"
                );
                self.level += 1;
                self.others.begin_again();
                self.has_asked_who = false;
                if self.level == LEVELS { LockState::Free } else { LockState::Held }
            }
        }
    }

    /// It waits no longer.
    pub(super) fn take(&mut self) -> Option<LeaderGuard> {
        self.waits = None;
        let lead = self.lead.take()?;
        locked(&lead.flight.state).is_queueing = false;
        Some(lead)
    }
}
