//! Which cache, and for whom.

use std::path::PathBuf;

use larder::{Cache, CacheBuilder};

use crate::failure::Failure;
use crate::output::Bar;

pub(crate) struct Place {
    pub(crate) root: PathBuf,
    /// Write for programs instead of people.
    pub(crate) json: bool,
}

impl Place {
    /// The folder that was named, or else the global cache's.
    pub(crate) fn of(root: Option<PathBuf>, json: bool) -> Result<Self, Failure> {
        let root = match root {
            Some(root) => root,
            None => Cache::global_folder()?,
        };
        Ok(Place { root, json })
    }

    /// Opens the cache to look at it. Nothing is created, also if there is nothing.
    pub(crate) fn look(&self) -> Result<Cache, Failure> {
        if self.root.is_file() {
            let root = self.root.display();
            return Err(Failure::Failed(format!("{root} is a file; a cache is a folder, see `larder doctor`")));
        }
        self.look_anyway()
    }

    /// The same, whatever is there.
    pub(crate) fn look_anyway(&self) -> Result<Cache, Failure> {
        Ok(self.builder().read_only(true).open()?)
    }

    /// Opens the cache to change it.
    pub(crate) fn change(&self) -> Result<Cache, Failure> {
        Ok(self.builder().open()?)
    }

    /// The same, showing how far something long has come.
    pub(crate) fn watched(&self, read_only: bool, doing: &'static str) -> Result<Cache, Failure> {
        let bar = Bar::new(doing);
        Ok(self.builder().read_only(read_only).on_progress(move |p| bar.show(p.done, p.total)).open()?)
    }

    fn builder(&self) -> CacheBuilder {
        Cache::builder(&self.root).unsteered()
    }

    pub(crate) fn nothing_cached(&self) -> String {
        format!("nothing is cached in {}", self.root.display())
    }
}
