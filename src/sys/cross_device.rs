//! Folders that a draft can't be renamed into, since they are on another file system than the folder of drafts: another one
//! is mounted there, or the folder of drafts is a link. Their drafts are made beside the target.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use crate::sys::fork::per_process::PerProcess;

#[derive(Clone, Default)]
struct Apart {
    /// Of targets, or of drafts that are not to be used at all.
    folders: BTreeSet<PathBuf>,
    /// Those in which drafts were looked for that their writers left behind.
    tidied: BTreeSet<PathBuf>,
}

static APART: PerProcess<RwLock<Apart>> = PerProcess::new();
static ANY: AtomicBool = AtomicBool::new(false);

fn apart() -> &'static RwLock<Apart> {
    // What a thread of the parent was changing is found out again.
    let copy = |parent: &RwLock<Apart>| parent.try_read().map(|apart| apart.clone()).unwrap_or_default();
    APART.get_or(|parent| RwLock::new(parent.map(copy).unwrap_or_default()))
}

/// Notes a folder: of a target, or of drafts that are not to be used at all.
pub(crate) fn note(folder: &Path) {
    let is_new = apart().write().unwrap_or_else(PoisonError::into_inner).folders.insert(folder.to_owned());
    ANY.store(true, Ordering::Release);
    if is_new {
        tracing::debug!(folder = %folder.display(), "drafts are made beside their targets");
    }
}

/// The folder of the drafts for targets in `folder`.
pub(crate) fn choose(temps: PathBuf, folder: &Path) -> PathBuf {
    if !ANY.load(Ordering::Acquire) {
        return temps;
    }
    let apart = apart().read().unwrap_or_else(PoisonError::into_inner);
    if apart.folders.contains(&temps) || apart.folders.contains(folder) { folder.to_owned() } else { temps }
}

/// Whether drafts that were left behind have not been looked for yet in this folder; they are now.
pub(crate) fn is_untidied(folder: &Path) -> bool {
    let is_known = || apart().read().unwrap_or_else(PoisonError::into_inner).tidied.contains(folder);
    !is_known() && apart().write().unwrap_or_else(PoisonError::into_inner).tidied.insert(folder.to_owned())
}

/// The folder of drafts is one that may be used.
pub(crate) fn forget(folder: &Path) {
    if ANY.load(Ordering::Acquire) {
        apart().write().unwrap_or_else(PoisonError::into_inner).folders.remove(folder);
    }
}
