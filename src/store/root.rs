//! In which folder a cache is: the one that the user names, or a folder of its own in there if it has other things in it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::store::names::{GITIGNORE_FILE, MARKS_FILE, TEMPS_FOLDER, VERSION_FOLDER, is_of_root, is_version};
use crate::store::owned_files;

/// The folder of a cache within a folder that has other things in it.
const SUBFOLDER: &str = "larder-cache";

/// Names that are looked at to find out whether a folder of functions is larder's.
const MOST_NAMES: u32 = 10_000;

/// Bytes of the file of marks.
const MARKS_LENGTH: u64 = 4096;

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

/// A cache has a tag before it has anything else but the folder of drafts that the tag is made in. So what has neither a
/// tag nor results is somebody's, even if a file in it is called as one of larder's.
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
    // After the listing, as another process may be making the cache.
    let is_ours = owned_files::is_tagged(folder)?
        || owned_files::has_function(&folder.join(VERSION_FOLDER), &mut { MOST_NAMES })
        || (!others && has_marks(folder));
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

/// Whether there are marks, which are always of one length. A cache whose tag was removed by hand, and that has no results,
/// is known by them.
fn has_marks(folder: &Path) -> bool {
    let marks = fs::symlink_metadata(folder.join(MARKS_FILE));
    marks.is_ok_and(|marks| marks.is_file() && marks.len() == MARKS_LENGTH)
}
