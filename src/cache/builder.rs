//! `CacheBuilder`: the options of a cache.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::engine::eviction::policy::{EvictionOrder, Limits};
use crate::format::compress::compression::Compression;
use crate::observe::progress::{Progress, Watcher};
use crate::store::interface::Store;
use crate::store::mac::MacKey;
use crate::store::tiered::Tiered;

/// Default limit of the results in memory, in bytes.
const HOT_BYTES: u64 = 32 << 20;

/// Options of a [`Cache`](crate::Cache); created by [`Cache::builder`](crate::Cache::builder).
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is opened"]
pub struct CacheBuilder {
    pub(super) folder: PathBuf,
    pub(super) compression: Compression,
    pub(super) read_only: bool,
    pub(super) durable: bool,
    pub(super) limits: Limits,
    pub(super) order: EvictionOrder,
    pub(super) hot_bytes: u64,
    pub(super) secret: Option<MacKey>,
    pub(super) wait_limit: Option<Duration>,
    /// `None` if the variable `LARDER_SHARED` decides.
    pub(super) shared: Option<bool>,
    pub(super) store: Arc<dyn Store>,
    pub(super) progress: Watcher,
    /// Whether the variable `LARDER` is read.
    pub(super) reads_env: bool,
    pub(super) is_global: bool,
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
            store: Arc::new(Tiered::new(false)),
            progress: Watcher::default(),
            reads_env: true,
            is_global: false,
        }
    }

    /// Sets the compressor of new entries. A function's own compressor takes precedence. Existing entries stay
    /// readable, whatever their compressor is. Default: none.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Only loads results: stores and removes none. The folder need not exist. Default: false.
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Waits until each entry has been written to the disk. Without this, an entry that is torn by a power failure is
    /// only a miss; with it, storing an entry waits for the disk. Default: false.
    pub fn durable(mut self, durable: bool) -> Self {
        self.durable = durable;
        self
    }

    /// Limits the size of the cache on the disk, in bytes. As entries are written, the least recently used ones are
    /// evicted. Default: no limit. [`parse_bytes`](crate::parse_bytes) parses sizes as people write them, such as
    /// `"10GB"`.
    ///
    /// A result that alone is larger than the limit is not stored. Several processes together may exceed the limit for
    /// about a second. If many entries must be evicted because the limit was lowered, no call waits for all of them:
    /// they are evicted in batches, within a few seconds for each ten thousand.
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

    /// Limits the number of entries, as [`max_bytes`](CacheBuilder::max_bytes) does for their size. Default: no limit.
    pub fn max_entries(mut self, entries: u64) -> Self {
        self.limits.max_entries = Some(entries);
        self
    }

    /// Limits the age of results: older ones are not used, and are removed. Default: no limit. A function's own
    /// `max_age` may be shorter.
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.limits.max_age = Some(max_age);
        self
    }

    /// Removes results that were not used for this long. The time of the last use is accurate to a minute. Default: no
    /// limit.
    pub fn max_idle(mut self, max_idle: Duration) -> Self {
        self.limits.max_idle = Some(max_idle);
        self
    }

    /// Chooses entries to evict by their cost: of those that were not used for long, the ones that save the least time
    /// for their size are evicted first, and not the least recently used ones. Each search for entries to evict then
    /// reads the headers of half of the entries. Default: false.
    pub fn weigh_cost(mut self, weigh_cost: bool) -> Self {
        self.order = if weigh_cost { EvictionOrder::CheapestFirst } else { EvictionOrder::LeastRecentlyUsed };
        self
    }

    /// Limits the results that are kept in this process's memory, in bytes. A hit in memory accesses no file.
    /// Results of up to 64 KiB are kept, from the second time that they are read. 0 keeps none. Default: 32 MiB.
    ///
    /// An entry that another process removes or replaces is no longer used from then on. The removal of a folder by
    /// other means than larder is noticed within a second.
    pub fn hot_bytes(mut self, bytes: u64) -> Self {
        self.hot_bytes = bytes;
        self
    }

    /// Appends many small results of a function to a few files, its segments, instead of storing each in a file of its
    /// own. Each process stores the first 64 small results of a function in files, as always. Results of more than 16 KiB
    /// are always files. Segments that exist are read by every cache. Default: false.
    ///
    /// **Experimental**: results may be computed again although they are stored, if several processes remove and
    /// recompress them at the same time. The format may change.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let cache = larder::Cache::builder(folder.path()).segments(true).open()?;
    /// for n in 0..1000 {
    ///     cache.get_or_compute("square", &n, || n * n);
    /// }
    /// assert_eq!(cache.stats()?.entries, 1000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn segments(mut self, segments: bool) -> Self {
        self.store = Arc::new(Tiered::new(segments));
        self
    }

    /// Sets how long a call waits for the thread or process that computes the same call, if that makes no progress: it
    /// was stopped, is frozen, or waits for something that only this call would do. After that the call computes the
    /// result itself. Default: the variable `LARDER_WAIT` (such as `30s`), else 30 seconds. With zero, no call waits
    /// for another one.
    ///
    /// If the leader may be making progress, the call waits longer: ten times the limit if the leader waits for
    /// something or only wakes now and then, a hundred times if it works, and a thousand times if it works in another
    /// process. A function that takes longer than that, while another thread makes the same call, runs twice. A thread
    /// of a rayon pool waits at most one second for a leader that makes no progress. It takes three seconds to notice
    /// that another process was stopped.
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

    /// Accepts only entries that were written with this secret. Any other entry in the folder is a miss, and is
    /// counted as an error. Use it for a folder that others can write to. Default: every entry in the folder is
    /// trusted.
    ///
    /// Entries are authenticated, not encrypted. An entry is read completely and its MAC is checked, at the speed of
    /// BLAKE3, before it is used. So results can't be [mapped](crate::Shelved::map), and a [`Shelved`](crate::Shelved)
    /// reference can be loaded only by the process that created it.
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
        self.secret = Some(MacKey::new(&secret));
        self
    }

    /// Lets the group of the folder use the cache: folders have mode 2770 and files 0660, whatever the umask is, and
    /// all have the group of the cache's folder. If all users may write to that folder, all may use the cache.
    /// Default: the variable `LARDER_SHARED`, else only the owner has access (0700, 0600).
    ///
    /// The owner of the folder makes the cache shared by opening it with this option once; existing contents are then
    /// opened to the group. From then on it is shared for every program that uses it, even without this option. All
    /// who may write to the folder are trusted, unless all programs use the same [`secret`](CacheBuilder::secret). On
    /// Windows, permissions are set on the folder itself, and this option has no effect.
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

    /// Sets a callback that [`verify`](crate::Cache::verify), [`clear`](crate::Cache::clear) and
    /// [`trim`](crate::Cache::trim) call with their progress, after each entry.
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

    /// Replaces the store of the entries.
    #[cfg(test)]
    pub(crate) fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = store;
        self
    }

    /// Ignores the variable `LARDER`: the cache is opened as this builder says, also with `LARDER=off`, `refresh`, `readonly`
    /// or `verify`. For programs that maintain caches, as the program `larder` does. Default: false.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let cache = larder::Cache::builder(folder.path()).ignore_run_mode(true).open()?;
    /// assert!(cache.is_enabled());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn ignore_run_mode(mut self, ignore: bool) -> Self {
        self.reads_env = !ignore;
        self
    }
}
