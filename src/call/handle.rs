//! One call in hand.

use std::fmt;
use std::time::{Duration, Instant};

use crate::cache::handle::Cache;
use crate::call::context::{CallContext, Lookup};
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
use crate::key::call_key::{Argument, Describe, encode};
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
    site: Box<CallContext<'a>>,
    asked: Box<dyn Run<'a, T> + 'a>,
}

/// What can be asked of a call without running it, whatever its arguments are.
pub(crate) trait Ask<T> {
    fn is_stored(&self, site: &CallContext<'_>) -> bool;
    fn load(&self, site: &CallContext<'_>) -> Lookup<T>;
    fn shown(&self, site: &CallContext<'_>) -> Vec<Argument>;
    /// How to refer to the result.
    fn shelve(&self) -> Shelve<T>;
}

/// Makes the reference to a result of this function: `None` stands for one that is stored.
pub(crate) type Shelve<T> = fn(&CallContext<'_>, Option<&T>) -> Result<Shelved<T>>;

type RunOutcome<'a, T> = std::result::Result<Box<(T, Outcome)>, Box<dyn Run<'a, T> + 'a>>;

trait Run<'a, T>: Ask<T> {
    /// Gives itself back if it is put off.
    fn run(self: Box<Self>, site: &CallContext<'_>, how: CallOptions) -> RunOutcome<'a, T>;
    fn uncached(self: Box<Self>) -> T;
}

impl<A, D: Fn(&A, &mut Describe<'_>), R, S: ResultShape<R>> Ask<R> for CallSpec<A, D, R, S> {
    fn is_stored(&self, site: &CallContext<'_>) -> bool {
        !site.cache.refreshes() && site.is_stored(self.rules)
    }

    fn load(&self, site: &CallContext<'_>) -> Lookup<R> {
        site.load(self.rules)
    }

    fn shown(&self, site: &CallContext<'_>) -> Vec<Argument> {
        CallSpec::shown(self, site)
    }

    fn shelve(&self) -> Shelve<R> {
        |site, value| {
            let key = *site.key.as_ref().map_err(Error::clone)?;
            let place = match (value, site.path()) {
                (None, Some(path)) => {
                    let secret = site.cache.secret().copied();
                    Place::Stored { path, read_only: site.cache.is_read_only(), sealed: secret.is_some(), secret }
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
    fn is_stored(&self, site: &CallContext<'_>) -> bool {
        self.question.is_stored(site)
    }

    fn load(&self, site: &CallContext<'_>) -> Lookup<T> {
        self.question.load(site)
    }

    fn shown(&self, site: &CallContext<'_>) -> Vec<Argument> {
        self.question.shown(site)
    }

    fn shelve(&self) -> Shelve<T> {
        self.question.shelve()
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
    fn run(self: Box<Self>, site: &CallContext<'_>, how: CallOptions) -> RunOutcome<'a, R> {
        run::run(site, how, self).map_err(|asked| -> Box<dyn Run<'a, R> + 'a> { asked })
    }

    fn uncached(self: Box<Self>) -> R {
        (self.compute)(self.question.arguments)
    }
}

/// The call's key; zeros if it has none.
pub(crate) fn key(site: &CallContext<'_>) -> Key {
    site.key.as_ref().copied().unwrap_or(Key::from_bytes([0; 32]))
}

pub(crate) fn cached<T>(asked: &(impl Ask<T> + ?Sized), site: &CallContext<'_>) -> Result<Option<T>> {
    if let Err(error) = &site.key {
        return Err(error.clone());
    }
    match asked.load(site) {
        Lookup::Hit(value, _) => Ok(Some(value)),
        Lookup::Miss(_) => Ok(None),
        Lookup::Corrupt(_, error) => Err(error),
    }
}

pub(crate) fn explain<T>(asked: &(impl Ask<T> + ?Sized), site: &CallContext<'_>) -> Explanation {
    let reason = if !site.cache.is_enabled() {
        Err(Reason::CacheOff)
    } else if let Err(error) = &site.key {
        Err(Reason::NoKey { what: error.to_string() })
    } else if site.cache.refreshes() {
        Err(Reason::Refreshed)
    } else {
        match asked.load(site) {
            Lookup::Hit(_, hit) => Ok(hit),
            Lookup::Miss(Reason::Absent) => Err(site.why_absent(&asked.shown(site))),
            Lookup::Miss(reason) | Lookup::Corrupt(reason, _) => Err(reason),
        }
    };
    let verdict = match reason {
        Ok(Outcome::Hit { age, saved, size }) => Verdict::Hit { age, saves: saved, size },
        Ok(Outcome::Computed { reason, .. } | Outcome::Bypassed { reason, .. }) | Err(reason) => Verdict::Miss(reason),
    };
    Explanation {
        function: site.memo.name().to_owned(),
        key: site.key.as_ref().ok().copied().filter(|_| site.cache.is_enabled()),
        verdict,
        unseen: site.memo.unseen().iter().map(|why| (*why).to_owned()).collect(),
    }
}

pub(crate) fn debug(name: &str, site: &CallContext<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.debug_struct(name).field("function", &site.memo.name()).field("key", &site.key).finish_non_exhaustive()
}

impl<'a, T: 'a> Call<'a, T> {
    /// For the attribute.
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
            site: Box::new(CallContext::new(memo, cache, encode(|description| describe(&arguments, description)))),
            asked: Box::new(CallRequest { question: CallSpec { arguments, describe, rules }, compute }),
        }
    }

    /// The call's key. All zeros if an argument has none, because its `Serialize` reports an error or
    /// panics: such a call always runs.
    pub fn key(&self) -> Key {
        key(&self.site)
    }

    /// Whether the call would be a hit. Reads the entry's header and changes nothing on disk.
    pub fn is_cached(&self) -> bool {
        self.asked.is_stored(&self.site)
    }

    /// The stored result, if there is one. Never computes.
    ///
    /// # Errors
    /// If there is an entry and it can't be read, or if an argument has no key.
    pub fn cached(&self) -> Result<Option<T>> {
        cached(&*self.asked, &self.site)
    }

    /// Removes the stored result of this call. Gives whether there was one.
    ///
    /// # Errors
    /// [`ReadOnly`](crate::ErrorKind::ReadOnly), and what the file system reports.
    pub fn forget(&self) -> Result<bool> {
        self.site.forget()
    }

    /// Whether the call would be a hit, and why. Changes nothing on disk, and reads at most the
    /// function's own folder. Also [`Outcome::Computed`] says why.
    pub fn explain(&self) -> Explanation {
        explain(&*self.asked, &self.site)
    }

    /// What calling the function does: loads the result, or computes and keeps it.
    pub fn run(self) -> T {
        done(self.asked.run(&self.site, CallOptions::PLAIN).ok()).0
    }

    /// As [`run`](Call::run), and tells what became of the call.
    pub fn outcome(self) -> (T, Outcome) {
        *done(self.asked.run(&self.site, CallOptions::WHY).ok())
    }

    /// Computes the result even if it is stored, and replaces what is stored.
    pub fn refresh(self) -> T {
        done(self.asked.run(&self.site, CallOptions::REFRESH).ok()).0
    }

    /// What [`run`](Call::run) does, but `None` if another thread or process computes this call at the moment, instead of
    /// waiting for it. (Within the function itself, for the same call, it computes.) [`sweep`](crate::sweep) uses it to do other calls meanwhile.
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
    pub fn try_run(self) -> Option<T> {
        self.try_for(Duration::ZERO).ok()
    }

    /// [`try_run`](Call::try_run), which waits for so long, and gives the call back. When that is tried again, it goes on from
    /// what was seen of the holder.
    pub(crate) fn try_for(self, longest: Duration) -> std::result::Result<T, Self> {
        let Call { site, asked } = self;
        match asked.run(&site, CallOptions::tries(longest)) {
            Ok(done) => Ok(done.0),
            Err(asked) => Err(Call { site, asked }),
        }
    }

    /// Runs the function past the cache: nothing is loaded, and nothing is stored.
    pub fn uncached(self) -> T {
        let started = Instant::now();
        let value = self.asked.uncached();
        self.site.uncached(started.elapsed());
        value
    }

    /// Makes sure that the result is stored, without loading it, and refers to it.
    ///
    /// If it can't be stored, because the cache is off or failed, its encoding is kept in the reference.
    ///
    /// # Errors
    /// If an argument has no key; [`NotRepresentable`](ErrorKind::NotRepresentable) if the function
    /// returned an `Err`, or a value that can't be encoded.
    pub fn shelve(self) -> Result<Shelved<T>> {
        let Call { site, asked } = self;
        let shelve = asked.shelve();
        if asked.is_stored(&site) {
            return shelve(&site, None);
        }
        match *done(asked.run(&site, CallOptions::PLAIN).ok()) {
            (_, Outcome::Hit { .. } | Outcome::Computed { size: Some(_), .. }) => shelve(&site, None),
            (value, _) => shelve(&site, Some(&value)),
        }
    }
}

impl<T> fmt::Debug for Call<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug("Call", &self.site, f)
    }
}
