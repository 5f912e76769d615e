//! Which file has a name.

use std::borrow::Borrow;
use std::fs::{self, File, Metadata};
use std::ops::Deref;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A file, whatever its name is. As long as it is open, no other one gets the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId(u64, u64);

impl FileId {
    /// Of what has this path; `None` if there is nothing, or the system does not tell.
    pub(crate) fn of(path: &Path) -> Option<FileId> {
        fs::symlink_metadata(path).ok().and_then(|metadata| FileId::in_metadata(&metadata))
    }

    /// Of an open file.
    pub(crate) fn of_file(file: &File) -> Option<FileId> {
        file.metadata().ok().and_then(|metadata| FileId::in_metadata(&metadata))
    }

    #[cfg(unix)]
    pub(crate) fn in_metadata(metadata: &Metadata) -> Option<FileId> {
        use std::os::unix::fs::MetadataExt as _;
        Some(FileId(metadata.dev(), metadata.ino()))
    }

    /// When it was made tells one from the next.
    #[cfg(not(unix))]
    pub(crate) fn in_metadata(metadata: &Metadata) -> Option<FileId> {
        let created = metadata.created().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(FileId(created.as_secs(), created.subsec_nanos().into()))
    }
}

/// How long it is believed that a file has its name, as long as it has one at all. To look where a path leads takes several
/// times as long as to look at an open file.
const BELIEVED: Duration = Duration::from_millis(50);

/// An open file of which is known which one it is, so that its name is enough to see whether it still has that.
pub(crate) struct TrackedFile<F = File> {
    file: F,
    identity: Option<FileId>,
    /// When its name was looked at.
    seen: Mutex<Instant>,
}

impl<F: Borrow<File>> TrackedFile<F> {
    /// A file that was just opened by its name.
    pub(crate) fn new(file: F) -> Self {
        TrackedFile { identity: FileId::of_file(file.borrow()), file, seen: Mutex::new(Instant::now()) }
    }

    /// What is known of it, if it is the file of this path; `None` if somebody removed or replaced it, or moved a folder
    /// above it. A move is noticed a moment later.
    pub(crate) fn at(&self, path: &Path) -> Option<Metadata> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.elapsed() < BELIEVED {
            return linked(self.file.borrow());
        }
        let there = fs::symlink_metadata(path).ok()?;
        let is_it = self.identity.is_some() && FileId::in_metadata(&there) == self.identity;
        *seen = Instant::now();
        is_it.then_some(there)
    }
}

/// What is known of a file that still has a name; `None` if somebody removed it. Windows removes no file that is open.
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
