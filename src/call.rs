//! One call in hand: its key is known, and nothing has run yet.

use std::fmt;

use crate::cache::Cache;
use crate::key::{Describe, Key};
use crate::memo::Memo;
use crate::outcome::Outcome;
use crate::rules::Rules;
use crate::shape::Shape;
use crate::site::Site;
use crate::{Result, memoize};

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
    target: Target<'a, T>,
    run: Box<Run<'a, T>>,
}

type Run<'a, T> = dyn FnOnce(&Site<'_>, bool) -> (T, Outcome) + 'a;

/// A site together with the type of its result.
pub(crate) struct Target<'a, T> {
    pub(crate) site: Site<'a>,
    load: Load<T>,
    is_stored: fn(&Site<'_>) -> bool,
}

type Load<T> = fn(&Site<'_>) -> Result<Option<(T, Outcome)>>;

impl<'a, T> Target<'a, T> {
    pub(crate) fn new<S: Shape<T>>(memo: &'a Memo, cache: &Cache, describe: impl FnOnce(&mut Describe<'_>)) -> Self {
        let site = Site::new(memo, cache, describe);
        Target { site, load: |site| site.load::<T, S>(), is_stored: |site| site.is_stored::<S::Stored>() }
    }

    pub(crate) fn key(&self) -> Key {
        self.site.key.as_ref().copied().unwrap_or(Key::from_bytes([0; 32]))
    }

    pub(crate) fn is_cached(&self) -> bool {
        !self.site.cache.refreshes() && (self.is_stored)(&self.site)
    }

    pub(crate) fn cached(&self) -> Result<Option<T>> {
        Ok((self.load)(&self.site)?.map(|(value, _)| value))
    }

    pub(crate) fn forget(&self) -> Result<bool> {
        self.site.forget()
    }

    pub(crate) fn debug(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Site { memo, key, .. } = &self.site;
        f.debug_struct(name).field("function", &memo.name()).field("key", key).finish_non_exhaustive()
    }
}

impl<'a, T: 'a> Call<'a, T> {
    /// For the attribute.
    #[doc(hidden)]
    pub fn new<A: 'a, S: Shape<T> + 'a>(
        memo: &'a Memo,
        cache: &Cache,
        arguments: A,
        describe: impl Fn(&A, &mut Describe<'_>) + 'a,
        compute: impl FnOnce(A) -> T + 'a,
        rules: Rules<T, S>,
    ) -> Self {
        Call {
            target: Target::new::<S>(memo, cache, |description| describe(&arguments, description)),
            run: Box::new(move |site, refresh| memoize::run(site, refresh, arguments, describe, compute, &rules)),
        }
    }

    /// The call's key. All zeros if an argument has none, because its `Serialize` reports an error:
    /// such a call always runs.
    pub fn key(&self) -> Key {
        self.target.key()
    }

    /// Whether the call would be a hit. Reads the entry's header and changes nothing on disk.
    pub fn is_cached(&self) -> bool {
        self.target.is_cached()
    }

    /// The stored result, if there is one. Never computes.
    ///
    /// # Errors
    /// If there is an entry and it can't be read, or if an argument has no key.
    pub fn cached(&self) -> Result<Option<T>> {
        self.target.cached()
    }

    /// Removes the stored result of this call. Gives whether there was one.
    ///
    /// # Errors
    /// [`ReadOnly`](crate::ErrorKind::ReadOnly), and what the file system reports.
    pub fn forget(&self) -> Result<bool> {
        self.target.forget()
    }

    /// What calling the function does: loads the result, or computes and keeps it.
    pub fn run(self) -> T {
        self.outcome().0
    }

    /// As [`run`](Call::run), and tells what became of the call.
    pub fn outcome(self) -> (T, Outcome) {
        (self.run)(&self.target.site, false)
    }

    /// Computes the result even if it is stored, and replaces what is stored.
    pub fn refresh(self) -> T {
        (self.run)(&self.target.site, true).0
    }
}

impl<T> fmt::Debug for Call<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.target.debug("Call", f)
    }
}
