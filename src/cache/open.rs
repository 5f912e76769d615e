//! Opens caches.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cache::builder::CacheBuilder;
use crate::cache::handle::{Cache, Inner};
use crate::engine::Plan;
use crate::error::{Error, ErrorKind, Result};
use crate::format::compress::Compression;
use crate::settings;
use crate::settings::run_mode::RunMode;
use crate::single_flight::report_file;
use crate::store::layout::Layout;
use crate::store::orphaned_temps;
use crate::sys::fork::once::Lazy;
use crate::sys::fork::per_process::PerProcess;
use crate::sys::permissions;

/// How long a call waits for a holder that does not get on, by default.
const WAIT_LIMIT: Duration = Duration::from_secs(30);

/// What the global cache takes on the disk, unless something else is said.
const GLOBAL_MAX_BYTES: u64 = 10 << 30;

impl Cache {
    /// Opens the cache in this folder, which is created if it does not exist. If the disk is too full for that, the cache is
    /// off until there is room, which is logged and looked at about once a second.
    ///
    /// If other things are in the folder, the cache is in a folder `larder-cache` in there: [`path`](Cache::path) says
    /// where it is. What larder did not make is never removed or changed.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) if the path is empty or leads to a file, or `larder-cache` has other things
    /// in it as well; and what the file system reports.
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
        CacheBuilder::new(folder.as_ref())
    }

    /// The cache that functions use if nothing else is said.
    ///
    /// All programs of the user share it. So the name of a closure is one in its crate there, see
    /// [`get_or_compute`](Cache::get_or_compute).
    ///
    /// Its folder is what the variable `LARDER_DIR` says, else `larder` in the user's cache folder (`~/.cache/larder` on
    /// Linux). `LARDER_DIR` may begin with `~/`, which is the user's folder; a relative path is relative to the folder in which
    /// the program was when it used this cache first. Its compressor is what `LARDER_COMPRESSION` says, else none. It keeps to what
    /// `LARDER_MAX_BYTES` (`10GB`), `LARDER_MAX_ENTRIES`, `LARDER_MAX_AGE` (`90d`) and `LARDER_MAX_IDLE` say; without
    /// `LARDER_MAX_BYTES`, to 10 GiB. `LARDER_HOT_BYTES` is what [`hot_bytes`](CacheBuilder::hot_bytes) sets, and
    /// `LARDER_SHARED` what [`shared`](CacheBuilder::shared) does, for every cache. What can't
    /// be read of these is logged and ignored. If it can't be opened, that is logged, and it is off until it can be: that is
    /// tried about once a second, while calls come.
    pub fn global() -> &'static Cache {
        static GLOBAL: Lazy<Cache> = Lazy::new(|| {
            settings::check_once();
            Cache::global_folder().and_then(CacheBuilder::from_environment).unwrap_or_else(|error| {
                tracing::warn!(%error, "the global cache can't be opened: nothing is cached");
                Cache::disabled()
            })
        });
        &GLOBAL
    }

    /// The folder of [`global`](Cache::global); the program `larder` asks for it.
    #[doc(hidden)]
    pub fn global_folder() -> Result<PathBuf> {
        match settings::FOLDER.try_get()? {
            Some(folder) => Ok(folder),
            None => dirs::cache_dir().map(|folder| folder.join("larder")).ok_or_else(|| {
                Error::new(ErrorKind::NotFound, "this user has no cache folder; set LARDER_DIR to choose one")
            }),
        }
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
        Cache::new(Inner {
            compression: Compression::NONE,
            is_global: false,
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
    /// Opens the global cache, as the variables say.
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

    /// Opens the cache. The variable `LARDER` may change how: `off` keeps nothing, `refresh`
    /// computes every call and replaces what is stored, `readonly` stores nothing.
    ///
    /// `verify` computes a tenth of the hits again (`verify:0.5` half of them, `verify:1` all) and compares. A function
    /// that gives another result, an `Err` or a panic is logged as an error and counted in
    /// [`Stats::unequal`](crate::Stats::unequal). The caller gets the stored result in any case, and it stays stored, so
    /// the program does what it does without `verify`. For the same share of the misses, the caller gets what a
    /// later hit will give: the value as its `Deserialize` makes it from what its `Serialize` wrote. So a field that serde
    /// skips shows at the first call.
    ///
    /// # Errors
    /// Those of [`Cache::open`]; [`LevelOutOfRange`](ErrorKind::LevelOutOfRange) and
    /// [`CompressorDisabled`](ErrorKind::CompressorDisabled) for the compressor;
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a limit that nothing fits into.
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
        let mut latent = None;
        if !read_only {
            match self.create(&layout) {
                Ok(()) => {
                    orphaned_temps::collect(&layout);
                    report_file::remove_orphaned_temps(layout.root());
                }
                // Of the global cache, nobody asks whether it could be opened; and a full disk is not full for ever.
                Err(error) if self.is_global || error.kind() == ErrorKind::NoSpace => {
                    // What was stored before can be loaded.
                    let is_latent = !layout.functions().is_dir();
                    let what = if is_latent { "opened: nothing is cached" } else { "written to: nothing is stored" };
                    tracing::warn!(%error, "the cache can't be {what} until it can, which is tried again and again");
                    latent = Some(error).filter(|_| is_latent);
                }
                Err(error) => return Err(error),
            }
        }
        let wait_limit = self.wait_limit.or_else(|| settings::WAIT.get()).unwrap_or(WAIT_LIMIT);
        Ok(Cache::new(Inner {
            compression,
            is_global: self.is_global,
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
                latent,
                wait_limit,
                hot_bytes: self.hot_bytes,
            }),
            state: PerProcess::new(),
            temporary: None,
        }))
    }

    /// Makes the folders, for whom they are to be.
    fn create(&self, layout: &Layout) -> Result<()> {
        let heir = permissions::Heir::of(layout.root());
        layout.create_root().map_err(permissions::explain)?;
        heir.inherits();
        layout.share(self.shared.or_else(|| settings::SHARED.get()).unwrap_or_default());
        layout.create().map_err(permissions::explain)
    }
}
