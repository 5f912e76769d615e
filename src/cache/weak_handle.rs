//! `WeakCache`: reference of a memoized function to the cache that it used.

use std::sync::{Arc, Weak};

use crate::cache::handle::{Cache, Inner};

/// Reference of a memoized function to its cache. It keeps the cache open, unless the cache is temporary: functions
/// live as long as the process, and a temporary cache must end with its last handle.
pub(crate) struct WeakCache {
    cache: Weak<Inner>,
    /// A handle of the same cache, if it must stay open.
    _open: Option<Cache>,
}

impl WeakCache {
    pub(crate) fn new(cache: Cache) -> Self {
        WeakCache { cache: Arc::downgrade(&cache.0), _open: (!cache.is_temporary()).then_some(cache) }
    }

    /// Returns the cache; a disabled one if it was temporary and has ended.
    pub(crate) fn get(&self) -> Cache {
        self.cache.upgrade().map_or_else(Cache::disabled, Cache)
    }

    #[inline]
    pub(crate) fn is(&self, cache: &Cache) -> bool {
        // The weak reference keeps the memory allocated even after the cache has ended, so no other cache has this
        // address.
        std::ptr::eq(self.cache.as_ptr(), Arc::as_ptr(&cache.0))
    }
}
