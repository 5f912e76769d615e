//! Locks: held by open files, and freed by the system when their holder ends.

#[cfg(target_os = "linux")]
mod ancestor;
#[cfg(target_os = "linux")]
mod bell;
#[cfg(target_os = "linux")]
mod byte;
#[cfg(any(test, not(target_os = "linux")))]
mod named;
mod whole;

use std::path::Path;
#[cfg(feature = "async")]
use std::task::Poll;
use std::time::Duration;

use crate::Result;
use crate::key::Key;

pub(crate) use whole::try_exclusive;

#[cfg(target_os = "linux")]
use byte::{Byte as Held, Bytes as Kind};
#[cfg(not(target_os = "linux"))]
use named::{Files as Kind, Named as Held};

/// A lock for each key, between the processes that use a cache.
///
/// On Linux a lock is a range of one file, so it costs no inode. Elsewhere it is a file by itself.
pub(crate) struct KeyLocks(Kind);

/// A lock that is held until it is dropped.
#[expect(dead_code, reason = "holding it is all it is for")]
pub(crate) struct KeyLock(Held);

/// How often a lock is asked for where nothing tells that it was freed.
const ASK_AGAIN: Duration = Duration::from_millis(2);

/// What became of asking for a lock.
pub(crate) enum Asked<L> {
    /// It is held now.
    Mine(L),
    /// Somebody else holds it.
    Theirs,
}

impl KeyLocks {
    /// The locks of the cache with this root.
    pub(crate) fn under(root: &Path) -> Self {
        KeyLocks(Kind::under(root))
    }

    /// Takes the lock of this key, unless somebody else has it.
    ///
    /// Keys that agree in their first 38 bits share a lock. That makes two calls wait for each other
    /// that need not, and no more.
    ///
    /// # Errors
    /// Where the file system has no locks, or the root can't be written to.
    pub(crate) fn ask(&self, key: &Key) -> Result<Asked<KeyLock>> {
        self.ask_at(key, 0)
    }

    /// [`ask`](KeyLocks::ask) for one of the other locks of this key. Who does not wait for the holder of one any longer
    /// takes the next.
    pub(crate) fn ask_at(&self, key: &Key, level: u32) -> Result<Asked<KeyLock>> {
        Ok(match self.0.ask(key, level)? {
            Asked::Mine(held) => Asked::Mine(KeyLock(held)),
            Asked::Theirs => Asked::Theirs,
        })
    }

    /// Waits until the lock may be free, at most `longest`; maybe much shorter.
    pub(crate) fn wait(&self, key: &Key, level: u32, longest: Duration) {
        self.0.wait(key, level, longest);
    }

    /// [`wait`](KeyLocks::wait) for a task, which gives its thread away meanwhile.
    #[cfg(feature = "async")]
    pub(crate) async fn wait_as_task(&self, key: &Key, level: u32) {
        let mut has_asked = false;
        let listens = std::future::poll_fn(|context| {
            let is_asked = std::mem::replace(&mut has_asked, true);
            if is_asked { Poll::Ready(true) } else { self.0.listen(key, level, context.waker()) }
        });
        if !listens.await {
            crate::timer::sleep(ASK_AGAIN).await;
        }
    }

    /// Whether a process that this one descends from holds the lock, and took it before this one was started: it may wait
    /// for this one.
    pub(crate) fn is_held_by_an_ancestor(&self, key: &Key, level: u32) -> bool {
        self.0.is_held_by_an_ancestor(key, level)
    }
}
