//! THE call of an `async fn`: the same steps, of which those that may wait are awaited.
//!
//! Files are read and written by other threads (`aside.rs`), whatever runs the task.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::aside::unblock;
use crate::cache::Cache;
use crate::flight::{End, Turn};
use crate::key::{Argument, Describe};
use crate::memo::Memo;
use crate::memoize::{How, Looked, Miss, Question, Ran, look};
use crate::outcome::Outcome;
use crate::reason::Reason;
use crate::rules::Rules;
use crate::shape::Shape;
use crate::site::{Site, encode_for, recall};

/// [`call`](crate::memoize::call) for a function that is `async`.
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
    S: Shape<R> + 'static,
    F: Future<Output = R>,
{
    match begin(memo, cache, &arguments, &describe, rules) {
        Ok(value) => value,
        Err(site) => {
            let question = Question { arguments, describe, rules };
            boxed(|| run_async(site, How::default(), question, compute)).await.0
        }
    }
}

#[inline(never)]
fn begin<A, R, S: Shape<R>>(
    memo: &'static Memo,
    cache: &Cache,
    arguments: &A,
    describe: &impl Fn(&A, &mut Describe<'_>),
    rules: Rules<R, S>,
) -> Result<R, Arc<Site<'static>>> {
    let call = encode_for(cache, |description| describe(arguments, description));
    // 0. In this process's memory?
    recall(memo, cache, &call, rules).ok_or_else(|| Arc::new(Site::to_run(memo, cache, call)))
}

/// Puts a future on the heap, such that it is never on the stack of whoever polls it.
#[inline(never)]
fn boxed<F: Future>(make: impl FnOnce() -> F) -> Pin<Box<F>> {
    Box::pin(make())
}

/// What there is, or what is to be done when the function has run.
enum Found<R> {
    Hit(Box<(R, Outcome)>),
    Bypass(Box<Reason>),
    Run(Box<(Miss<R>, Turn)>),
}

/// The way of a call.
///
/// While the function is polled, this is on the stack. So the other steps are futures of their own, on the heap.
pub(crate) async fn run_async<A, R, S, F>(
    site: Arc<Site<'static>>,
    how: How,
    question: Question<A, impl Fn(&A, &mut Describe<'_>), R, S>,
    compute: impl FnOnce(A) -> F,
) -> Box<(R, Outcome)>
where
    R: Send + 'static,
    S: Shape<R> + 'static,
    F: Future<Output = R>,
{
    let rules = question.rules;
    let found = match site.has_little_stack() {
        true => Found::Bypass(Box::new(Reason::LittleStack)),
        false => boxed(|| find(&site, how, rules)).await,
    };
    let shown = if let Found::Run(_) = &found { question.shown(&site) } else { Vec::new() };
    let arguments = question.arguments;
    match found {
        Found::Hit(hit) => hit,
        Found::Bypass(reason) => {
            let started = Instant::now();
            let value = compute(arguments).await;
            bypassed(&site, value, started, reason)
        }
        Found::Run(miss) => {
            let flight = miss.1.flight();
            let rest = boxed(|| rest(&site, how, rules, (miss, shown), arguments, compute));
            match flight {
                Some(flight) => flight.watch(rest).await,
                None => rest.await,
            }
        }
    }
}

async fn rest<A, R, S, F>(
    site: &Arc<Site<'static>>,
    how: How,
    rules: Rules<R, S>,
    (miss, shown): (Box<(Miss<R>, Turn)>, Vec<Argument>),
    arguments: A,
    compute: impl FnOnce(A) -> F,
) -> Box<(R, Outcome)>
where
    R: Send + 'static,
    S: Shape<R> + 'static,
    F: Future<Output = R>,
{
    let mut miss = match boxed(|| about_to_run(site, how, rules, miss, shown)).await {
        Ok(miss) => miss,
        Err(hit) => return hit,
    };
    // 3. Compute.
    let started = Instant::now();
    let ran = match miss.0.take_verified() {
        None => Ran::New(compute(arguments).await),
        Some(stored) => boxed(|| verify(stored, || compute(arguments))).await,
    };
    boxed(|| end(site, rules, miss, ran, started.elapsed())).await
}

async fn find<R, S>(site: &Arc<Site<'static>>, how: How, rules: Rules<R, S>) -> Found<R>
where
    R: Send + 'static,
    S: Shape<R> + 'static,
{
    let hit = |hit| Found::Hit(Box::new(hit));
    // 1. Look up, check, decode.
    let looked = off_thread(site, move |site| look(site, how, rules)).await;
    let mut miss = match looked {
        Looked::Hit(value, outcome) => return hit((value, outcome)),
        Looked::Miss(miss) => miss,
        Looked::Bypass(reason) => return Found::Bypass(Box::new(reason)),
    };
    // 2. Whoever else makes this call: one computes, the others wait and look again.
    let mut turn = if miss.is_for_all() { site.join_as_task().await } else { Turn::Alone };
    while matches!(turn, Turn::Look) {
        match off_thread(site, move |site| miss.look_again(site, rules, &Turn::Look)).await {
            Ok(found) => return hit(found),
            Err(missed) => {
                turn = if missed.is_gone { site.join_as_task().await } else { Turn::Alone };
                miss = missed;
            }
        }
    }
    Found::Run(Box::new((miss, turn)))
}

/// Looks for the last time.
async fn about_to_run<R, S>(
    site: &Arc<Site<'static>>,
    how: How,
    rules: Rules<R, S>,
    miss: Box<(Miss<R>, Turn)>,
    shown: Vec<Argument>,
) -> Result<Box<(Miss<R>, Turn)>, Box<(R, Outcome)>>
where
    R: Send + 'static,
    S: Shape<R> + 'static,
{
    off_thread(site, move |site| {
        let (miss, turn) = *miss;
        match miss.look_again(site, rules, &turn) {
            Ok(hit) => {
                turn.land(End::Stored);
                Err(Box::new(hit))
            }
            Err(miss) => Ok(Box::new((miss.about_to_run(site, how, || shown), turn))),
        }
    })
    .await
}

/// 4. Encode, compress, publish.
async fn end<R, S>(
    site: &Arc<Site<'static>>,
    rules: Rules<R, S>,
    miss: Box<(Miss<R>, Turn)>,
    ran: Ran<R>,
    took: Duration,
) -> Box<(R, Outcome)>
where
    R: Send + 'static,
    S: Shape<R> + 'static,
{
    off_thread(site, move |site| {
        let (miss, turn) = *miss;
        let (value, outcome, end) = miss.end(site, rules, ran, took);
        turn.land(end);
        Box::new((value, outcome))
    })
    .await
}

#[inline(never)]
#[expect(clippy::boxed_local, reason = "what is on the heap is not on the stack while the function runs")]
fn bypassed<R>(site: &Site<'_>, value: R, started: Instant, reason: Box<Reason>) -> Box<(R, Outcome)> {
    Box::new((value, site.bypassed(started.elapsed(), *reason)))
}

/// [`Miss::compute`] for a function that is `async`, and runs to verify what is stored.
async fn verify<R, F: Future<Output = R>>(stored: R, compute: impl FnOnce() -> F) -> Ran<R> {
    let Ok(future) = catch_unwind(AssertUnwindSafe(compute)) else {
        return Ran::Again { stored, now: None };
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
    Ran::Again { stored, now }
}

/// Does what may read and write files elsewhere. Without a cache, there is nothing to be read.
async fn off_thread<T: Send + 'static>(
    site: &Arc<Site<'static>>,
    work: impl FnOnce(&Site<'static>) -> T + Send + 'static,
) -> T {
    if !site.cache.is_enabled() {
        return work(site);
    }
    let site = site.clone();
    unblock(move || work(&site)).await
}
