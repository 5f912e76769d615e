//! Drafts that their writers left behind.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use super::Layout;
use crate::atomic::DRAFT_SUFFIX;
use crate::lock;

/// A draft this young may be about to be locked by its writer.
const TOO_YOUNG: Duration = Duration::from_secs(60);

/// Where there are no locks, a draft this old has no writer any more.
const TOO_OLD: Duration = Duration::from_secs(24 * 60 * 60);

/// Removes the drafts of processes that were killed. Faults leave the rest for the next time.
pub(crate) fn collect(layout: &Layout) {
    for draft in litter(layout) {
        let removed = fs::remove_file(draft.path());
        tracing::debug!(path = %draft.path().display(), removed = removed.is_ok(), "found a draft without a writer");
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
    for draft in drafts(layout) {
        let size = if is_litter(&draft.path()) { &mut left } else { &mut young };
        size.files += 1;
        size.bytes += draft.metadata().map_or(0, |metadata| metadata.len());
    }
    (left, young)
}

fn litter(layout: &Layout) -> impl Iterator<Item = fs::DirEntry> {
    drafts(layout).filter(|draft| is_litter(&draft.path()))
}

fn drafts(layout: &Layout) -> impl Iterator<Item = fs::DirEntry> {
    fs::read_dir(layout.drafts()).into_iter().flatten().flatten().filter(|draft| {
        let is_draft = draft.file_name().to_str().is_some_and(|name| name.ends_with(DRAFT_SUFFIX));
        is_draft && draft.file_type().is_ok_and(|kind| kind.is_file())
    })
}

fn is_litter(draft: &Path) -> bool {
    let Ok(file) = File::options().read(true).write(true).open(draft) else { return false };
    let Some(age) = file.metadata().and_then(|m| m.modified()).ok().and_then(|at| at.elapsed().ok()) else {
        return false;
    };
    age > TOO_YOUNG && lock::try_exclusive(&file).unwrap_or(age > TOO_OLD)
}
