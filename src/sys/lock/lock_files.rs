//! Locks on files named after keys, for systems whose range locks don't exclude both threads and processes. (On Linux,
//! only tests use it.)

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::sys::fork::lock_file::LockFile;
use crate::sys::lock::try_lock::{RETRY_INTERVAL, TryLock};
use crate::sys::lock::whole_file::try_exclusive;
use crate::sys::private_folder::create_private_folder;

/// A folder with one file for each locked key.
pub(super) struct FileLocks {
    folder: PathBuf,
}

/// A locked file. It is removed when the lock is released.
pub(super) struct FileLock {
    path: PathBuf,
    file: LockFile,
}

impl FileLocks {
    pub(super) fn under(root: &Path) -> Self {
        FileLocks { folder: root.join("locks.d") }
    }

    /// Does nothing: no file is open without a lock.
    #[cfg_attr(test, expect(clippy::unused_self, dead_code, reason = "as for locks of the other kind"))]
    pub(super) fn rest(&self) {}

    pub(super) fn ask(&self, place: u64) -> Result<TryLock<FileLock>> {
        let path = self.folder.join(format!("{place:010x}"));
        let failed = |e| Error::io(e, "can't lock").at(&path);
        loop {
            let open = || File::options().create(true).truncate(false).read(true).write(true).open(&path);
            let opened = LockFile::open(open);
            let file = match opened {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    create_private_folder(&self.folder)?;
                    continue;
                }
                opened => opened.map_err(failed)?,
            };
            if !try_exclusive(&file).map_err(failed)? {
                return Ok(TryLock::Busy);
            }
            // Between opening and locking, the previous holder may have removed the file. The next process would create
            // a new one, and both would hold a lock.
            if is_still_there(&file, &path) {
                return Ok(TryLock::Acquired(FileLock { path, file }));
            }
        }
    }
}

#[cfg_attr(target_os = "linux", expect(dead_code, reason = "locks are ranges there"))]
impl FileLocks {
    /// Sleeps for a short time: nothing signals that a lock was freed.
    pub(super) fn wait(&self, _: u64, longest: Duration, _: impl FnOnce() -> bool) {
        std::thread::sleep(longest.min(RETRY_INTERVAL));
    }

    /// Returns false: the task must use a timer.
    #[cfg(feature = "async")]
    pub(super) fn listen(&self, _: u64, _: &std::task::Waker) -> bool {
        false
    }

    /// Returns false: the system does not show who holds a lock.
    pub(super) fn is_held_by_an_ancestor(&self, _: u64) -> bool {
        false
    }
}

#[cfg_attr(target_os = "linux", expect(dead_code, reason = "locks are ranges there"))]
impl FileLock {
    pub(super) fn free(self, freed: impl FnOnce()) {
        drop(self);
        freed();
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Remove it while it is locked, so that another holder's file is not removed.
        let _ = fs::remove_file(&self.path);
        let _ = fs2::FileExt::unlock(&*self.file);
    }
}

#[cfg(unix)]
fn is_still_there(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    match (file.metadata(), fs::metadata(path)) {
        (Ok(held), Ok(there)) => identity(held) == identity(there),
        _ => false,
    }
}

/// Can't be checked here. In the worst case, two processes compute the same call.
#[cfg(not(unix))]
fn is_still_there(_: &File, _: &Path) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_locked_once_and_leaves_nothing_behind() {
        let root = tempfile::tempdir().unwrap();
        let (here, there) = (FileLocks::under(root.path()), FileLocks::under(root.path()));
        let (a, b) = (1, 2);
        let TryLock::Acquired(held) = here.ask(a).unwrap() else { panic!("it was free") };
        assert!(matches!(there.ask(a).unwrap(), TryLock::Busy));
        assert!(matches!(there.ask(b).unwrap(), TryLock::Acquired(_)));
        drop(held);
        assert!(matches!(there.ask(a).unwrap(), TryLock::Acquired(_)));
        assert_eq!(fs::read_dir(root.path().join("locks.d")).unwrap().count(), 0);
    }
}
