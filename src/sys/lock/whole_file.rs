//! Locks on whole files, by fs2.

use std::fs::File;
use std::io;

use fs2::FileExt;

/// Takes the lock if it is free. Returns whether it was.
///
/// # Errors
/// If the file system has no locks.
pub(crate) fn try_exclusive(file: &File) -> io::Result<bool> {
    match FileExt::try_lock_exclusive(file) {
        Ok(()) => Ok(true),
        Err(error) if error.raw_os_error() == fs2::lock_contended_error().raw_os_error() => Ok(false),
        Err(error) => Err(error),
    }
}
