//! Memoization of closures, without the attribute: `Cache::get_or_compute`.

use std::any::type_name;
use std::cell::RefCell;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cache::handle::Cache;
use crate::call::definition::Definition;
use crate::call::function::Memo;
use crate::call::options::Rules;
use crate::call::result_shape::{FallibleResult, PlainResult, ResultShape};
use crate::call::run;
use crate::key::caller::{full_name, origin_of};

/// A type that implements `Serialize` and `DeserializeOwned`, with one compiler message if it does not.
#[diagnostic::on_unimplemented(
    message = "a result of type `{Self}` can't be stored: it does not implement both `serde::Serialize` and \
               `serde::de::DeserializeOwned`",
    label = "the closure's result can't be stored",
    note = "if it is a `Result` whose error can't be stored, call `get_or_try_compute`, which stores only the value in `Ok`",
    note = "or derive `serde::Serialize` and `serde::Deserialize` for it and for what it holds"
)]
pub trait StorableResult: Serialize + DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> StorableResult for T {}

impl Cache {
    /// Loads the result of `compute`, or runs it and stores its result. This is for closures; for functions, use
    /// [`#[memoize]`](macro@crate::memoize).
    ///
    /// The result implements `Serialize` and `DeserializeOwned`.
    ///
    /// `name` stands for the code: closures that compute different things need different names, and a closure whose
    /// code changes needs a new one. `args` must hold everything that the result depends on. A result that is an `Err`
    /// is not stored; if its error type can't be serialised, as `anyhow::Error`, call
    /// [`get_or_try_compute`](Cache::get_or_try_compute).
    ///
    /// The scope of the name depends on the cache:
    ///
    /// - In a cache that a program [opened](Cache::open) itself, all programs that open the folder share the name.
    /// - In the [`global`](Cache::global) cache, which all programs share, the name is scoped to the crates that the
    ///   closure's type mentions. `"load"` in a crate `app` is listed as `app::load`, and differs from `"load"` in a
    ///   crate `other`. The closure may move within its crate. If a library's generic function passes on a closure of
    ///   `app`, both crates count: `app+library::load`. A function pointer, or a closure behind `dyn`, may come from
    ///   any crate, so the name of the program's file counts as well. A test binary of `app` has the file name `app-`
    ///   and digits, which is read as `app`: the program never gets a result of code that was compiled with
    ///   `cfg(test)`.
    ///
    /// In the global cache, two programs whose crates have the same name share results. So do two programs that use a
    /// library which chooses the name itself and hides their code from its own closure behind `dyn`. Such a library
    /// should put the identity of the code into `args`.
    pub fn get_or_compute<A, T>(&self, name: &str, args: &A, compute: impl FnOnce() -> T) -> T
    where
        A: Serialize + ?Sized,
        T: StorableResult,
    {
        self.closure::<A, T, PlainResult<T>, _>(name, args, compute)
    }

    /// Does the same as [`get_or_compute`](Cache::get_or_compute) for a result whose error type need not be
    /// serialisable.
    ///
    /// ```
    /// # let cache = larder::Cache::temporary()?;
    /// let parse = |text: &str| cache.get_or_try_compute("parse", text, || text.parse::<u32>());
    /// assert_eq!(parse("42"), Ok(42));
    /// assert!(parse("forty-two").is_err());
    /// assert_eq!(cache.stats()?.entries, 1);
    /// # Ok::<(), larder::Error>(())
    /// ```
    ///
    /// # Errors
    /// The errors that `compute` returns.
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

/// Creates the memo of a closure in a cache that is not global. It is on the heap to keep the stack small while the
/// closure runs.
#[inline(never)]
fn own_memo(cache: &Cache, name: &str, stored: &'static str) -> Arc<Memo> {
    Arc::new(Memo::new(Definition::of_closure(name, stored), cache.clone()))
}

thread_local! {
    /// The closure that this thread called last in the global cache. The next call is usually of the same one.
    static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
}

struct Last {
    name: String,
    /// The types of the closure and of its stored result.
    types: [String; 2],
    memo: Arc<Memo>,
}

/// Returns the memo of a closure of type `F` with result type `T`. The global cache is never closed, so a memo may
/// keep it open.
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
    // When the thread is ending, its thread-local storage is gone and nothing is kept.
    let _ = LAST.try_with(|place| place.replace(Some(last)));
    memo
}
