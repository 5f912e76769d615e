//! A cache: a folder, and how results are kept in it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use crate::compress::Compression;
use crate::flight::Flights;
use crate::lock::KeyLocks;
use crate::policy::Limits;
use crate::stats::{Counters, Stats};
use crate::steering::{self, Steering};
use crate::store::{self, Entries, FunctionInfo, Layout, Trimmed};
use crate::{Error, ErrorKind, Result};

/// A folder of stored results. Clones are the same cache.
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
pub struct Cache(Arc<Inner>);

struct Inner {
    /// `None` if the cache is off.
    layout: Option<Layout>,
    compression: Compression,
    read_only: bool,
    durable: bool,
    /// Compute every call, and replace what is stored.
    refresh: bool,
    /// The share of the hits to compute again, to see whether they are the same.
    verify: f64,
    /// Who computes what; `None` if nothing is stored, so that there is nothing to wait for.
    flights: Option<Arc<Flights>>,
    counters: Counters,
}

impl Cache {
    /// Opens the cache in this folder, which is created if it does not exist.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) if the path is empty or leads to a file, and what
    /// the file system reports.
    pub fn open(folder: impl AsRef<Path>) -> Result<Cache> {
        Cache::builder(folder).open()
    }

    /// Begins a cache that is not as [`open`](Cache::open) makes it.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let cache = larder::Cache::builder(folder.path()).compression("xz:6".parse()?).open()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder(folder: impl AsRef<Path>) -> CacheBuilder {
        CacheBuilder {
            folder: folder.as_ref().to_owned(),
            compression: Compression::NONE,
            read_only: false,
            durable: false,
            steered: true,
        }
    }

    /// The cache that functions use if nothing else is said.
    ///
    /// Its folder is what the variable `LARDER_DIR` says, else `larder` in the user's cache folder
    /// (`~/.cache/larder` on Linux). Its compressor is what `LARDER_COMPRESSION` says, else none.
    /// If it can't be opened, that is logged, and it is off.
    pub fn global() -> &'static Cache {
        static GLOBAL: LazyLock<Cache> = LazyLock::new(|| {
            Cache::open_global().unwrap_or_else(|error| {
                tracing::warn!(%error, "the global cache can't be opened: nothing is cached");
                Cache::disabled()
            })
        });
        &GLOBAL
    }

    /// The folder of [`global`](Cache::global); the program `larder` asks for it.
    #[doc(hidden)]
    pub fn global_folder() -> Result<PathBuf> {
        match std::env::var_os("LARDER_DIR") {
            Some(folder) if !folder.is_empty() => Ok(PathBuf::from(folder)),
            _ => dirs::cache_dir().map(|folder| folder.join("larder")).ok_or_else(|| {
                Error::new(ErrorKind::NotFound, "this user has no cache folder; set LARDER_DIR to choose one")
            }),
        }
    }

    fn open_global() -> Result<Cache> {
        let mut builder = Cache::builder(Cache::global_folder()?);
        if let Ok(compression) = std::env::var("LARDER_COMPRESSION") {
            match compression.parse() {
                Ok(compression) => builder = builder.compression(compression),
                Err(error) => tracing::warn!(%error, "LARDER_COMPRESSION is ignored"),
            }
        }
        builder.open()
    }

    /// A cache that keeps nothing: every call runs.
    ///
    /// ```
    /// let cache = larder::Cache::disabled();
    /// assert_eq!(cache.get_or_compute("answer", &(), || 42), 42);
    /// assert_eq!(cache.stats()?.bypasses, 1);
    /// # Ok::<(), larder::Error>(())
    /// ```
    pub fn disabled() -> Cache {
        Cache(Arc::new(Inner {
            layout: None,
            compression: Compression::NONE,
            read_only: false,
            durable: false,
            refresh: false,
            verify: 0.0,
            flights: None,
            counters: Counters::default(),
        }))
    }

    /// Whether results are loaded and stored at all: not so for [`disabled`](Cache::disabled), with
    /// `LARDER=off`, or if the [`global`](Cache::global) cache could not be opened.
    pub fn is_enabled(&self) -> bool {
        self.0.layout.is_some()
    }

    /// The folder; empty for a cache that is off.
    pub fn path(&self) -> &Path {
        self.0.layout.as_ref().map_or(Path::new(""), Layout::root)
    }

    /// All stored results, function by function.
    ///
    /// # Errors
    /// If a folder can't be listed.
    pub fn entries(&self) -> Result<Entries> {
        match &self.0.layout {
            Some(layout) => Entries::under(&layout.functions(), true),
            None => Ok(Entries::none()),
        }
    }

    /// The functions that have stored results, by name.
    ///
    /// # Errors
    /// If a folder can't be listed.
    pub fn functions(&self) -> Result<Vec<FunctionInfo>> {
        match &self.0.layout {
            Some(layout) => FunctionInfo::under(&layout.functions()),
            None => Ok(Vec::new()),
        }
    }

    /// What happened in this process with this cache.
    ///
    /// # Errors
    /// None at present.
    pub fn stats(&self) -> Result<Stats> {
        Ok(self.0.counters.read())
    }

    /// Removes all stored results. What is not larder's stays.
    ///
    /// # Errors
    /// [`ReadOnly`](ErrorKind::ReadOnly), and what the file system reports.
    pub fn clear(&self) -> Result<()> {
        match self.writable()? {
            Some(layout) => layout.clear(),
            None => Ok(()),
        }
    }

    /// Removes stored results, those that were used least recently first, until the cache keeps to these
    /// limits. With `dry_run`, only tells what would go.
    ///
    /// When an entry was used is known to within a minute.
    ///
    /// # Errors
    /// [`ReadOnly`](ErrorKind::ReadOnly), and what the file system reports.
    ///
    /// ```
    /// # use larder::Limits;
    /// # let folder = tempfile::tempdir()?;
    /// let cache = larder::Cache::open(folder.path())?;
    /// for n in 0..10 {
    ///     cache.get_or_compute("square", &n, || n * n);
    /// }
    /// let trimmed = cache.trim_to(&Limits { max_entries: Some(4), ..Limits::default() })?;
    /// assert_eq!((trimmed.removed, trimmed.kept), (6, 4));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn trim_to(&self, limits: &Limits) -> Result<Trimmed> {
        let layout = if limits.dry_run { self.layout() } else { self.writable()? };
        layout.map_or_else(|| Ok(Trimmed::default()), |layout| layout.trim(limits))
    }

    /// Removes the stored results of the functions that [`functions`](Cache::functions) lists under
    /// this name. Gives whether there were any.
    ///
    /// # Errors
    /// Those of [`clear`](Cache::clear).
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
        let mut found = false;
        if self.writable()?.is_some() {
            for function in self.functions()?.iter().filter(|function| function.name == name) {
                found |= function.entries > 0;
                Layout::clear_function(&function.path)?;
            }
        }
        Ok(found)
    }

    /// Where results are stored, for those who will change them; `None` if the cache is off.
    pub(crate) fn writable(&self) -> Result<Option<&Layout>> {
        if self.0.read_only {
            return Err(Error::new(ErrorKind::ReadOnly, "the cache was opened read-only").at(self.path()));
        }
        Ok(self.0.layout.as_ref())
    }

    pub(crate) fn layout(&self) -> Option<&Layout> {
        self.0.layout.as_ref()
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.0.read_only
    }

    pub(crate) fn refreshes(&self) -> bool {
        self.0.refresh
    }

    /// Whether to compute the hit at hand again. Of many, about the share that was asked for.
    pub(crate) fn verifies(&self) -> bool {
        self.0.verify > 0.0 && steering::draw() < self.0.verify
    }

    pub(crate) fn flights(&self) -> Option<&Arc<Flights>> {
        self.0.flights.as_ref()
    }

    pub(crate) fn compression(&self) -> Compression {
        self.0.compression
    }

    pub(crate) fn is_durable(&self) -> bool {
        self.0.durable
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.0.counters
    }

    pub(crate) fn is_same(&self, other: &Cache) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.layout {
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

/// How a [`Cache`] is to be; made by [`Cache::builder`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is opened"]
pub struct CacheBuilder {
    folder: PathBuf,
    compression: Compression,
    read_only: bool,
    durable: bool,
    /// Whether the variable `LARDER` is heeded.
    steered: bool,
}

impl CacheBuilder {
    /// The compressor of new entries, unless a function has its own. Entries that are there stay
    /// readable, whatever they were written with. Default: none.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Load results, and store and remove none. The folder need not exist. Default: false.
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Wait until each entry has reached the disk. Without it, an entry that a power failure tore is
    /// a miss, and nothing worse; with it, every entry waits for the disk. Default: false.
    pub fn durable(mut self, durable: bool) -> Self {
        self.durable = durable;
        self
    }

    /// Ignore the variable `LARDER`: it is for programs that compute, not for one that looks after
    /// their caches.
    #[doc(hidden)]
    pub fn unsteered(mut self) -> Self {
        self.steered = false;
        self
    }

    /// Opens the cache. The variable `LARDER` may change how: `off` keeps nothing, `refresh`
    /// computes every call and replaces what is stored, `readonly` stores nothing. `verify` computes a tenth
    /// of the hits again (`verify:0.5` half of them, `verify:1` all) and compares: a function that gives
    /// another result is logged as an error and counted in [`Stats::errors`](crate::Stats::errors).
    ///
    /// # Errors
    /// Those of [`Cache::open`]; [`LevelOutOfRange`](ErrorKind::LevelOutOfRange) and
    /// [`CompressorDisabled`](ErrorKind::CompressorDisabled) for the compressor.
    pub fn open(self) -> Result<Cache> {
        let compression = self.compression.validate()?;
        let layout = Layout::at(&self.folder)?;
        let steering = if self.steered { Steering::from_environment() } else { Steering::Normal };
        if steering == Steering::Off {
            return Ok(Cache::disabled());
        }
        let read_only = self.read_only || steering == Steering::ReadOnly;
        if !read_only {
            layout.create()?;
            store::collect_litter(&layout);
        }
        let flights = (!read_only).then(|| Arc::new(Flights::new(KeyLocks::under(layout.root()))));
        Ok(Cache(Arc::new(Inner {
            layout: Some(layout),
            compression,
            read_only,
            durable: self.durable,
            refresh: steering == Steering::Refresh,
            verify: steering.share_to_verify(),
            flights,
            counters: Counters::default(),
        })))
    }
}
