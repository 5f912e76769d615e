//! `KeyLocks`: a lock for each key of a cache, between processes and between the handles of one process.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Weak};
#[cfg(feature = "async")]
use std::task::Poll;
use std::time::Duration;

use crate::error::Result;
use crate::sys::fork::generation::Born;
use crate::sys::fork::per_process::PerProcess;
#[cfg(not(target_os = "linux"))]
use crate::sys::lock::lock_files::{FileLock as Held, FileLocks as Kind};
#[cfg(target_os = "linux")]
use crate::sys::lock::ofd::{RangeLock as Held, RangeLocks as Kind};
#[cfg(feature = "async")]
use crate::sys::lock::try_lock::RETRY_INTERVAL;
use crate::sys::lock::try_lock::{SLOT_BITS, TryLock};
use crate::sys::locked::locked;
#[cfg(feature = "async")]
use crate::sys::timer;

/// Locks for the keys of a cache. They exclude other processes, and other handles of the same folder in this process.
///
/// On Linux a lock is a range of one file, so it needs no inode. Elsewhere each lock is a file. Clones share the locks.
#[derive(Clone)]
pub(crate) struct KeyLocks(Arc<Shared>);

/// State of all handles of one folder. The system does not distinguish them, so they exclude each other themselves.
struct Shared {
    kind: Kind,
    /// The locks that this process holds, or is just trying to take.
    held: Mutex<HashSet<u64>>,
}

/// The folders in which this process uses locks.
static SHARED: PerProcess<Mutex<Folders>> = PerProcess::new();

type Folders = Vec<(PathBuf, Weak<Shared>)>;

/// A lock that is held until it is dropped.
pub(crate) struct KeyLock {
    held: Option<Held>,
    place: u64,
    shared: Arc<Shared>,
    /// A forked child has a copy of this value, but not the lock.
    born: Born,
    /// Whether others may be waiting for it.
    is_waited_for: bool,
}

impl KeyLocks {
    /// Returns the locks of the cache with this root.
    pub(crate) fn under(root: &Path) -> Self {
        let mut all = locked(SHARED.get());
        all.retain(|(_, shared)| shared.strong_count() > 0);
        if let Some(shared) = all.iter().find(|(path, _)| path == root).and_then(|(_, shared)| shared.upgrade()) {
            return KeyLocks(shared);
        }
        let shared = Arc::new(Shared { kind: Kind::under(root), held: Mutex::default() });
        all.push((root.to_owned(), Arc::downgrade(&shared)));
        KeyLocks(shared)
    }

    /// Takes the lock of this key if it is free. Nothing ever waits for a lock taken this way.
    ///
    /// Keys that agree in their first 38 bits share a lock. Two such calls wait for each other although they need not,
    /// which only costs time.
    ///
    /// # Errors
    /// If the file system has no locks, or the root is not writable.
    pub(crate) fn ask(&self, key: &impl Borrow<[u8; 32]>) -> Result<TryLock<KeyLock>> {
        let mut asked = self.ask_at(key, 0);
        if let Ok(TryLock::Acquired(lock)) = &mut asked {
            lock.is_waited_for = false;
        }
        asked
    }

    /// Tries to take one of the locks of this key, like [`ask`](KeyLocks::ask). A call that gives up waiting for the
    /// holder of one level tries the next level.
    pub(crate) fn ask_at(&self, key: &impl Borrow<[u8; 32]>, level: u32) -> Result<TryLock<KeyLock>> {
        let KeyLocks(shared) = self;
        let place = place(key, level);
        if !locked(&shared.held).insert(place) {
            return Ok(TryLock::Busy);
        }
        let mut lock = KeyLock { held: None, place, shared: shared.clone(), born: Born::here(), is_waited_for: true };
        Ok(match shared.kind.ask(place)? {
            TryLock::Acquired(held) => {
                lock.held = Some(held);
                TryLock::Acquired(lock)
            }
            TryLock::Busy => TryLock::Busy,
        })
    }

    /// Waits until the lock may be free, at most `longest`; perhaps much shorter.
    pub(crate) fn wait(&self, key: &impl Borrow<[u8; 32]>, level: u32, longest: Duration) {
        self.0.kind.wait(place(key, level), longest, || self.is_held(key, level));
    }

    /// Waits like [`wait`](KeyLocks::wait), without blocking the thread.
    #[cfg(feature = "async")]
    pub(crate) async fn wait_as_task(&self, key: &impl Borrow<[u8; 32]>, level: u32) {
        let mut has_asked = false;
        let listens = std::future::poll_fn(|context| {
            if std::mem::replace(&mut has_asked, true) {
                return Poll::Ready(true);
            }
            let listens = self.0.kind.listen(place(key, level), context.waker());
            if listens && self.is_held(key, level) { Poll::Pending } else { Poll::Ready(listens) }
        });
        if !listens.await {
            timer::sleep(RETRY_INTERVAL).await;
        }
    }

    fn is_held(&self, key: &impl Borrow<[u8; 32]>, level: u32) -> bool {
        matches!(self.ask_at(key, level), Ok(TryLock::Busy))
    }

    /// Returns whether an ancestor of this process holds the lock, and took it before this process was started: it may
    /// be waiting for this process.
    pub(crate) fn is_held_by_an_ancestor(&self, key: &impl Borrow<[u8; 32]>, level: u32) -> bool {
        self.0.kind.is_held_by_an_ancestor(place(key, level))
    }

    /// Closes files that are open only to make the next lock faster.
    pub(crate) fn rest(&self) {
        self.0.kind.rest();
    }
}

/// Returns the number of a lock. The levels of one key have different locks.
fn place(key: &impl Borrow<[u8; 32]>, level: u32) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&key.borrow()[..8]);
    // The factor is odd, so different levels give different products.
    let level = u64::from(level).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ((u64::from_be_bytes(first) >> (64 - SLOT_BITS)) ^ level) & ((1 << SLOT_BITS) - 1)
}

impl Drop for KeyLock {
    fn drop(&mut self) {
        if !self.born.is_here() {
            return std::mem::forget(self.held.take());
        }
        let shared = self.shared.clone();
        let freed = || _ = locked(&shared.held).remove(&self.place);
        // Release the system's lock first: the next holder in this process would otherwise share it. Then wake the
        // waiters.
        match self.held.take() {
            Some(held) if self.is_waited_for => held.free(freed),
            held => {
                drop(held);
                freed();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_of_one_folder_exclude_each_other() {
        let root = tempfile::tempdir().unwrap();
        let (here, there) = (KeyLocks::under(root.path()), KeyLocks::under(root.path()));
        let key = [7_u8; 32];
        let TryLock::Acquired(held) = here.ask(&key).unwrap() else { panic!("it was free") };
        here.rest();
        assert!(matches!(there.ask(&key).unwrap(), TryLock::Busy));
        assert!(matches!(here.ask(&key).unwrap(), TryLock::Busy));
        drop(held);
        assert!(matches!(there.ask(&key).unwrap(), TryLock::Acquired(_)));
    }

    #[test]
    fn a_key_has_several_locks() {
        let root = tempfile::tempdir().unwrap();
        let locks = KeyLocks::under(root.path());
        let key = [7_u8; 32];
        let held: Vec<_> = (0..8).map(|level| locks.ask_at(&key, level).unwrap()).collect();
        assert!(held.iter().all(|lock| matches!(lock, TryLock::Acquired(_))));
    }
}
