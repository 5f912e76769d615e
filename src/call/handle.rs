//! `Call`: a call of a memoized function that has not run yet.

use std::fmt;
use std::time::{Duration, Instant};

use crate::cache::handle::Cache;
use crate::call::context::CallContext;
use crate::call::context::lookup::Lookup;
use crate::call::function::Memo;
use crate::call::miss::{CallOptions, done};
use crate::call::options::Rules;
use crate::call::outcome::Outcome;
use crate::call::result_shape::ResultShape;
use crate::call::run;
use crate::call::run::{CallRequest, CallSpec};
use crate::call::stored_ref::{Place, Shelved};
use crate::error::{Error, ErrorKind, Result};
use crate::explain::{Explanation, Verdict};
use crate::format::document;
use crate::key::call_key::{Argument, Describe, encode, previews};
use crate::key::digest::Key;
use crate::observe::reason::Reason;

/// A call of a memoized function that has not run: `fit::call(&data, 0.1)` for a function `fit`.
///
/// ```
/// # use larder::{Cache, memoize};
/// # use std::sync::LazyLock;
/// # static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());
/// # static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::open(FOLDER.path()).unwrap());
/// #[memoize(cache = &CACHE)]
/// fn square(n: u64) -> u64 {
///     n * n
/// }
///
/// assert!(!square::call(7).is_cached());
/// assert_eq!(square(7), 49);
/// assert_eq!(square::call(7).cached()?, Some(49));
/// assert!(square::call(7).forget()?);
/// assert_eq!(square::call(7).cached()?, None);
/// # Ok::<(), larder::Error>(())
/// ```
#[must_use = "a call does nothing until it is run"]
pub struct Call<'a, T> {
    context: Box<CallContext<'a>>,
    request: Box<dyn Run<'a, T> + 'a>,
}

/// Lookups that a call offers without running it. Hides the types of the arguments.
pub(crate) trait Ask<T> {
    fn is_stored(&self, context: &CallContext<'_>) -> bool;
    fn load(&self, context: &CallContext<'_>) -> Lookup<T>;
    fn shown(&self, context: &CallContext<'_>) -> Vec<Argument>;
    /// Returns the arguments as text for people.
    fn previews(&self) -> Vec<String>;
    /// Returns the function that makes a reference to the result.
    fn shelve(&self) -> Shelve<T>;
}

/// Makes the reference to a result of this function. `None` means that the result is stored.
pub(crate) type Shelve<T> = fn(&CallContext<'_>, Option<&T>) -> Result<Shelved<T>>;

type RunOutcome<'a, T> = std::result::Result<Box<(T, Outcome)>, Box<dyn Run<'a, T> + 'a>>;

trait Run<'a, T>: Ask<T> {
    /// Runs the call. Returns the call itself if it is postponed.
    fn run(self: Box<Self>, context: &CallContext<'_>, options: CallOptions) -> RunOutcome<'a, T>;
    fn uncached(self: Box<Self>) -> T;
}

impl<A, D: Fn(&A, &mut Describe<'_>), R, S: ResultShape<R>> Ask<R> for CallSpec<A, D, R, S> {
    fn is_stored(&self, context: &CallContext<'_>) -> bool {
        !context.cache.refreshes() && context.is_stored(self.rules)
    }

    fn load(&self, context: &CallContext<'_>) -> Lookup<R> {
        context.load(self.rules)
    }

    fn shown(&self, context: &CallContext<'_>) -> Vec<Argument> {
        CallSpec::shown(self, context)
    }

    fn previews(&self) -> Vec<String> {
        previews(|description| self.describe(description))
    }

    fn shelve(&self) -> Shelve<R> {
        |context, value| {
            let key = *context.key.as_ref().map_err(Error::clone)?;
            let place = match (value, context.path()) {
                (None, Some(path)) => {
                    let secret = context.cache.secret().copied();
                    Place::Stored { path, read_only: context.cache.is_read_only(), sealed: secret.is_some(), secret }
                }
                (None, None) => return Err(Error::new(ErrorKind::NotFound, "the cache is off")),
                (Some(value), _) => match S::stored(value) {
                    Some(stored) => Place::Here(document::to_vec(stored)?.into()),
                    None => {
                        return Err(Error::new(
                            ErrorKind::NotRepresentable,
                            "the function returned an `Err`, which is never stored; call the function to see it",
                        ));
                    }
                },
            };
            Ok(Shelved::new::<S>(key, place))
        }
    }
}

impl<T, Q: Ask<T>, C> Ask<T> for CallRequest<Q, C> {
    fn is_stored(&self, context: &CallContext<'_>) -> bool {
        self.spec.is_stored(context)
    }

    fn load(&self, context: &CallContext<'_>) -> Lookup<T> {
        self.spec.load(context)
    }

    fn shown(&self, context: &CallContext<'_>) -> Vec<Argument> {
        self.spec.shown(context)
    }

    fn previews(&self) -> Vec<String> {
        self.spec.previews()
    }

    fn shelve(&self) -> Shelve<T> {
        self.spec.shelve()
    }
}

impl<'a, A, D, R, S, C> Run<'a, R> for CallRequest<CallSpec<A, D, R, S>, C>
where
    A: 'a,
    D: Fn(&A, &mut Describe<'_>) + 'a,
    R: 'a,
    S: ResultShape<R> + 'a,
    C: FnOnce(A) -> R + 'a,
{
    fn run(self: Box<Self>, context: &CallContext<'_>, options: CallOptions) -> RunOutcome<'a, R> {
        run::run(context, options, self).map_err(|request| -> Box<dyn Run<'a, R> + 'a> { request })
    }

    fn uncached(self: Box<Self>) -> R {
        (self.compute)(self.spec.arguments)
    }
}

/// Returns the call's key, or all zeros if it has none.
pub(crate) fn key(context: &CallContext<'_>) -> Key {
    context.key.as_ref().copied().unwrap_or(Key::from_bytes([0; 32]))
}

pub(crate) fn cached<T>(request: &(impl Ask<T> + ?Sized), context: &CallContext<'_>) -> Result<Option<T>> {
    if let Err(error) = &context.key {
        return Err(error.clone());
    }
    match request.load(context) {
        Lookup::Hit(value, _) => Ok(Some(value)),
        Lookup::Miss(_) => Ok(None),
        Lookup::Corrupt(_, error) => Err(error),
    }
}

pub(crate) fn explain<T>(request: &(impl Ask<T> + ?Sized), context: &CallContext<'_>) -> Explanation {
    let reason = if !context.cache.is_enabled() {
        Err(Reason::CacheOff)
    } else if let Err(error) = &context.key {
        Err(Reason::NoKey { what: error.to_string() })
    } else if context.cache.refreshes() {
        Err(Reason::Refreshed)
    } else {
        match request.load(context) {
            Lookup::Hit(_, hit) => Ok(hit),
            Lookup::Miss(Reason::Absent) => Err(context.why_absent(&request.shown(context))),
            Lookup::Miss(reason) | Lookup::Corrupt(reason, _) => Err(reason),
        }
    };
    let verdict = match reason {
        Ok(Outcome::Hit { age, saved, size }) => Verdict::Hit { age, saved, size },
        Ok(Outcome::Computed { reason, .. } | Outcome::Bypassed { reason, .. }) | Err(reason) => Verdict::Miss(reason),
    };
    Explanation {
        function: context.memo.name().to_owned(),
        key: context.key.as_ref().ok().copied().filter(|_| context.cache.is_enabled()),
        verdict,
        unseen: context.memo.unseen().iter().map(|why| (*why).to_owned()).collect(),
    }
}

pub(crate) fn debug(name: &str, context: &CallContext<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.debug_struct(name).field("function", &context.memo.name()).field("key", &context.key).finish_non_exhaustive()
}

impl<'a, T: 'a> Call<'a, T> {
    /// Creates the call. Used by the attribute.
    #[doc(hidden)]
    pub fn new<A: 'a, S: ResultShape<T> + 'a>(
        memo: &'a Memo,
        cache: &Cache,
        arguments: A,
        describe: impl Fn(&A, &mut Describe<'_>) + 'a,
        compute: impl FnOnce(A) -> T + 'a,
        rules: Rules<T, S>,
    ) -> Self {
        Call {
            context: Box::new(CallContext::new(memo, cache, encode(|description| describe(&arguments, description)))),
            request: Box::new(CallRequest { spec: CallSpec { arguments, describe, rules }, compute }),
        }
    }

    /// Returns the call's key. It is all zeros if an argument has none, because its `Serialize` reports an error or
    /// panics. Such a call always runs.
    #[must_use]
    pub fn key(&self) -> Key {
        key(&self.context)
    }

    /// Returns whether the call would be a hit. Reads the entry's header and changes nothing on disk.
    #[must_use]
    pub fn is_cached(&self) -> bool {
        self.request.is_stored(&self.context)
    }

    /// Returns the stored result, or `None` if there is none. Never computes.
    ///
    /// # Errors
    /// Returns an error if there is an entry and it can't be read, or if an argument has no key.
    pub fn cached(&self) -> Result<Option<T>> {
        cached(&*self.request, &self.context)
    }

    /// Removes the stored result of this call. Returns whether there was one.
    ///
    /// # Errors
    /// [`ReadOnly`](crate::ErrorKind::ReadOnly) in a read-only cache, and errors of the file system.
    pub fn forget(&self) -> Result<bool> {
        self.context.forget()
    }

    /// Explains whether the call would be a hit, and why. Changes nothing on disk, and reads at most the function's
    /// own folder. [`Outcome::Computed`] gives the reason for a call that has run.
    #[must_use]
    pub fn explain(&self) -> Explanation {
        explain(&*self.request, &self.context)
    }

    /// Runs the call as calling the function does: loads the result, or computes and stores it.
    #[expect(clippy::must_use_candidate, reason = "that the result is stored may be all that is wanted")]
    pub fn run(self) -> T {
        done(self.request.run(&self.context, CallOptions::PLAIN).ok()).0
    }

    /// Runs the call as [`run`](Call::run) does, and also returns its outcome.
    #[expect(clippy::must_use_candidate, reason = "that the result is stored may be all that is wanted")]
    pub fn outcome(self) -> (T, Outcome) {
        *done(self.request.run(&self.context, CallOptions::WHY).ok())
    }

    /// Computes the result even if it is stored, and replaces the stored one.
    #[expect(clippy::must_use_candidate, reason = "that the result is stored may be all that is wanted")]
    pub fn refresh(self) -> T {
        done(self.request.run(&self.context, CallOptions::REFRESH).ok()).0
    }

    /// Runs the call as [`run`](Call::run) does, but returns `None` instead of waiting if another thread or process is
    /// computing it. A call of the function within itself with the same arguments does not wait either: it computes.
    /// [`sweep`](crate::sweep) uses this to run other calls first.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let cache = &larder::Cache::open(folder.path())?;
    /// #[larder::memoize(cache = cache, ignore(cache), track = "body")]
    /// fn fit(cache: &larder::Cache, alpha: f64) -> f64 {
    ///     alpha.sqrt()
    /// }
    ///
    /// match fit::call(cache, 0.25).try_run() {
    ///     Some(model) => assert_eq!(model, 0.5),
    ///     None => println!("it is being computed elsewhere"),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[expect(clippy::must_use_candidate, reason = "that the result is stored may be all that is wanted")]
    pub fn try_run(self) -> Option<T> {
        self.try_for(Duration::ZERO).ok()
    }

    /// Tries the call as [`try_run`](Call::try_run) does, but waits up to `longest`. Returns the call if it is still
    /// being computed elsewhere. The next try continues from what this one observed of the leader.
    pub(crate) fn try_for(self, longest: Duration) -> std::result::Result<T, Self> {
        let Call { context, request } = self;
        match request.run(&context, CallOptions::tries(longest)) {
            Ok(done) => Ok(done.0),
            Err(request) => Err(Call { context, request }),
        }
    }

    /// Runs the function without the cache: loads nothing and stores nothing.
    #[expect(clippy::must_use_candidate, reason = "that the result is stored may be all that is wanted")]
    pub fn uncached(self) -> T {
        self.context.print_run(|| self.request.previews());
        let started = Instant::now();
        let value = self.request.uncached();
        self.context.uncached(started.elapsed());
        value
    }

    /// Makes sure that the result is stored, without loading it, and returns a reference to it.
    ///
    /// If it can't be stored, because the cache is off or failed, the reference holds its encoding.
    ///
    /// # Errors
    /// Returns an error if an argument has no key, and [`NotRepresentable`](ErrorKind::NotRepresentable) if the
    /// function returned an `Err` or a value that can't be encoded.
    pub fn shelve(self) -> Result<Shelved<T>> {
        let Call { context, request } = self;
        let shelve = request.shelve();
        if request.is_stored(&context) {
            context.touch();
            return shelve(&context, None);
        }
        match *done(request.run(&context, CallOptions::PLAIN).ok()) {
            (_, Outcome::Hit { .. } | Outcome::Computed { size: Some(_), .. }) => shelve(&context, None),
            (value, _) => shelve(&context, Some(&value)),
        }
    }
}

impl<T> fmt::Debug for Call<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug("Call", &self.context, f)
    }
}
