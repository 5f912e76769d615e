//! Runs a memoized call of an `async fn`: the steps of `run.rs`, awaiting those that may block.
//!
//! Other threads read and write the files (`sys/blocking_pool.rs`), whichever executor runs the task.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::cache::handle::Cache;
use crate::call::context::lookup::recall;
use crate::call::context::{CallContext, encode_for};
use crate::call::function::Memo;
use crate::call::miss::{CallOptions, LookupStep, Miss, RunOutcome, done, look};
use crate::call::options::Rules;
use crate::call::outcome::Outcome;
use crate::call::result_shape::ResultShape;
use crate::call::run::{CallRequest, CallSpec};
use crate::key::call_key::{Argument, Describe, previews};
use crate::observe::reason::Reason;
use crate::single_flight::flight::FlightOutcome;
use crate::single_flight::join::WaitStep;
use crate::single_flight::table::Role;
use crate::sys::blocking_pool::unblock;

/// Does the same as [`call`](crate::call::run::call) for an `async` function.
pub async fn call_async<A, R, S, F>(
    memo: &'static Memo,
    cache: &Cache,
    arguments: A,
    describe: impl Fn(&A, &mut Describe<'_>),
    compute: impl FnOnce(A) -> F,
    rules: Rules<R, S>,
) -> R
where
    R: Send + 'static,
    S: ResultShape<R> + 'static,
    F: Future<Output = R>,
{
    match begin(memo, cache, &arguments, &describe, rules) {
        Ok(value) => value,
        Err(context) => {
            let request = CallRequest { spec: CallSpec { arguments, describe, rules }, compute };
            done(boxed(|| run_async(context, CallOptions::PLAIN, request)).await).0
        }
    }
}

#[inline(never)]
fn begin<A, R, S: ResultShape<R>>(
    memo: &'static Memo,
    cache: &Cache,
    arguments: &A,
    describe: &impl Fn(&A, &mut Describe<'_>),
    rules: Rules<R, S>,
) -> Result<R, Arc<CallContext<'static>>> {
    let describe = |description: &mut Describe<'_>| describe(arguments, description);
    let call = encode_for(cache, describe);
    // 0. Look in this process's memory.
    recall(memo, cache, &call, &describe, rules).ok_or_else(|| Arc::new(CallContext::to_run(memo, cache, call)))
}

/// Puts a future on the heap, so that it is never on the stack of the task that polls it.
#[inline(never)]
fn boxed<F: Future>(make: impl FnOnce() -> F) -> Pin<Box<F>> {
    Box::pin(make())
}

/// The result of the lookup.
enum Lookup<R> {
    Hit(Box<(R, Outcome)>),
    Bypass(Box<Reason>),
    Run(Box<Due<R>>),
    /// Another thread or process computes the result, and this call only tries.
    Busy,
}

/// A call that may compute now.
struct Due<R> {
    miss: Miss<R>,
    role: Role,
    waited: Duration,
}

/// Runs all steps of a call. Returns `None` if the call is postponed.
///
/// This future is on the stack while the function is polled. So the other steps are futures of their own, on the heap.
pub(crate) async fn run_async<A, R, S, F, D, C>(
    context: Arc<CallContext<'static>>,
    options: CallOptions,
    request: CallRequest<CallSpec<A, D, R, S>, C>,
) -> Option<Box<(R, Outcome)>>
where
    R: Send + 'static,
    S: ResultShape<R> + 'static,
    F: Future<Output = R>,
    D: Fn(&A, &mut Describe<'_>),
    C: FnOnce(A) -> F,
{
    let CallRequest { spec, compute } = request;
    let rules = spec.rules;
    let (found, spec) = boxed(|| find(&context, options, spec)).await;
    let shown = shown(&context, &found, &spec);
    let arguments = spec.arguments;
    Some(match found {
        Lookup::Hit(hit) => hit,
        Lookup::Busy => return None,
        Lookup::Bypass(reason) => {
            let started = Instant::now();
            let value = compute(arguments).await;
            bypassed(&context, value, started, reason)
        }
        Lookup::Run(due) => {
            boxed(|| compute_and_keep(&context, options, rules, (due, shown), || compute(arguments))).await
        }
    })
}

/// Returns the arguments as people are shown them, and prints what becomes of the call if that is wanted. The function
/// consumes the arguments, so this happens before it runs.
#[inline(never)]
fn shown<A, D: Fn(&A, &mut Describe<'_>), R, S: ResultShape<R>>(
    context: &CallContext<'_>,
    found: &Lookup<R>,
    spec: &CallSpec<A, D, R, S>,
) -> Vec<Argument> {
    match found {
        Lookup::Run(_) => return spec.shown(context),
        Lookup::Hit(hit) => context.print_hit(&hit.1, &|description| spec.describe(description)),
        Lookup::Bypass(reason) if **reason != Reason::LittleStack => {
            context.print_run(|| previews(|description| spec.describe(description)));
        }
        Lookup::Bypass(_) | Lookup::Busy => {}
    }
    Vec::new()
}

/// Computes and stores the result. Waiters can see the progress of the computation.
async fn compute_and_keep<R, S, F>(
    context: &Arc<CallContext<'static>>,
    options: CallOptions,
    rules: Rules<R, S>,
    (due, shown): (Box<Due<R>>, Vec<Argument>),
    compute: impl FnOnce() -> F,
) -> Box<(R, Outcome)>
where
    R: Send + 'static,
    S: ResultShape<R> + 'static,
    F: Future<Output = R>,
{
    let flight = due.role.flight();
    let rest = async move {
        let mut due = match boxed(|| about_to_run(context, options, rules, due, shown)).await {
            Ok(due) => due,
            Err(hit) => return hit,
        };
        // 3. Compute.
        let started = Instant::now();
        let ran = match due.miss.take_verified() {
            None => {
                let watch = context.watch();
                let mut future = pin!(compute());
                watch.ended();
                // The watch covers only the poll: a future that is dropped has not panicked.
                let value = poll_fn(|task| {
                    let watch = context.watch();
                    let polled = future.as_mut().poll(task);
                    watch.ended();
                    polled
                });
                RunOutcome::New(value.await)
            }
            Some(stored) => boxed(|| verify(stored, compute)).await,
        };
        boxed(|| end(context, rules, due, ran, started.elapsed())).await
    };
    match flight {
        Some(flight) => flight.watch(rest).await,
        None => rest.await,
    }
}

/// Looks up the result, and waits if the call runs elsewhere. Returns the specification too, for the computation.
async fn find<A, R, S, D>(
    context: &Arc<CallContext<'static>>,
    options: CallOptions,
    spec: CallSpec<A, D, R, S>,
) -> (Lookup<R>, CallSpec<A, D, R, S>)
where
    R: Send + 'static,
    S: ResultShape<R> + 'static,
    D: Fn(&A, &mut Describe<'_>),
{
    if context.has_little_stack() {
        return (Lookup::Bypass(Box::new(Reason::LittleStack)), spec);
    }
    let rules = spec.rules;
    let hit = |hit| Lookup::Hit(Box::new(hit));
    // 1. Look up, check, decode.
    let looked = off_thread(context, move |context| look(context, options, rules)).await;
    let mut miss = match looked {
        LookupStep::Hit(value, outcome) => return (hit((value, outcome)), spec),
        LookupStep::Miss(miss) => miss,
        LookupStep::Bypass(reason) => return (Lookup::Bypass(Box::new(reason)), spec),
    };
    // 2. Join the same call of other threads and processes: one computes, the others wait and look again.
    let (mut role, mut waited) = (Role::Alone, Duration::ZERO);
    let mut may_wait = !miss.verifies();
    while may_wait {
        let Some(mut way) = context.begin_join(true, options.tries) else { break };
        let next = loop {
            match way.next_as_task().await {
                WaitStep::Role(role) => break role,
                WaitStep::Waiting(holder) => context.waits(&holder, way.waited(), &spec.shown(context)),
                WaitStep::Late => return (Lookup::Busy, spec),
            }
        };
        waited += way.waited();
        (role, _) = context.joined(next, waited);
        if !matches!(role, Role::Look) {
            break;
        }
        role = Role::Alone;
        match off_thread(context, move |context| miss.look_again(context, rules, &Role::Look, waited)).await {
            Ok(found) => return (hit(found), spec),
            Err(missed) => {
                may_wait = missed.is_gone;
                miss = missed;
            }
        }
    }
    (Lookup::Run(Box::new(Due { miss, role, waited })), spec)
}

/// Looks up the result a last time before the function runs.
async fn about_to_run<R, S>(
    context: &Arc<CallContext<'static>>,
    options: CallOptions,
    rules: Rules<R, S>,
    due: Box<Due<R>>,
    shown: Vec<Argument>,
) -> Result<Box<Due<R>>, Box<(R, Outcome)>>
where
    R: Send + 'static,
    S: ResultShape<R> + 'static,
{
    off_thread(context, move |context| {
        let Due { miss, role, waited } = *due;
        match miss.look_again(context, rules, &role, waited) {
            Ok(hit) => {
                role.complete(FlightOutcome::Stored);
                Err(Box::new(hit))
            }
            Err(miss) => Ok(Box::new(Due { miss: miss.about_to_run(context, options, || shown), role, waited })),
        }
    })
    .await
}

/// 4. Encode, compress, publish.
async fn end<R, S>(
    context: &Arc<CallContext<'static>>,
    rules: Rules<R, S>,
    due: Box<Due<R>>,
    ran: RunOutcome<R>,
    took: Duration,
) -> Box<(R, Outcome)>
where
    R: Send + 'static,
    S: ResultShape<R> + 'static,
{
    off_thread(context, move |context| {
        let Due { miss, role, .. } = *due;
        let (value, outcome, end) = miss.end(context, rules, ran, took);
        role.complete(end);
        Box::new((value, outcome))
    })
    .await
}

#[inline(never)]
#[expect(clippy::boxed_local, reason = "what is on the heap is not on the stack while the function runs")]
fn bypassed<R>(context: &CallContext<'_>, value: R, started: Instant, reason: Box<Reason>) -> Box<(R, Outcome)> {
    Box::new((value, context.bypassed(started.elapsed(), *reason)))
}

/// Does the same as [`Miss::compute`] for an `async` function that runs to verify a stored result.
async fn verify<R, F: Future<Output = R>>(stored: R, compute: impl FnOnce() -> F) -> RunOutcome<R> {
    let Ok(future) = catch_unwind(AssertUnwindSafe(compute)) else {
        return RunOutcome::Again { stored, now: None };
    };
    let mut future = pin!(future);
    let now = poll_fn(|context| {
        // A future that panicked is not polled again.
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(polled) => polled.map(Some),
            Err(_) => Poll::Ready(None),
        }
    });
    let now = now.await;
    RunOutcome::Again { stored, now }
}

/// Runs `work`, which may read and write files, on another thread. Without a cache it reads no file, so it runs here.
async fn off_thread<T: Send + 'static>(
    context: &Arc<CallContext<'static>>,
    work: impl FnOnce(&CallContext<'static>) -> T + Send + 'static,
) -> T {
    if !context.cache.is_enabled() {
        return work(context);
    }
    let context = context.clone();
    unblock(move || work(&context)).await
}
