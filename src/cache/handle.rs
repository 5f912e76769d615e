//! `Cache`: handle of an open cache.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::cache::summary;
use crate::engine::cache_engine::Engine;
use crate::engine::cache_folder::{CacheFolder, Plan};
use crate::engine::eviction::policy::Limits;
use crate::engine::eviction::trim::Removal;
use crate::engine::memory_tier::tier::MemoryTier;
use crate::error::{Error, ErrorKind, Result};
use crate::format::compress::compression::Compression;
use crate::key::caller;
use crate::key::digest::Key;
use crate::observe::clear_report::ClearReport;
use crate::single_flight::table::InFlightTable;
use crate::store::entry::Entry;
use crate::store::function_info::FunctionInfo;
use crate::store::history::{HistoryRecord, note};
use crate::store::layout::Layout;
use crate::store::mac::MacKey;
use crate::store::trim_report::TrimReport;
use crate::sys::fork::per_process::PerProcess;
use crate::sys::random;
use crate::sys::temporary_folder::TemporaryFolder;

/// Handle of an open cache: a folder of stored results. Clones share the same cache.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// let cache = larder::Cache::open(folder.path())?;
///
/// let mut runs = 0;
/// for _ in 0..2 {
///     let area = cache.get_or_compute("area", &(2.0, 3.0), || { runs += 1; 2.0 * 3.0 });
///     assert_eq!(area, 6.0);
/// }
/// assert_eq!(runs, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Cache(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) compression: Compression,
    /// Whether it is the global cache, which programs share that know nothing of each other.
    pub(crate) is_global: AtomicBool,
    pub(crate) read_only: bool,
    pub(crate) durable: bool,
    /// Whether to compute every call and replace its stored result.
    pub(crate) refresh: bool,
    /// The fraction of hits to compute again, to verify that the results are the same.
    pub(crate) verify: f64,
    pub(crate) secret: Option<MacKey>,
    /// The folder and settings; `None` if the cache is off.
    pub(crate) plan: Option<Plan>,
    pub(crate) state: PerProcess<State>,
    /// The folder of a temporary cache. Declared after `state`, so that it is dropped later: the state writes into it
    /// until then.
    pub(crate) temporary: Option<TemporaryFolder>,
}

/// State that each process has for itself: a forked child gets its own.
pub(crate) struct State {
    engine: Arc<Engine>,
}

impl Inner {
    #[inline]
    fn state(&self) -> &State {
        self.state.get_or(|_| State::of(self.plan.as_ref()))
    }
}

impl State {
    fn of(plan: Option<&Plan>) -> Self {
        let engine = plan.map_or_else(Engine::off, Engine::new);
        summary::opened(&engine);
        State { engine }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(state) = self.state.here() {
            summary::ended(&state.engine);
        }
    }
}

impl Cache {
    pub(crate) fn new(inner: Inner) -> Cache {
        inner.state();
        Cache(Arc::new(inner))
    }

    /// Returns whether results are loaded and stored. They are not for a [`disabled`](Cache::disabled) cache, with
    /// `LARDER=off`, or while the folder can't be created: see [`global`](Cache::global) and [`open`](Cache::open).
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.place().is_some()
    }

    /// Returns the folder of the cache; empty if the cache is off. See [`open`](Cache::open).
    pub fn path(&self) -> &Path {
        self.layout().map_or(Path::new(""), Layout::root)
    }

    /// Removes one entry, even an unreadable one. Returns whether it existed.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) for an entry of another cache, [`ReadOnly`](ErrorKind::ReadOnly),
    /// [`NotLarder`](ErrorKind::NotLarder) for a file that is only named like an entry (it stays), and errors of the
    /// file system.
    pub fn remove(&self, entry: &Entry) -> Result<bool> {
        match self.writable()? {
            Some(place) => self.forget_entry(&place.folder_of(entry)?, &entry.key),
            None => Ok(false),
        }
    }

    /// Removes all stored results. Files that are not larder's stay, and so may results that other processes store
    /// during the removal. [`remove_all`](Cache::remove_all) also returns what it removed.
    ///
    /// # Errors
    /// [`ReadOnly`](ErrorKind::ReadOnly), and the first error of the file system, after everything else was removed.
    pub fn clear(&self) -> Result<()> {
        self.remove_all().map(drop)
    }

    /// Like [`clear`](Cache::clear), and returns what it removed.
    ///
    /// # Errors
    /// As [`clear`](Cache::clear).
    pub fn remove_all(&self) -> Result<ClearReport> {
        match self.writable()? {
            Some(place) => self.engine().clear(place),
            None => Ok(ClearReport::default()),
        }
    }

    /// Removes stored results until the cache is within its own limits, and counts the entries again, so that files
    /// which a user deleted are no longer counted. The limits are also enforced automatically as entries are written.
    ///
    /// # Errors
    /// Errors of [`trim_to`](Cache::trim_to).
    pub fn trim(&self) -> Result<TrimReport> {
        match self.writable()? {
            Some(place) => self.engine().trim(place, &place.limits, Removal::Real),
            None => Ok(TrimReport::default()),
        }
    }

    /// Removes stored results, the least recently used first, until the cache is within these limits.
    /// [`trim_dry_run`](Cache::trim_dry_run) tells what that would remove.
    ///
    /// The time of an entry's last use is known to within a minute.
    ///
    /// # Errors
    /// [`ReadOnly`](ErrorKind::ReadOnly), and errors of the file system.
    ///
    /// ```
    /// # use larder::Limits;
    /// # let folder = tempfile::tempdir()?;
    /// let cache = larder::Cache::open(folder.path())?;
    /// for n in 0..10 {
    ///     cache.get_or_compute("square", &n, || n * n);
    /// }
    /// let trimmed = cache.trim_to(&Limits::default().max_entries(4))?;
    /// assert_eq!((trimmed.removed, trimmed.kept), (6, 4));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn trim_to(&self, limits: &Limits) -> Result<TrimReport> {
        match self.writable()? {
            Some(place) => self.engine().trim(place, limits, Removal::Real),
            None => Ok(TrimReport::default()),
        }
    }

    /// Returns what [`trim_to`](Cache::trim_to) would remove. Removes nothing, and works with a read-only cache as well.
    ///
    /// # Errors
    /// If a folder can't be listed.
    ///
    /// ```
    /// # use larder::Limits;
    /// # let folder = tempfile::tempdir()?;
    /// let cache = larder::Cache::open(folder.path())?;
    /// for n in 0..10 {
    ///     cache.get_or_compute("square", &n, || n * n);
    /// }
    /// assert_eq!(cache.trim_dry_run(&Limits::default().max_entries(4))?.removed, 6);
    /// assert_eq!(cache.entries()?.len(), 10);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn trim_dry_run(&self, limits: &Limits) -> Result<TrimReport> {
        match self.place() {
            Some(place) => self.engine().trim(place, limits, Removal::DryRun),
            None => Ok(TrimReport::default()),
        }
    }

    /// Removes the stored results of the functions that [`functions`](Cache::functions) lists under this name. Returns
    /// whether there were any.
    ///
    /// The [`global`](Cache::global) cache lists a closure `load` of the crate `app` as `app::load`. There, the name
    /// `load` means the closures of that name of this program: those of the crate that the program is named after, and
    /// of the crates whose closures this process has called. For other closures, use the full name.
    ///
    /// # Errors
    /// Errors of [`clear`](Cache::clear).
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let cache = larder::Cache::open(folder.path())?;
    /// cache.get_or_compute("double", &4, || 8);
    /// cache.get_or_compute("square", &4, || 16);
    ///
    /// assert!(cache.clear_function("double")?);
    /// assert!(!cache.clear_function("double")?);
    /// assert_eq!(cache.entries()?.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn clear_function(&self, name: &str) -> Result<bool> {
        let (mut found, mut result) = (false, Ok(()));
        if self.writable()?.is_some() {
            let own: Vec<String> = if self.is_global() { caller::own_names(name) } else { Vec::new() };
            let is_meant = |listed: &String| listed == name || own.contains(listed);
            for function in self.functions()?.iter().filter(|function| is_meant(&function.name)) {
                match self.clear_folder(&function.path) {
                    Ok(removed) => found |= removed.entries > 0,
                    Err(error) => result = result.and(Err(error)),
                }
            }
        }
        result.map(|()| found)
    }

    /// Removes the stored results of one function that [`functions`](Cache::functions) returned. Returns what it
    /// removed.
    ///
    /// Functions of several packages may have the same name; each has its own folder. Unlike
    /// [`clear_function`](Cache::clear_function), this removes only the results in that folder.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a function of another cache, and errors of
    /// [`clear`](Cache::clear).
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let cache = larder::Cache::open(folder.path())?;
    /// cache.get_or_compute("double", &4, || 8);
    /// cache.get_or_compute("double", &5, || 10);
    ///
    /// let functions = cache.functions()?;
    /// assert_eq!(cache.remove_function(&functions[0])?.entries, 2);
    /// assert_eq!(cache.remove_function(&functions[0])?.entries, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn remove_function(&self, function: &FunctionInfo) -> Result<ClearReport> {
        let Some(folder) = self.writable()? else { return Ok(ClearReport::default()) };
        let functions = folder.layout.functions();
        if function.path == functions || !function.path.starts_with(&functions) {
            return Err(Error::new(ErrorKind::InvalidInput, "the function belongs to another cache").at(&function.path));
        }
        self.clear_folder(&function.path)
    }

    /// Removes one entry of a function and records that in its history. Needs only the function's folder. Returns
    /// whether the entry existed.
    pub(crate) fn forget_entry(&self, folder: &Path, key: &Key) -> Result<bool> {
        let Some(place) = self.writable()? else { return Ok(false) };
        let removed = self.engine().remove(folder, key)?;
        if removed {
            let record = HistoryRecord::forgotten(*key);
            if let Err(error) = note(&place.layout, folder, &record) {
                tracing::debug!(%error, "a call can't be noted for `explain`");
            }
        }
        Ok(removed)
    }

    /// Removes all of larder's files in a function's folder.
    pub(crate) fn clear_folder(&self, folder: &Path) -> Result<ClearReport> {
        let Some(place) = self.place() else { return Ok(ClearReport::default()) };
        place.layout.expect_no_links(folder)?;
        self.engine().clear_function(place, folder)
    }

    /// Returns the folder for a change of its content; `None` if the cache is off.
    pub(crate) fn writable(&self) -> Result<Option<&CacheFolder>> {
        if self.0.read_only {
            return Err(Error::new(ErrorKind::ReadOnly, "the cache was opened read-only").at(self.path()));
        }
        match self.place() {
            None => self.engine().deferred_error().map_or(Ok(None), Err),
            place => Ok(place),
        }
    }

    pub(crate) fn place(&self) -> Option<&CacheFolder> {
        self.engine().folder()
    }

    pub(crate) fn layout(&self) -> Option<&Layout> {
        self.place().map(|place| &place.layout)
    }

    #[inline]
    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.0.state().engine
    }

    /// Returns the memory tier, if calls of this cache may use it.
    #[inline]
    pub(crate) fn memory(&self) -> Option<&MemoryTier> {
        if self.0.refresh || self.0.verify > 0.0 { None } else { self.engine().memory() }
    }

    /// Returns whether this is the [`global`](Cache::global) cache, or a clone of it.
    pub(crate) fn is_global(&self) -> bool {
        self.0.is_global.load(Ordering::Relaxed)
    }

    /// Makes this the global cache for the names of closures.
    pub(super) fn become_global(&self) {
        self.0.is_global.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.0.read_only
    }

    pub(crate) fn refreshes(&self) -> bool {
        self.0.refresh
    }

    /// Decides at random whether to compute a hit again, with the configured probability.
    pub(crate) fn verifies(&self) -> bool {
        self.0.verify > 0.0 && random::fraction() < self.0.verify
    }

    pub(crate) fn flights(&self) -> Option<&Arc<InFlightTable>> {
        self.place()?.flights.as_ref()
    }

    pub(crate) fn compression(&self) -> Compression {
        self.0.compression
    }

    pub(crate) fn is_durable(&self) -> bool {
        self.0.durable
    }

    pub(crate) fn secret(&self) -> Option<&MacKey> {
        self.0.secret.as_ref()
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.layout() {
            None => f.write_str("Cache(off)"),
            Some(layout) => f
                .debug_struct("Cache")
                .field("path", &layout.root())
                .field("compression", &self.0.compression)
                .field("read_only", &self.0.read_only)
                .finish_non_exhaustive(),
        }
    }
}
