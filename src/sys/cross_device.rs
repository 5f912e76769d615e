//! Remembers folders on another file system than the folder of temporary files, because of a mount or a link. A rename
//! can't cross file systems, so temporary files for these folders are created next to their targets.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use crate::sys::fork::per_process::PerProcess;

#[derive(Clone, Default)]
struct Apart {
    /// Folders of targets, or folders of temporary files that must not be used at all.
    folders: BTreeSet<PathBuf>,
    /// Folders that were searched for orphaned temporary files.
    tidied: BTreeSet<PathBuf>,
}

static APART: PerProcess<RwLock<Apart>> = PerProcess::new();
static ANY: AtomicBool = AtomicBool::new(false);

fn apart() -> &'static RwLock<Apart> {
    // If a thread of the parent was changing the set during the fork, start empty: the folders are detected again.
    let copy = |parent: &RwLock<Apart>| parent.try_read().map(|apart| apart.clone()).unwrap_or_default();
    APART.get_or(|parent| RwLock::new(parent.map(copy).unwrap_or_default()))
}

/// Records a folder of targets, or a folder of temporary files that must not be used at all.
pub(crate) fn note(folder: &Path) {
    let is_new = apart().write().unwrap_or_else(PoisonError::into_inner).folders.insert(folder.to_owned());
    ANY.store(true, Ordering::Release);
    if is_new {
        tracing::debug!(folder = %folder.display(), "temporary files are created next to their targets");
    }
}

/// Returns the folder in which temporary files for targets in `folder` are created.
pub(crate) fn choose(temps: PathBuf, folder: &Path) -> PathBuf {
    if !ANY.load(Ordering::Acquire) {
        return temps;
    }
    let apart = apart().read().unwrap_or_else(PoisonError::into_inner);
    if apart.folders.contains(&temps) || apart.folders.contains(folder) { folder.to_owned() } else { temps }
}

/// Returns whether this folder has not been searched for orphaned temporary files yet, and marks it as searched.
pub(crate) fn is_untidied(folder: &Path) -> bool {
    let is_known = || apart().read().unwrap_or_else(PoisonError::into_inner).tidied.contains(folder);
    !is_known() && apart().write().unwrap_or_else(PoisonError::into_inner).tidied.insert(folder.to_owned())
}

/// Records that a folder of temporary files may be used.
pub(crate) fn forget(folder: &Path) {
    if ANY.load(Ordering::Acquire) {
        apart().write().unwrap_or_else(PoisonError::into_inner).folders.remove(folder);
    }
}
