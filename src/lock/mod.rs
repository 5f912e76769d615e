//! Locks: held by open files, and freed by the system when their holder ends.

#[cfg(target_os = "linux")]
mod byte;
#[cfg(any(test, not(target_os = "linux")))]
mod named;
mod whole;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::Result;
use crate::fork::{Born, PerProcess};
use crate::key::Key;

pub(crate) use whole::try_exclusive;

#[cfg(target_os = "linux")]
use byte::{Byte as Held, Bytes as Kind};
#[cfg(not(target_os = "linux"))]
use named::{Files as Kind, Named as Held};

/// A lock for each key, between the processes that use a cache, and between those in this process that share a folder.
///
/// On Linux a lock is one byte of one file, so it costs no inode. Elsewhere it is a file by itself. Clones are the same.
#[derive(Clone)]
pub(crate) struct KeyLocks(Arc<Shared>);

/// What all that lock in one folder have in common. To the system they are one, so they keep apart by themselves.
struct Shared {
    kind: Kind,
    /// The locks that are held here, or asked for just now.
    held: Mutex<HashSet<u64>>,
}

/// The folders in which this process locks.
static SHARED: PerProcess<Mutex<Folders>> = PerProcess::new();

type Folders = Vec<(PathBuf, Weak<Shared>)>;

/// A lock that is held until it is dropped.
pub(crate) struct KeyLock {
    held: Option<Held>,
    place: u64,
    shared: Arc<Shared>,
    /// A child has a copy of this, and not the lock.
    born: Born,
}

/// What became of asking for a lock.
pub(crate) enum Asked<L> {
    /// It is held now.
    Mine(L),
    /// Somebody else holds it.
    Theirs,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl KeyLocks {
    /// The locks of the cache with this root.
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

    /// Takes the lock of this key, unless somebody else has it.
    ///
    /// Keys that agree in their first 63 bits share a lock. That makes two calls wait for each other
    /// that need not, and no more.
    ///
    /// # Errors
    /// Where the file system has no locks, or the root can't be written to.
    pub(crate) fn ask(&self, key: &Key) -> Result<Asked<KeyLock>> {
        let KeyLocks(shared) = self;
        let place = place(key);
        if !locked(&shared.held).insert(place) {
            return Ok(Asked::Theirs);
        }
        let mut lock = KeyLock { held: None, place, shared: shared.clone(), born: Born::here() };
        Ok(match shared.kind.ask(key)? {
            Asked::Mine(held) => {
                lock.held = Some(held);
                Asked::Mine(lock)
            }
            Asked::Theirs => Asked::Theirs,
        })
    }

    /// Closes what is open only so that the next lock is faster to have.
    pub(crate) fn rest(&self) {
        self.0.kind.rest();
    }
}

/// What is locked for a key.
fn place(key: &Key) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&key.as_bytes()[..8]);
    u64::from_be_bytes(first) & i64::MAX.cast_unsigned()
}

impl Drop for KeyLock {
    fn drop(&mut self) {
        if !self.born.is_here() {
            return std::mem::forget(self.held.take());
        }
        // First for the system: the next one to have it here would share it.
        self.held = None;
        locked(&self.shared.held).remove(&self.place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_share_a_folder_keep_apart() {
        let root = tempfile::tempdir().unwrap();
        let (here, there) = (KeyLocks::under(root.path()), KeyLocks::under(root.path()));
        let key = crate::key_of("a").unwrap();
        let Asked::Mine(held) = here.ask(&key).unwrap() else { panic!("it was free") };
        here.rest();
        assert!(matches!(there.ask(&key).unwrap(), Asked::Theirs));
        assert!(matches!(here.ask(&key).unwrap(), Asked::Theirs));
        drop(held);
        assert!(matches!(there.ask(&key).unwrap(), Asked::Mine(_)));
    }
}
