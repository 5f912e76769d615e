//! Memoization without the attribute: a closure under a name.

use std::any::type_name;
use std::cell::RefCell;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cache::handle::Cache;
use crate::call::function::{Definition, Memo};
use crate::call::options::Rules;
use crate::call::result_shape::{FallibleResult, PlainResult, ResultShape};
use crate::call::run;
use crate::key::caller::{full_name, origin_of};

impl Cache {
    /// Loads the result of `compute`, or runs it and keeps its result. For closures; functions have
    /// [`#[memoize]`](macro@crate::memoize).
    ///
    /// `name` stands for the code: two closures that compute different things need different names,
    /// and one that is changed needs a new one. `args` is all that the result depends on. A result
    /// that is an `Err` is not kept.
    ///
    /// What the name is relative to:
    ///
    /// - In a cache that a program [opened](Cache::open) itself, it is relative to that cache: every
    ///   program that opens the folder shares the name.
    /// - In the [`global`](Cache::global) cache, which all programs share, it is relative to the crates that the closure's
    ///   type names. `"load"` in a crate `app` is listed as `app::load`, and is not the `"load"` of a crate `other`. The
    ///   closure may move within its crate. If a library's generic function hands on a closure of `app`, both count:
    ///   `app+library::load`. A function pointer, and what is behind `dyn`, may be anybody's code: then the name of the
    ///   program's file counts as well. In the tests of `app`, that name, `app-` and digits, stands for `app`: what was
    ///   compiled with `cfg(test)` gives the program nothing.
    ///
    /// Two programs whose crates have one name are one there. So are two that use a library which hides their code from its
    /// own closure, behind `dyn`, and chooses the name itself: it should put into `args` whose code it is.
    pub fn get_or_compute<A, T>(&self, name: &str, args: &A, compute: impl FnOnce() -> T) -> T
    where
        A: Serialize + ?Sized,
        T: Serialize + DeserializeOwned,
    {
        self.closure::<A, T, PlainResult<T>, _>(name, args, compute)
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
        self.closure::<A, Result<T, E>, FallibleResult<T, E>, _>(name, args, compute)
    }

    fn closure<A, R, S, F>(&self, name: &str, args: &A, compute: F) -> R
    where
        A: Serialize + ?Sized,
        S: ResultShape<R>,
        F: FnOnce() -> R,
    {
        let memo = if self.is_global() {
            global_memo::<F, S::Stored>(self, name)
        } else {
            own_memo(self, name, type_name::<S::Stored>())
        };
        run::call(
            &memo,
            self,
            args,
            |args, description| description.argument("args", args),
            |_| compute(),
            Rules::<R, S>::new(PhantomData),
        )
    }
}

/// On the heap, as it is there while the closure runs.
#[inline(never)]
fn own_memo(cache: &Cache, name: &str, stored: &'static str) -> Arc<Memo> {
    Arc::new(Memo::new(Definition::of_closure(name, stored), cache.clone()))
}

thread_local! {
    /// What this thread called last in the global cache, which is mostly what it calls next.
    static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
}

struct Last {
    name: String,
    /// The types of the closure and of its result.
    types: [String; 2],
    memo: Arc<Memo>,
}

/// The memo of a closure of type `F` that gives a `T`. Unlike others, the global cache is never closed, so a memo may keep it
/// open.
fn global_memo<F, T>(global: &Cache, name: &str) -> Arc<Memo> {
    let types = [type_name::<F>(), type_name::<T>()];
    let last = LAST.try_with(|last| match &*last.borrow() {
        Some(last) if last.name == name && last.types == types => Some(last.memo.clone()),
        _ => None,
    });
    if let Ok(Some(memo)) = last {
        return memo;
    }
    let definition = Definition::of_closure(&full_name(&origin_of::<F>(), name), types[1]);
    let memo = Arc::new(Memo::new(definition, global.clone()));
    let last = Last { name: name.to_owned(), types: types.map(str::to_owned), memo: memo.clone() };
    // Where the thread ends, nothing is kept any more.
    let _ = LAST.try_with(|place| place.replace(Some(last)));
    memo
}
