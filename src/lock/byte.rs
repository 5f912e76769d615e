//! Locks on single bytes of one file (`F_OFD_SETLK`, Linux 3.15 and later): exclusive between open
//! files, whether two threads, two caches or two processes opened them.

#![expect(unsafe_code, reason = "fcntl has no safe wrapper for locks of this kind")]

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::Asked;
use crate::fork::LockFile;
use crate::key::Key;
use crate::{Error, Result};

/// A link or a pipe that somebody planted in the file's place is neither followed nor waited for.
const PLANTED: i32 = libc::O_NOFOLLOW | libc::O_NONBLOCK;

/// All locks of a cache. The file stays empty: a byte can be locked that is not there.
pub(super) struct Bytes {
    path: PathBuf,
    file: Mutex<Option<Arc<LockFile>>>,
}

/// One byte.
pub(super) struct Byte {
    file: Arc<LockFile>,
    offset: i64,
}

impl Bytes {
    pub(super) fn under(root: &Path) -> Self {
        Bytes { path: root.join("locks"), file: Mutex::new(None) }
    }

    pub(super) fn ask(&self, key: &Key) -> Result<Asked<Byte>> {
        let failed = |e| Error::io(e, "can't lock").at(&self.path);
        let file = self.file().map_err(failed)?;
        let mut first = [0; 8];
        first.copy_from_slice(&key.as_bytes()[..8]);
        let offset = i64::from_be_bytes(first) & i64::MAX;
        match set(&file, offset, libc::F_WRLCK) {
            Ok(()) => Ok(Asked::Mine(Byte { file, offset })),
            Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => Ok(Asked::Theirs),
            Err(error) => Err(failed(error)),
        }
    }

    /// Closes the file, unless a lock is held; who has one keeps it open.
    pub(super) fn rest(&self) {
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The file, opened once, and again if somebody removed it: others would lock a new one.
    fn file(&self) -> io::Result<Arc<LockFile>> {
        let mut kept = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &*kept
            && file.metadata()?.nlink() > 0
        {
            return Ok(file.clone());
        }
        let open = || {
            let mut options = File::options();
            options.create(true).truncate(false).read(true).write(true).mode(0o600).custom_flags(PLANTED);
            LockFile::open(|| options.open(&self.path))
        };
        let file = match open() {
            Ok(file) if file.metadata()?.is_file() => file,
            Ok(_) => return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")),
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
                fs::remove_dir(&self.path)?;
                open()?
            }
            Err(error) => return Err(error),
        };
        let file = Arc::new(file);
        *kept = Some(file.clone());
        Ok(file)
    }
}

impl Drop for Byte {
    fn drop(&mut self) {
        let _ = set(&self.file, self.offset, libc::F_UNLCK);
    }
}

/// Locks or unlocks one byte, without waiting.
fn set(file: &File, offset: i64, kind: i32) -> io::Result<()> {
    // The constants have another width than the field that they are for.
    let short = |constant: i32| libc::c_short::try_from(constant).map_err(io::Error::other);
    let lock =
        libc::flock { l_type: short(kind)?, l_whence: short(libc::SEEK_SET)?, l_start: offset, l_len: 1, l_pid: 0 };
    // SAFETY: the descriptor is open as long as `file` is borrowed, and the kernel reads `lock` during
    // the call only.
    match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_locked_once_whoever_opened_the_file() {
        let root = tempfile::tempdir().unwrap();
        let (here, there) = (Bytes::under(root.path()), Bytes::under(root.path()));
        let (a, b) = (crate::key_of("a").unwrap(), crate::key_of("b").unwrap());
        let Asked::Mine(held) = here.ask(&a).unwrap() else { panic!("it was free") };
        assert!(matches!(there.ask(&a).unwrap(), Asked::Theirs));
        assert!(matches!(there.ask(&b).unwrap(), Asked::Mine(_)));
        drop(held);
        let Asked::Mine(_held) = there.ask(&a).unwrap() else { panic!("it was freed") };
        assert!(matches!(here.ask(&a).unwrap(), Asked::Theirs));
    }

    #[test]
    fn a_removed_file_is_made_again() {
        let root = tempfile::tempdir().unwrap();
        let (here, there) = (Bytes::under(root.path()), Bytes::under(root.path()));
        let key = crate::key_of("a").unwrap();
        drop(here.ask(&key).unwrap());
        fs::remove_file(root.path().join("locks")).unwrap();
        let Asked::Mine(_held) = here.ask(&key).unwrap() else { panic!("it was free") };
        assert!(matches!(there.ask(&key).unwrap(), Asked::Theirs));
    }
}
