//! Files that stay open because they are written to repeatedly. Their number is limited for the whole process, however
//! many caches are open.

use std::collections::VecDeque;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use crate::sys::file_id::TrackedFile;
use crate::sys::fork::per_process::PerProcess;
use crate::sys::locked::locked;

/// Maximum number of files that are open at the same time, besides those that are being written to.
const MOST: usize = 16;

/// The open files. The last one was used most recently.
static KEPT: PerProcess<Mutex<VecDeque<Kept>>> = PerProcess::new();

type Kept = (PathBuf, TrackedFile);

fn kept() -> MutexGuard<'static, VecDeque<Kept>> {
    locked(KEPT.get())
}

/// Takes the file of this path out of the list, with its metadata; `None` if it is not open, or is not the file at this
/// path any more.
pub(crate) fn take(path: &Path) -> Option<(TrackedFile, Metadata)> {
    let mut kept = kept();
    let index = kept.iter().rposition(|(known, _)| known == path)?;
    let (_, file) = kept.remove(index)?;
    drop(kept);
    let metadata = file.at(path)?;
    Some((file, metadata))
}

/// Keeps a file open for the next use.
pub(crate) fn keep(path: PathBuf, file: TrackedFile) {
    let mut kept = kept();
    kept.push_back((path, file));
    let surplus = kept.len().saturating_sub(MOST);
    let closed: Vec<_> = kept.drain(..surplus).collect();
    // Close them without the lock, because closing may take a while.
    drop(kept);
    drop(closed);
}

/// Closes the files in this folder and its subfolders.
pub(crate) fn close_under(root: &Path) {
    let mut kept = kept();
    let (closed, rest) = kept.drain(..).partition::<VecDeque<_>, _>(|(path, _)| path.starts_with(root));
    *kept = rest;
    drop(kept);
    drop(closed);
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn the_number_of_open_files_is_limited() {
        let root = tempfile::tempdir().unwrap();
        let path = |n: usize| root.path().join(n.to_string());
        for n in 0..3 * MOST {
            keep(path(n), TrackedFile::new(File::create(path(n)).unwrap()));
        }
        // Other tests keep files open too.
        assert!((0..3 * MOST).filter(|n| take(&path(*n)).is_some()).count() <= MOST);
        keep(path(0), TrackedFile::new(File::open(path(0)).unwrap()));
        close_under(root.path());
        assert!(take(&path(0)).is_none());
    }
}
