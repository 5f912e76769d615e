//! THE call: from the arguments to the result.
#![expect(clippy::boxed_local, reason = "what is on the heap is not on the stack while the function runs")]

use std::time::{Duration, Instant};

use crate::cache::handle::Cache;
use crate::call::context::{CallContext, encode_for, recall};
use crate::call::function::Memo;
use crate::call::miss::{CallOptions, LookupStep, Miss, RunOutcome, look};
use crate::call::options::Rules;
use crate::call::outcome::Outcome;
use crate::call::result_shape::ResultShape;
use crate::key::call_key::{Argument, Describe};
use crate::observe::reason::Reason;
use crate::single_flight::flight::FlightOutcome;
use crate::single_flight::table::Role;

/// What a call is asked with.
pub(crate) struct CallSpec<A, D, R, S: ResultShape<R>> {
    pub(crate) arguments: A,
    /// Names the arguments, one by one.
    pub(crate) describe: D,
    pub(crate) rules: Rules<R, S>,
}

impl<A, D: Fn(&A, &mut Describe<'_>), R, S: ResultShape<R>> CallSpec<A, D, R, S> {
    /// What people are shown of the arguments.
    pub(crate) fn shown(&self, site: &CallContext<'_>) -> Vec<Argument> {
        site.shown(|description| (self.describe)(&self.arguments, description))
    }
}

/// A question together with the function that answers it.
pub(crate) struct CallRequest<Q, C> {
    pub(crate) question: Q,
    pub(crate) compute: C,
}

/// Loads the result of a call, or computes and keeps it.
///
/// While the function runs, this is on the stack, so what it needs before and after is elsewhere: on the heap, and in
/// functions that have returned by then or are not called yet.
pub fn call<A, R, S: ResultShape<R>>(
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
    site: CallContext<'m>,
    pending: Pending<R>,
}

#[inline(never)]
fn begin<'m, A, R, S: ResultShape<R>>(
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
    begin_at(CallContext::to_run(memo, cache, call), &|description| describe(arguments, description), rules)
}

#[inline(never)]
fn begin_at<'m, R, S: ResultShape<R>>(
    site: CallContext<'m>,
    describe: &dyn Fn(&mut Describe<'_>),
    rules: Rules<R, S>,
) -> Begun<'m, R> {
    if site.has_little_stack() {
        site.bypassed(Duration::ZERO, Reason::LittleStack);
        return Begun::Alone;
    }
    match prepare(&site, CallOptions::PLAIN, describe, rules) {
        Prepared::Hit(value, _) => Begun::Value(value),
        Prepared::Run(pending) => Begun::Run(Box::new(Ready { site, pending })),
        Prepared::Busy => Begun::Alone,
    }
}

impl<R> Ready<'_, R> {
    /// 4. Encode, compress, publish.
    #[inline(never)]
    fn end<S: ResultShape<R>>(self: Box<Self>, value: R, rules: Rules<R, S>) -> R {
        let Ready { site, pending } = *self;
        pending.end(&site, rules, value).0
    }
}

/// The same for a call whose outcome somebody wants to know. If it is put off, it gives back what it was asked with.
#[expect(clippy::type_complexity, reason = "it is what comes in")]
pub(crate) fn run<A, R, S: ResultShape<R>, D: Fn(&A, &mut Describe<'_>), C: FnOnce(A) -> R>(
    site: &CallContext<'_>,
    how: CallOptions,
    asked: Box<CallRequest<CallSpec<A, D, R, S>, C>>,
) -> Result<Box<(R, Outcome)>, Box<CallRequest<CallSpec<A, D, R, S>, C>>> {
    let rules = asked.question.rules;
    match prepare_boxed(site, how, &asked.question) {
        Ok(pending) => {
            let CallRequest { question, compute } = *asked;
            Ok(pending.run(site, question.arguments, compute, rules))
        }
        Err(Some(hit)) => Ok(hit),
        Err(None) => Err(asked),
    }
}

/// What is to be done when the function has run; else what there is, or nothing if it is put off.
type PreparedBox<R> = Result<Box<Pending<R>>, Option<Box<(R, Outcome)>>>;

#[inline(never)]
fn prepare_boxed<A, R, S: ResultShape<R>>(
    site: &CallContext<'_>,
    how: CallOptions,
    question: &CallSpec<A, impl Fn(&A, &mut Describe<'_>), R, S>,
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
    /// Somebody else computes it, and it only tries.
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
    Miss(Miss<R>, Role),
}

fn prepare<R, S: ResultShape<R>>(
    site: &CallContext<'_>,
    how: CallOptions,
    describe: &dyn Fn(&mut Describe<'_>),
    rules: Rules<R, S>,
) -> Prepared<R> {
    let run = |work| Prepared::Run(Pending { work, started: Instant::now() });
    // 1. Look up, check, decode.
    let mut miss = match look(site, how, rules) {
        LookupStep::Hit(value, hit) => return Prepared::Hit(value, hit),
        LookupStep::Miss(miss) => miss,
        LookupStep::Bypass(reason) => return run(Work::Bypass(reason)),
    };
    // 2. Whoever else makes this call: one computes, the others wait and look again.
    let join = || site.join(how.tries, || site.shown(describe));
    let alone = || Some((Role::Alone, Duration::ZERO));
    let turn = if miss.is_for_all() { join() } else { alone() };
    let Some((mut turn, mut waited)) = turn else { return Prepared::Busy };
    while matches!(turn, Role::Look) {
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
            turn.complete(FlightOutcome::Stored);
            Prepared::Hit(value, hit)
        }
        Err(miss) => run(Work::Miss(miss.about_to_run(site, how, || site.shown(describe)), turn)),
    }
}

impl<R> Pending<R> {
    /// Whether the function runs only to see whether it gives the same again.
    fn verifies(&self) -> bool {
        matches!(&self.work, Work::Miss(miss, _) if miss.verifies())
    }

    fn end<S: ResultShape<R>>(self, site: &CallContext<'_>, rules: Rules<R, S>, value: R) -> (R, Outcome) {
        let took = self.started.elapsed();
        match self.work {
            Work::Bypass(reason) => (value, site.bypassed(took, reason)),
            Work::Miss(miss, turn) => {
                let (value, outcome, end) = miss.end(site, rules, RunOutcome::New(value), took);
                turn.complete(end);
                (value, outcome)
            }
        }
    }

    /// Runs the function, and keeps what it gives.
    fn run<A, S: ResultShape<R>>(
        self: Box<Self>,
        site: &CallContext<'_>,
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
    fn end_boxed<S: ResultShape<R>>(
        self: Box<Self>,
        site: &CallContext<'_>,
        rules: Rules<R, S>,
        value: R,
    ) -> Box<(R, Outcome)> {
        Box::new(self.end(site, rules, value))
    }
}

#[cold]
#[inline(never)]
fn verify_alone<A, R, S: ResultShape<R>>(
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
fn verify<A, R, S: ResultShape<R>>(
    site: &CallContext<'_>,
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
            turn.complete(end);
            Box::new((value, outcome))
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
