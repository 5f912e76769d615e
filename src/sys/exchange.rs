//! Exchanges two files in one step. Only `atomic_file` uses this.

use std::io;
use std::path::Path;

use crate::error::{Error, ErrorKind};

/// Exchanges the files of two names. Returns false if one of them does not exist.
#[cfg(target_os = "linux")]
pub(crate) fn exchange(one: &Path, other: &Path) -> io::Result<bool> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;
    match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => Err(no_exchange()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn exchange(_: &Path, _: &Path) -> io::Result<bool> {
    Err(no_exchange())
}

fn no_exchange() -> io::Error {
    let what = "this file system can't exchange two files in one step, so a file that others remove at the same time might come back; \
                entries that are computed again will have the new compressor";
    Error::new(ErrorKind::Io, what).into()
}
