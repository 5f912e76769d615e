//! `AsyncCall`: a call of a memoized `async fn` that has not run yet.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::cache::handle::Cache;
use crate::call::context::CallContext;
use crate::call::function::Memo;
use crate::call::handle;
use crate::call::handle::Ask;
use crate::call::miss::{CallOptions, done};
use crate::call::options::Rules;
use crate::call::outcome::Outcome;
use crate::call::result_shape::ResultShape;
use crate::call::run::{CallRequest, CallSpec};
use crate::call::run_async::run_async;
use crate::call::stored_ref::Shelved;
use crate::error::Result;
use crate::explain::Explanation;
use crate::key::call_key::{Describe, encode};
use crate::key::digest::Key;

/// [`Call`](crate::Call) of an `async fn`: the methods that run the function are `async` as well. Needs feature
/// `async`.
///
/// Methods that run the function read and write files on other threads. Other methods work on the calling thread:
/// [`key`](AsyncCall::key), [`is_cached`](AsyncCall::is_cached), [`forget`](AsyncCall::forget) and the lookup with which
/// [`shelve`](AsyncCall::shelve) begins are quick; [`cached`](AsyncCall::cached) and [`explain`](AsyncCall::explain) read
/// the whole entry.
#[must_use = "a call does nothing until it is run"]
pub struct AsyncCall<'a, T> {
    context: Arc<CallContext<'static>>,
    request: Box<dyn RunAsync<'a, T> + 'a>,
}

/// A running call. Its output is `None` if the call is postponed.
type Running<'a, T> = Pin<Box<dyn Future<Output = Option<Box<(T, Outcome)>>> + Send + 'a>>;

trait RunAsync<'a, T>: Ask<T> + Send {
    fn run(self: Box<Self>, context: Arc<CallContext<'static>>, options: CallOptions) -> Running<'a, T>;
    fn uncached(self: Box<Self>) -> Pin<Box<dyn Future<Output = T> + Send + 'a>>;
}

impl<'a, A, D, R, S, C, F> RunAsync<'a, R> for CallRequest<CallSpec<A, D, R, S>, C>
where
    A: Send + 'a,
    D: Fn(&A, &mut Describe<'_>) + Send + 'a,
    R: Send + 'static,
    S: ResultShape<R> + 'static,
    C: FnOnce(A) -> F + Send + 'a,
    F: Future<Output = R> + Send + 'a,
{
    fn run(self: Box<Self>, context: Arc<CallContext<'static>>, options: CallOptions) -> Running<'a, R> {
        Box::pin(run_async(context, options, *self))
    }

    fn uncached(self: Box<Self>) -> Pin<Box<dyn Future<Output = R> + Send + 'a>> {
        Box::pin((self.compute)(self.spec.arguments))
    }
}

impl<'a, T: Send + 'static> AsyncCall<'a, T> {
    /// Creates the call. Used by the attribute.
    #[doc(hidden)]
    pub fn new<A: Send + 'a, S: ResultShape<T> + 'static, F: Future<Output = T> + Send + 'a>(
        memo: &'static Memo,
        cache: &Cache,
        arguments: A,
        describe: impl Fn(&A, &mut Describe<'_>) + Send + 'a,
        compute: impl FnOnce(A) -> F + Send + 'a,
        rules: Rules<T, S>,
    ) -> Self {
        AsyncCall {
            context: Arc::new(CallContext::new(memo, cache, encode(|description| describe(&arguments, description)))),
            request: Box::new(CallRequest { spec: CallSpec { arguments, describe, rules }, compute }),
        }
    }

    /// Returns the call's key, as [`Call::key`](crate::Call::key) does.
    #[must_use]
    pub fn key(&self) -> Key {
        handle::key(&self.context)
    }

    /// Returns whether the call would be a hit, as [`Call::is_cached`](crate::Call::is_cached) does.
    #[must_use]
    pub fn is_cached(&self) -> bool {
        self.request.is_stored(&self.context)
    }

    /// Returns the stored result, as [`Call::cached`](crate::Call::cached) does.
    ///
    /// # Errors
    /// The errors of [`Call::cached`](crate::Call::cached).
    pub fn cached(&self) -> Result<Option<T>> {
        handle::cached(&*self.request, &self.context)
    }

    /// Removes the stored result, as [`Call::forget`](crate::Call::forget) does.
    ///
    /// # Errors
    /// The errors of [`Call::forget`](crate::Call::forget).
    pub fn forget(&self) -> Result<bool> {
        self.context.forget()
    }

    /// Explains whether the call would be a hit, as [`Call::explain`](crate::Call::explain) does.
    #[must_use]
    pub fn explain(&self) -> Explanation {
        handle::explain(&*self.request, &self.context)
    }

    /// Loads the result, or computes and stores it, as [`Call::run`](crate::Call::run) does.
    pub async fn run(self) -> T {
        done(self.request.run(self.context, CallOptions::PLAIN).await).0
    }

    /// Runs the call and returns its outcome too, as [`Call::outcome`](crate::Call::outcome) does.
    pub async fn outcome(self) -> (T, Outcome) {
        *done(self.request.run(self.context, CallOptions::WHY).await)
    }

    /// Computes the result and replaces the stored one, as [`Call::refresh`](crate::Call::refresh) does.
    pub async fn refresh(self) -> T {
        done(self.request.run(self.context, CallOptions::REFRESH).await).0
    }

    /// Runs the call unless it is being computed elsewhere, as [`Call::try_run`](crate::Call::try_run) does.
    pub async fn try_run(self) -> Option<T> {
        self.request.run(self.context, CallOptions::tries(Duration::ZERO)).await.map(|done| done.0)
    }

    /// Runs the function without the cache, as [`Call::uncached`](crate::Call::uncached) does.
    pub async fn uncached(self) -> T {
        self.context.print_run(|| self.request.previews());
        let started = Instant::now();
        let value = self.request.uncached().await;
        self.context.uncached(started.elapsed());
        value
    }

    /// Stores the result if needed and returns a reference to it, as [`Call::shelve`](crate::Call::shelve) does.
    ///
    /// # Errors
    /// The errors of [`Call::shelve`](crate::Call::shelve).
    pub async fn shelve(self) -> Result<Shelved<T>> {
        let AsyncCall { context, request } = self;
        let shelve = request.shelve();
        if request.is_stored(&context) {
            context.touch();
            return shelve(&context, None);
        }
        match *done(request.run(context.clone(), CallOptions::PLAIN).await) {
            (_, Outcome::Hit { .. } | Outcome::Computed { size: Some(_), .. }) => shelve(&context, None),
            (value, _) => shelve(&context, Some(&value)),
        }
    }
}

impl<T> fmt::Debug for AsyncCall<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        handle::debug("AsyncCall", &self.context, f)
    }
}
