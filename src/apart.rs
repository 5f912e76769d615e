//! Folders that a draft can't be renamed into, since they are on another file system than the folder of drafts: another one
//! is mounted there, or the folder of drafts is a link. Their drafts are made beside the target.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

static APART: RwLock<BTreeSet<PathBuf>> = RwLock::new(BTreeSet::new());
static ANY: AtomicBool = AtomicBool::new(false);

/// Notes a folder: of a target, or of drafts that are not to be used at all.
pub(crate) fn note(folder: &Path) {
    let is_new = APART.write().unwrap_or_else(PoisonError::into_inner).insert(folder.to_owned());
    ANY.store(true, Ordering::Release);
    if is_new {
        tracing::debug!(folder = %folder.display(), "drafts are made beside their targets");
    }
}

/// The folder of the drafts for targets in `folder`.
pub(crate) fn choose(drafts: PathBuf, folder: &Path) -> PathBuf {
    if !ANY.load(Ordering::Acquire) {
        return drafts;
    }
    let apart = APART.read().unwrap_or_else(PoisonError::into_inner);
    if apart.contains(&drafts) || apart.contains(folder) { folder.to_owned() } else { drafts }
}

/// The folder of drafts is one that may be used.
pub(crate) fn forget(folder: &Path) {
    if ANY.load(Ordering::Acquire) {
        APART.write().unwrap_or_else(PoisonError::into_inner).remove(folder);
    }
}
