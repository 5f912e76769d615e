//! A cache whose folder could not be made when it was opened, as the disk was full. That is tried again, so a process that
//! runs for months is not without its cache for that.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::store::Layout;

/// From one try to the next.
const PAUSE: Duration = Duration::from_secs(1);

/// Whether a cache can be used.
pub(crate) struct Latent {
    is_latent: AtomicBool,
    tried: Mutex<Instant>,
}

impl Latent {
    /// Of a cache that could be opened, or could not.
    pub(crate) fn new(is_latent: bool) -> Self {
        Latent { is_latent: AtomicBool::new(is_latent), tried: Mutex::new(Instant::now()) }
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
        if tried.elapsed() < PAUSE {
            return false;
        }
        *tried = Instant::now();
        let made = layout.create();
        if made.is_ok() {
            self.is_latent.store(false, Ordering::Release);
            tracing::info!(root = %layout.root().display(), "the cache's folder could be made now: results are kept");
        }
        made.is_ok()
    }
}
