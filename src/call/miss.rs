//! A call whose result is not stored: what is done before its function runs, and after.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::call::context::{CallContext, Lookup};
use crate::call::options::Rules;
use crate::call::outcome::Outcome;
use crate::call::result_shape::ResultShape;
use crate::error::Result;
use crate::key::call_key::Argument;
use crate::observe::reason::{NotKept, Reason};
use crate::single_flight::flight::FlightOutcome;
use crate::single_flight::table::{LeaderGuard, Role};
use crate::sys::catch_panic::guarded;

/// How a call is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallOptions {
    /// Compute it in any case.
    pub(crate) refresh: bool,
    /// If it is computed, somebody wants to know why.
    pub(crate) why: bool,
    /// If somebody else computes it for so long, it is put off: it gives nothing.
    pub(crate) tries: Option<Duration>,
}

impl CallOptions {
    /// As [`run`](crate::Call::run) does.
    pub(crate) const PLAIN: CallOptions = CallOptions { refresh: false, why: false, tries: None };
    /// As [`refresh`](crate::Call::refresh) does.
    pub(crate) const REFRESH: CallOptions = CallOptions { refresh: true, ..CallOptions::PLAIN };
    /// As [`outcome`](crate::Call::outcome) does.
    pub(crate) const WHY: CallOptions = CallOptions { why: true, ..CallOptions::PLAIN };

    /// Puts it off if somebody else computes it for so long.
    pub(crate) fn tries(longest: Duration) -> CallOptions {
        CallOptions { tries: Some(longest), ..CallOptions::PLAIN }
    }
}

/// What a call gave that is not put off, as it does not only try.
pub(crate) fn done<T>(ran: Option<T>) -> T {
    ran.unwrap_or_else(|| unreachable!("only a call that tries is put off"))
}

/// What a call turns out to be once it was looked up.
pub(crate) enum LookupStep<R> {
    Hit(R, Outcome),
    Miss(Miss<R>),
    /// The cache has nothing to do with it.
    Bypass(Reason),
}

/// A call whose function is to run.
pub(crate) struct Miss<R> {
    reason: Reason,
    refresh: bool,
    /// What is stored, if the call is made to see whether it is the same.
    verified: Option<R>,
    /// There was nothing when it was looked up again. If it had just been stored, somebody has removed it,
    /// and of all who waited for it, one computes it again.
    pub(crate) is_gone: bool,
    /// What the entry will show of the arguments, which are gone once the function has run.
    shown: Vec<Argument>,
}

/// What the function did.
pub(crate) enum RunOutcome<R> {
    /// It gave this.
    New(R),
    /// It ran to verify what is stored, and gave this; `None` if it panicked.
    Again { stored: R, now: Option<R> },
}

pub(crate) fn look<R, S: ResultShape<R>>(
    site: &CallContext<'_>,
    how: CallOptions,
    rules: Rules<R, S>,
) -> LookupStep<R> {
    if !site.is_enabled() {
        return LookupStep::Bypass(Reason::CacheOff);
    }
    if let Err(error) = &site.key {
        site.fault("a call can't be cached", error);
        return LookupStep::Bypass(Reason::NoKey { what: error.to_string() });
    }
    let refresh = how.refresh || site.cache.refreshes();
    let miss = |reason| LookupStep::Miss(Miss { reason, refresh, verified: None, is_gone: false, shown: Vec::new() });
    if refresh {
        return miss(Reason::Refreshed);
    }
    let started = site.clock();
    match site.take(rules) {
        Lookup::Hit(value, _) if site.cache.verifies() => LookupStep::Miss(Miss {
            reason: Reason::Verified { same: true },
            refresh,
            verified: Some(value),
            is_gone: false,
            shown: Vec::new(),
        }),
        Lookup::Hit(value, hit) => {
            site.hit(&hit, started);
            LookupStep::Hit(value, hit)
        }
        Lookup::Miss(reason) => {
            site.nothing(&reason, started);
            miss(reason)
        }
        Lookup::Corrupt(reason, error) => {
            site.fault("an entry can't be read: it is computed anew", &error);
            miss(reason)
        }
    }
}

impl<R> Miss<R> {
    /// Whether the function runs only to see whether it gives again what is stored.
    pub(crate) fn verifies(&self) -> bool {
        self.verified.is_some()
    }

    /// Whether others may wait for the result.
    pub(crate) fn is_for_all(&self) -> bool {
        self.verified.is_none()
    }

    /// What others have stored meanwhile, if this turn says that they may have.
    pub(crate) fn look_again<S: ResultShape<R>>(
        mut self,
        site: &CallContext<'_>,
        rules: Rules<R, S>,
        turn: &Role,
        waited: Duration,
    ) -> std::result::Result<(R, Outcome), Self> {
        if self.refresh || matches!(turn, Role::Alone) {
            return Err(self);
        }
        let started = site.clock();
        // A fault has been reported when it was met first.
        let found = site.take(rules);
        self.is_gone = matches!(found, Lookup::Miss(Reason::Absent));
        let Lookup::Hit(value, hit) = found else { return Err(self) };
        let hit = hit.after_waiting(waited);
        site.hit(&hit, started);
        Ok((value, hit))
    }

    /// Notes what is gone when the function has run.
    pub(crate) fn about_to_run(
        mut self,
        site: &CallContext<'_>,
        how: CallOptions,
        shown: impl FnOnce() -> Vec<Argument>,
    ) -> Self {
        let asked = how.why && self.reason == Reason::Absent;
        if asked || !site.cache.is_read_only() {
            self.shown = shown();
        }
        if asked {
            self.reason = site.why_absent(&self.shown);
        }
        self
    }

    /// Runs the function. If the result is stored, a normal run would not have met a panic, so it is caught.
    pub(crate) fn compute(mut self, site: &CallContext<'_>, compute: impl FnOnce() -> R) -> (Self, RunOutcome<R>) {
        let ran = match self.verified.take() {
            None => {
                let watch = site.watch();
                let value = compute();
                watch.ended();
                RunOutcome::New(value)
            }
            Some(stored) => RunOutcome::Again { stored, now: catch_unwind(AssertUnwindSafe(compute)).ok() },
        };
        (self, ran)
    }

    /// Takes the stored result, if the function is to run only to verify it.
    #[cfg(feature = "async")]
    pub(crate) fn take_verified(&mut self) -> Option<R> {
        self.verified.take()
    }

    /// The function has run: keeps what it returned, or compares it. Gives what the caller gets.
    pub(crate) fn end<S: ResultShape<R>>(
        self,
        site: &CallContext<'_>,
        rules: Rules<R, S>,
        ran: RunOutcome<R>,
        took: Duration,
    ) -> (R, Outcome, FlightOutcome) {
        match ran {
            RunOutcome::New(value) => self.keep(site, rules, value, took),
            RunOutcome::Again { stored, now } => {
                let same =
                    S::stored(&stored).is_some_and(|before| site.compare(before, now.as_ref().and_then(S::stored)));
                (stored, site.computed(took, None, Reason::Verified { same }), FlightOutcome::Stored)
            }
        }
    }

    fn keep<S: ResultShape<R>>(
        self,
        site: &CallContext<'_>,
        rules: Rules<R, S>,
        value: R,
        took: Duration,
    ) -> (R, Outcome, FlightOutcome) {
        let unkept = |why, end| {
            site.not_kept(why, None);
            (None, None, end)
        };
        let (back, size, end) = match S::stored(&value) {
            None => unkept(NotKept::Err, FlightOutcome::Failed),
            Some(_) if site.cache.is_read_only() => unkept(NotKept::ReadOnly, FlightOutcome::NotKept),
            Some(_) if site.files_changed("a result is not stored") => {
                let what = "a file that is an argument changed while the function ran".to_owned();
                unkept(NotKept::Fault { what }, FlightOutcome::Failed)
            }
            Some(stored) => match may_be_stored(rules, stored)
                .and_then(|may| may.then(|| site.store(self.shown, self.reason.cause(), took, stored)).transpose())
            {
                Ok(None) => unkept(NotKept::StoreIf, FlightOutcome::NotKept),
                Ok(Some((size, back))) => (back, Some(size), FlightOutcome::Stored),
                Err(error) => {
                    site.not_stored(&error);
                    (None, None, FlightOutcome::NotKept)
                }
            },
        };
        (back.map_or(value, S::restored), site.computed(took, size, self.reason), end)
    }
}

/// What `store_if` says.
fn may_be_stored<R, S: ResultShape<R>>(rules: Rules<R, S>, stored: &S::Stored) -> Result<bool> {
    rules.store_if.map_or(Ok(true), |store_if| guarded("`store_if`", || Ok(store_if(stored))))
}

impl Role {
    /// Tells those who wait.
    pub(crate) fn complete(self, end: FlightOutcome) {
        if let Role::Leader(lead) = self {
            LeaderGuard::complete(lead, end);
        }
    }
}
