//! Telling how far something long has come.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

/// How far [`verify`](crate::Cache::verify), [`clear`](crate::Cache::clear) or [`trim`](crate::Cache::trim) has come: what
/// [`CacheBuilder::on_progress`](crate::CacheBuilder::on_progress) is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Progress {
    /// Entries that are done.
    pub done: u64,
    /// Entries in all, as far as is known.
    pub total: u64,
}

/// Whom to tell.
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
