//! Calls of functions with the option `memory_only`: their results stay in this process, and need no serde.

use std::marker::PhantomData;
use std::time::{Duration, Instant};

use crate::cache::handle::Cache;
use crate::call::context::{CallContext, encode_for};
use crate::call::function::Memo;
use crate::call::memory_results::{Computing, Lookup, OnThisThread, Wait};
use crate::key::call_key::{Describe, previews};
use crate::observe::reason::Reason;

/// Number of results of a function without `max_entries`.
const MOST: u64 = 1000;

/// Splits a return value into the part that is kept and the rest, and restores it: of a `Result`, only the value in
/// `Ok` is kept.
#[diagnostic::on_unimplemented(
    message = "a result of type `{R}` can't stay in memory: it is not `Clone + Send + Sync + 'static`",
    label = "is not `Clone + Send + Sync + 'static`",
    note = "return an `Arc` of it; of a `Result`, only the value in `Ok` is kept"
)]
pub trait MemoryShape<R> {
    /// The type of the kept part.
    type Kept: Clone + Send + Sync + 'static;

    /// Returns the part to keep; `None` if this value is not to be kept.
    fn kept(value: &R) -> Option<&Self::Kept>;

    /// Returns the return value that the kept part came from.
    fn restored(kept: Self::Kept) -> R;
}

/// A result that is kept as it is.
pub struct PlainInMemory<R>(PhantomData<R>);

impl<R: Clone + Send + Sync + 'static> MemoryShape<R> for PlainInMemory<R> {
    type Kept = R;

    fn kept(value: &R) -> Option<&R> {
        Some(value)
    }

    fn restored(kept: R) -> R {
        kept
    }
}

/// A `Result` whose `Ok` value is kept.
pub struct FallibleInMemory<T, E>(PhantomData<(T, E)>);

impl<T: Clone + Send + Sync + 'static, E> MemoryShape<Result<T, E>> for FallibleInMemory<T, E> {
    type Kept = T;

    fn kept(value: &Result<T, E>) -> Option<&T> {
        value.as_ref().ok()
    }

    fn restored(kept: T) -> Result<T, E> {
        Ok(kept)
    }
}

/// The traits that method resolution chooses from: `(&&Probe::<R>::NEW).__larder_in_memory()`.
pub(crate) mod probes {
    use std::marker::PhantomData;

    use super::{FallibleInMemory, PlainInMemory};
    use crate::call::result_shape::Probe;

    /// A `Result`.
    pub trait FallibleMemoryShape {
        /// The shape.
        type Shape;

        /// Returns a marker of the shape.
        fn __larder_in_memory(&self) -> PhantomData<Self::Shape> {
            PhantomData
        }
    }

    impl<T, E> FallibleMemoryShape for &Probe<Result<T, E>> {
        type Shape = FallibleInMemory<T, E>;
    }

    /// Any other type.
    pub trait PlainMemoryShape {
        /// The shape.
        type Shape;

        /// Returns a marker of the shape.
        fn __larder_in_memory(&self) -> PhantomData<Self::Shape> {
            PhantomData
        }
    }

    impl<R> PlainMemoryShape for Probe<R> {
        type Shape = PlainInMemory<R>;
    }
}

/// Returns the result of a call that this process has, or computes it.
pub fn call_in_memory<A, R, S: MemoryShape<R>>(
    memo: &Memo,
    cache: &Cache,
    arguments: A,
    describe: impl Fn(&A, &mut Describe<'_>),
    compute: impl FnOnce(A) -> R,
    (_, max_age): (PhantomData<S>, Option<Duration>),
) -> R {
    let call = encode_for(cache, |description| describe(&arguments, description));
    let context = CallContext::to_run(memo, cache, call);
    match begin::<R, S>(&context, &|description| describe(&arguments, description), max_age, Wait::Yes) {
        Ok(Begun::Hit(value)) => value,
        Ok(Begun::Compute(computing)) => {
            let started = Instant::now();
            let here = OnThisThread::begin();
            let value = compute(arguments);
            drop(here);
            end::<R, S>(&context, computing, &value, started);
            value
        }
        Err(reason) => {
            let started = Instant::now();
            let value = compute(arguments);
            context.bypassed(started.elapsed(), reason);
            value
        }
    }
}

/// Returns the result of a call as [`call_in_memory`] does. Equal calls at the same time may each compute.
#[cfg(feature = "async")]
pub async fn call_in_memory_async<A, R, S: MemoryShape<R>, F: Future<Output = R>>(
    memo: &Memo,
    cache: &Cache,
    arguments: A,
    describe: impl Fn(&A, &mut Describe<'_>),
    compute: impl FnOnce(A) -> F,
    (_, max_age): (PhantomData<S>, Option<Duration>),
) -> R {
    let call = encode_for(cache, |description| describe(&arguments, description));
    let context = CallContext::to_run(memo, cache, call);
    match begin::<R, S>(&context, &|description| describe(&arguments, description), max_age, Wait::No) {
        Ok(Begun::Hit(value)) => value,
        Ok(Begun::Compute(computing)) => {
            let started = Instant::now();
            let value = compute(arguments).await;
            end::<R, S>(&context, computing, &value, started);
            value
        }
        Err(reason) => {
            let started = Instant::now();
            let value = compute(arguments).await;
            context.bypassed(started.elapsed(), reason);
            value
        }
    }
}

/// The first half of a call.
enum Begun<'m, R, T: Send + Sync + 'static> {
    Hit(R),
    Compute(Computing<'m, T>),
}

fn begin<'m, R, S: MemoryShape<R>>(
    context: &CallContext<'m>,
    describe: &dyn Fn(&mut Describe<'_>),
    max_age: Option<Duration>,
    wait: Wait,
) -> Result<Begun<'m, R, S::Kept>, Reason> {
    let begun = look::<R, S>(context, describe, max_age, wait);
    if !matches!(begun, Ok(Begun::Hit(_))) {
        context.print_run(|| previews(describe));
    }
    begun
}

fn look<'m, R, S: MemoryShape<R>>(
    context: &CallContext<'m>,
    describe: &dyn Fn(&mut Describe<'_>),
    max_age: Option<Duration>,
    wait: Wait,
) -> Result<Begun<'m, R, S::Kept>, Reason> {
    if !context.is_enabled() {
        return Err(Reason::CacheOff);
    }
    let key = match &context.key {
        Ok(key) => *key,
        Err(error) => {
            context.fault("a call can't be cached", error);
            return Err(Reason::NoKey { what: error.to_string() });
        }
    };
    let results = context.memo.in_memory();
    match results.begin::<S::Kept>(&key, max_age, context.cache.refreshes(), wait) {
        Lookup::Hit(value, took) => {
            context.hit_in_memory(took, describe);
            Ok(Begun::Hit(S::restored(value)))
        }
        Lookup::Compute => {
            let most = context.memo.limits().and_then(|limits| limits.max_entries).unwrap_or(MOST);
            Ok(Begun::Compute(Computing { results, key, most, result: None }))
        }
    }
}

fn end<R, S: MemoryShape<R>>(
    context: &CallContext<'_>,
    mut computing: Computing<'_, S::Kept>,
    value: &R,
    started: Instant,
) {
    let took = started.elapsed();
    computing.result = S::kept(value).map(|kept| (kept.clone(), took));
    drop(computing);
    context.computed(took, None, Reason::Absent);
}
