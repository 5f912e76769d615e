//! A wait for a holder in another process.

#[cfg(feature = "async")]
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::key::digest::Key;
#[cfg(feature = "async")]
use crate::single_flight::flight::InFlight;
use crate::single_flight::holder::Holder;
use crate::single_flight::other_process::{HolderState, OtherProcesses};
use crate::single_flight::table::{InFlightTable, LeaderGuard};
use crate::single_flight::wait_graph;
use crate::single_flight::wait_graph::WaitGuard;
use crate::sys::locked::locked;

/// A wait shorter than this is not worth asking the system who holds the lock.
const SHORT: Duration = Duration::from_millis(5);

/// Number of locks per key. If the holders of all of them make no progress, the call is computed without a lock.
const LEVELS: u32 = 8;

/// Result of trying to take the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LockState {
    /// The call may be computed, with or without the lock.
    Free,
    Held,
    /// It is held, and the reports of other processes were read.
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

    /// Resumes an earlier wait.
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

    /// Tries to take the lock, and looks at its holder. With `never_waits`, the call proceeds without the lock.
    pub(super) fn ask(&mut self, flights: &InFlightTable, key: &Key, never_waits: bool) -> LockState {
        let Some(lead) = &mut self.lead else { return LockState::Free };
        if lead.ask(self.level) || never_waits {
            return LockState::Free;
        }
        if self.waits.is_none() {
            // The same cache, opened by another path, has another table.
            if wait_graph::is_within_around(&lead.flight) {
                return LockState::Free;
            }
            locked(&lead.flight.state).waits_for_process = true;
            self.waits = Some(WaitGuard::of_outer_calls(&lead.flight));
        }
        if !self.has_asked_who && self.began.elapsed() > SHORT {
            self.has_asked_who = true;
            if flights.locks.is_held_by_an_ancestor(key, self.level) {
                tracing::debug!(%key, "the process that started this one computes the same: it may wait for this one");
                return LockState::Free;
            }
        }
        match self.others.look(flights, key) {
            HolderState::NotLookedYet => LockState::Held,
            HolderState::MakesProgress => LockState::Looked,
            HolderState::Cycle => LockState::Free,
            HolderState::GiveUp => {
                tracing::info!(
                    function = &*lead.flight.function, %key, holder = %self.others.holder(),
                    "a call that another process computes makes no progress: it is computed here"
                );
                self.level += 1;
                self.others.begin_again();
                self.has_asked_who = false;
                if self.level == LEVELS { LockState::Free } else { LockState::Held }
            }
        }
    }

    /// Ends the wait. Returns the leader guard.
    pub(super) fn take(&mut self) -> Option<LeaderGuard> {
        self.waits = None;
        let lead = self.lead.take()?;
        locked(&lead.flight.state).waits_for_process = false;
        Some(lead)
    }
}
