//! Memoization without the attribute: a closure under a name.

use std::any::type_name;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cache::Cache;
use crate::memo::{Definition, Memo};
use crate::memoize;
use crate::rules::Rules;
use crate::shape::{Fallible, Plain, Shape};

impl Cache {
    /// Loads the result of `compute`, or runs it and keeps its result. For closures; functions have
    /// [`#[memoize]`](macro@crate::memoize).
    ///
    /// `name` stands for the code: two closures that compute different things need different names,
    /// and one that is changed needs a new one. `args` is all that the result depends on. A result
    /// that is an `Err` is not kept.
    pub fn get_or_compute<A, T>(&self, name: &str, args: &A, compute: impl FnOnce() -> T) -> T
    where
        A: Serialize + ?Sized,
        T: Serialize + DeserializeOwned,
    {
        self.closure::<A, T, Plain<T>>(name, args, compute)
    }

    /// [`get_or_compute`](Cache::get_or_compute) for an error that need not be serialisable.
    ///
    /// # Errors
    /// Those of `compute`.
    pub fn get_or_try_compute<A, T, E>(
        &self,
        name: &str,
        args: &A,
        compute: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E>
    where
        A: Serialize + ?Sized,
        T: Serialize + DeserializeOwned,
    {
        self.closure::<A, Result<T, E>, Fallible<T, E>>(name, args, compute)
    }

    fn closure<A, R, S>(&self, name: &str, args: &A, compute: impl FnOnce() -> R) -> R
    where
        A: Serialize + ?Sized,
        S: Shape<R>,
    {
        let memo = Memo::new(Definition::of_closure(name, type_name::<S::Stored>()), self.clone());
        memoize::call(
            &memo,
            self,
            args,
            |args, description| description.argument("args", args),
            |_| compute(),
            Rules::<R, S>::new(PhantomData),
        )
    }
}
