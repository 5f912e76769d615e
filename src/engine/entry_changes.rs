//! Storing and removing entries: updates all components of the engine. Nothing else stores or removes entries.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::engine::cache_engine::Engine;
use crate::engine::cache_folder::CacheFolder;
use crate::engine::eviction::evictor::EvictionContext;
use crate::engine::eviction::policy::Limits;
use crate::engine::eviction::trim::{Removal, trim};
use crate::engine::failures::Failures;
use crate::error::{Error, ErrorKind, Result};
use crate::key::digest::Key;
use crate::observe::clear_report::ClearReport;
use crate::observe::function_counters::FunctionCounters;
use crate::observe::repeated_faults::Logged;
use crate::observe::stats::{Count, CounterTotals, UsageDelta};
use crate::store::layout::Layout;
use crate::store::listed_entry::ListedEntry;
use crate::store::trim_report::TrimReport;
use crate::sys::open_files;

/// Maximum number of scans, if other scans correct the counters in between.
const TRIES_TO_COUNT: u32 = 3;

impl Engine {
    /// Updates the components after an entry was stored. `before` is the size of the entry that it replaced.
    pub(crate) fn stored(self: &Arc<Self>, counters: &FunctionCounters, key: &Key, before: Option<u64>, size: u64) {
        let Some(folder) = &self.folder else { return };
        if before.is_some() {
            self.invalidate(key);
        }
        self.memory.reset_admission(key);
        counters.add(Count::BytesWritten, size);
        folder.written(size);
        self.accounting.stored(counters, before, size);
        self.accounting.flush_one(counters);
        self.note_counted();
        self.evictor.enforce(self.eviction_context(folder, &|folder, key| self.evict(folder, key)));
    }

    /// Removes an entry, for all processes. Returns whether it existed.
    pub(crate) fn remove(&self, folder: &Path, key: &Key) -> Result<bool> {
        let Some(place) = &self.folder else { return Ok(false) };
        let removed = place.store.remove(folder, key);
        // Invalidate in any case: another program may have removed the file, while the result is still in memory. After
        // an error, one of two files of the entry may be removed.
        self.invalidate(key);
        let Some(size) = removed? else { return Ok(false) };
        self.count_removed(folder, UsageDelta::one(size));
        Ok(true)
    }

    /// Evicts an entry. Returns whether it existed. A file that is only named like an entry stays.
    pub(super) fn evict(&self, folder: &Path, key: &Key) -> Result<bool> {
        match self.remove(folder, key) {
            Err(error) if error.kind() == ErrorKind::NotLarder => Ok(false),
            removed => removed,
        }
    }

    /// Removes the entries in a folder, and in the folders within it if `deep`. Returns what it removed,
    /// and the first failure.
    fn remove_all(&self, place: &CacheFolder, folder: &Path, deep: bool) -> (UsageDelta, Result<()>) {
        let mut all = BTreeMap::<PathBuf, Vec<Key>>::new();
        let mut packed = BTreeSet::<PathBuf>::new();
        let listed = place.store.list(folder, deep).each(&mut |folder, listed| {
            if listed.iter().any(ListedEntry::is_in_segment) {
                packed.insert(folder.to_owned());
            } else if !listed.is_empty() {
                all.entry(folder.to_owned()).or_default().extend(listed.iter().map(|entry| entry.key));
            }
        });
        // There may be millions of entries, so count them and invalidate once at the end.
        let (mut removed, mut looked_at) = (UsageDelta::default(), 0);
        let total = all.values().map(|keys| keys.len() as u64).sum();
        let mut failures = Failures::default();
        for folder in &packed {
            match place.store.remove_segments(folder) {
                Ok(usage) => {
                    removed += usage;
                    self.count_removed(folder, usage);
                }
                Err(error) => failures.add(error),
            }
        }
        for (folder, keys) in &all {
            let mut usage = UsageDelta::default();
            for key in keys {
                match place.store.remove(folder, key) {
                    Ok(Some(size)) => usage += UsageDelta::one(size),
                    Ok(None) => {}
                    Err(error) => failures.add(error),
                }
                looked_at += 1;
                place.progress.tell(looked_at, total);
            }
            removed += usage;
            self.count_removed(folder, usage);
        }
        self.invalidate_all();
        (removed, failures.result().and(listed))
    }

    /// Removes all of larder's files in a function's folder.
    pub(crate) fn clear_function(&self, place: &CacheFolder, folder: &Path) -> Result<ClearReport> {
        let (removed, result) = self.remove_all(place, folder, false);
        if result.is_err() {
            return ClearReport::of(removed, result);
        }
        open_files::close_under(folder);
        let (late, cleared) = place.layout.clear_function(folder);
        if late != UsageDelta::default() {
            self.count_removed(folder, late);
            // They may be in memory since the removal above.
            self.invalidate_all();
        }
        ClearReport::of(removed + late, cleared)
    }

    /// Removes everything.
    pub(crate) fn clear(&self, place: &CacheFolder) -> Result<ClearReport> {
        open_files::close_under(&place.layout.functions());
        let (removed, result) = self.remove_all(place, &place.layout.functions(), true);
        // This removes entries that other processes stored in between, and the files beside the entries.
        let (late, cleared) = place.layout.clear();
        self.invalidate_all();
        // Corrects the counters for files that another program removed.
        let counted = self.recount(place);
        ClearReport::of(removed + late, result.and(cleared).and(counted.map(drop)))
    }

    /// Removes entries until these limits hold, and corrects the counters; a dry run only reports.
    pub(crate) fn trim(&self, place: &CacheFolder, limits: &Limits, removal: Removal) -> Result<TrimReport> {
        trim(self.eviction_context(place, &|folder, key| self.evict(folder, key)), limits, removal)
    }

    /// Enforces the limits in the background. Returns whether there is more to do.
    pub(super) fn evict_in_background(&self, place: &CacheFolder) -> bool {
        self.evictor.enforce_in_background(self.eviction_context(place, &|folder, key| self.evict(folder, key)))
    }

    /// Counts the entries of each function, and corrects the counters.
    pub(crate) fn recount(&self, place: &CacheFolder) -> Result<BTreeMap<PathBuf, CounterTotals>> {
        let root = place.layout.functions();
        let mut tries = 0;
        loop {
            let baseline = self.accounting.baseline();
            let (counted, listed) = place.count();
            listed?;
            tries += 1;
            let is_done = place.read_only || self.accounting.reconcile(&baseline, &counted, false)?;
            if is_done || tries >= TRIES_TO_COUNT {
                self.accounting.refresh();
                return Ok(counted.into_iter().map(|(folder, usage)| (root.join(folder), usage.into())).collect());
            }
        }
    }

    fn eviction_context<'s>(
        &'s self,
        folder: &'s CacheFolder,
        remove: &'s dyn Fn(&Path, &Key) -> Result<bool>,
    ) -> EvictionContext<'s> {
        EvictionContext { folder, accounting: &self.accounting, repeats: &self.repeats, remove }
    }

    fn count_removed(&self, folder: &Path, removed: UsageDelta) {
        let counters = self.accounting.counters(Some(folder), "");
        self.accounting.removed(&counters, removed);
        self.accounting.flush_one(&counters);
    }

    /// Invalidates this entry in the memory of all processes. Call this after the entry was removed or replaced.
    pub(crate) fn invalidate(&self, key: &Key) {
        self.note_invalidated(self.memory.bump(key));
    }

    /// Invalidates all entries in the memory of all processes.
    fn invalidate_all(&self) {
        self.note_invalidated(self.memory.bump_all());
    }

    fn note_invalidated(&self, told: std::io::Result<()>) {
        let Err(error) = told else { return };
        let what =
            "other processes can't be told what was removed, and may use it for as long as they have it in memory";
        let error = Error::io(error, what).at(self.layout().map(Layout::marks).unwrap_or_default());
        if let Some(Logged { unlogged }) = self.repeats.came(what, Some(error.kind()), "") {
            tracing::warn!(%error, unlogged, "{what}");
        }
    }
}
