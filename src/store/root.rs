//! In which folder a cache is: the one that the user names, or a folder of its own in there if it has other things in it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::layout::{
    ACTIVITY_FILE, COUNTERS_FILE, DRAFTS_FOLDER, GITIGNORE_FILE, LOCKS, MARKS_FILE, RUNNING_FOLDER, VERSION_FOLDER,
    is_of_root, is_version,
};
use super::own;
use crate::{Error, ErrorKind, Result};

/// The folder of a cache within a folder that has other things in it.
const SUBFOLDER: &str = "larder-cache";

/// Names that are looked at to find out whether a folder of functions is larder's.
const MOST_NAMES: u32 = 10_000;

/// Bytes that the file of locks has at most: see `lock/bell.rs`.
const MOST_OF_LOCKS: u64 = 1024;

/// What is no reason to take a folder for somebody's: file systems, file managers and git put these there.
const OF_NOBODY: [&str; 12] = [
    GITIGNORE_FILE,
    ".gitkeep",
    ".keep",
    "lost+found",
    ".DS_Store",
    ".fseventsd",
    ".Spotlight-V100",
    ".Trashes",
    "Thumbs.db",
    "desktop.ini",
    "System Volume Information",
    "$RECYCLE.BIN",
];

/// Whose a folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    /// It is not there, or nothing is in it.
    Free,
    /// A cache, and whether there are other things in it as well.
    Ours {
        alone: bool,
    },
    Foreign,
}

/// The folder of the cache that the user means with this one.
pub(super) fn choose(folder: &Path) -> Result<PathBuf> {
    // Those who use a folder will say why it can't be listed.
    let is_foreign = |folder: &Path| whose(folder).is_ok_and(|whose| whose == Whose::Foreign);
    if !is_foreign(folder) {
        return Ok(folder.to_owned());
    }
    let within = folder.join(SUBFOLDER);
    if is_foreign(&within) {
        let what = "this folder has other things in it, and its folder `larder-cache` has as well: a cache needs a folder of its own";
        return Err(Error::new(ErrorKind::InvalidInput, what).at(folder));
    }
    tracing::debug!(folder = %folder.display(), "it has other things in it, so the cache is in a folder of its own there");
    Ok(within)
}

/// Whether a tag and an ignore file in this folder would hide nothing but the cache.
///
/// # Errors
/// If the folder can't be listed.
pub(super) fn may_be_hidden(folder: &Path) -> Result<bool> {
    match whose(folder) {
        Ok(whose) => Ok(matches!(whose, Whose::Free | Whose::Ours { alone: true })),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(false),
        Err(error) => Err(Error::io(error, "can't list the folder").at(folder)),
    }
}

fn whose(folder: &Path) -> io::Result<Whose> {
    let listing = match fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Whose::Free),
        Err(error) => return Err(error),
    };
    let is_tagged = own::is_tagged(folder)?;
    let (mut any, mut foreign) = (false, false);
    for item in listing.flatten() {
        let name = item.file_name();
        let name = name.to_string_lossy();
        if OF_NOBODY.contains(&&*name)
            || name.starts_with(".Trash-")
            || name.starts_with(".nfs")
            || own::is_draft(&name)
        {
            continue;
        }
        any = true;
        foreign |= if is_tagged {
            !(is_of_root(&item.file_name()) || is_version(&item.file_name()))
        } else {
            !is_ours(&item, &name)
        };
    }
    Ok(match (any, foreign) {
        (false, _) => Whose::Free,
        (true, false) => Whose::Ours { alone: true },
        (true, true) if is_tagged || own::has_function(&folder.join(VERSION_FOLDER), &mut { MOST_NAMES }) => {
            Whose::Ours { alone: false }
        }
        (true, true) => Whose::Foreign,
    })
}

/// Whether larder has something like this in the root of a cache.
fn is_ours(item: &fs::DirEntry, name: &str) -> bool {
    let Ok(kind) = item.file_type() else { return false };
    let len = || item.metadata().map_or(u64::MAX, |metadata| metadata.len());
    let has_only = |wanted: fn(&str) -> bool| {
        fs::read_dir(item.path())
            .is_ok_and(|items| items.flatten().all(|item| wanted(&item.file_name().to_string_lossy())))
    };
    match name {
        LOCKS => kind.is_dir() || len() <= MOST_OF_LOCKS,
        RUNNING_FOLDER => kind.is_dir() && has_only(|name| name.ends_with(".json")),
        MARKS_FILE => matches!(len(), 0 | 4096),
        COUNTERS_FILE => kind.is_file() && len() % 1024 == 0,
        ACTIVITY_FILE => kind.is_file() && len() % 128 == 0,
        DRAFTS_FOLDER => kind.is_symlink() || (kind.is_dir() && has_only(own::is_draft)),
        VERSION_FOLDER => {
            kind.is_dir() && (has_no_files(&item.path(), 0) || own::has_function(&item.path(), &mut { MOST_NAMES }))
        }
        _ => false,
    }
}

/// Whether a folder has nothing but folders, as it is before the first result.
fn has_no_files(folder: &Path, depth: u32) -> bool {
    depth < 32
        && fs::read_dir(folder).is_ok_and(|items| {
            items
                .flatten()
                .all(|item| item.file_type().is_ok_and(|kind| kind.is_dir()) && has_no_files(&item.path(), depth + 1))
        })
}
