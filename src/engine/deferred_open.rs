//! A cache whose folder could not be made when it was opened, as the disk was full. That is tried again, so a process that
//! runs for months is not without its cache for that.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::store::layout::Layout;

/// From one try to the next.
const PAUSE: Duration = Duration::from_secs(1);

/// Whether a cache can be used.
pub(super) struct Latent {
    is_latent: AtomicBool,
    /// When that was tried last, and what went wrong.
    tried: Mutex<(Option<Instant>, Option<Error>)>,
}

impl Latent {
    /// Of a cache that could be opened, or could not: because of this.
    pub(super) fn new(error: Option<Error>) -> Self {
        Latent { is_latent: AtomicBool::new(error.is_some()), tried: Mutex::new((None, error)) }
    }

    /// Why the folder can't be made; `None` if it could be.
    pub(super) fn error(&self) -> Option<Error> {
        self.tried.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    /// Whether the folder is still to be made. Does not try to.
    #[inline]
    pub(super) fn is_latent(&self) -> bool {
        self.is_latent.load(Ordering::Acquire)
    }

    /// Whether the folder is there; tries to make it, once a second.
    #[cold]
    pub(super) fn try_again(&self, layout: &Layout) -> bool {
        // Who comes while another one is at it does without.
        let Ok(mut tried) = self.tried.try_lock() else { return false };
        if tried.0.is_some_and(|at| at.elapsed() < PAUSE) {
            return false;
        }
        *tried = (Some(Instant::now()), layout.create().err());
        let is_made = tried.1.is_none();
        if is_made {
            self.is_latent.store(false, Ordering::Release);
            tracing::info!(root = %layout.root().display(), "the cache's folder could be made now: results are kept");
        }
        is_made
    }
}
