//! How a call waits for another one that computes the same result.

use std::time::Duration;

use crate::call::context::CallContext;
use crate::engine::verbose;
use crate::key::call_key::Argument;
use crate::single_flight::holder::Holder;
use crate::single_flight::join::{Join, WaitStep};
use crate::single_flight::table::Role;
use crate::sys::locked::locked;

impl CallContext<'_> {
    /// Waits until the result is stored or this call may compute it. Returns the role of the call and how long it
    /// waited, or `None` if the `longest` wait is over. The next try then continues from what this one observed.
    pub(crate) fn join(
        &self,
        longest: Option<Duration>,
        shown: impl Fn() -> Vec<Argument>,
    ) -> Option<(Role, Duration)> {
        let Some(mut join) = self.begin_join(false, longest) else { return Some((Role::Alone, Duration::ZERO)) };
        let tried = || locked(&self.tried);
        if longest.is_some()
            && let Some(seen) = tried().take()
        {
            join.resume(*seen);
        }
        loop {
            match join.next() {
                WaitStep::Role(role) => return Some(self.joined(role, join.waited())),
                WaitStep::Waiting(holder) => self.waits(&holder, join.waited(), &shown()),
                WaitStep::Late => {
                    *tried() = Some(Box::new(join.stop_waiting()));
                    return None;
                }
            }
        }
    }

    /// Returns the state of a wait, which ends after `longest`; `None` if the call is not shared with others.
    pub(crate) fn begin_join(&self, is_task: bool, longest: Option<Duration>) -> Option<Join<'_>> {
        let (flights, (folder, key)) = (self.cache.flights()?, self.place()?);
        // Wakes the background thread, which publishes who computes.
        self.cache.engine().note_counted();
        let store = &*self.cache.place()?.store;
        Some(Join::new(flights, store, key, self.memo.name(), folder, is_task, longest))
    }

    pub(crate) fn joined(&self, role: Role, waited: Duration) -> (Role, Duration) {
        if let Ok(key) = &self.key {
            let role = role.name();
            tracing::trace!(function = self.memo.name(), %key, role, took = ?waited, "joined");
        }
        (role, waited)
    }

    /// Logs and prints which leader this call waits for.
    pub(crate) fn waits(&self, holder: &Holder, waited: Duration, arguments: &[Argument]) {
        let Ok(key) = &self.key else { return };
        let texts: Vec<String> = arguments.iter().map(Argument::text).collect();
        let arguments = texts.join(", ");
        tracing::info!(
            function = self.memo.name(), arguments, %key, %holder, ?waited,
            "waits for a call that is computed already; it computes it itself if that makes no progress"
        );
        if verbose::is_on() {
            verbose::print_wait(self.memo.name(), texts, holder, waited);
        }
    }
}
