//! `sweep`: runs many calls, and first those that are not being computed elsewhere.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::iter::FusedIterator;
use std::time::Duration;

use crate::call::handle::Call;

/// Runs a set of calls and returns their results in the order of the calls. A call that another thread or process is
/// computing is postponed, and other calls run first.
///
/// So several processes that run the same sweep share its work. Each takes calls that have not begun, and waits only
/// when there are none left. The same program can be started any number of times, on all machines that share the
/// cache's folder.
///
/// Nothing runs before the first result is requested. A result that is ready before its turn is kept in memory until
/// then; [`unordered`](Sweep::unordered) returns each as soon as it is ready.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let cache = &larder::Cache::open(folder.path())?;
/// #[larder::memoize(cache = cache, ignore(cache), track = "body")]
/// fn simulate(cache: &larder::Cache, seed: u64) -> u64 {
///     seed * seed
/// }
///
/// let calls = (0..100).map(|seed| simulate::call(cache, seed));
/// let sum: u64 = larder::sweep(calls).sum();
/// assert_eq!(sum, 328_350);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// With rayon, let its threads try each call first, and then run the calls that were being computed elsewhere:
///
/// ```
/// use rayon::prelude::*;
/// # let folder = tempfile::tempdir()?;
/// # let cache = &larder::Cache::open(folder.path())?;
/// # #[larder::memoize(cache = cache, ignore(cache), track = "body")]
/// # fn simulate(cache: &larder::Cache, seed: u64) -> u64 {
/// #     seed * seed
/// # }
///
/// let seeds: Vec<u64> = (0..100).collect();
/// let tried: Vec<_> = seeds.par_iter().map(|seed| simulate::call(cache, *seed).try_run()).collect();
/// let both = tried.into_par_iter().zip(&seeds);
/// let results = both.map(|(tried, seed)| tried.unwrap_or_else(|| simulate(cache, *seed)));
/// assert_eq!(results.sum::<u64>(), 328_350);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn sweep<'a, T>(calls: impl IntoIterator<Item = Call<'a, T>>) -> Sweep<'a, T> {
    let fresh: VecDeque<_> = calls.into_iter().enumerate().collect();
    let len = fresh.len();
    Sweep { pool: Pool { fresh, busy: VecDeque::new() }, early: BTreeMap::new(), next: 0, len }
}

/// Iterator over the results of [`sweep`].
#[must_use = "nothing runs until a result is asked for"]
pub struct Sweep<'a, T> {
    pool: Pool<'a, T>,
    /// Results that were ready before their turn, by index.
    early: BTreeMap<usize, T>,
    /// The index of the next result.
    next: usize,
    len: usize,
}

/// Calls that have not run yet, with their indices.
struct Pool<'a, T> {
    /// Calls that have not been tried.
    fresh: VecDeque<(usize, Call<'a, T>)>,
    /// Calls that were being computed elsewhere at their last try.
    busy: VecDeque<(usize, Call<'a, T>)>,
}

/// How long to wait for one call before the others are tried again.
const TURN: Duration = Duration::from_millis(100);

impl<'a, T: 'a> Pool<'a, T> {
    /// Tries the call with this index, if it is a busy one.
    fn try_at(&mut self, place: usize) -> Option<T> {
        let at = self.busy.iter().position(|(one, _)| *one == place)?;
        self.try_busy(at, Duration::ZERO).map(|(_, value)| value)
    }

    fn try_busy(&mut self, at: usize, longest: Duration) -> Option<(usize, T)> {
        let (place, call) = self.busy.remove(at)?;
        match call.try_for(longest) {
            Ok(value) => return Some((place, value)),
            Err(call) => self.busy.push_back((place, call)),
        }
        None
    }

    /// Returns whether the call with this index is still in the pool. A call that panicked is not.
    fn has(&self, place: usize) -> bool {
        self.fresh.front().is_some_and(|(first, _)| *first <= place) || self.busy.iter().any(|(one, _)| *one == place)
    }

    /// Returns the next result, of any call. Returns `None` if all calls have run.
    fn any(&mut self) -> Option<(usize, T)> {
        // A busy call may be done by now, so one of them is tried before each fresh call.
        if let Some(done) = self.try_busy(0, Duration::ZERO) {
            return Some(done);
        }
        while let Some((place, call)) = self.fresh.pop_front() {
            match call.try_for(Duration::ZERO) {
                Ok(value) => return Some((place, value)),
                Err(call) => self.busy.push_back((place, call)),
            }
        }
        while !self.busy.is_empty() {
            for _ in 0..self.busy.len() {
                if let Some(done) = self.try_busy(0, Duration::ZERO) {
                    return Some(done);
                }
            }
            // Wait a moment for each busy call in turn.
            if let Some(done) = self.try_busy(0, TURN) {
                return Some(done);
            }
        }
        None
    }

    fn len(&self) -> usize {
        self.fresh.len() + self.busy.len()
    }
}

impl<'a, T: 'a> Sweep<'a, T> {
    /// Returns each result as soon as it is ready, with the index of its call.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let cache = &larder::Cache::open(folder.path())?;
    /// # #[larder::memoize(cache = cache, ignore(cache), track = "body")]
    /// # fn simulate(cache: &larder::Cache, seed: u64) -> u64 {
    /// #     seed * seed
    /// # }
    /// let seeds = [3, 1, 2];
    /// for (index, result) in larder::sweep(seeds.map(|seed| simulate::call(cache, seed))).unordered() {
    ///     assert_eq!(result, seeds[index] * seeds[index]);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn unordered(self) -> impl Iterator<Item = (usize, T)> + use<'a, T> {
        let Sweep { mut pool, early, .. } = self;
        early.into_iter().chain(std::iter::from_fn(move || pool.any()))
    }
}

impl<'a, T: 'a> Iterator for Sweep<'a, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        while self.next < self.len {
            let done = self.early.remove(&self.next).or_else(|| self.pool.try_at(self.next));
            if done.is_some() || !self.pool.has(self.next) {
                // A call that panicked has no result and is skipped.
                self.next += 1;
                if done.is_some() {
                    return done;
                }
                continue;
            }
            // The next call is being computed elsewhere, so run another one first.
            if let Some((place, value)) = self.pool.any() {
                self.early.insert(place, value);
            }
        }
        None
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.pool.len() + self.early.len();
        (left, Some(left))
    }
}

impl<'a, T: 'a> ExactSizeIterator for Sweep<'a, T> {}
impl<'a, T: 'a> FusedIterator for Sweep<'a, T> {}

impl<T> fmt::Debug for Sweep<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left = self.pool.fresh.len() + self.pool.busy.len() + self.early.len();
        f.debug_struct("Sweep").field("left", &left).finish_non_exhaustive()
    }
}
