//! A cache whose folder could not be made when it was opened, since the disk was full. Making it is tried again, so that a
//! process that runs for months gets its cache when there is room.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::store::layout::Layout;

/// The time between two tries.
const PAUSE: Duration = Duration::from_secs(1);

/// Whether the folder of a cache is still to be made.
pub(super) struct DeferredOpen {
    is_deferred: AtomicBool,
    /// When it was tried last, and what went wrong.
    tried: Mutex<(Option<Instant>, Option<Error>)>,
}

impl DeferredOpen {
    /// Takes the error that making the folder gave, if any.
    pub(super) fn new(error: Option<Error>) -> Self {
        DeferredOpen { is_deferred: AtomicBool::new(error.is_some()), tried: Mutex::new((None, error)) }
    }

    /// Returns why the folder can't be made; `None` if it was made.
    pub(super) fn error(&self) -> Option<Error> {
        self.tried.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    /// Whether the folder is still to be made. Does not try to make it.
    #[inline]
    pub(super) fn is_deferred(&self) -> bool {
        self.is_deferred.load(Ordering::Acquire)
    }

    /// Tries to make the folder, at most once a second: whether it exists now.
    #[cold]
    pub(super) fn try_again(&self, layout: &Layout) -> bool {
        // A call that comes while another one tries does without the cache.
        let Ok(mut tried) = self.tried.try_lock() else { return false };
        if tried.0.is_some_and(|at| at.elapsed() < PAUSE) {
            return false;
        }
        *tried = (Some(Instant::now()), layout.create().err());
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
        assert!(deferred.is_deferred() && !deferred.try_again(&layout) && deferred.error().is_some());
        fs::remove_file(&path).unwrap();
        assert!(!deferred.try_again(&layout), "it was tried twice in a second");
        deferred.tried.lock().unwrap().0 = None;
        assert!(deferred.try_again(&layout) && !deferred.is_deferred() && deferred.error().is_none());
        assert!(!DeferredOpen::new(None).is_deferred());
    }
}
