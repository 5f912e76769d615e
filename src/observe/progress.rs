//! Reports the progress of long operations.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

/// Progress of [`verify`](crate::Cache::verify), [`clear`](crate::Cache::clear) or [`trim`](crate::Cache::trim),
/// passed to the callback of [`CacheBuilder::on_progress`](crate::CacheBuilder::on_progress).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Progress {
    /// Number of entries done.
    pub done: u64,
    /// Total number of entries, as far as known.
    pub total: u64,
}

/// Optional callback that reports progress.
#[derive(Clone, Default)]
pub(crate) struct Watcher(Option<Arc<dyn Fn(Progress) + Send + Sync>>);

impl Watcher {
    pub(crate) fn new(watch: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        Watcher(Some(Arc::new(watch)))
    }

    pub(crate) fn tell(&self, done: u64, total: u64) {
        if let Some(watch) = &self.0 {
            watch(Progress { done, total: total.max(done) });
        }
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Watcher" } else { "None" })
    }
}
