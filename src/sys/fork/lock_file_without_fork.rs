//! `LockFile` for systems without `fork`, where nothing must be given up.

use std::borrow::Borrow;
use std::fs::File;
use std::io;
use std::ops::Deref;

/// A file that locks are taken on.
pub(crate) struct LockFile(File);

impl LockFile {
    pub(crate) fn open(open: impl FnOnce() -> io::Result<File>) -> io::Result<LockFile> {
        open().map(LockFile)
    }
}

impl Borrow<File> for LockFile {
    fn borrow(&self) -> &File {
        &self.0
    }
}

impl Deref for LockFile {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

pub(super) fn notice() {}
