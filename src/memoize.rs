//! THE call: from the arguments to the result.
#![expect(clippy::boxed_local, reason = "what is on the heap is not on the stack while the function runs")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::Result;
use crate::cache::Cache;
use crate::call::Asked;
use crate::flight::{End, Lead, Turn};
use crate::guard::guarded;
use crate::key::{Argument, Describe};
use crate::memo::Memo;
use crate::outcome::Outcome;
use crate::reason::{NotKept, Reason};
use crate::rules::Rules;
use crate::shape::Shape;
use crate::site::{Found, Site, encode_for, recall};

/// What a call is asked with.
pub(crate) struct Question<A, D, R, S: Shape<R>> {
    pub(crate) arguments: A,
    /// Names the arguments, one by one.
    pub(crate) describe: D,
    pub(crate) rules: Rules<R, S>,
}

impl<A, D: Fn(&A, &mut Describe<'_>), R, S: Shape<R>> Question<A, D, R, S> {
    /// What people are shown of the arguments.
    pub(crate) fn shown(&self, site: &Site<'_>) -> Vec<Argument> {
        site.shown(|description| (self.describe)(&self.arguments, description))
    }
}

/// How a call is made.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct How {
    /// Compute it in any case.
    pub(crate) refresh: bool,
    /// If it is computed, somebody wants to know why.
    pub(crate) why: bool,
    /// If somebody else computes it, it is given back.
    pub(crate) tries: bool,
}

/// Loads the result of a call, or computes and keeps it.
///
/// While the function runs, this is on the stack, so what it needs before and after is elsewhere: on the heap, and in
/// functions that have returned by then or are not called yet.
pub fn call<A, R, S: Shape<R>>(
    memo: &Memo,
    cache: &Cache,
    arguments: A,
    describe: impl Fn(&A, &mut Describe<'_>),
    compute: impl FnOnce(A) -> R,
    rules: Rules<R, S>,
) -> R {
    match begin(memo, cache, &arguments, &describe, rules) {
        Begun::Value(value) => value,
        Begun::Run(ready) if ready.pending.verifies() => verify_alone(ready, arguments, compute, rules),
        // 3. Compute.
        Begun::Run(ready) => {
            let watch = ready.site.watch();
            let value = compute(arguments);
            watch.ended();
            ready.end(value, rules)
        }
        Begun::Alone => compute(arguments),
    }
}

/// What a call turns out to be.
enum Begun<'m, R> {
    Value(R),
    /// The function is to run.
    Run(Box<Ready<'m, R>>),
    /// It is to run, and there is not much room for anything else.
    Alone,
}

/// A call that waits for its function.
struct Ready<'m, R> {
    site: Site<'m>,
    pending: Pending<R>,
}

#[inline(never)]
fn begin<'m, A, R, S: Shape<R>>(
    memo: &'m Memo,
    cache: &Cache,
    arguments: &A,
    describe: &impl Fn(&A, &mut Describe<'_>),
    rules: Rules<R, S>,
) -> Begun<'m, R> {
    let call = encode_for(cache, |description| describe(arguments, description));
    // 0. In this process's memory?
    if let Some(value) = recall(memo, cache, &call, rules) {
        return Begun::Value(value);
    }
    begin_at(Site::to_run(memo, cache, call), &|description| describe(arguments, description), rules)
}

#[inline(never)]
fn begin_at<'m, R, S: Shape<R>>(
    site: Site<'m>,
    describe: &dyn Fn(&mut Describe<'_>),
    rules: Rules<R, S>,
) -> Begun<'m, R> {
    if site.has_little_stack() {
        site.bypassed(Duration::ZERO, Reason::LittleStack);
        return Begun::Alone;
    }
    match prepare(&site, How::default(), describe, rules) {
        Prepared::Hit(value, _) => Begun::Value(value),
        Prepared::Run(pending) => Begun::Run(Box::new(Ready { site, pending })),
        Prepared::Busy => Begun::Alone,
    }
}

impl<R> Ready<'_, R> {
    /// 4. Encode, compress, publish.
    #[inline(never)]
    fn end<S: Shape<R>>(self: Box<Self>, value: R, rules: Rules<R, S>) -> R {
        let Ready { site, pending } = *self;
        pending.end(&site, rules, value).0
    }
}

/// The same for a call whose outcome somebody wants to know.
pub(crate) fn run<A, R, S: Shape<R>>(
    site: &Site<'_>,
    how: How,
    question: Question<A, impl Fn(&A, &mut Describe<'_>), R, S>,
    compute: impl FnOnce(A) -> R,
) -> Box<(R, Outcome)> {
    let rules = question.rules;
    match prepare_boxed(site, how, &question) {
        Ok(pending) => pending.run(site, question.arguments, compute, rules),
        Err(Some(hit)) => hit,
        // Only who tries is told so.
        Err(None) => bypass(site, question.arguments, compute),
    }
}

#[cold]
#[inline(never)]
fn bypass<A, R>(site: &Site<'_>, arguments: A, compute: impl FnOnce(A) -> R) -> Box<(R, Outcome)> {
    let started = Instant::now();
    let value = compute(arguments);
    Box::new((value, site.bypassed(started.elapsed(), Reason::CacheOff)))
}

/// [`run`], but for what somebody else computes: then it gives back what it was asked with.
#[expect(clippy::type_complexity, reason = "it is what comes in")]
pub(crate) fn try_run<A, R, S: Shape<R>, D: Fn(&A, &mut Describe<'_>), C: FnOnce(A) -> R>(
    site: &Site<'_>,
    asked: Asked<Question<A, D, R, S>, C>,
) -> std::result::Result<R, Asked<Question<A, D, R, S>, C>> {
    let rules = asked.question.rules;
    match prepare_boxed(site, How { tries: true, ..How::default() }, &asked.question) {
        Ok(pending) => Ok(pending.run(site, asked.question.arguments, asked.compute, rules).0),
        Err(Some(hit)) => Ok(hit.0),
        Err(None) => Err(asked),
    }
}

/// What is to be done when the function has run; else what there is, or nothing if somebody else computes it.
type PreparedBox<R> = std::result::Result<Box<Pending<R>>, Option<Box<(R, Outcome)>>>;

#[inline(never)]
fn prepare_boxed<A, R, S: Shape<R>>(
    site: &Site<'_>,
    how: How,
    question: &Question<A, impl Fn(&A, &mut Describe<'_>), R, S>,
) -> PreparedBox<R> {
    if site.has_little_stack() {
        return Ok(Box::new(Pending { work: Work::Bypass(Reason::LittleStack), started: Instant::now() }));
    }
    match prepare(site, how, &|description| (question.describe)(&question.arguments, description), question.rules) {
        Prepared::Hit(value, hit) => Err(Some(Box::new((value, hit)))),
        Prepared::Busy => Err(None),
        Prepared::Run(pending) => Ok(Box::new(pending)),
    }
}

/// Whether there is a result, or the function is to run.
enum Prepared<R> {
    Hit(R, Outcome),
    Run(Pending<R>),
    /// Somebody else computes it, and it is not to be waited for.
    Busy,
}

/// What is done when the function has run.
struct Pending<R> {
    work: Work<R>,
    /// When the function began to run.
    started: Instant,
}

enum Work<R> {
    Bypass(Reason),
    Miss(Miss<R>, Turn),
}

fn prepare<R, S: Shape<R>>(
    site: &Site<'_>,
    how: How,
    describe: &dyn Fn(&mut Describe<'_>),
    rules: Rules<R, S>,
) -> Prepared<R> {
    let run = |work| Prepared::Run(Pending { work, started: Instant::now() });
    // 1. Look up, check, decode.
    let mut miss = match look(site, how, rules) {
        Looked::Hit(value, hit) => return Prepared::Hit(value, hit),
        Looked::Miss(miss) => miss,
        Looked::Bypass(reason) => return run(Work::Bypass(reason)),
    };
    // 2. Whoever else makes this call: one computes, the others wait and look again.
    let join = || match how.tries {
        true => site.turn_if_free(false).map(|turn| (turn, Duration::ZERO)),
        false => Some(site.join(|| site.shown(describe))),
    };
    let alone = || Some((Turn::Alone, Duration::ZERO));
    let turn = if miss.is_for_all() { join() } else { alone() };
    let Some((mut turn, mut waited)) = turn else { return Prepared::Busy };
    while matches!(turn, Turn::Look) {
        match miss.look_again(site, rules, &turn, waited) {
            Ok((value, hit)) => return Prepared::Hit(value, hit),
            Err(missed) => {
                let next = if missed.is_gone { join() } else { alone() };
                let Some((next, more)) = next else { return Prepared::Busy };
                turn = next;
                waited += more;
                miss = missed;
            }
        }
    }
    match miss.look_again(site, rules, &turn, waited) {
        Ok((value, hit)) => {
            turn.land(End::Stored);
            Prepared::Hit(value, hit)
        }
        Err(miss) => run(Work::Miss(miss.about_to_run(site, how, || site.shown(describe)), turn)),
    }
}

impl<R> Pending<R> {
    /// Whether the function runs only to see whether it gives the same again.
    fn verifies(&self) -> bool {
        matches!(&self.work, Work::Miss(miss, _) if miss.verified.is_some())
    }

    fn end<S: Shape<R>>(self, site: &Site<'_>, rules: Rules<R, S>, value: R) -> (R, Outcome) {
        let took = self.started.elapsed();
        match self.work {
            Work::Bypass(reason) => (value, site.bypassed(took, reason)),
            Work::Miss(miss, turn) => {
                let (value, outcome, end) = miss.end(site, rules, Ran::New(value), took);
                turn.land(end);
                (value, outcome)
            }
        }
    }

    /// Runs the function, and keeps what it gives.
    fn run<A, S: Shape<R>>(
        self: Box<Self>,
        site: &Site<'_>,
        arguments: A,
        compute: impl FnOnce(A) -> R,
        rules: Rules<R, S>,
    ) -> Box<(R, Outcome)> {
        if self.verifies() {
            return verify(site, self, arguments, compute, rules);
        }
        let watch = site.watch();
        let value = compute(arguments);
        watch.ended();
        self.end_boxed(site, rules, value)
    }

    #[inline(never)]
    fn end_boxed<S: Shape<R>>(self: Box<Self>, site: &Site<'_>, rules: Rules<R, S>, value: R) -> Box<(R, Outcome)> {
        Box::new(self.end(site, rules, value))
    }
}

#[cold]
#[inline(never)]
fn verify_alone<A, R, S: Shape<R>>(
    ready: Box<Ready<'_, R>>,
    arguments: A,
    compute: impl FnOnce(A) -> R,
    rules: Rules<R, S>,
) -> R {
    let Ready { site, pending } = *ready;
    verify(&site, Box::new(pending), arguments, compute, rules).0
}

/// Runs a function whose result is stored, and compares.
#[cold]
#[inline(never)]
fn verify<A, R, S: Shape<R>>(
    site: &Site<'_>,
    pending: Box<Pending<R>>,
    arguments: A,
    compute: impl FnOnce(A) -> R,
    rules: Rules<R, S>,
) -> Box<(R, Outcome)> {
    let Pending { work, started } = *pending;
    match work {
        Work::Bypass(_) => Pending { work, started }.end(site, rules, compute(arguments)).into(),
        Work::Miss(miss, turn) => {
            let (miss, ran) = miss.compute(site, || compute(arguments));
            let (value, outcome, end) = miss.end(site, rules, ran, started.elapsed());
            turn.land(end);
            Box::new((value, outcome))
        }
    }
}

/// What a call turns out to be once it was looked up.
pub(crate) enum Looked<R> {
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
pub(crate) enum Ran<R> {
    /// It gave this.
    New(R),
    /// It ran to verify what is stored, and gave this; `None` if it panicked.
    Again { stored: R, now: Option<R> },
}

pub(crate) fn look<R, S: Shape<R>>(site: &Site<'_>, how: How, rules: Rules<R, S>) -> Looked<R> {
    if !site.is_enabled() {
        return Looked::Bypass(Reason::CacheOff);
    }
    if let Err(error) = &site.key {
        site.fault("a call can't be cached", error);
        return Looked::Bypass(Reason::NoKey { what: error.to_string() });
    }
    let refresh = how.refresh || site.cache.refreshes();
    let miss = |reason| Looked::Miss(Miss { reason, refresh, verified: None, is_gone: false, shown: Vec::new() });
    if refresh {
        return miss(Reason::Refreshed);
    }
    let started = site.clock();
    match site.take(rules) {
        Found::Hit(value, _) if site.cache.verifies() => Looked::Miss(Miss {
            reason: Reason::Verified { same: true },
            refresh,
            verified: Some(value),
            is_gone: false,
            shown: Vec::new(),
        }),
        Found::Hit(value, hit) => {
            site.hit(&hit, started);
            Looked::Hit(value, hit)
        }
        Found::Nothing(reason) => {
            site.nothing(&reason, started);
            miss(reason)
        }
        Found::Fault(reason, error) => {
            site.fault("an entry can't be read: it is computed anew", &error);
            miss(reason)
        }
    }
}

impl<R> Miss<R> {
    /// Whether others may wait for the result.
    pub(crate) fn is_for_all(&self) -> bool {
        self.verified.is_none()
    }

    /// What others have stored meanwhile, if this turn says that they may have.
    pub(crate) fn look_again<S: Shape<R>>(
        mut self,
        site: &Site<'_>,
        rules: Rules<R, S>,
        turn: &Turn,
        waited: Duration,
    ) -> std::result::Result<(R, Outcome), Self> {
        if self.refresh || matches!(turn, Turn::Alone) {
            return Err(self);
        }
        let started = site.clock();
        // A fault has been reported when it was met first.
        let found = site.take(rules);
        self.is_gone = matches!(found, Found::Nothing(Reason::Absent));
        let Found::Hit(value, hit) = found else { return Err(self) };
        let hit = hit.after_waiting(waited);
        site.hit(&hit, started);
        Ok((value, hit))
    }

    /// Notes what is gone when the function has run.
    pub(crate) fn about_to_run(mut self, site: &Site<'_>, how: How, shown: impl FnOnce() -> Vec<Argument>) -> Self {
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
    pub(crate) fn compute(mut self, site: &Site<'_>, compute: impl FnOnce() -> R) -> (Self, Ran<R>) {
        let ran = match self.verified.take() {
            None => {
                let watch = site.watch();
                let value = compute();
                watch.ended();
                Ran::New(value)
            }
            Some(stored) => Ran::Again { stored, now: catch_unwind(AssertUnwindSafe(compute)).ok() },
        };
        (self, ran)
    }

    /// Takes the stored result, if the function is to run only to verify it.
    #[cfg(feature = "async")]
    pub(crate) fn take_verified(&mut self) -> Option<R> {
        self.verified.take()
    }

    /// The function has run: keeps what it returned, or compares it. Gives what the caller gets.
    pub(crate) fn end<S: Shape<R>>(
        self,
        site: &Site<'_>,
        rules: Rules<R, S>,
        ran: Ran<R>,
        took: Duration,
    ) -> (R, Outcome, End) {
        match ran {
            Ran::New(value) => self.keep(site, rules, value, took),
            Ran::Again { stored, now } => {
                let same =
                    S::stored(&stored).is_some_and(|before| site.compare(before, now.as_ref().and_then(S::stored)));
                (stored, site.computed(took, None, Reason::Verified { same }), End::Stored)
            }
        }
    }

    fn keep<S: Shape<R>>(self, site: &Site<'_>, rules: Rules<R, S>, value: R, took: Duration) -> (R, Outcome, End) {
        let unkept = |why, end| {
            site.not_kept(why, None);
            (None, None, end)
        };
        let (back, size, end) = match S::stored(&value) {
            None => unkept(NotKept::Err, End::Failed),
            Some(_) if site.cache.is_read_only() => unkept(NotKept::ReadOnly, End::NotKept),
            Some(_) if site.files_changed("a result is not stored") => {
                let what = "a file that is an argument changed while the function ran".to_owned();
                unkept(NotKept::Fault { what }, End::Failed)
            }
            Some(stored) => match may_be_stored(rules, stored)
                .and_then(|may| may.then(|| site.store(self.shown, self.reason.cause(), took, stored)).transpose())
            {
                Ok(None) => unkept(NotKept::StoreIf, End::NotKept),
                Ok(Some((size, back))) => (back, Some(size), End::Stored),
                Err(error) => {
                    site.not_stored(&error);
                    (None, None, End::NotKept)
                }
            },
        };
        (back.map_or(value, S::restored), site.computed(took, size, self.reason), end)
    }
}

/// What `store_if` says.
fn may_be_stored<R, S: Shape<R>>(rules: Rules<R, S>, stored: &S::Stored) -> Result<bool> {
    rules.store_if.map_or(Ok(true), |store_if| guarded("`store_if`", || Ok(store_if(stored))))
}

impl Turn {
    /// Tells those who wait.
    pub(crate) fn land(self, end: End) {
        if let Turn::Lead(lead) = self {
            Lead::land(lead, end);
        }
    }
}

/// Gives a closure the type that `call` wants, where the compiler would not find it by itself.
pub fn describe_fn<A, F: Fn(&A, &mut Describe<'_>)>(_: &A, describe: F) -> F {
    describe
}

/// The same for the closure that computes.
pub fn compute_fn<A, R, F: FnOnce(A) -> R>(_: &A, compute: F) -> F {
    compute
}
