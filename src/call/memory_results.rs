//! Results that stay in this process, as they are: those of functions with the option `memory_only`.
//!
//! The results of a function are in a map by key, with a limit on their number. A call whose result another thread
//! computes waits for it. A thread that computes such a result itself never waits, so no two threads wait for each other.

use std::any::Any;
use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::engine::eviction::policy::age;
use crate::key::digest::Key;
use crate::sys::locked::locked;

type Value = dyn Any + Send + Sync;

/// How long a call waits for another thread at most. Then it computes the result itself.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Part of the results that are removed at once if there are too many.
const AT_ONCE: u64 = 8;

/// The results of one function in this process.
#[derive(Default)]
pub(crate) struct MemoryResults {
    known: Mutex<Known>,
    /// Notified when a computation ends.
    ended: Condvar,
}

#[derive(Default)]
struct Known {
    results: HashMap<Key, InMemory>,
    /// The calls that a thread computes.
    running: HashSet<Key>,
    /// Counts uses.
    clock: u64,
}

struct InMemory {
    value: Arc<Value>,
    created: SystemTime,
    took: Duration,
    /// The value of the clock when it was used last.
    used: u64,
}

thread_local! {
    /// How many such calls this thread computes at the moment, one within the other.
    static COMPUTING: Cell<u32> = const { Cell::new(0) };
}

/// Whether a call waits for another thread that computes its result. An async task does not: it would keep its thread
/// from others.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    Yes,
    #[cfg(feature = "async")]
    No,
}

/// Whether a call has to compute.
pub(super) enum Lookup<T> {
    Hit(T, Duration),
    Compute,
}

impl MemoryResults {
    /// Returns the result; otherwise this thread must compute it, which a [`Computing`] ends. No code of the user runs under
    /// the lock, because a `Clone` or `Drop` may call the function.
    pub(super) fn begin<T: Clone + 'static>(
        &self,
        key: &Key,
        max_age: Option<Duration>,
        refresh: bool,
        wait: Wait,
    ) -> Lookup<T> {
        let until = match wait {
            Wait::Yes if COMPUTING.get() == 0 => Instant::now() + LONGEST_WAIT,
            _ => Instant::now(),
        };
        let mut known = locked(&self.known);
        loop {
            if !refresh && let Some((value, took)) = known.get::<T>(key, max_age) {
                drop(known);
                if let Some(value) = value.downcast_ref::<T>() {
                    return Lookup::Hit(value.clone(), took);
                }
                known = locked(&self.known);
            }
            let rest = until.saturating_duration_since(Instant::now());
            if !known.running.contains(key) || rest.is_zero() {
                known.running.insert(*key);
                return Lookup::Compute;
            }
            known = self.ended.wait_timeout(known, rest).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Ends a computation. Keeps its result, if there is one to keep.
    fn end<T: Send + Sync + 'static>(&self, key: &Key, result: Option<(T, Duration)>, most: u64) {
        let mut known = locked(&self.known);
        known.running.remove(key);
        let mut removed = Vec::new();
        if let Some((value, took)) = result {
            known.clock += 1;
            let used = known.clock;
            let result = InMemory { value: Arc::new(value), created: SystemTime::now(), took, used };
            removed.extend(known.results.insert(*key, result));
            removed.append(&mut known.limit(most));
        }
        drop(known);
        self.ended.notify_all();
        drop(removed);
    }

    /// Removes all results.
    pub(crate) fn clear(&self) {
        let results = std::mem::take(&mut locked(&self.known).results);
        // The drop of a value may call the function.
        drop(results);
    }
}

impl Known {
    /// Returns a result of type `T`. Two versions of a crate may have types of the same name, and so the same key.
    fn get<T: 'static>(&mut self, key: &Key, max_age: Option<Duration>) -> Option<(Arc<Value>, Duration)> {
        self.clock += 1;
        let result = self.results.get_mut(key)?;
        if max_age.is_some_and(|max_age| age(result.created, max_age) > max_age) {
            return None;
        }
        result.used = self.clock;
        result.value.is::<T>().then(|| (Arc::clone(&result.value), result.took))
    }

    /// Removes the least recently used results if there are more than `most`, and returns them.
    fn limit(&mut self, most: u64) -> Vec<InMemory> {
        if self.results.len() as u64 <= most {
            return Vec::new();
        }
        let kept = most - if most >= 2 * AT_ONCE { most / AT_ONCE } else { 0 };
        let mut used: Vec<u64> = self.results.values().map(|result| result.used).collect();
        used.sort_unstable();
        let surplus = self.results.len() - usize::try_from(kept).unwrap_or(usize::MAX);
        let oldest = used[surplus];
        self.results.extract_if(|_, result| result.used < oldest).map(|(_, result)| result).collect()
    }
}

/// Ends a computation also if the function panics.
pub(super) struct Computing<'m, T: Send + Sync + 'static> {
    pub(super) results: &'m MemoryResults,
    pub(super) key: Key,
    /// Number of results that are kept.
    pub(super) most: u64,
    /// The result to keep, and how long it took.
    pub(super) result: Option<(T, Duration)>,
}

/// A computation of this thread, during which it does not wait.
pub(super) struct OnThisThread;

impl OnThisThread {
    pub(super) fn begin() -> Self {
        COMPUTING.set(COMPUTING.get() + 1);
        OnThisThread
    }
}

impl Drop for OnThisThread {
    fn drop(&mut self) {
        COMPUTING.set(COMPUTING.get() - 1);
    }
}

impl<T: Send + Sync + 'static> Drop for Computing<'_, T> {
    fn drop(&mut self) {
        self.results.end(&self.key, self.result.take(), self.most);
    }
}
