//! The cache that a command works on, and the form of its output.

use std::path::PathBuf;

use larder::{Cache, CacheBuilder};

use crate::failure::Failure;
use crate::output::progress::Bar;

pub(crate) struct Context {
    /// The folder of the cache.
    pub(crate) root: PathBuf,
    /// Whether to write JSON instead of text.
    pub(crate) json: bool,
}

impl Context {
    /// Uses this folder, or that of the global cache.
    pub(crate) fn new(root: Option<PathBuf>, json: bool) -> Result<Self, Failure> {
        let root = match root {
            Some(root) => root,
            None => Cache::global_path()?,
        };
        Ok(Context { root, json })
    }

    /// Opens the cache to read it. Nothing is created, even if there is no cache.
    pub(crate) fn open_to_read(&self) -> Result<Cache, Failure> {
        if self.root.is_file() {
            let root = self.root.display();
            return Err(Failure::Failed(format!("{root} is a file; a cache is a folder, see `larder doctor`")));
        }
        self.open_unchecked()
    }

    /// Opens the cache to read it, also if its path leads to a file, which `doctor` reports.
    pub(crate) fn open_unchecked(&self) -> Result<Cache, Failure> {
        Ok(self.builder().read_only(true).open()?)
    }

    /// Opens the cache to change it.
    pub(crate) fn open_to_change(&self) -> Result<Cache, Failure> {
        Ok(self.builder().open()?)
    }

    /// Opens the cache for a long operation, which shows its progress.
    pub(crate) fn open_with_progress(&self, read_only: bool, doing: &'static str) -> Result<Cache, Failure> {
        let bar = Bar::new(doing);
        Ok(self.builder().read_only(read_only).on_progress(move |p| bar.set(p.done, p.total)).open()?)
    }

    fn builder(&self) -> CacheBuilder {
        Cache::builder(&self.root).ignore_run_mode(true)
    }

    pub(crate) fn nothing_cached(&self) -> String {
        format!("nothing is cached in {}", self.root.display())
    }
}
