//! Opens caches: in a folder, the global one, or none.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::cache::builder::CacheBuilder;
use crate::cache::handle::{Cache, Inner};
use crate::engine::cache_folder::Plan;
use crate::error::{Error, ErrorKind, Result};
use crate::format::compress::compression::Compression;
use crate::settings;
use crate::settings::run_mode::RunMode;
use crate::single_flight::report_file;
use crate::store::layout::Layout;
use crate::store::orphaned_temps;
use crate::sys::fork::once::Once;
use crate::sys::fork::per_process::PerProcess;
use crate::sys::user_folders;

/// Default time that a call waits for a leader that makes no progress.
const WAIT_LIMIT: Duration = Duration::from_secs(30);

/// Default limit of the global cache on the disk, in bytes.
const GLOBAL_MAX_BYTES: u64 = 10 << 30;

/// The global cache. It is opened at its first use.
static GLOBAL: Once<Cache> = Once::new();

impl Cache {
    /// Opens the cache in this folder, and creates the folder if it does not exist. If the disk is too full for that,
    /// the cache is off until there is space: this is logged, and tried again about once a second.
    ///
    /// If the folder contains other files, the cache is in a folder `larder-cache` within it; [`path`](Cache::path)
    /// returns the actual folder. larder never removes or changes files that it did not create.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) if the path is empty, begins with `~`, or is a file, or if
    /// `larder-cache` contains other files as well. Errors of the file system.
    pub fn open(folder: impl AsRef<Path>) -> Result<Cache> {
        Cache::builder(folder).open()
    }

    /// Returns a builder for a cache with other options than those of [`open`](Cache::open).
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let cache = larder::Cache::builder(folder.path()).compression("xz:6".parse()?).open()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder(folder: impl AsRef<Path>) -> CacheBuilder {
        CacheBuilder::new(folder.as_ref())
    }

    /// Returns the cache that functions use by default.
    ///
    /// All programs of the user share it. So the name of a closure is scoped to its crate in this cache; see
    /// [`get_or_compute`](Cache::get_or_compute).
    ///
    /// Environment variables configure it:
    ///
    /// - `LARDER_DIR` is its folder. The default is `larder` in the user's cache folder (`~/.cache/larder` on Linux).
    ///   A leading `~/` is the user's home folder. A relative path is relative to the working directory at the first
    ///   use of this cache.
    /// - `LARDER_COMPRESSION` is its compressor. The default is none.
    /// - `LARDER_MAX_BYTES` (such as `10GB`), `LARDER_MAX_ENTRIES`, `LARDER_MAX_AGE` (such as `90d`) and
    ///   `LARDER_MAX_IDLE` are its limits. Without `LARDER_MAX_BYTES`, the size is limited to 10 GiB.
    /// - `LARDER_HOT_BYTES` sets [`hot_bytes`](CacheBuilder::hot_bytes).
    /// - `LARDER_SHARED` sets the default of [`shared`](CacheBuilder::shared), for every cache.
    ///
    /// With an invalid `LARDER_DIR`, or one that leads to a folder with other files and no room for a cache, the cache is
    /// off until the process ends, which is logged. Other invalid values are logged and ignored. If the folder can't be
    /// created, that is logged and the cache is off; while calls arrive, creating it is tried again about once a second.
    ///
    /// [`set_global`](Cache::set_global) puts another cache in its place.
    #[must_use]
    pub fn global() -> &'static Cache {
        GLOBAL.get_or_init(|| {
            settings::check_once();
            Cache::global_path().and_then(CacheBuilder::from_environment).unwrap_or_else(|error| {
                tracing::warn!(%error, "the global cache can't be opened: nothing is cached");
                Cache::disabled()
            })
        })
    }

    /// Makes `cache` the [`global`](Cache::global) cache of this process, for the libraries that it uses as well. The
    /// variables `LARDER_DIR`, `LARDER_COMPRESSION` and `LARDER_MAX_…` are then not read; those that
    /// [`open`](Cache::open) reads were.
    ///
    /// In a global cache, the name of a closure is scoped to its crate, see [`get_or_compute`](Cache::get_or_compute).
    /// This holds for `cache` and its clones from now on.
    ///
    /// # Errors
    /// Returns `cache` if there is a global cache already: because it was used, or was set. Call this first in `main`.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let cache = larder::Cache::builder(folder.path()).max_bytes(50 << 30).open()?;
    /// larder::Cache::set_global(cache).expect("nothing was cached before");
    /// assert_eq!(larder::Cache::global().path(), folder.path());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_global(cache: Cache) -> Result<(), Cache> {
        let mut cache = Some(cache);
        GLOBAL.get_or_init(|| {
            let cache = cache.take().unwrap_or_else(|| unreachable!("it is set once"));
            cache.become_global();
            cache
        });
        cache.map_or(Ok(()), Err)
    }

    /// Returns the folder in which [`global`](Cache::global) is opened, without opening it. Nothing is created.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if the user has no cache folder and `LARDER_DIR` is not set;
    /// [`InvalidInput`](ErrorKind::InvalidInput) if `LARDER_DIR` can't be used.
    pub fn global_path() -> Result<PathBuf> {
        match settings::FOLDER.try_get()? {
            Some(folder) => Ok(folder),
            None => user_folders::cache().map(|folder| folder.join("larder")).ok_or_else(|| {
                Error::new(ErrorKind::NotFound, "this user has no cache folder; set LARDER_DIR to choose one")
            }),
        }
    }

    /// Returns a cache that stores nothing: every call runs.
    ///
    /// ```
    /// let cache = larder::Cache::disabled();
    /// assert_eq!(cache.get_or_compute("answer", &(), || 42), 42);
    /// assert_eq!(cache.stats()?.bypasses, 1);
    /// # Ok::<(), larder::Error>(())
    /// ```
    #[must_use]
    pub fn disabled() -> Cache {
        Cache::new(Inner {
            compression: Compression::NONE,
            is_global: AtomicBool::new(false),
            read_only: false,
            durable: false,
            refresh: false,
            verify: 0.0,
            secret: None,
            plan: None,
            state: PerProcess::new(),
            temporary: None,
        })
    }
}

impl CacheBuilder {
    /// Opens the global cache with the options in the environment variables.
    pub(crate) fn from_environment(folder: PathBuf) -> Result<Cache> {
        let mut builder = CacheBuilder::new(&folder).max_bytes(GLOBAL_MAX_BYTES);
        if let Some(compression) = settings::COMPRESSION.get() {
            builder = builder.compression(compression);
        }
        if let Some(bytes) = settings::MAX_BYTES.get() {
            builder = builder.max_bytes(bytes);
        }
        if let Some(entries) = settings::MAX_ENTRIES.get() {
            builder = builder.max_entries(entries);
        }
        if let Some(age) = settings::MAX_AGE.get() {
            builder = builder.max_age(age);
        }
        if let Some(idle) = settings::MAX_IDLE.get() {
            builder = builder.max_idle(idle);
        }
        if let Some(bytes) = settings::HOT_BYTES.get() {
            builder = builder.hot_bytes(bytes);
        }
        builder.is_global = true;
        builder.open()
    }

    /// Opens the cache. The variable `LARDER` may change its mode: `off` stores and loads nothing, `refresh` computes
    /// every call and replaces the stored results, `readonly` stores nothing.
    ///
    /// `verify` computes a tenth of the hits again (`verify:0.5` half of them, `verify:1` all) and compares the
    /// results. A different result, an `Err` or a panic is logged as an error and counted in
    /// [`Stats::unequal`](crate::Stats::unequal). The caller gets the stored result in any case, and it stays stored,
    /// so the program behaves as without `verify`. For the same share of the misses, the caller gets the value that a
    /// later hit would return: encoded with its `Serialize` and decoded with its `Deserialize`. So a field that serde
    /// skips is noticed in the first call.
    ///
    /// # Errors
    /// The errors of [`Cache::open`]. [`LevelOutOfRange`](ErrorKind::LevelOutOfRange) and
    /// [`CompressorDisabled`](ErrorKind::CompressorDisabled) for the compressor.
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a limit of zero.
    pub fn open(self) -> Result<Cache> {
        let compression = self.compression.validate()?;
        self.limits.validate()?;
        settings::expect_no_tilde(&self.folder)?;
        let layout = Layout::within(&self.folder)?;
        let mut run_mode = RunMode::Normal;
        if self.reads_env {
            settings::check_once();
            run_mode = settings::MODE.get().unwrap_or(RunMode::Normal);
        }
        if run_mode == RunMode::Off {
            return Ok(Cache::disabled());
        }
        let read_only = self.read_only || run_mode == RunMode::ReadOnly;
        let (mut deferred, shared) = (None, self.is_shared());
        if !read_only {
            match layout.create_for(shared) {
                Ok(()) => {
                    orphaned_temps::collect(&layout);
                    report_file::remove_orphaned_temps(layout.root());
                }
                // Opening the global cache must not fail, because no caller handles the error. A full disk may have
                // space again later.
                Err(error) if self.is_global || error.kind() == ErrorKind::NoSpace => {
                    // If the cache exists, its results can still be loaded.
                    let is_deferred = !layout.functions().is_dir();
                    let what = if is_deferred { "opened: nothing is cached" } else { "written to: nothing is stored" };
                    tracing::warn!(%error, "the cache can't be {what} until it can, which is tried again and again");
                    deferred = Some(error).filter(|_| is_deferred);
                }
                Err(error) => return Err(error),
            }
        }
        let wait_limit = self.wait_limit.or_else(|| settings::WAIT.get()).unwrap_or(WAIT_LIMIT);
        Ok(Cache::new(Inner {
            compression,
            is_global: AtomicBool::new(self.is_global),
            read_only,
            durable: self.durable,
            refresh: run_mode == RunMode::Refresh,
            verify: run_mode.share_to_verify(),
            secret: self.secret,
            plan: Some(Plan {
                layout,
                store: self.store,
                limits: self.limits,
                order: self.order,
                progress: self.progress,
                read_only,
                deferred,
                shared,
                wait_limit,
                hot_bytes: self.hot_bytes,
            }),
            state: PerProcess::new(),
            temporary: None,
        }))
    }

    /// Returns whether the cache's folder is to be shared, if this process creates it.
    fn is_shared(&self) -> bool {
        self.shared.or_else(|| settings::SHARED.get()).unwrap_or_default()
    }
}
