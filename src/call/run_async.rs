//! THE call of an `async fn`: the same steps, of which those that may wait are awaited.
//!
//! Files are read and written by other threads (`aside.rs`), whatever runs the task.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::cache::handle::Cache;
use crate::call::context::{CallContext, encode_for, recall};
use crate::call::function::Memo;
use crate::call::miss::{CallOptions, LookupStep, Miss, RunOutcome, done, look};
use crate::call::options::Rules;
use crate::call::outcome::Outcome;
use crate::call::result_shape::ResultShape;
use crate::call::run::{CallRequest, CallSpec};
use crate::key::call_key::{Argument, Describe};
use crate::observe::reason::Reason;
use crate::single_flight::flight::FlightOutcome;
use crate::single_flight::join::WaitStep;
use crate::single_flight::table::Role;
use crate::sys::blocking_pool::unblock;

/// [`call`](crate::call::run::call) for a function that is `async`.
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
        Err(site) => {
            let asked = CallRequest { question: CallSpec { arguments, describe, rules }, compute };
            done(boxed(|| run_async(site, CallOptions::PLAIN, asked)).await).0
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
    let call = encode_for(cache, |description| describe(arguments, description));
    // 0. In this process's memory?
    recall(memo, cache, &call, rules).ok_or_else(|| Arc::new(CallContext::to_run(memo, cache, call)))
}

/// Puts a future on the heap, such that it is never on the stack of whoever polls it.
#[inline(never)]
fn boxed<F: Future>(make: impl FnOnce() -> F) -> Pin<Box<F>> {
    Box::pin(make())
}

/// What there is, or what is to be done when the function has run.
enum Lookup<R> {
    Hit(Box<(R, Outcome)>),
    Bypass(Box<Reason>),
    Run(Box<Due<R>>),
    /// Somebody else computes it, and it only tries.
    Busy,
}

/// A call whose turn it is.
struct Due<R> {
    miss: Miss<R>,
    turn: Role,
    waited: Duration,
}

/// The way of a call. Gives nothing if it is put off.
///
/// While the function is polled, this is on the stack. So the other steps are futures of their own, on the heap.
pub(crate) async fn run_async<A, R, S, F, D, C>(
    site: Arc<CallContext<'static>>,
    how: CallOptions,
    asked: CallRequest<CallSpec<A, D, R, S>, C>,
) -> Option<Box<(R, Outcome)>>
where
    R: Send + 'static,
    S: ResultShape<R> + 'static,
    F: Future<Output = R>,
    D: Fn(&A, &mut Describe<'_>),
    C: FnOnce(A) -> F,
{
    let CallRequest { question, compute } = asked;
    let rules = question.rules;
    let (found, question) = boxed(|| find(&site, how, question)).await;
    let shown = shown(&site, &found, &question);
    let arguments = question.arguments;
    Some(match found {
        Lookup::Hit(hit) => hit,
        Lookup::Busy => return None,
        Lookup::Bypass(reason) => {
            let started = Instant::now();
            let value = compute(arguments).await;
            bypassed(&site, value, started, reason)
        }
        Lookup::Run(due) => boxed(|| compute_and_keep(&site, how, rules, (due, shown), || compute(arguments))).await,
    })
}

/// What people will be shown of the arguments, which are gone once the function runs.
#[inline(never)]
fn shown<A, D: Fn(&A, &mut Describe<'_>), R, S: ResultShape<R>>(
    site: &CallContext<'_>,
    found: &Lookup<R>,
    question: &CallSpec<A, D, R, S>,
) -> Vec<Argument> {
    if let Lookup::Run(_) = found { question.shown(site) } else { Vec::new() }
}

/// The rest of the way, from this call's turn on; others see how it gets on.
async fn compute_and_keep<R, S, F>(
    site: &Arc<CallContext<'static>>,
    how: CallOptions,
    rules: Rules<R, S>,
    (due, shown): (Box<Due<R>>, Vec<Argument>),
    compute: impl FnOnce() -> F,
) -> Box<(R, Outcome)>
where
    R: Send + 'static,
    S: ResultShape<R> + 'static,
    F: Future<Output = R>,
{
    let flight = due.turn.flight();
    let rest = async move {
        let mut due = match boxed(|| about_to_run(site, how, rules, due, shown)).await {
            Ok(due) => due,
            Err(hit) => return hit,
        };
        // 3. Compute.
        let started = Instant::now();
        let ran = match due.miss.take_verified() {
            None => {
                let watch = site.watch();
                let mut future = pin!(compute());
                watch.ended();
                // Only while it is polled: a future that is dropped has not panicked.
                let value = poll_fn(|context| {
                    let watch = site.watch();
                    let polled = future.as_mut().poll(context);
                    watch.ended();
                    polled
                });
                RunOutcome::New(value.await)
            }
            Some(stored) => boxed(|| verify(stored, compute)).await,
        };
        boxed(|| end(site, rules, due, ran, started.elapsed())).await
    };
    match flight {
        Some(flight) => flight.watch(rest).await,
        None => rest.await,
    }
}

/// Gives the question back, as it may be asked again.
async fn find<A, R, S, D>(
    site: &Arc<CallContext<'static>>,
    how: CallOptions,
    question: CallSpec<A, D, R, S>,
) -> (Lookup<R>, CallSpec<A, D, R, S>)
where
    R: Send + 'static,
    S: ResultShape<R> + 'static,
    D: Fn(&A, &mut Describe<'_>),
{
    if site.has_little_stack() {
        return (Lookup::Bypass(Box::new(Reason::LittleStack)), question);
    }
    let rules = question.rules;
    let hit = |hit| Lookup::Hit(Box::new(hit));
    // 1. Look up, check, decode.
    let looked = off_thread(site, move |site| look(site, how, rules)).await;
    let mut miss = match looked {
        LookupStep::Hit(value, outcome) => return (hit((value, outcome)), question),
        LookupStep::Miss(miss) => miss,
        LookupStep::Bypass(reason) => return (Lookup::Bypass(Box::new(reason)), question),
    };
    // 2. Whoever else makes this call: one computes, the others wait and look again.
    let (mut turn, mut waited) = (Role::Alone, Duration::ZERO);
    let mut may_wait = miss.is_for_all();
    while may_wait {
        let Some(mut way) = site.way_to_a_turn(true, how.tries) else { break };
        let next = loop {
            match way.next_as_task().await {
                WaitStep::Role(turn) => break turn,
                WaitStep::Waiting(holder) => site.waits(&holder, way.waited(), &question.shown(site)),
                WaitStep::Late => return (Lookup::Busy, question),
            }
        };
        waited += way.waited();
        (turn, _) = site.joined(next, waited);
        if !matches!(turn, Role::Look) {
            break;
        }
        turn = Role::Alone;
        match off_thread(site, move |site| miss.look_again(site, rules, &Role::Look, waited)).await {
            Ok(found) => return (hit(found), question),
            Err(missed) => {
                may_wait = missed.is_gone;
                miss = missed;
            }
        }
    }
    (Lookup::Run(Box::new(Due { miss, turn, waited })), question)
}

/// Looks for the last time.
async fn about_to_run<R, S>(
    site: &Arc<CallContext<'static>>,
    how: CallOptions,
    rules: Rules<R, S>,
    due: Box<Due<R>>,
    shown: Vec<Argument>,
) -> Result<Box<Due<R>>, Box<(R, Outcome)>>
where
    R: Send + 'static,
    S: ResultShape<R> + 'static,
{
    off_thread(site, move |site| {
        let Due { miss, turn, waited } = *due;
        match miss.look_again(site, rules, &turn, waited) {
            Ok(hit) => {
                turn.complete(FlightOutcome::Stored);
                Err(Box::new(hit))
            }
            Err(miss) => Ok(Box::new(Due { miss: miss.about_to_run(site, how, || shown), turn, waited })),
        }
    })
    .await
}

/// 4. Encode, compress, publish.
async fn end<R, S>(
    site: &Arc<CallContext<'static>>,
    rules: Rules<R, S>,
    due: Box<Due<R>>,
    ran: RunOutcome<R>,
    took: Duration,
) -> Box<(R, Outcome)>
where
    R: Send + 'static,
    S: ResultShape<R> + 'static,
{
    off_thread(site, move |site| {
        let Due { miss, turn, .. } = *due;
        let (value, outcome, end) = miss.end(site, rules, ran, took);
        turn.complete(end);
        Box::new((value, outcome))
    })
    .await
}

#[inline(never)]
#[expect(clippy::boxed_local, reason = "what is on the heap is not on the stack while the function runs")]
fn bypassed<R>(site: &CallContext<'_>, value: R, started: Instant, reason: Box<Reason>) -> Box<(R, Outcome)> {
    Box::new((value, site.bypassed(started.elapsed(), *reason)))
}

/// [`Miss::compute`] for a function that is `async`, and runs to verify what is stored.
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

/// Does what may read and write files elsewhere. Without a cache, there is nothing to be read.
async fn off_thread<T: Send + 'static>(
    site: &Arc<CallContext<'static>>,
    work: impl FnOnce(&CallContext<'static>) -> T + Send + 'static,
) -> T {
    if !site.cache.is_enabled() {
        return work(site);
    }
    let site = site.clone();
    unblock(move || work(&site)).await
}
