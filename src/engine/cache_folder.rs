//! Folder of a cache: its layout, store, locks and limits.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::deferred_open::DeferredOpen;
use crate::engine::eviction::policy::{EvictionOrder, Limits};
use crate::engine::free_space::FreeSpace;
use crate::error::{Error, ErrorKind, Result};
use crate::observe::progress::Watcher;
use crate::observe::stats::UsageDelta;
use crate::single_flight::table::InFlightTable;
use crate::store::counters::name_of_folder;
use crate::store::entry::Entry;
use crate::store::interface::Store;
use crate::store::layout::Layout;
use crate::sys::lock::key_locks::KeyLocks;
use crate::sys::open_files;

/// Settings of a cache. Each process makes its own engine from them, and so does a forked child.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) layout: Layout,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) limits: Limits,
    pub(crate) order: EvictionOrder,
    pub(crate) progress: Watcher,
    pub(crate) read_only: bool,
    /// Why the folder could not be created when the cache was opened.
    pub(crate) deferred: Option<Error>,
    /// Whether a folder that is created later is shared.
    pub(crate) shared: bool,
    /// How long to wait for a call that makes no progress.
    pub(crate) wait_limit: Duration,
    /// Limit of the memory tier, in bytes.
    pub(crate) hot_bytes: u64,
}

/// The folder of an open cache.
pub(crate) struct CacheFolder {
    pub(crate) layout: Layout,
    pub(crate) locks: KeyLocks,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) progress: Watcher,
    /// The calls in progress. `None` if nothing is stored: then no call waits for another one.
    pub(crate) flights: Option<Arc<InFlightTable>>,
    pub(crate) read_only: bool,
    /// The limits of the cache.
    pub(crate) limits: Limits,
    space: FreeSpace,
    deferred: DeferredOpen,
    shared: bool,
}

impl CacheFolder {
    pub(crate) fn new(plan: &Plan) -> Self {
        let Plan { layout, store, progress, read_only, limits, .. } = plan.clone();
        let locks = KeyLocks::under(layout.root());
        let flights = (!read_only).then(|| Arc::new(InFlightTable::new(layout.root(), locks.clone(), plan.wait_limit)));
        let deferred = DeferredOpen::new(plan.deferred.clone());
        CacheFolder {
            layout,
            locks,
            store,
            progress,
            flights,
            read_only,
            limits,
            space: FreeSpace::default(),
            deferred,
            shared: plan.shared,
        }
    }

    /// Returns whether the folder exists. Tries to create it, at most once a second.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        !self.deferred.is_deferred() || self.deferred.try_again(&self.layout, self.shared)
    }

    /// Returns why the folder can't be created; `None` if it exists.
    pub(crate) fn deferred_error(&self) -> Option<Error> {
        self.deferred.error()
    }

    /// Returns whether this process may write there, as far as known.
    pub(crate) fn is_writable(&self) -> bool {
        !self.read_only && !self.deferred.is_deferred()
    }

    /// Returns the size of the largest entry that may be stored, in bytes.
    pub(crate) fn largest(&self) -> u64 {
        self.limits.max_bytes.unwrap_or(u64::MAX)
    }

    /// Returns an error if writing would use disk space that is reserved for other programs.
    pub(crate) fn expect_space(&self) -> Result<()> {
        self.space.expect(self.layout.root())
    }

    /// Records that an entry of this size was written.
    pub(super) fn written(&self, size: u64) {
        self.space.written(size);
    }

    /// Returns the folder of the function that an entry belongs to.
    ///
    /// # Errors
    /// If it is an entry of another cache.
    pub(crate) fn folder_of<'e>(&self, entry: &'e Entry) -> Result<Cow<'e, Path>> {
        let folder = entry.path.parent().filter(|folder| folder.starts_with(self.layout.functions()));
        let folder = folder.map(Layout::function_of);
        folder.ok_or_else(|| Error::new(ErrorKind::InvalidInput, "the entry belongs to another cache").at(&entry.path))
    }

    /// Counts the entries of each function, in all folders that can be listed. Also returns the first error.
    pub(super) fn count(&self) -> (BTreeMap<String, UsageDelta>, Result<()>) {
        let root = self.layout.functions();
        let mut all = BTreeMap::<String, UsageDelta>::new();
        let listed = self.store.list(&root, true).each(&mut |folder, listed| {
            if listed.is_empty() {
                return;
            }
            let counted = all.entry(name_of_folder(&root, folder)).or_default();
            for entry in listed {
                *counted += UsageDelta::one(entry.stat().map_or(0, |stat| stat.size));
            }
        });
        (all, listed)
    }

    /// Closes the files that are kept open only to avoid opening them again.
    pub(super) fn close_files(&self) {
        self.locks.rest();
        open_files::close_under(self.layout.root());
        self.store.rest(&self.layout.functions());
    }
}
