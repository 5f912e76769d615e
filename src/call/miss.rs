//! A call whose result is not stored: the steps before and after its function runs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::call::context::CallContext;
use crate::call::context::lookup::Lookup;
use crate::call::options::Rules;
use crate::call::outcome::Outcome;
use crate::call::result_shape::ResultShape;
use crate::engine::verbose;
use crate::error::{ErrorKind, Result};
use crate::key::call_key::Argument;
use crate::observe::reason::{NotKept, Reason};
use crate::single_flight::flight::FlightOutcome;
use crate::single_flight::table::{LeaderGuard, Role};
use crate::sys::catch_panic::guarded;

/// How a call runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallOptions {
    /// Compute the result even if it is stored.
    pub(crate) refresh: bool,
    /// If the result is computed, find out why it was absent.
    pub(crate) why: bool,
    /// How long to wait while the call is computed elsewhere; then it is postponed and returns no result. `None`: wait
    /// as long as the wait policy allows.
    pub(crate) tries: Option<Duration>,
}

impl CallOptions {
    /// Options of [`run`](crate::Call::run).
    pub(crate) const PLAIN: CallOptions = CallOptions { refresh: false, why: false, tries: None };
    /// Options of [`refresh`](crate::Call::refresh).
    pub(crate) const REFRESH: CallOptions = CallOptions { refresh: true, ..CallOptions::PLAIN };
    /// Options of [`outcome`](crate::Call::outcome).
    pub(crate) const WHY: CallOptions = CallOptions { why: true, ..CallOptions::PLAIN };

    /// Returns options that postpone the call if it is computed elsewhere for longer than this.
    pub(crate) fn tries(longest: Duration) -> CallOptions {
        CallOptions { tries: Some(longest), ..CallOptions::PLAIN }
    }
}

/// Unwraps the result of a call without `tries`, which is never postponed.
pub(crate) fn done<T>(ran: Option<T>) -> T {
    ran.unwrap_or_else(|| unreachable!("only a call that tries is put off"))
}

/// Result of the first lookup of a call.
pub(crate) enum LookupStep<R> {
    Hit(R, Outcome),
    Miss(Miss<R>),
    /// The call does not use the cache.
    Bypass(Reason),
}

/// A call whose function is to run.
pub(crate) struct Miss<R> {
    reason: Reason,
    refresh: bool,
    /// The stored result, if the function runs only to verify it.
    verified: Option<R>,
    /// The second lookup found no entry. If the result had just been stored, it was removed since, and one of the
    /// waiters must compute it again.
    pub(crate) is_gone: bool,
    /// The arguments as the entry will show them. The function consumes the arguments, so they are described before it
    /// runs.
    shown: Vec<Argument>,
}

/// Result of running the function.
pub(crate) enum RunOutcome<R> {
    /// It ran to compute the result.
    New(R),
    /// It ran to verify the stored result. `now` is `None` if it panicked.
    Again { stored: R, now: Option<R> },
}

pub(crate) fn look<R, S: ResultShape<R>>(
    context: &CallContext<'_>,
    options: CallOptions,
    rules: Rules<R, S>,
) -> LookupStep<R> {
    if !context.is_enabled() {
        return LookupStep::Bypass(Reason::CacheOff);
    }
    if let Err(error) = &context.key {
        context.fault("a call can't be cached", error);
        return LookupStep::Bypass(Reason::NoKey { what: error.to_string() });
    }
    let refresh = options.refresh || context.cache.refreshes();
    let miss = |reason| LookupStep::Miss(Miss { reason, refresh, verified: None, is_gone: false, shown: Vec::new() });
    if refresh {
        return miss(Reason::Refreshed);
    }
    let started = context.clock();
    match context.take(rules) {
        Lookup::Hit(value, _) if context.cache.verifies() => LookupStep::Miss(Miss {
            reason: Reason::Verified { same: true },
            refresh,
            verified: Some(value),
            is_gone: false,
            shown: Vec::new(),
        }),
        Lookup::Hit(value, hit) => {
            context.hit(&hit, started);
            LookupStep::Hit(value, hit)
        }
        Lookup::Miss(reason) => {
            context.nothing(&reason, started);
            miss(reason)
        }
        Lookup::Corrupt(reason, error) => {
            context.fault("an entry can't be read, so the call is computed again", &error);
            miss(reason)
        }
    }
}

impl<R> Miss<R> {
    /// Returns whether the function runs only to verify a stored result.
    pub(crate) fn verifies(&self) -> bool {
        self.verified.is_some()
    }

    /// Looks again for a result that other calls may have stored since the first lookup, if the role says so.
    pub(crate) fn look_again<S: ResultShape<R>>(
        mut self,
        context: &CallContext<'_>,
        rules: Rules<R, S>,
        role: &Role,
        waited: Duration,
    ) -> std::result::Result<(R, Outcome), Self> {
        if self.refresh || matches!(role, Role::Alone) {
            return Err(self);
        }
        let started = context.clock();
        // A fault was already reported by the first lookup.
        let found = context.take(rules);
        self.is_gone = matches!(found, Lookup::Miss(Reason::Absent));
        let Lookup::Hit(value, hit) = found else { return Err(self) };
        let hit = hit.after_waiting(waited);
        context.hit(&hit, started);
        Ok((value, hit))
    }

    /// Describes the arguments, which are gone when the function has run, and finds the reason if the caller or the user
    /// wants it.
    pub(crate) fn about_to_run(
        mut self,
        context: &CallContext<'_>,
        options: CallOptions,
        shown: impl FnOnce() -> Vec<Argument>,
    ) -> Self {
        let request = (options.why || verbose::is_on()) && self.reason == Reason::Absent;
        if request || verbose::is_on() || !context.cache.is_read_only() {
            self.shown = shown();
        }
        // Someone whose calls never hit because of a map should be told.
        let in_doubt = self.reason == Reason::Absent && self.shown.iter().any(|argument| argument.unordered.is_some());
        if request || in_doubt {
            let reason = context.why_absent(&self.shown);
            if let Some(argument) = reason.only_order() {
                context.only_order(argument);
            }
            if request {
                self.reason = reason;
            }
        }
        context.print_run(|| self.shown.iter().map(Argument::text).collect());
        self
    }

    /// Runs the function. When it only verifies, a normal run would have returned the stored result, so a panic is
    /// caught.
    pub(crate) fn compute(mut self, context: &CallContext<'_>, compute: impl FnOnce() -> R) -> (Self, RunOutcome<R>) {
        let ran = match self.verified.take() {
            None => {
                let watch = context.watch();
                let value = compute();
                watch.ended();
                RunOutcome::New(value)
            }
            Some(stored) => RunOutcome::Again { stored, now: catch_unwind(AssertUnwindSafe(compute)).ok() },
        };
        (self, ran)
    }

    /// Takes the stored result if the function runs only to verify it.
    #[cfg(feature = "async")]
    pub(crate) fn take_verified(&mut self) -> Option<R> {
        self.verified.take()
    }

    /// Stores the result that the function returned, or compares it. Returns the value for the caller.
    pub(crate) fn end<S: ResultShape<R>>(
        self,
        context: &CallContext<'_>,
        rules: Rules<R, S>,
        ran: RunOutcome<R>,
        took: Duration,
    ) -> (R, Outcome, FlightOutcome) {
        match ran {
            RunOutcome::New(value) => self.keep(context, rules, value, took),
            RunOutcome::Again { stored, now } => {
                let same =
                    S::stored(&stored).is_some_and(|before| context.compare(before, now.as_ref().and_then(S::stored)));
                (stored, context.computed(took, None, Reason::Verified { same }), FlightOutcome::Stored)
            }
        }
    }

    fn keep<S: ResultShape<R>>(
        self,
        context: &CallContext<'_>,
        rules: Rules<R, S>,
        value: R,
        took: Duration,
    ) -> (R, Outcome, FlightOutcome) {
        let unkept = |why, end| {
            let kind = matches!(why, NotKept::Fault { .. }).then_some(ErrorKind::InvalidInput);
            context.not_kept(why, kind);
            (None, None, end)
        };
        let (back, size, end) = match S::stored(&value) {
            None => unkept(NotKept::Err, FlightOutcome::Failed),
            Some(_) if context.cache.is_read_only() => unkept(NotKept::ReadOnly, FlightOutcome::NotKept),
            Some(_) if context.files_changed("a result is not stored") => {
                let what = "a file that is an argument changed while the function ran".to_owned();
                unkept(NotKept::Fault { what }, FlightOutcome::Failed)
            }
            Some(stored) => match may_be_stored(rules, stored).and_then(|may| {
                may.then(|| {
                    context.store(self.shown, self.reason.cause(), took, stored, (rules.compare, rules.sharing))
                })
                .transpose()
            }) {
                Ok(None) => unkept(NotKept::StoreIf, FlightOutcome::NotKept),
                Ok(Some((size, back))) => (back, Some(size), FlightOutcome::Stored),
                Err(error) => {
                    context.not_stored(&error);
                    (None, None, FlightOutcome::NotKept)
                }
            },
        };
        let is_expired = matches!(self.reason, Reason::Expired { .. });
        let stale = if is_expired && S::stored(&value).is_none() { context.load_stale(rules) } else { None };
        let value = stale.unwrap_or_else(|| back.map_or(value, S::restored));
        (value, context.computed(took, size, self.reason), end)
    }
}

/// Returns the answer of `store_if`.
fn may_be_stored<R, S: ResultShape<R>>(rules: Rules<R, S>, stored: &S::Stored) -> Result<bool> {
    rules.store_if.map_or(Ok(true), |store_if| guarded("`store_if`", || Ok(store_if(stored))))
}

impl Role {
    /// Ends the call that this role leads, and wakes its waiters.
    pub(crate) fn complete(self, end: FlightOutcome) {
        if let Role::Leader(lead) = self {
            LeaderGuard::complete(lead, end);
        }
    }
}
