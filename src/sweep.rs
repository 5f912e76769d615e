//! Many calls, those that nobody computes first.

use std::collections::VecDeque;
use std::fmt;
use std::iter::FusedIterator;

use crate::call::Call;

/// Runs a set of calls, and gives their results in the order of the calls. What another thread or process computes
/// at the moment is put off, and other calls are done meanwhile.
///
/// So several processes that run one sweep share its work: each takes what nobody has begun, and nobody waits as long as
/// there is something to do. Start the same program as often as you like, on all machines that share the cache's folder.
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
/// With rayon, let its threads try each call first, and then run those that somebody was at:
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
    Sweep { waiting: calls.into_iter().map(Item::Call).collect(), next: 0 }
}

/// The results of [`sweep`].
#[must_use = "nothing runs until a result is asked for"]
pub struct Sweep<'a, T> {
    /// Those that have not been given, in order.
    waiting: VecDeque<Item<'a, T>>,
    /// The first one that was not tried yet.
    next: usize,
}

enum Item<'a, T> {
    Call(Call<'a, T>),
    Done(T),
    /// For a moment, while it runs.
    Running,
}

impl<'a, T: 'a> Item<'a, T> {
    /// Runs it if nobody does: whether it is done.
    fn is_done(&mut self) -> bool {
        *self = match std::mem::replace(self, Item::Running) {
            Item::Call(call) => match call.try_or_back() {
                Ok(value) => Item::Done(value),
                Err(call) => Item::Call(call),
            },
            other => other,
        };
        matches!(self, Item::Done(_))
    }

    /// Waits for it, if need be. A call that panicked is gone.
    fn finish(self) -> Option<T> {
        match self {
            Item::Call(call) => Some(call.run()),
            Item::Done(value) => Some(value),
            Item::Running => None,
        }
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
        let mut fresh: VecDeque<_> = self.waiting.into_iter().enumerate().collect();
        let mut busy: VecDeque<(usize, Item<'a, T>)> = VecDeque::new();
        std::iter::from_fn(move || {
            // What was busy may be there by now, so it is asked for between two others.
            if let Some((index, mut item)) = busy.pop_front() {
                if item.is_done() {
                    return item.finish().map(|value| (index, value));
                }
                busy.push_back((index, item));
            }
            while let Some((index, mut item)) = fresh.pop_front() {
                if item.is_done() {
                    return item.finish().map(|value| (index, value));
                }
                busy.push_back((index, item));
            }
            let all = busy.len();
            for _ in 0..all {
                let (index, mut item) = busy.pop_front()?;
                if item.is_done() {
                    return item.finish().map(|value| (index, value));
                }
                busy.push_back((index, item));
            }
            let (index, item) = busy.pop_front()?;
            item.finish().map(|value| (index, value))
        })
    }
}

impl<'a, T: 'a> Iterator for Sweep<'a, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        loop {
            let first = self.waiting.front_mut()?;
            self.next = self.next.max(1);
            // Ahead of the first one, something is done only while that is done by somebody else.
            if !first.is_done()
                && let Some(ahead) = self.waiting.get_mut(self.next)
            {
                self.next += 1;
                let _ = ahead.is_done();
                continue;
            }
            self.next -= 1;
            return self.waiting.pop_front()?.finish();
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.waiting.len(), Some(self.waiting.len()))
    }
}

impl<'a, T: 'a> ExactSizeIterator for Sweep<'a, T> {}
impl<'a, T: 'a> FusedIterator for Sweep<'a, T> {}

impl<T> fmt::Debug for Sweep<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sweep").field("left", &self.waiting.len()).finish_non_exhaustive()
    }
}
