//! THE call: from the arguments to the result.

use std::time::{Duration, Instant};

use crate::cache::Cache;
use crate::key::{Argument, Describe, call};
use crate::memo::Memo;
use crate::outcome::Outcome;
use crate::rules::Rules;
use crate::shape::Shape;
use crate::site::Site;

/// Loads the result of a call, or computes and keeps it.
pub fn call<A, R, S: Shape<R>>(
    memo: &Memo,
    cache: &Cache,
    arguments: A,
    describe: impl Fn(&A, &mut Describe<'_>),
    compute: impl FnOnce(A) -> R,
    rules: Rules<R, S>,
) -> R {
    let site = Site::to_run(memo, cache, |description| describe(&arguments, description));
    run(&site, false, arguments, describe, compute, &rules).0
}

/// `call` for a function that is `async`.
#[cfg(feature = "async")]
pub async fn call_async<A, R, S: Shape<R>, F: Future<Output = R>>(
    memo: &Memo,
    cache: &Cache,
    arguments: A,
    describe: impl Fn(&A, &mut Describe<'_>),
    compute: impl FnOnce(A) -> F,
    rules: Rules<R, S>,
) -> R {
    let site = Site::to_run(memo, cache, |description| describe(&arguments, description));
    run_async(&site, false, arguments, describe, compute, &rules).await.0
}

/// The way of a call.
pub(crate) fn run<A, R, S: Shape<R>>(
    site: &Site<'_>,
    refresh: bool,
    arguments: A,
    describe: impl Fn(&A, &mut Describe<'_>),
    compute: impl FnOnce(A) -> R,
    rules: &Rules<R, S>,
) -> (R, Outcome) {
    // 1. Look up, check, decode.
    let miss = match begin::<R, S>(site, refresh, |description| describe(&arguments, description)) {
        Begun::Hit(value, hit) => return (value, hit),
        Begun::Miss(miss) => miss,
    };
    // 2. Compute.
    let started = Instant::now();
    let value = compute(arguments);
    // 3. Encode, compress, publish.
    let outcome = miss.end::<R, S>(&value, started.elapsed());
    (value, outcome)
}

/// [`run`] for a function that is `async`: the same steps, and a pause in the second.
#[cfg(feature = "async")]
pub(crate) async fn run_async<A, R, S: Shape<R>, F: Future<Output = R>>(
    site: &Site<'_>,
    refresh: bool,
    arguments: A,
    describe: impl Fn(&A, &mut Describe<'_>),
    compute: impl FnOnce(A) -> F,
    rules: &Rules<R, S>,
) -> (R, Outcome) {
    let miss = match begin::<R, S>(site, refresh, |description| describe(&arguments, description)) {
        Begun::Hit(value, hit) => return (value, hit),
        Begun::Miss(miss) => miss,
    };
    let started = Instant::now();
    let value = compute(arguments).await;
    let outcome = miss.end::<R, S>(&value, started.elapsed());
    (value, outcome)
}

/// What a call turns out to be once it was looked up.
enum Begun<'a, R> {
    Hit(R, Outcome),
    Miss(Miss<'a>),
}

/// A call whose function is about to run.
struct Miss<'a> {
    site: &'a Site<'a>,
    /// What the entry will show of the arguments, which are gone once the function has run. `None` if
    /// the call bypasses the cache.
    shown: Option<Vec<Argument>>,
}

fn begin<'a, R, S: Shape<R>>(
    site: &'a Site<'a>,
    refresh: bool,
    describe: impl FnOnce(&mut Describe<'_>),
) -> Begun<'a, R> {
    if !site.cache.is_enabled() {
        return Begun::Miss(Miss { site, shown: None });
    }
    if let Err(error) = &site.key {
        site.fault("a call can't be cached", error);
        return Begun::Miss(Miss { site, shown: None });
    }
    if !refresh && !site.cache.refreshes() {
        match site.load::<R, S>() {
            Ok(Some((value, hit))) => {
                site.count_hit(&hit);
                return Begun::Hit(value, hit);
            }
            Ok(None) => {}
            Err(error) => site.fault("an entry can't be read: it is computed anew", &error),
        }
    }
    let shown = if site.cache.is_read_only() { Vec::new() } else { call::show(&site.long, describe) };
    Begun::Miss(Miss { site, shown: Some(shown) })
}

impl Miss<'_> {
    /// The function has run: keep what it returned.
    fn end<R, S: Shape<R>>(self, value: &R, took: Duration) -> Outcome {
        let Miss { site, shown } = self;
        let Some(shown) = shown else {
            site.count_bypass(took);
            return Outcome::Bypassed { took };
        };
        let size = match S::stored(value) {
            Some(stored) if !site.cache.is_read_only() => site
                .store(shown, took, stored)
                .inspect_err(|error| site.fault("a result can't be stored: it will be computed again", error))
                .ok(),
            _ => None,
        };
        site.count_miss(took, size);
        Outcome::Computed { took, size }
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
