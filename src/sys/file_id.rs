//! `FileId`: identity of a file, independent of its name.

use std::borrow::Borrow;
use std::fs::{self, File, Metadata};
use std::ops::Deref;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::sys::locked::locked;

/// Identity of a file. While the file is open, no other file has the same identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId(u64, u64);

impl FileId {
    /// Returns the identity of the file at this path; `None` if there is no file, or if the system does not show it.
    pub(crate) fn of(path: &Path) -> Option<FileId> {
        fs::symlink_metadata(path).ok().and_then(|metadata| FileId::in_metadata(&metadata))
    }

    /// Returns the identity of an open file.
    pub(crate) fn of_file(file: &File) -> Option<FileId> {
        file.metadata().ok().and_then(|metadata| FileId::in_metadata(&metadata))
    }

    #[cfg(unix)]
    pub(crate) fn in_metadata(metadata: &Metadata) -> Option<FileId> {
        use std::os::unix::fs::MetadataExt as _;
        Some(FileId(metadata.dev(), metadata.ino()))
    }

    /// Uses the creation time, because std shows no inode here.
    #[cfg(not(unix))]
    pub(crate) fn in_metadata(metadata: &Metadata) -> Option<FileId> {
        let created = metadata.created().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(FileId(created.as_secs(), created.subsec_nanos().into()))
    }
}

/// How long a file is assumed to keep its name, while it has any name. Resolving a path takes several times as long as
/// `fstat` on an open file.
const BELIEVED: Duration = Duration::from_millis(50);

/// An open file whose identity is known, so that a look at its path shows whether it still has that name.
pub(crate) struct TrackedFile<F = File> {
    file: F,
    identity: Option<FileId>,
    /// When its path was last resolved.
    seen: Mutex<Instant>,
}

impl<F: Borrow<File>> TrackedFile<F> {
    /// Returns the tracked form of a file that was just opened by its path.
    pub(crate) fn new(file: F) -> Self {
        TrackedFile { identity: FileId::of_file(file.borrow()), file, seen: Mutex::new(Instant::now()) }
    }

    /// Returns the metadata if this is still the file at `path`; `None` if it was removed or replaced, or if a folder
    /// above it was moved. A move may be noticed up to 50 ms late.
    pub(crate) fn at(&self, path: &Path) -> Option<Metadata> {
        let mut seen = locked(&self.seen);
        if seen.elapsed() < BELIEVED {
            return linked(self.file.borrow());
        }
        let there = fs::symlink_metadata(path).ok()?;
        let is_it = self.identity.is_some() && FileId::in_metadata(&there) == self.identity;
        *seen = Instant::now();
        is_it.then_some(there)
    }
}

/// Returns the metadata if the file still has a name; `None` if it was removed. Windows does not remove open files.
fn linked(file: &File) -> Option<Metadata> {
    let metadata = file.metadata().ok()?;
    #[cfg(unix)]
    if std::os::unix::fs::MetadataExt::nlink(&metadata) == 0 {
        return None;
    }
    Some(metadata)
}

impl<F> Deref for TrackedFile<F> {
    type Target = F;

    fn deref(&self) -> &F {
        &self.file
    }
}
