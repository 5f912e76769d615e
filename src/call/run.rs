//! Runs a memoized call: looks up the result, or computes and stores it.
#![expect(clippy::boxed_local, reason = "what is on the heap is not on the stack while the function runs")]

use std::time::{Duration, Instant};

use crate::cache::handle::Cache;
use crate::call::context::lookup::recall;
use crate::call::context::{CallContext, encode_for};
use crate::call::function::Memo;
use crate::call::miss::{CallOptions, LookupStep, Miss, RunOutcome, look};
use crate::call::options::Rules;
use crate::call::outcome::Outcome;
use crate::call::result_shape::ResultShape;
use crate::key::call_key::{Argument, Describe, previews};
use crate::observe::reason::Reason;
use crate::single_flight::flight::FlightOutcome;
use crate::single_flight::table::Role;

/// The inputs of a call: arguments, their description, and the function's rules.
pub(crate) struct CallSpec<A, D, R, S: ResultShape<R>> {
    pub(crate) arguments: A,
    /// Describes the arguments, one by one.
    pub(crate) describe: D,
    pub(crate) rules: Rules<R, S>,
}

impl<A, D: Fn(&A, &mut Describe<'_>), R, S: ResultShape<R>> CallSpec<A, D, R, S> {
    /// Returns the arguments as people are shown them.
    pub(crate) fn shown(&self, context: &CallContext<'_>) -> Vec<Argument> {
        context.shown(|description| self.describe(description))
    }

    /// Describes the arguments, one by one.
    pub(crate) fn describe(&self, description: &mut Describe<'_>) {
        (self.describe)(&self.arguments, description);
    }
}

/// A call specification together with the function that computes the result.
pub(crate) struct CallRequest<Q, C> {
    pub(crate) spec: Q,
    pub(crate) compute: C,
}

/// Loads the result of a call, or computes and stores it.
///
/// This frame is on the stack while the function runs, so it is kept small. The state needed before and after the
/// function is on the heap, and in functions that have returned by then or are called later.
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
            let watch = ready.context.watch();
            let value = compute(arguments);
            watch.ended();
            ready.end(value, rules)
        }
        Begun::Alone => compute(arguments),
    }
}

/// The state of a call after the lookup.
enum Begun<'m, R> {
    Value(R),
    /// The function must run.
    Run(Box<Ready<'m, R>>),
    /// The function must run without the cache, because little stack is left.
    Alone,
}

/// A call whose function is about to run.
struct Ready<'m, R> {
    context: CallContext<'m>,
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
    let describe = |description: &mut Describe<'_>| describe(arguments, description);
    let call = encode_for(cache, describe);
    // 0. Look in this process's memory.
    if let Some(value) = recall(memo, cache, &call, &describe, rules) {
        return Begun::Value(value);
    }
    begin_at(CallContext::to_run(memo, cache, call), &describe, rules)
}

#[inline(never)]
fn begin_at<'m, R, S: ResultShape<R>>(
    context: CallContext<'m>,
    describe: &dyn Fn(&mut Describe<'_>),
    rules: Rules<R, S>,
) -> Begun<'m, R> {
    if context.has_little_stack() {
        context.bypassed(Duration::ZERO, Reason::LittleStack);
        return Begun::Alone;
    }
    match prepare(&context, CallOptions::PLAIN, describe, rules) {
        Prepared::Hit(value, hit) => {
            context.print_hit(&hit, describe);
            Begun::Value(value)
        }
        Prepared::Run(pending) => Begun::Run(Box::new(Ready { context, pending })),
        Prepared::Busy => Begun::Alone,
    }
}

impl<R> Ready<'_, R> {
    /// 4. Encode, compress, publish.
    #[inline(never)]
    fn end<S: ResultShape<R>>(self: Box<Self>, value: R, rules: Rules<R, S>) -> R {
        let Ready { context, pending } = *self;
        pending.end(&context, rules, value).0
    }
}

/// Runs a call and reports its outcome. Returns the request if the call is postponed.
#[expect(clippy::type_complexity, reason = "it is what comes in")]
pub(crate) fn run<A, R, S: ResultShape<R>, D: Fn(&A, &mut Describe<'_>), C: FnOnce(A) -> R>(
    context: &CallContext<'_>,
    options: CallOptions,
    request: Box<CallRequest<CallSpec<A, D, R, S>, C>>,
) -> Result<Box<(R, Outcome)>, Box<CallRequest<CallSpec<A, D, R, S>, C>>> {
    let rules = request.spec.rules;
    match prepare_boxed(context, options, &request.spec) {
        Ok(pending) => {
            let CallRequest { spec, compute } = *request;
            Ok(pending.run(context, spec.arguments, compute, rules))
        }
        Err(Some(hit)) => Ok(hit),
        Err(None) => Err(request),
    }
}

/// The pending work of a call whose function must run; otherwise the hit, or `None` if the call is postponed.
type PreparedBox<R> = Result<Box<Pending<R>>, Option<Box<(R, Outcome)>>>;

#[inline(never)]
fn prepare_boxed<A, R, S: ResultShape<R>>(
    context: &CallContext<'_>,
    options: CallOptions,
    spec: &CallSpec<A, impl Fn(&A, &mut Describe<'_>), R, S>,
) -> PreparedBox<R> {
    if context.has_little_stack() {
        return Ok(Box::new(Pending { work: Work::Bypass(Reason::LittleStack), started: Instant::now() }));
    }
    let describe = |description: &mut Describe<'_>| spec.describe(description);
    match prepare(context, options, &describe, spec.rules) {
        Prepared::Hit(value, hit) => {
            context.print_hit(&hit, &describe);
            Err(Some(Box::new((value, hit))))
        }
        Prepared::Busy => Err(None),
        Prepared::Run(pending) => Ok(Box::new(pending)),
    }
}

/// The result of the lookup.
enum Prepared<R> {
    Hit(R, Outcome),
    Run(Pending<R>),
    /// Another thread or process computes the result, and this call only tries.
    Busy,
}

/// The work that is left when the function has run.
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
    context: &CallContext<'_>,
    options: CallOptions,
    describe: &dyn Fn(&mut Describe<'_>),
    rules: Rules<R, S>,
) -> Prepared<R> {
    let run = |work| Prepared::Run(Pending { work, started: Instant::now() });
    // 1. Look up, check, decode.
    let mut miss = match look(context, options, rules) {
        LookupStep::Hit(value, hit) => return Prepared::Hit(value, hit),
        LookupStep::Miss(miss) => miss,
        LookupStep::Bypass(reason) => {
            context.print_run(|| previews(describe));
            return run(Work::Bypass(reason));
        }
    };
    // 2. Join the same call of other threads and processes: one computes, the others wait and look again.
    let join = || context.join(options.tries, || context.shown(describe));
    let alone = || Some((Role::Alone, Duration::ZERO));
    let role = if miss.verifies() { alone() } else { join() };
    let Some((mut role, mut waited)) = role else { return Prepared::Busy };
    while matches!(role, Role::Look) {
        match miss.look_again(context, rules, &role, waited) {
            Ok((value, hit)) => return Prepared::Hit(value, hit),
            Err(missed) => {
                let next = if missed.is_gone { join() } else { alone() };
                let Some((next, more)) = next else { return Prepared::Busy };
                role = next;
                waited += more;
                miss = missed;
            }
        }
    }
    match miss.look_again(context, rules, &role, waited) {
        Ok((value, hit)) => {
            role.complete(FlightOutcome::Stored);
            Prepared::Hit(value, hit)
        }
        Err(miss) => run(Work::Miss(miss.about_to_run(context, options, || context.shown(describe)), role)),
    }
}

impl<R> Pending<R> {
    /// Returns whether the function runs only to verify a stored result.
    fn verifies(&self) -> bool {
        matches!(&self.work, Work::Miss(miss, _) if miss.verifies())
    }

    fn end<S: ResultShape<R>>(self, context: &CallContext<'_>, rules: Rules<R, S>, value: R) -> (R, Outcome) {
        let took = self.started.elapsed();
        match self.work {
            Work::Bypass(reason) => (value, context.bypassed(took, reason)),
            Work::Miss(miss, role) => {
                let (value, outcome, end) = miss.end(context, rules, RunOutcome::New(value), took);
                role.complete(end);
                (value, outcome)
            }
        }
    }

    /// Runs the function and stores its result.
    fn run<A, S: ResultShape<R>>(
        self: Box<Self>,
        context: &CallContext<'_>,
        arguments: A,
        compute: impl FnOnce(A) -> R,
        rules: Rules<R, S>,
    ) -> Box<(R, Outcome)> {
        if self.verifies() {
            return verify(context, self, arguments, compute, rules);
        }
        let watch = context.watch();
        let value = compute(arguments);
        watch.ended();
        self.end_boxed(context, rules, value)
    }

    #[inline(never)]
    fn end_boxed<S: ResultShape<R>>(
        self: Box<Self>,
        context: &CallContext<'_>,
        rules: Rules<R, S>,
        value: R,
    ) -> Box<(R, Outcome)> {
        Box::new(self.end(context, rules, value))
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
    let Ready { context, pending } = *ready;
    verify(&context, Box::new(pending), arguments, compute, rules).0
}

/// Runs a function whose result is stored, and compares the two results.
#[cold]
#[inline(never)]
fn verify<A, R, S: ResultShape<R>>(
    context: &CallContext<'_>,
    pending: Box<Pending<R>>,
    arguments: A,
    compute: impl FnOnce(A) -> R,
    rules: Rules<R, S>,
) -> Box<(R, Outcome)> {
    let Pending { work, started } = *pending;
    match work {
        Work::Bypass(_) => Pending { work, started }.end(context, rules, compute(arguments)).into(),
        Work::Miss(miss, role) => {
            let (miss, ran) = miss.compute(context, || compute(arguments));
            let (value, outcome, end) = miss.end(context, rules, ran, started.elapsed());
            role.complete(end);
            Box::new((value, outcome))
        }
    }
}

/// Gives a closure the type that `call` expects. The compiler does not always infer it.
pub fn describe_fn<A, F: Fn(&A, &mut Describe<'_>)>(_: &A, describe: F) -> F {
    describe
}

/// Does the same as [`describe_fn`] for the closure that computes.
pub fn compute_fn<A, R, F: FnOnce(A) -> R>(_: &A, compute: F) -> F {
    compute
}
