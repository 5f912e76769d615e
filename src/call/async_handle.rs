//! One call of an `async fn` in hand.

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

/// [`Call`](crate::Call) of an `async fn`: what runs the function is `async` as well. Needs feature `async`.
///
/// What runs the function reads and writes files on other threads. What only looks does so on the
/// thread that asks, and is quick: [`key`](AsyncCall::key), [`is_cached`](AsyncCall::is_cached),
/// [`explain`](AsyncCall::explain), [`forget`](AsyncCall::forget), and [`shelve`](AsyncCall::shelve) before it runs
/// anything.
#[must_use = "a call does nothing until it is run"]
pub struct AsyncCall<'a, T> {
    site: Arc<CallContext<'static>>,
    asked: Box<dyn RunAsync<'a, T> + 'a>,
}

/// Gives nothing if it is put off.
type Running<'a, T> = Pin<Box<dyn Future<Output = Option<Box<(T, Outcome)>>> + Send + 'a>>;

trait RunAsync<'a, T>: Ask<T> + Send {
    fn run(self: Box<Self>, site: Arc<CallContext<'static>>, how: CallOptions) -> Running<'a, T>;
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
    fn run(self: Box<Self>, site: Arc<CallContext<'static>>, how: CallOptions) -> Running<'a, R> {
        Box::pin(run_async(site, how, *self))
    }

    fn uncached(self: Box<Self>) -> Pin<Box<dyn Future<Output = R> + Send + 'a>> {
        Box::pin((self.compute)(self.question.arguments))
    }
}

impl<'a, T: Send + 'static> AsyncCall<'a, T> {
    /// For the attribute.
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
            site: Arc::new(CallContext::new(memo, cache, encode(|description| describe(&arguments, description)))),
            asked: Box::new(CallRequest { question: CallSpec { arguments, describe, rules }, compute }),
        }
    }

    /// As [`Call::key`](crate::Call::key).
    pub fn key(&self) -> Key {
        handle::key(&self.site)
    }

    /// As [`Call::is_cached`](crate::Call::is_cached).
    pub fn is_cached(&self) -> bool {
        self.asked.is_stored(&self.site)
    }

    /// As [`Call::cached`](crate::Call::cached).
    ///
    /// # Errors
    /// Those of [`Call::cached`](crate::Call::cached).
    pub fn cached(&self) -> Result<Option<T>> {
        handle::cached(&*self.asked, &self.site)
    }

    /// As [`Call::forget`](crate::Call::forget).
    ///
    /// # Errors
    /// Those of [`Call::forget`](crate::Call::forget).
    pub fn forget(&self) -> Result<bool> {
        self.site.forget()
    }

    /// As [`Call::explain`](crate::Call::explain).
    pub fn explain(&self) -> Explanation {
        handle::explain(&*self.asked, &self.site)
    }

    /// As [`Call::run`](crate::Call::run).
    pub async fn run(self) -> T {
        done(self.asked.run(self.site, CallOptions::PLAIN).await).0
    }

    /// As [`Call::outcome`](crate::Call::outcome).
    pub async fn outcome(self) -> (T, Outcome) {
        *done(self.asked.run(self.site, CallOptions::WHY).await)
    }

    /// As [`Call::refresh`](crate::Call::refresh).
    pub async fn refresh(self) -> T {
        done(self.asked.run(self.site, CallOptions::REFRESH).await).0
    }

    /// As [`Call::try_run`](crate::Call::try_run).
    pub async fn try_run(self) -> Option<T> {
        self.asked.run(self.site, CallOptions::tries(Duration::ZERO)).await.map(|done| done.0)
    }

    /// As [`Call::uncached`](crate::Call::uncached).
    pub async fn uncached(self) -> T {
        let started = Instant::now();
        let value = self.asked.uncached().await;
        self.site.uncached(started.elapsed());
        value
    }

    /// As [`Call::shelve`](crate::Call::shelve).
    ///
    /// # Errors
    /// Those of [`Call::shelve`](crate::Call::shelve).
    pub async fn shelve(self) -> Result<Shelved<T>> {
        let AsyncCall { site, asked } = self;
        let shelve = asked.shelve();
        if asked.is_stored(&site) {
            return shelve(&site, None);
        }
        match *done(asked.run(site.clone(), CallOptions::PLAIN).await) {
            (_, Outcome::Hit { .. } | Outcome::Computed { size: Some(_), .. }) => shelve(&site, None),
            (value, _) => shelve(&site, Some(&value)),
        }
    }
}

impl<T> fmt::Debug for AsyncCall<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        handle::debug("AsyncCall", &self.site, f)
    }
}
