//! State of a function in one cache.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::cache::handle::Cache;
use crate::cache::weak_handle::WeakCache;
use crate::call::shared_results::SharedResults;
use crate::engine::eviction::function_limits::FunctionLimits;
use crate::key::function_key::Function;
use crate::observe::function_counters::FunctionCounters;
use crate::sys::fork::per_process::PerProcess;

/// State of a function in one cache.
pub(crate) struct FunctionState {
    pub(super) cache: WeakCache,
    /// The function's folder in the cache; `None` if the cache is off.
    pub(crate) folder: Option<Arc<Path>>,
    /// The function's counters in the cache.
    tally: PerProcess<Arc<FunctionCounters>>,
    /// Whether this process has written or checked the file that describes the function.
    pub(super) described: AtomicBool,
    /// When the function's own limits are enforced next.
    limits: PerProcess<FunctionLimits>,
    /// Results in an `Arc` that this process still has.
    shared: PerProcess<SharedResults>,
}

impl FunctionState {
    pub(super) fn new(function: &Function, cache: Cache) -> Arc<Self> {
        let folder: Option<Arc<Path>> = cache.engine().layout().map(|layout| layout.function(function).into());
        let tally = cache.engine().accounting.counters(folder.as_deref(), &function.path).into();
        Arc::new(FunctionState {
            cache: WeakCache::new(cache),
            folder,
            tally,
            described: AtomicBool::new(false),
            limits: PerProcess::new(),
            shared: PerProcess::new(),
        })
    }

    /// Returns when the function's own limits are enforced next.
    pub(crate) fn limits(&self) -> &FunctionLimits {
        self.limits.get()
    }

    /// Returns the results in an `Arc` that this process still has.
    pub(crate) fn shared(&self) -> &SharedResults {
        self.shared.get()
    }

    /// Returns the function's counters in the cache.
    #[inline]
    pub(crate) fn tally(&self) -> &Arc<FunctionCounters> {
        self.tally.get_or(|parents| {
            self.cache
                .get()
                .engine()
                .accounting
                .counters_named(parents.map_or_else(String::new, |tally| tally.name().to_owned()))
        })
    }
}
