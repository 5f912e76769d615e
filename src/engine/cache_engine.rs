//! Engine of one cache in one process, shared by all its handles.
//!
//! It consists of independent components, each with its own locks: the [`CacheFolder`], the [`Accounting`], the
//! [`MemoryTier`], the [`Evictor`] and the connection to the [`Background`] thread. Operations on several of them are
//! in `entry_changes.rs` (storing and removing entries) and `maintenance.rs` (work of the thread).

use std::path::Path;
use std::sync::Arc;

use crate::engine::accounting::Accounting;
use crate::engine::background::{Background, Task};
use crate::engine::cache_folder::{CacheFolder, Plan};
use crate::engine::eviction::evictor::Evictor;
use crate::engine::eviction::policy::{EvictionOrder, Limits};
use crate::engine::idle_clock::IdleClock;
use crate::engine::memory_tier::tier::MemoryTier;
use crate::engine::unstored::Unstored;
use crate::error::Error;
use crate::observe::repeated_faults::Repeats;
use crate::store::layout::Layout;

/// The engine of one cache.
pub(crate) struct Engine {
    /// `None` if the cache is off.
    pub(super) folder: Option<CacheFolder>,
    pub(crate) accounting: Accounting,
    pub(super) memory: MemoryTier,
    pub(super) evictor: Evictor,
    pub(super) background: Background,
    /// Counts faults, to log repeated ones rarely.
    pub(crate) repeats: Repeats,
    /// The calls whose results were not stored.
    pub(crate) unstored: Unstored,
    pub(super) idle_clock: IdleClock,
}

impl Engine {
    /// Makes the engine of a cache that is off.
    pub(crate) fn off() -> Arc<Self> {
        Arc::new(Engine {
            folder: None,
            accounting: Accounting::in_memory(),
            memory: MemoryTier::new(0, None, false),
            evictor: Evictor::new(Limits::default(), EvictionOrder::default()),
            background: Background::default(),
            repeats: Repeats::default(),
            unstored: Unstored::default(),
            idle_clock: IdleClock::default(),
        })
    }

    /// Makes the engine of a cache.
    pub(crate) fn new(plan: &Plan) -> Arc<Self> {
        let folder = CacheFolder::new(plan);
        let accounting = Accounting::new(&folder.layout, &folder.locks);
        if folder.is_writable() {
            // Entries that exist now are counted by a scan. Later changes are counted when they happen.
            accounting.ensure_counter_file(&|| folder.count());
            // Many caches are opened and never used, so keep no files open.
            folder.close_files();
        }
        Arc::new(Engine {
            accounting,
            memory: MemoryTier::new(plan.hot_bytes, Some(&folder.layout), folder.read_only),
            evictor: Evictor::new(plan.limits.clone(), plan.order),
            background: Background::default(),
            repeats: Repeats::default(),
            unstored: Unstored::default(),
            idle_clock: IdleClock::default(),
            folder: Some(folder),
        })
    }

    /// Returns the folder of the cache; `None` if the cache is off, or the folder can't be created.
    #[inline]
    pub(crate) fn folder(&self) -> Option<&CacheFolder> {
        self.folder.as_ref().filter(|folder| folder.is_open())
    }

    /// Returns why the folder can't be created; `None` if it exists, or the cache is off.
    pub(crate) fn deferred_error(&self) -> Option<Error> {
        self.folder.as_ref().and_then(CacheFolder::deferred_error)
    }

    /// Returns the layout of the cache, even if its folder can't be created yet; `None` if the cache is off.
    pub(crate) fn layout(&self) -> Option<&Layout> {
        self.folder.as_ref().map(|folder| &folder.layout)
    }

    /// Returns the folder of the cache; it is empty if the cache is off.
    pub(crate) fn root(&self) -> &Path {
        self.layout().map_or(Path::new(""), Layout::root)
    }

    /// Returns the memory tier, if results may be used from it: it is in use, and the background thread checks it.
    #[inline]
    pub(crate) fn memory(self: &Arc<Self>) -> Option<&MemoryTier> {
        (self.memory.is_used() && (self.background.is_awake() || self.wake())).then_some(&self.memory)
    }

    /// Returns the memory tier, to insert results for later use.
    pub(crate) fn memory_tier(&self) -> &MemoryTier {
        &self.memory
    }

    /// Makes the background thread write the counts. Call this after counting.
    #[inline]
    pub(crate) fn note_counted(self: &Arc<Self>) {
        if !self.background.is_awake() {
            self.wake();
        }
    }

    /// Wakes the background thread for this cache. Returns whether it maintains the cache now.
    #[cold]
    fn wake(self: &Arc<Self>) -> bool {
        if self.folder.is_none() {
            return false;
        }
        // While the thread slept, nothing checked the results in memory.
        self.memory.check();
        let task: Arc<dyn Task> = self.clone();
        self.background.wake(&task)
    }
}
