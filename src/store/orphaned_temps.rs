//! Drafts that their writers left behind.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use crate::store::layout::Layout;
use crate::store::owned_files::is_temp_file;
use crate::sys::lock::whole_file;

/// A draft this young may be about to be locked by its writer.
const TOO_YOUNG: Duration = Duration::from_secs(60);

/// Where there are no locks, a draft this old has no writer any more.
const TOO_OLD: Duration = Duration::from_secs(24 * 60 * 60);

/// Removes the drafts of processes that were killed. Faults leave the rest for the next time.
pub(crate) fn collect(layout: &Layout) {
    let temps = layout.temps();
    collect_in(&temps);
}

/// The same in one folder: drafts may be beside their targets, see `apart.rs`.
pub(super) fn collect_in(folder: &Path) {
    // A link may lead anywhere.
    if fs::symlink_metadata(folder).is_ok_and(|metadata| metadata.file_type().is_symlink()) {
        return;
    }
    for temp in orphaned(folder) {
        let removed = fs::remove_file(temp.path());
        tracing::debug!(path = %temp.path().display(), removed = removed.is_ok(), "found a draft without a writer");
    }
}

/// Files, and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

/// Such drafts; and those that are being written, or may be.
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
