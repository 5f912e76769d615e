//! The states of a function in the caches that it is used with.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::cache::handle::Cache;
use crate::call::function_state::FunctionState;
use crate::key::function_key::Function;
use crate::sys::fork::per_process::PerProcess;

/// The states of a function in the caches that it is used with. Most functions use one cache, which is found without a
/// lock.
pub(super) struct FunctionHomes {
    /// State in the cache of the first call.
    first: Arc<FunctionState>,
    /// State in the cache of the last call that used another one.
    other: PerProcess<Other>,
    /// Whether the last call used the cache of `other`.
    is_elsewhere: AtomicBool,
    /// Whether a call had the first cache.
    is_first_used: AtomicBool,
    /// Whether this process used the function with caches in several folders.
    has_several: AtomicBool,
}

type Other = RwLock<Option<Arc<FunctionState>>>;

impl FunctionHomes {
    pub(super) fn new(first: Arc<FunctionState>) -> Self {
        FunctionHomes {
            first,
            other: PerProcess::new(),
            is_elsewhere: AtomicBool::new(false),
            is_first_used: AtomicBool::new(false),
            has_several: AtomicBool::new(false),
        }
    }

    /// Returns whether this process used the function with caches in several folders.
    pub(super) fn are_several(&self) -> bool {
        self.has_several.load(Ordering::Relaxed)
    }

    /// Calls `work` with the state of the function in `cache`, and remembers `cache` as the last one used.
    #[inline]
    pub(super) fn with<T>(&self, function: &Function, cache: &Cache, work: impl FnOnce(&Arc<FunctionState>) -> T) -> T {
        let is_elsewhere = !self.first.cache.is(cache);
        if self.is_elsewhere.load(Ordering::Relaxed) != is_elsewhere {
            self.is_elsewhere.store(is_elsewhere, Ordering::Relaxed);
        }
        if is_elsewhere {
            return work(&self.find_other(function, cache));
        }
        if !self.is_first_used.load(Ordering::Relaxed) {
            self.use_first(cache);
        }
        work(&self.first)
    }

    /// Remembers that a call had the first cache.
    #[cold]
    fn use_first(&self, cache: &Cache) {
        self.is_first_used.store(true, Ordering::Relaxed);
        let other = self.other().read().unwrap_or_else(PoisonError::into_inner);
        self.compare_folders(other.as_ref().map(|other| other.cache.get()), cache);
    }

    /// Remembers whether two caches that calls had are in different folders.
    fn compare_folders(&self, one: Option<Cache>, other: &Cache) {
        let differs = |one: Cache| one.is_enabled() && other.is_enabled() && one.path() != other.path();
        if one.is_some_and(differs) {
            self.has_several.store(true, Ordering::Relaxed);
        }
    }

    /// Returns the state in a cache that is not the first one.
    fn find_other(&self, function: &Function, cache: &Cache) -> Arc<FunctionState> {
        let other = self.other().read().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = other.as_ref().filter(|state| state.cache.is(cache)) {
            return state.clone();
        }
        self.compare_folders(other.as_ref().map(|state| state.cache.get()), cache);
        drop(other);
        if self.is_first_used.load(Ordering::Relaxed) {
            self.compare_folders(Some(self.first.cache.get()), cache);
        }
        let state = FunctionState::new(function, cache.clone());
        *self.other().write().unwrap_or_else(PoisonError::into_inner) = Some(state.clone());
        state
    }

    fn other(&self) -> &Other {
        self.other.get_or(|parents| {
            let known = parents.and_then(|parents| parents.try_read().ok()?.clone());
            RwLock::new(known)
        })
    }

    /// Returns the state in the cache that was used last.
    pub(super) fn last(&self) -> Arc<FunctionState> {
        let other = self.other().read().unwrap_or_else(PoisonError::into_inner);
        match &*other {
            Some(other) if self.is_elsewhere.load(Ordering::Relaxed) => other.clone(),
            _ => self.first.clone(),
        }
    }
}
