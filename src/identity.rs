//! Which file has a name.

use std::fs::{self, File, Metadata};
use std::path::Path;

/// A file, whatever its name is. As long as it is open, no other one gets the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity(u64, u64);

impl Identity {
    /// Of what has this path; `None` if there is nothing, or the system does not tell.
    pub(crate) fn of(path: &Path) -> Option<Identity> {
        fs::symlink_metadata(path).ok().and_then(|metadata| Identity::in_metadata(&metadata))
    }

    /// Of an open file.
    pub(crate) fn of_file(file: &File) -> Option<Identity> {
        file.metadata().ok().and_then(|metadata| Identity::in_metadata(&metadata))
    }

    #[cfg(unix)]
    pub(crate) fn in_metadata(metadata: &Metadata) -> Option<Identity> {
        use std::os::unix::fs::MetadataExt as _;
        Some(Identity(metadata.dev(), metadata.ino()))
    }

    /// When it was made tells one from the next.
    #[cfg(not(unix))]
    pub(crate) fn in_metadata(metadata: &Metadata) -> Option<Identity> {
        let created = metadata.created().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(Identity(created.as_secs(), created.subsec_nanos().into()))
    }
}

/// An open file of which is known which one it is, so that its name is enough to see whether it still has that.
pub(crate) struct Known<F = File> {
    file: F,
    identity: Option<Identity>,
}

impl<F: std::ops::Deref<Target = File>> Known<F> {
    pub(crate) fn locked(file: F) -> Self {
        Known { identity: Identity::of_file(&file), file }
    }
}

impl Known {
    pub(crate) fn new(file: File) -> Self {
        Known { identity: Identity::of_file(&file), file }
    }
}

impl<F> Known<F> {
    /// What is known of it, if it is the file of this path; `None` if somebody removed or replaced it, or moved a folder
    /// above it.
    pub(crate) fn at(&self, path: &Path) -> Option<Metadata> {
        let there = fs::symlink_metadata(path).ok()?;
        (self.identity.is_some() && Identity::in_metadata(&there) == self.identity).then_some(there)
    }
}

impl<F> std::ops::Deref for Known<F> {
    type Target = F;

    fn deref(&self) -> &F {
        &self.file
    }
}
