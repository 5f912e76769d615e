//! `WeakCache`: what a memoized function remembers of the cache that it used.

use std::sync::{Arc, Weak};

use crate::cache::handle::{Cache, Inner};

/// A cache, as a memoized function remembers it. It keeps the cache open, unless that is a temporary one: functions live as
/// long as the process, and a temporary cache ends with its last handle.
pub(crate) struct WeakCache {
    cache: Weak<Inner>,
    /// The same cache, if it is to be kept open.
    _open: Option<Cache>,
}

impl WeakCache {
    pub(crate) fn new(cache: Cache) -> Self {
        WeakCache { cache: Arc::downgrade(&cache.0), _open: (!cache.is_temporary()).then_some(cache) }
    }

    /// The cache; a disabled one, if it was temporary and has ended.
    pub(crate) fn get(&self) -> Cache {
        self.cache.upgrade().map_or_else(Cache::disabled, Cache)
    }

    #[inline]
    pub(crate) fn is(&self, cache: &Cache) -> bool {
        // Also after the cache has ended, no other one is at its address: this handle keeps the memory.
        std::ptr::eq(self.cache.as_ptr(), Arc::as_ptr(&cache.0))
    }
}
