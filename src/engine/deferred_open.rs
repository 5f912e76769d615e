//! Folder of a cache that could not be created when the cache was opened, for example because the disk was full.
//! Creating it is tried again, so that a long-running process can use its cache later.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::store::layout::Layout;
use crate::sys::locked::locked;

/// Minimum time between two attempts.
const PAUSE: Duration = Duration::from_secs(1);

/// State of a folder that may still have to be created.
pub(super) struct DeferredOpen {
    is_deferred: AtomicBool,
    /// When creation was last attempted, and the error.
    tried: Mutex<(Option<Instant>, Option<Error>)>,
}

impl DeferredOpen {
    /// Makes the state, with the error of creating the folder, if any.
    pub(super) fn new(error: Option<Error>) -> Self {
        DeferredOpen { is_deferred: AtomicBool::new(error.is_some()), tried: Mutex::new((None, error)) }
    }

    /// Returns why the folder can't be created; `None` if it was created.
    pub(super) fn error(&self) -> Option<Error> {
        locked(&self.tried).1.clone()
    }

    /// Returns whether the folder is still missing. Does not try to create it.
    #[inline]
    pub(super) fn is_deferred(&self) -> bool {
        self.is_deferred.load(Ordering::Acquire)
    }

    /// Tries to create the folder, at most once a second. Returns whether it exists now.
    #[cold]
    pub(super) fn try_again(&self, layout: &Layout, shared: bool) -> bool {
        // While another thread tries, this call runs without the cache.
        let Ok(mut tried) = self.tried.try_lock() else { return false };
        if tried.0.is_some_and(|at| at.elapsed() < PAUSE) {
            return false;
        }
        *tried = (Some(Instant::now()), layout.create_for(shared).err());
        let is_made = tried.1.is_none();
        self.is_deferred.store(!is_made, Ordering::Release);
        drop(tried);
        if is_made {
            tracing::info!(root = %layout.root().display(), "the cache's folder could be made now: results are kept");
        }
        is_made
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "files of the tests")]
mod tests {
    use std::fs;

    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn it_is_tried_once_a_second_until_it_works() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("cache");
        fs::write(&path, "in the way").unwrap();
        let layout = Layout::at(&path).unwrap();
        let deferred = DeferredOpen::new(Some(Error::new(ErrorKind::NoSpace, "no space")));
        assert!(deferred.is_deferred() && !deferred.try_again(&layout, false) && deferred.error().is_some());
        fs::remove_file(&path).unwrap();
        assert!(!deferred.try_again(&layout, false), "it was tried twice in a second");
        deferred.tried.lock().unwrap().0 = None;
        assert!(deferred.try_again(&layout, false) && !deferred.is_deferred() && deferred.error().is_none());
        assert!(!DeferredOpen::new(None).is_deferred());
    }
}
