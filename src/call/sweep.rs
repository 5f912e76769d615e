//! Many calls: first those that are not being computed elsewhere.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::iter::FusedIterator;
use std::time::Duration;

use crate::call::handle::Call;

/// Runs a set of calls, and gives their results in the order of the calls. What another thread or process computes
/// at the moment is put off, and other calls are done meanwhile.
///
/// So several processes that run one sweep share its work: each takes calls that have not been begun, and none waits as
/// long as there is such a call. Start the same program as often as you like, on all machines that share the cache's folder.
///
/// Nothing runs before a result is asked for. A result that is there before its turn is kept in memory until then;
/// [`unordered`](Sweep::unordered) gives each as it comes.
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
/// With rayon, let its threads try each call first, and then run those that were being computed elsewhere:
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

/// The results of [`sweep`].
#[must_use = "nothing runs until a result is asked for"]
pub struct Sweep<'a, T> {
    pool: Pool<'a, T>,
    /// Results that came before their turn.
    early: BTreeMap<usize, T>,
    /// The place of the next result, and of the end.
    next: usize,
    len: usize,
}

/// Calls that have not run yet, with their places.
struct Pool<'a, T> {
    /// Those that were not tried yet.
    fresh: VecDeque<(usize, Call<'a, T>)>,
    /// Those that were being computed elsewhere when they were tried last.
    busy: VecDeque<(usize, Call<'a, T>)>,
}

/// How long one of several calls is waited for before the others are tried again.
const TURN: Duration = Duration::from_millis(100);

impl<'a, T: 'a> Pool<'a, T> {
    /// Tries the call at this place, if it is a busy one.
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

    /// Whether the call at this place is still here: one that panicked is not.
    fn has(&self, place: usize) -> bool {
        self.fresh.front().is_some_and(|(first, _)| *first <= place) || self.busy.iter().any(|(one, _)| *one == place)
    }

    /// The next result, whichever it is. `None` if all calls have run.
    fn any(&mut self) -> Option<(usize, T)> {
        // What was busy may be there by now, so one is asked for between two others.
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
            // Each in turn is waited for a moment.
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
    /// Gives each result as soon as it is there, with its call's place among the calls.
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
                // One that panicked is passed over.
                self.next += 1;
                if done.is_some() {
                    return done;
                }
                continue;
            }
            // The next one is being computed elsewhere, so another one is done meanwhile.
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
