//! Locks on ranges of one file (`F_OFD_SETLK`, Linux 3.15 and later). They exclude each other between open files, also
//! within one process.
//!
//! The first byte of a range is the number of the lock. The length encodes when it was taken, which the kernel shows to
//! other processes: see `ancestor`.

#![expect(unsafe_code, reason = "fcntl has no safe wrapper for locks of this kind")]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
#[cfg(feature = "async")]
use std::task::Waker;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::sys::file::open_to_change;
use crate::sys::file_id::TrackedFile;
use crate::sys::fork::lock_file::LockFile;
use crate::sys::lock::ancestor;
use crate::sys::lock::try_lock::{LENGTH_BITS, RETRY_INTERVAL, TryLock};
#[cfg(feature = "async")]
use crate::sys::lock::wake;
use crate::sys::lock::wake::{Open, WakeWord};
use crate::sys::locked::locked;
use crate::sys::proc::boot_ticks;

/// All locks of a cache. The file has a few bytes for the [`WakeWord`]. The locked ranges are beyond them.
pub(super) struct RangeLocks {
    path: PathBuf,
    open: Mutex<Option<Arc<Open>>>,
}

/// A held lock.
pub(super) struct RangeLock {
    open: Arc<Open>,
    range: Range,
}

/// A locked range.
#[derive(Clone, Copy)]
struct Range {
    start: i64,
    length: i64,
}

impl Range {
    /// Returns the range of a lock that is taken now.
    fn of(place: u64) -> Range {
        let ticks = boot_ticks() & ((1 << LENGTH_BITS) - 1);
        Range { start: (place << LENGTH_BITS).cast_signed(), length: ticks.max(1).cast_signed() }
    }
}

impl RangeLocks {
    pub(super) fn under(root: &Path) -> Self {
        RangeLocks { path: root.join("locks"), open: Mutex::new(None) }
    }

    pub(super) fn ask(&self, place: u64) -> Result<TryLock<RangeLock>> {
        let failed = |e| Error::io(e, "can't lock").at(&self.path);
        let open = self.open().map_err(failed)?;
        let range = Range::of(place);
        match set(&open.file, range, libc::F_WRLCK) {
            Ok(()) => Ok(TryLock::Acquired(RangeLock { open, range })),
            Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => Ok(TryLock::Busy),
            Err(error) => Err(failed(error)),
        }
    }

    /// Returns whether an ancestor of this process holds the lock, and took it before this process was started.
    pub(super) fn is_held_by_an_ancestor(&self, place: u64) -> bool {
        self.open().is_ok_and(|open| ancestor::holds(&open.file, Range::of(place).start))
    }

    /// Sleeps until the lock may be free, at most `longest`; not at all if `is_held` returns false.
    pub(super) fn wait(&self, place: u64, longest: Duration, is_held: impl FnOnce() -> bool) {
        match self.open() {
            Ok(open) => open.wake_word.wait(&open.file, place, longest, is_held),
            Err(_) => std::thread::sleep(longest.min(RETRY_INTERVAL)),
        }
    }

    /// Registers a task to be woken when the lock may be free. Returns whether a thread will wake it.
    #[cfg(feature = "async")]
    pub(super) fn listen(&self, place: u64, task: &Waker) -> bool {
        self.open().is_ok_and(|open| wake::listen(&open, place, task))
    }

    /// Closes the file, unless a lock is held, which keeps it open.
    pub(super) fn rest(&self) {
        *locked(&self.open) = None;
    }

    /// Returns the open file. Opens it again if the path leads to another file or none, because other processes lock
    /// that one.
    fn open(&self) -> io::Result<Arc<Open>> {
        let mut kept = locked(&self.open);
        if let Some(open) = &*kept
            && open.file.at(&self.path).is_some()
        {
            return Ok(open.clone());
        }
        let open = || LockFile::open(|| open_to_change(&self.path));
        let file = match open() {
            Ok(file) if file.metadata()?.is_file() => file,
            Ok(_) => return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")),
            Err(error) => return Err(error),
        };
        let open = Arc::new(Open { file: TrackedFile::new(file), wake_word: WakeWord::default() });
        *kept = Some(open.clone());
        Ok(open)
    }
}

impl RangeLock {
    /// Releases the lock, calls `freed`, and wakes the waiters.
    pub(super) fn free(self, freed: impl FnOnce()) {
        let (open, range) = (self.open.clone(), self.range);
        drop(self);
        freed();
        open.wake_word.ring(&open.file, range.start.cast_unsigned() >> LENGTH_BITS);
    }
}

impl Drop for RangeLock {
    fn drop(&mut self) {
        let _ = set(&self.open.file, self.range, libc::F_UNLCK);
    }
}

/// Locks or unlocks a range, without waiting.
fn set(file: &File, range: Range, kind: i32) -> io::Result<()> {
    // The constants are wider than the fields.
    let short = |constant: i32| libc::c_short::try_from(constant).map_err(io::Error::other);
    let lock = libc::flock {
        l_type: short(kind)?,
        l_whence: short(libc::SEEK_SET)?,
        l_start: range.start,
        l_len: range.length,
        l_pid: 0,
    };
    // SAFETY: the descriptor is open while `file` is borrowed, and the kernel reads `lock` only during the call.
    match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::lock::try_lock::SLOT_BITS;

    #[test]
    fn a_lock_excludes_all_open_files() {
        let root = tempfile::tempdir().unwrap();
        let (here, there) = (RangeLocks::under(root.path()), RangeLocks::under(root.path()));
        let (a, b) = (7, (1 << SLOT_BITS) - 1);
        let TryLock::Acquired(held) = here.ask(a).unwrap() else { panic!("it was free") };
        assert!(matches!(there.ask(a).unwrap(), TryLock::Busy));
        assert!(matches!(there.ask(b).unwrap(), TryLock::Acquired(_)));
        drop(held);
        let TryLock::Acquired(_held) = there.ask(a).unwrap() else { panic!("it was freed") };
        assert!(matches!(here.ask(a).unwrap(), TryLock::Busy));
    }

    #[test]
    fn a_removed_file_is_created_again() {
        let root = tempfile::tempdir().unwrap();
        let (here, there) = (RangeLocks::under(root.path()), RangeLocks::under(root.path()));
        let place = 5;
        drop(here.ask(place).unwrap());
        std::fs::remove_file(root.path().join("locks")).unwrap();
        let TryLock::Acquired(_held) = here.ask(place).unwrap() else { panic!("it was free") };
        assert!(matches!(there.ask(place).unwrap(), TryLock::Busy));
    }
}
