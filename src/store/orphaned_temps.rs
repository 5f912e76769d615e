//! Finds and removes orphaned temporary files, whose writers ended before the rename.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use crate::store::layout::Layout;
use crate::store::owned_files::is_temp_file;
use crate::sys::lock::whole_file;

/// A younger temporary file may not be locked by its writer yet.
const TOO_YOUNG: Duration = Duration::from_secs(60);

/// Without locks, an older temporary file is taken for orphaned.
const TOO_OLD: Duration = Duration::from_secs(24 * 60 * 60);

/// Removes the temporary files of processes that were killed. If a file can't be removed, the next call tries again.
pub(crate) fn collect(layout: &Layout) {
    let temps = layout.temps();
    collect_in(&temps);
}

/// Removes orphaned temporary files in one folder. Temporary files may be beside their targets, see
/// `sys/cross_device.rs`.
pub(super) fn collect_in(folder: &Path) {
    // A symbolic link may lead anywhere.
    if fs::symlink_metadata(folder).is_ok_and(|metadata| metadata.file_type().is_symlink()) {
        return;
    }
    for temp in orphaned(folder) {
        let removed = fs::remove_file(temp.path());
        tracing::debug!(path = %temp.path().display(), removed = removed.is_ok(), "found an orphaned temporary file");
    }
}

/// Number of files, and their total size in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

/// Returns the size of the orphaned temporary files, and that of the others, which may still be written.
pub(crate) fn find(layout: &Layout) -> (Size, Size) {
    let (mut left, mut young) = (Size::default(), Size::default());
    for temp in temps(&layout.temp_folder_for(layout.root())) {
        let size = if is_orphaned(&temp.path()) { &mut left } else { &mut young };
        size.files += 1;
        size.bytes += temp.metadata().map_or(0, |metadata| metadata.len());
    }
    (left, young)
}

fn orphaned(folder: &Path) -> impl Iterator<Item = fs::DirEntry> + use<> {
    temps(folder).filter(|temp| is_orphaned(&temp.path()))
}

fn temps(folder: &Path) -> impl Iterator<Item = fs::DirEntry> + use<> {
    fs::read_dir(folder).into_iter().flatten().flatten().filter(|temp| {
        let is_temp_file = temp.file_name().to_str().is_some_and(is_temp_file);
        is_temp_file && temp.file_type().is_ok_and(|kind| kind.is_file())
    })
}

pub(super) fn is_orphaned(temp: &Path) -> bool {
    let Ok(file) = File::options().read(true).write(true).open(temp) else { return false };
    let Some(age) = file.metadata().and_then(|m| m.modified()).ok().and_then(|at| at.elapsed().ok()) else {
        return false;
    };
    age > TOO_YOUNG && whole_file::try_exclusive(&file).unwrap_or(age > TOO_OLD)
}
