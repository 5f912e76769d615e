//! How a cache is to be.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::cache::{Cache, Inner};
use crate::engine::cache_folder::Plan;
use crate::engine::eviction::policy::{EvictionOrder, Limits};
use crate::error::{ErrorKind, Result};
use crate::format::compress::Compression;
use crate::observe::progress::{Progress, Watcher};
use crate::settings;
use crate::settings::run_mode::Steering;
use crate::single_flight::running_calls;
use crate::store::directory::Directory;
use crate::store::layout::Layout;
use crate::store::mac::Secret;
use crate::store::{Store, orphaned_temps};
use crate::sys::fork::per_process::PerProcess;
use crate::sys::permissions;

/// What results in memory take, unless something else is said.
const HOT_BYTES: u64 = 32 << 20;

/// How long a call waits for a holder that does not get on, by default.
const WAIT_LIMIT: Duration = Duration::from_secs(30);

/// What the global cache takes on the disk, unless something else is said.
const GLOBAL_MAX_BYTES: u64 = 10 << 30;

/// How a [`Cache`] is to be; made by [`Cache::builder`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is opened"]
pub struct CacheBuilder {
    folder: PathBuf,
    compression: Compression,
    read_only: bool,
    durable: bool,
    limits: Limits,
    order: EvictionOrder,
    hot_bytes: u64,
    secret: Option<Secret>,
    wait_limit: Option<Duration>,
    /// `None` if the variable `LARDER_SHARED` decides.
    shared: Option<bool>,
    store: Arc<dyn Store>,
    progress: Watcher,
    /// Whether the variable `LARDER` is heeded.
    steered: bool,
    is_global: bool,
}

impl CacheBuilder {
    pub(crate) fn new(folder: &Path) -> Self {
        CacheBuilder {
            folder: folder.to_owned(),
            compression: Compression::NONE,
            read_only: false,
            durable: false,
            limits: Limits::default(),
            order: EvictionOrder::default(),
            hot_bytes: HOT_BYTES,
            secret: None,
            wait_limit: None,
            shared: None,
            store: Arc::new(Directory::default()),
            progress: Watcher::default(),
            steered: true,
            is_global: false,
        }
    }

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

    /// Keep to so many bytes on the disk: as entries are written, those that were used least recently go.
    /// Default: no limit. [`parse_bytes`](crate::parse_bytes) reads what people write, such as `"10GB"`.
    ///
    /// A result that alone has more bytes is not stored. Several processes may together go over it for about a second. If many
    /// entries have to go, as the limit was lowered, no call waits for all of them: they go in pieces, in a few seconds for each
    /// ten thousand.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let cache = larder::Cache::builder(folder.path()).max_entries(3).open()?;
    /// for n in 0..10 {
    ///     cache.get_or_compute("square", &n, || n * n);
    /// }
    /// assert_eq!(cache.stats()?.entries, 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.limits.max_bytes = Some(bytes);
        self
    }

    /// Keep to so many entries, as with [`max_bytes`](CacheBuilder::max_bytes). Default: no limit.
    pub fn max_entries(mut self, entries: u64) -> Self {
        self.limits.max_entries = Some(entries);
        self
    }

    /// Use results until they are this old, and remove them then. Default: however old. A function's own `max_age`
    /// may be shorter.
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.limits.max_age = Some(max_age);
        self
    }

    /// Remove results that were not used for so long. When a result was used is known to within a minute. Default:
    /// however long.
    pub fn max_idle(mut self, max_idle: Duration) -> Self {
        self.limits.max_idle = Some(max_idle);
        self
    }

    /// When something has to go: of what was not used for long, first what saves the least time for the space that it
    /// takes, instead of what was used least recently. That reads the headers of half of the entries for each
    /// time that it looks through them. Default: false.
    pub fn weigh_cost(mut self, weigh_cost: bool) -> Self {
        self.order = if weigh_cost { EvictionOrder::CheapestFirst } else { EvictionOrder::LeastRecentlyUsed };
        self
    }

    /// Keep so many bytes of results in this process's memory, so that a repeated hit touches no file: results of
    /// up to 64 KiB, from the second time on that they are read. 0 keeps none. Default: 32 MiB.
    ///
    /// What another process removes or replaces is not used any more from then on. A folder that was removed by
    /// hand is noticed within a second.
    pub fn hot_bytes(mut self, bytes: u64) -> Self {
        self.hot_bytes = bytes;
        self
    }

    /// How long a call waits for the thread or process that computes the same, if that does not get on: it was stopped, is
    /// frozen, or waits for what this call would do. Then it computes the result itself. Without this, what the variable
    /// `LARDER_WAIT` says (`30s`), else 30 seconds. With zero, no call waits for another one.
    ///
    /// If it may be getting on, the call waits longer: ten times the limit if it waits for something or only wakes now and
    /// then, a hundred times if it works, and a thousand times for another process that works. A function that takes longer
    /// than that, while another thread makes the same call, runs twice. A thread of rayon's waits one second for a holder
    /// that stands still. It takes three seconds to see that another process was stopped.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # let folder = tempfile::tempdir()?;
    /// let cache = larder::Cache::builder(folder.path()).wait_limit(Duration::from_secs(5)).open()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait_limit(mut self, limit: Duration) -> Self {
        self.wait_limit = Some(limit);
        self
    }

    /// Believe only entries that were written with this secret: what others put into the folder is a miss, which is
    /// counted as an error. For a folder that others can write to. Default: whoever can write there is believed.
    ///
    /// Entries are sealed, not encrypted. An entry is read whole and its seal is compared, at BLAKE3's speed, before
    /// it is used; so results can't be [mapped](crate::Shelved::map), and a [`Shelved`](crate::Shelved) reference can be
    /// loaded only by the process that made it.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let open = |secret| larder::Cache::builder(folder.path()).secret([secret; 32]).open();
    /// assert_eq!(open(1)?.get_or_compute("answer", &(), || 42), 42);
    /// assert_eq!(open(1)?.get_or_compute("answer", &(), || 43), 42);
    /// assert_eq!(open(2)?.get_or_compute("answer", &(), || 43), 43);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn secret(mut self, secret: [u8; 32]) -> Self {
        self.secret = Some(Secret::new(&secret));
        self
    }

    /// Let the group of the folder use the cache: folders are 2770 and files 0660, whatever the umask says, and all have the
    /// group of the cache's folder. If everybody may write to that folder, everybody may use the cache. Default: what the
    /// variable `LARDER_SHARED` says, else only the owner may (0700, 0600).
    ///
    /// The owner of the folder shares the cache by opening it so once; what is in it already is opened to the group then. From
    /// then on it is shared for every program that uses it, also for those that do not ask for it. Whoever may write to
    /// the folder is believed, unless all programs have one [`secret`](CacheBuilder::secret). On Windows, who may use a
    /// folder is set for the folder, and this does nothing.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let cache = larder::Cache::builder(folder.path().join("team")).shared(true).secret([7; 32]).open()?;
    /// assert_eq!(cache.get_or_compute("answer", &(), || 42), 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn shared(mut self, shared: bool) -> Self {
        self.shared = Some(shared);
        self
    }

    /// Tell how far [`verify`](Cache::verify), [`clear`](Cache::clear) and [`trim`](Cache::trim) have come, entry by entry.
    ///
    /// ```
    /// # use std::sync::atomic::{AtomicU64, Ordering};
    /// # let folder = tempfile::tempdir()?;
    /// static DONE: AtomicU64 = AtomicU64::new(0);
    /// let cache = larder::Cache::builder(folder.path()).on_progress(|p| DONE.store(p.done, Ordering::Relaxed)).open()?;
    /// for n in 0..10 {
    ///     cache.get_or_compute("square", &n, || n * n);
    /// }
    /// cache.clear()?;
    /// assert_eq!(DONE.load(Ordering::Relaxed), 10);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_progress(mut self, watch: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.progress = Watcher::new(watch);
        self
    }

    /// Keep entries elsewhere.
    #[cfg(test)]
    pub(crate) fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = store;
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
        let mut steering = Steering::Normal;
        if self.steered {
            settings::check_once();
            steering = settings::MODE.get().unwrap_or(Steering::Normal);
        }
        if steering == Steering::Off {
            return Ok(Cache::disabled());
        }
        let read_only = self.read_only || steering == Steering::ReadOnly;
        let mut deferred = None;
        if !read_only {
            match self.create(&layout) {
                Ok(()) => {
                    orphaned_temps::collect(&layout);
                    running_calls::collect_litter(layout.root());
                }
                // Of the global cache, nobody asks whether it could be opened; and a full disk is not full for ever.
                Err(error) if self.is_global || error.kind() == ErrorKind::NoSpace => {
                    // What was stored before can be loaded.
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
            is_global: self.is_global,
            read_only,
            durable: self.durable,
            refresh: steering == Steering::Refresh,
            verify: steering.share_to_verify(),
            secret: self.secret,
            plan: Some(Plan {
                layout,
                store: self.store,
                limits: self.limits,
                order: self.order,
                progress: self.progress,
                read_only,
                deferred,
                wait_limit,
                hot_bytes: self.hot_bytes,
            }),
            state: PerProcess::new(),
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
