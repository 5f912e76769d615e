//! One call of an `async fn` in hand.

use std::fmt;
use std::pin::Pin;

use crate::cache::Cache;
use crate::call::Target;
use crate::key::{Describe, Key};
use crate::memo::Memo;
use crate::outcome::Outcome;
use crate::rules::Rules;
use crate::shape::Shape;
use crate::site::Site;
use crate::{Result, memoize};

/// [`Call`](crate::Call) of an `async fn`: what runs the function is `async` as well. Needs feature `async`.
///
/// Files are read and written by the thread that polls the future.
#[must_use = "a call does nothing until it is run"]
pub struct AsyncCall<'a, T> {
    target: Target<'a, T>,
    run: Box<RunAsync<'a, T>>,
}

type RunAsync<'a, T> =
    dyn FnOnce(Site<'a>, bool) -> Pin<Box<dyn Future<Output = (T, Outcome)> + Send + 'a>> + Send + 'a;

impl<'a, T: 'a> AsyncCall<'a, T> {
    /// For the attribute.
    #[doc(hidden)]
    pub fn new<A: Send + 'a, S: Shape<T> + 'a, F: Future<Output = T> + Send + 'a>(
        memo: &'a Memo,
        cache: &Cache,
        arguments: A,
        describe: impl Fn(&A, &mut Describe<'_>) + Send + 'a,
        compute: impl FnOnce(A) -> F + Send + 'a,
        rules: Rules<T, S>,
    ) -> Self
    where
        T: Send,
    {
        AsyncCall {
            target: Target::new::<S>(memo, cache, |description| describe(&arguments, description)),
            run: Box::new(move |site, refresh| {
                Box::pin(async move { memoize::run_async(&site, refresh, arguments, describe, compute, &rules).await })
            }),
        }
    }

    /// As [`Call::key`](crate::Call::key).
    pub fn key(&self) -> Key {
        self.target.key()
    }

    /// As [`Call::is_cached`](crate::Call::is_cached).
    pub fn is_cached(&self) -> bool {
        self.target.is_cached()
    }

    /// As [`Call::cached`](crate::Call::cached).
    ///
    /// # Errors
    /// Those of [`Call::cached`](crate::Call::cached).
    pub fn cached(&self) -> Result<Option<T>> {
        self.target.cached()
    }

    /// As [`Call::forget`](crate::Call::forget).
    ///
    /// # Errors
    /// Those of [`Call::forget`](crate::Call::forget).
    pub fn forget(&self) -> Result<bool> {
        self.target.forget()
    }

    /// As [`Call::run`](crate::Call::run).
    pub async fn run(self) -> T {
        self.outcome().await.0
    }

    /// As [`Call::outcome`](crate::Call::outcome).
    pub async fn outcome(self) -> (T, Outcome) {
        (self.run)(self.target.site, false).await
    }

    /// As [`Call::refresh`](crate::Call::refresh).
    pub async fn refresh(self) -> T {
        (self.run)(self.target.site, true).await.0
    }
}

impl<T> fmt::Debug for AsyncCall<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.target.debug("AsyncCall", f)
    }
}
