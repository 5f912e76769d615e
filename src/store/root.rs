//! Chooses the folder of a cache: the one that the user names, or a subfolder if that one has other files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::store::names::{GITIGNORE_FILE, MARKS_FILE, TEMPS_FOLDER, VERSION_FOLDER, is_of_root, is_version};
use crate::store::owned_files;

/// Subfolder for a cache within a folder that has other files.
const SUBFOLDER: &str = "larder-cache";

/// Limit on the names that are read to find out whether a folder of functions is larder's.
const MOST_NAMES: u32 = 10_000;

/// Size of the file of version counters, in bytes.
const MARKS_LENGTH: u64 = 4096;

/// Names that don't make a folder foreign: file systems, file managers and git create them.
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

/// Owner of a folder, judged by its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    /// It does not exist, or is empty.
    Free,
    /// It is a cache. `alone`: there are no other files.
    Ours {
        alone: bool,
    },
    Foreign,
}

/// Returns the folder of the cache that the user means with this folder.
pub(super) fn choose(folder: &Path) -> Result<PathBuf> {
    // If the folder can't be listed, using the cache will report why.
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

/// Returns whether a tag and an ignore file in this folder would hide only the cache.
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

/// Finds out the owner of a folder. A new cache gets its tag first; only the folder for temporary files exists before,
/// as the tag is written there. So a folder with neither a tag nor results is foreign, even if a file in it has one of
/// larder's names.
fn whose(folder: &Path) -> io::Result<Whose> {
    let listing = match fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Whose::Free),
        Err(error) => return Err(error),
    };
    let (mut parts, mut others) = (false, false);
    for item in listing {
        let item = item?;
        let name = item.file_name();
        let text = name.to_string_lossy();
        let is_in_the_making = text == TEMPS_FOLDER && is_folder_of_drafts(&item);
        if is_in_the_making
            || OF_NOBODY.contains(&&*text)
            || text.starts_with(".Trash-")
            || text.starts_with(".nfs")
            || owned_files::is_temp_file(&text)
        {
            continue;
        }
        let is_part = is_of_root(&name) || is_version(&name);
        parts |= is_part;
        others |= !is_part;
    }
    if !(parts || others) {
        return Ok(Whose::Free);
    }
    // Check this after the listing, as another process may be creating the cache.
    let is_ours = owned_files::is_tagged(folder)?
        || owned_files::has_function(&folder.join(VERSION_FOLDER), &mut { MOST_NAMES })
        || (!others && (has_marks(folder) || owned_files::has_torn_tag(folder)?));
    Ok(if is_ours { Whose::Ours { alone: !others } } else { Whose::Foreign })
}

fn is_folder_of_drafts(item: &fs::DirEntry) -> bool {
    let has_only_drafts = || {
        fs::read_dir(item.path()).is_ok_and(|items| {
            items.flatten().all(|item| owned_files::is_temp_file(&item.file_name().to_string_lossy()))
        })
    };
    item.file_type().is_ok_and(|kind| kind.is_symlink() || (kind.is_dir() && has_only_drafts()))
}

/// Returns whether there is a file of version counters, which always has the same length. It identifies a cache without
/// results whose tag a user deleted.
fn has_marks(folder: &Path) -> bool {
    let marks = fs::symlink_metadata(folder.join(MARKS_FILE));
    marks.is_ok_and(|marks| marks.is_file() && marks.len() == MARKS_LENGTH)
}
