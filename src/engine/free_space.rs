//! Watches the free space on the disk of a cache, and reserves some of it for other programs.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};

/// How long a measurement stays valid.
const VALID_FOR: Duration = Duration::from_secs(1);

/// A fiftieth of the disk stays free, but at most this number of bytes.
const MOST_LEFT_FREE: u64 = 1 << 30;

/// Remaining space that the cache may use.
#[derive(Default)]
pub(crate) struct FreeSpace(Mutex<Measured>);

#[derive(Default)]
struct Measured {
    at: Option<Instant>,
    /// Bytes that may be written before the next measurement.
    allowance: u64,
}

/// Returns the free bytes on the disk of this folder, and the size of the disk. `None` if the file system does not
/// report them: some report zero blocks (ramfs, tmpfs without a limit, FUSE without `statfs`).
pub(crate) fn free_space(folder: &Path) -> Option<(u64, u64)> {
    let total = fs2::total_space(folder).ok().filter(|total| *total > 0)?;
    Some((fs2::available_space(folder).ok()?, total))
}

/// Returns how many bytes stay free on a disk of this size.
pub(crate) fn left_free(total: u64) -> u64 {
    (total / 50).min(MOST_LEFT_FREE)
}

impl FreeSpace {
    /// Returns an error if only the reserved space is left.
    pub(crate) fn expect(&self, root: &Path) -> Result<()> {
        let mut measured = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if measured.allowance == 0 || measured.at.is_none_or(|at| at.elapsed() > VALID_FOR) {
            // If the free space is unknown, writing fails when the disk is full.
            let (available, total) = free_space(root).unwrap_or((u64::MAX, u64::MAX));
            *measured = Measured { at: Some(Instant::now()), allowance: available.saturating_sub(left_free(total)) };
        }
        if measured.allowance > 0 {
            return Ok(());
        }
        let what = "the disk is almost full: nothing more is stored, so that others can go on; remove something, \
                    or trim the cache";
        Err(Error::new(ErrorKind::NoSpace, what).at(root))
    }

    /// Records that a file of this size was written.
    pub(crate) fn written(&self, size: u64) {
        let mut measured = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        measured.allowance = measured.allowance.saturating_sub(size);
    }
}
