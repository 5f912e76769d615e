//! A wait for other processes.

#[cfg(feature = "async")]
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::key::digest::Key;
#[cfg(feature = "async")]
use crate::single_flight::flight::Flight;
use crate::single_flight::flight::locked;
use crate::single_flight::holder::Holder;
use crate::single_flight::other_process::{Others, Verdict};
use crate::single_flight::table::{Flights, Lead};
use crate::single_flight::wait_graph;
use crate::single_flight::wait_graph::Waits;

/// A wait this short is not worth asking the system who holds the lock.
const SHORT: Duration = Duration::from_millis(5);

/// Locks of one key. When the holders of all of them stand still, the call is computed without one.
const LEVELS: u32 = 8;

/// What became of asking for the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The way is free, with the lock or without.
    Free,
    Held,
    /// It is held, and others were looked at.
    Looked,
}

/// A wait for another process.
pub(super) struct Queue {
    lead: Option<Lead>,
    level: u32,
    others: Others,
    began: Instant,
    has_asked_who: bool,
    waits: Option<Waits>,
}

impl Queue {
    pub(super) fn new(lead: Lead, limit: Duration, is_task: bool) -> Queue {
        let others = Others::new(limit, is_task);
        Queue { lead: Some(lead), level: 0, others, began: Instant::now(), has_asked_who: false, waits: None }
    }

    #[cfg(feature = "async")]
    pub(super) fn flight(&self) -> Option<Arc<Flight>> {
        self.lead.as_ref().map(|lead| lead.flight.clone())
    }

    /// It waits again.
    pub(super) fn again(mut self, lead: Lead) -> Queue {
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
    pub(super) fn ask(&mut self, flights: &Flights, key: &Key, never_waits: bool) -> Asked {
        let Some(lead) = &mut self.lead else { return Asked::Free };
        if lead.ask(self.level) || never_waits {
            return Asked::Free;
        }
        if self.waits.is_none() {
            // A cache that was opened by another path has another table.
            if wait_graph::is_within_around(&lead.flight) {
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

    /// It waits no longer.
    pub(super) fn take(&mut self) -> Option<Lead> {
        self.waits = None;
        let lead = self.lead.take()?;
        locked(&lead.flight.state).is_queueing = false;
        Some(lead)
    }
}
