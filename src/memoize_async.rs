//! THE call of an `async fn`: the same steps, of which those that may wait are awaited.
//!
//! Files are read and written by other threads (`aside.rs`), whatever runs the task.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::aside::unblock;
use crate::cache::Cache;
use crate::flight::{End, Step, Turn};
use crate::key::Describe;
use crate::memo::Memo;
use crate::memoize::{How, Looked, Miss, Question, Ran, look};
use crate::outcome::Outcome;
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
    let call = encode_for(cache, |description| describe(&arguments, description));
    // 0. In this process's memory?
    if let Some(value) = recall(memo, cache, &call, rules) {
        return value;
    }
    let site = Site::to_run(memo, cache, call);
    run_async(Arc::new(site), How::default(), Question { arguments, describe, rules }, compute).await.0
}

/// The way of a call.
pub(crate) async fn run_async<A, R, S, F>(
    site: Arc<Site<'static>>,
    how: How,
    question: Question<A, impl Fn(&A, &mut Describe<'_>), R, S>,
    compute: impl FnOnce(A) -> F,
) -> (R, Outcome)
where
    R: Send + 'static,
    S: Shape<R> + 'static,
    F: Future<Output = R>,
{
    let rules = question.rules;
    // 1. Look up, check, decode.
    let looked = off_thread(&site, move |site| look(site, how, rules)).await;
    let mut miss = match looked {
        Looked::Hit(value, hit) => return (value, hit),
        Looked::Miss(miss) => miss,
        Looked::Bypass(reason) => {
            let started = Instant::now();
            let value = compute(question.arguments).await;
            return (value, site.bypassed(started.elapsed(), reason));
        }
    };
    // 2. Whoever else makes this call: one computes, the others wait and look again.
    let (mut turn, mut waited) = (Turn::Alone, Duration::ZERO);
    let mut may_wait = miss.is_for_all();
    while may_wait && let Some(mut way) = site.way_to_a_turn(true) {
        let next = loop {
            match way.next_as_task().await {
                Step::Turn(turn) => break turn,
                Step::Waiting(holder) => site.waits(&holder, way.waited(), &question.shown(&site)),
            }
        };
        waited += way.waited();
        (turn, _) = site.joined(next, waited);
        if !matches!(turn, Turn::Look) {
            break;
        }
        turn = Turn::Alone;
        match off_thread(&site, move |site| miss.look_again(site, rules, &Turn::Look, waited)).await {
            Ok(hit) => return hit,
            Err(missed) => {
                may_wait = missed.is_gone;
                miss = missed;
            }
        }
    }
    have_turn(site, how, question, compute, miss, turn, waited).await
}

/// [`run_async`], but for what somebody else computes: then it gives back what it was asked with.
pub(crate) async fn try_run_async<A, R, S, F, D, C>(
    site: Arc<Site<'static>>,
    question: Question<A, D, R, S>,
    compute: C,
) -> Result<R, (Question<A, D, R, S>, C)>
where
    R: Send + 'static,
    S: Shape<R> + 'static,
    F: Future<Output = R>,
    D: Fn(&A, &mut Describe<'_>),
    C: FnOnce(A) -> F,
{
    let rules = question.rules;
    let looked = off_thread(&site, move |site| look(site, How::default(), rules)).await;
    let miss = match looked {
        Looked::Hit(value, _) => return Ok(value),
        Looked::Miss(miss) => miss,
        Looked::Bypass(reason) => {
            let started = Instant::now();
            let value = compute(question.arguments).await;
            site.bypassed(started.elapsed(), reason);
            return Ok(value);
        }
    };
    let turn = if miss.is_for_all() { site.turn_if_free(true) } else { Some(Turn::Alone) };
    match turn {
        Some(turn) => Ok(have_turn(site, How::default(), question, compute, miss, turn, Duration::ZERO).await.0),
        None => Err((question, compute)),
    }
}

/// The rest of the way, from this call's turn on.
async fn have_turn<A, R, S, F>(
    site: Arc<Site<'static>>,
    how: How,
    question: Question<A, impl Fn(&A, &mut Describe<'_>), R, S>,
    compute: impl FnOnce(A) -> F,
    miss: Miss<R>,
    turn: Turn,
    waited: Duration,
) -> (R, Outcome)
where
    R: Send + 'static,
    S: Shape<R> + 'static,
    F: Future<Output = R>,
{
    let rules = question.rules;
    let shown = question.shown(&site);
    let arguments = question.arguments;
    let flight = turn.flight();
    let rest = async {
        let (looked, turn) = off_thread(&site, move |site| {
            let looked =
                miss.look_again(site, rules, &turn, waited).map_err(|miss| miss.about_to_run(site, how, || shown));
            (looked, turn)
        })
        .await;
        let miss = match looked {
            Ok(hit) => {
                turn.land(End::Stored);
                return hit;
            }
            Err(miss) => miss,
        };
        // 3. Compute.
        let started = Instant::now();
        let (miss, ran) = compute_async(&site, miss, || compute(arguments)).await;
        let took = started.elapsed();
        // 4. Encode, compress, publish.
        off_thread(&site, move |site| {
            let (value, outcome, end) = miss.end(site, rules, ran, took);
            turn.land(end);
            (value, outcome)
        })
        .await
    };
    match flight {
        Some(flight) => flight.watch(rest).await,
        None => rest.await,
    }
}

/// [`Miss::compute`] for a function that is `async`.
async fn compute_async<R, F: Future<Output = R>>(
    site: &Site<'static>,
    mut miss: Miss<R>,
    compute: impl FnOnce() -> F,
) -> (Miss<R>, Ran<R>) {
    let Some(stored) = miss.take_verified() else {
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
        let value = value.await;
        return (miss, Ran::New(value));
    };
    let Ok(future) = catch_unwind(AssertUnwindSafe(compute)) else {
        return (miss, Ran::Again { stored, now: None });
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
    (miss, Ran::Again { stored, now })
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
