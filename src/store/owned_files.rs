//! Tells which files are larder's, by their names *and* their content. No other file is ever removed or changed.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::format::compress::registry::ENTRY_MAGIC;
use crate::key::code_version::CodeFile;
use crate::key::digest::Key;
use crate::store::function_file::FunctionFile;
use crate::store::history;
use crate::store::history::Event;
use crate::store::layout::Layout;
use crate::store::names::{
    ACTIVITY_FILE, CACHEDIR_TAG, COUNTERS_FILE, DEEPEST, FUNCTION_FILE, HISTORY_FILE, LOCKS, MARKS_FILE, TAG_FILE,
    VERSION_FOLDER, is_code_file,
};
use crate::store::segments::segment::begins_as_segment;
use crate::sys::atomic_file::TEMP_SUFFIX;
use crate::sys::file::{begins, open_entry, read_now};

/// Limit on the damaged bytes in the magic of an entry that is still recognized.
const MOST_DAMAGED: usize = 2;

/// Start of the line after the signature in a tag that larder wrote.
const TAG_LINE: &str = "# This folder is a cache of larder";

/// Role of a file in a cache, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Entry(Key),
    /// `function.json`.
    Function,
    Code,
    History,
    TempFile,
    /// A segment, in its own folder.
    Segment,
    /// Not larder's.
    Foreign,
}

/// Returns the role that a file with this name in a function's folder would have.
pub(crate) fn role(name: &std::ffi::OsStr) -> Role {
    if let Some(key) = Layout::key_of_entry(name) {
        return Role::Entry(key);
    }
    if Layout::id_of_segment(name).is_some() {
        return Role::Segment;
    }
    match name.to_str() {
        Some(FUNCTION_FILE) => Role::Function,
        Some(HISTORY_FILE) => Role::History,
        Some(name) if is_code_file(name) => Role::Code,
        Some(name) if is_temp_file(name) => Role::TempFile,
        _ => Role::Foreign,
    }
}

/// Returns whether a temporary file may have this name.
pub(crate) fn is_temp_file(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(TEMP_SUFFIX)
}

/// Returns whether larder created this file, whose name has this role.
///
/// # Errors
/// If the file can't be read.
pub(crate) fn is_ours(path: &Path, role: Role) -> io::Result<bool> {
    let json = |longest| read_now(path, longest);
    match role {
        Role::Foreign => Ok(false),
        Role::TempFile => Ok(true),
        Role::Entry(key) => size_of_entry(path, &key).map(|size| size.is_some()),
        Role::Function => json(FunctionFile::LONGEST).map(|json| is_function(&json)),
        Role::Code => json(CodeFile::LONGEST)
            .map(|json| begins(&json, b"{\n  \"items\"") || serde_json::from_slice::<CodeFile>(&json).is_ok()),
        Role::Segment => open_entry(path).and_then(|file| begins_as_segment(&file)),
        Role::History => json(64).map(|start| begins(&start, &history::MARK)),
    }
}

/// Returns an error if a file at this path does not belong to larder. Anything but a regular file may be replaced,
/// because it holds no data.
pub(crate) fn expect_ours(path: &Path, role: Role) -> Result<()> {
    let is_file = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file());
    if !is_file || is_ours(path, role).unwrap_or(true) {
        return Ok(());
    }
    let what =
        "this file is not larder's, so it is not replaced, and no results are stored beside it; move it elsewhere";
    Err(Error::new(ErrorKind::InvalidInput, what).at(path))
}

fn is_function(json: &[u8]) -> bool {
    begins(json, b"{\n  \"package\"") || serde_json::from_slice::<FunctionFile>(json).is_ok()
}

/// Returns whether this may be all that a power failure left of a file: only zeros.
fn is_torn(start: &[u8]) -> bool {
    start.iter().all(|byte| *byte == 0)
}

/// Returns the size of an entry's file; `None` if it is not an entry. It is one if it begins like an entry, even a
/// damaged one, or if the history says that larder stored it.
pub(super) fn size_of_entry(path: &Path, key: &Key) -> io::Result<Option<u64>> {
    let is_ours = |size| if is_noted(path, key) { Some(size) } else { None };
    match open_entry(path) {
        Ok(file) => {
            let metadata = file.metadata()?;
            let is_entry = metadata.is_file() && begins_as_entry(&file)?;
            Ok(if is_entry { Some(metadata.len()) } else { is_ours(metadata.len()).filter(|_| metadata.is_file()) })
        }
        // The content can't be read, so only the history tells whether the file is larder's.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            is_ours(fs::symlink_metadata(path)?.len()).map(Some).ok_or(error)
        }
        Err(error) => Err(error),
    }
}

/// Returns whether an open file begins like an entry.
fn begins_as_entry(file: &File) -> io::Result<bool> {
    let mut start = Vec::with_capacity(ENTRY_MAGIC.len());
    file.take(ENTRY_MAGIC.len() as u64).read_to_end(&mut start)?;
    let damaged = start.iter().zip(&ENTRY_MAGIC).filter(|(found, expected)| found != expected).count();
    Ok(is_torn(&start) || (start.len() == ENTRY_MAGIC.len() && damaged <= MOST_DAMAGED))
}

/// Returns whether the history of its function says that this entry was stored.
fn is_noted(path: &Path, key: &Key) -> bool {
    let Some(folder) = path.parent() else { return false };
    let history = Layout::recall(Layout::function_of(folder).as_ref());
    history.iter().any(|record| record.key == *key && matches!(record.event, Event::Stored(_)))
}

/// Returns the folder of all functions in a cache.
pub(crate) fn functions_of(root: &Path) -> PathBuf {
    root.join(VERSION_FOLDER)
}

/// Returns the paths of the files in a cache's root.
pub(crate) fn files_of(root: &Path) -> Vec<PathBuf> {
    [COUNTERS_FILE, ACTIVITY_FILE, MARKS_FILE, LOCKS, TAG_FILE].iter().map(|name| root.join(name)).collect()
}

/// Returns whether this folder has the tag that larder writes.
///
/// # Errors
/// If there is a tag that can't be read.
pub(crate) fn is_tagged(folder: &Path) -> io::Result<bool> {
    let tag = tag_in(folder)?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&tag).lines().any(|line| line.starts_with(TAG_LINE)))
}

/// Returns whether this folder has what a power failure may have left of the tag that larder writes. Another program
/// may have left it too.
///
/// # Errors
/// If there is a tag that can't be read.
pub(super) fn has_torn_tag(folder: &Path) -> io::Result<bool> {
    let signature = CACHEDIR_TAG.lines().next().unwrap_or_default().as_bytes();
    // The signature alone is a complete tag, as some programs write it.
    let is_torn = |tag: Vec<u8>| begins(&tag, CACHEDIR_TAG.as_bytes()) && tag.trim_ascii_end() != signature;
    Ok(tag_in(folder)?.is_some_and(is_torn))
}

/// Returns the content of the tag in this folder; `None` if there is no tag.
fn tag_in(folder: &Path) -> io::Result<Option<Vec<u8>>> {
    match read_now(&folder.join(TAG_FILE), 2 * CACHEDIR_TAG.len() as u64) {
        Ok(tag) => Ok(Some(tag)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns whether the error means that there is no such file, rather than that it can't be read now.
fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{IsADirectory, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory | IsADirectory)
}

/// Calls `found` for each of larder's files under a folder, and then for the folders that hold them. The second
/// argument says whether the path is a folder. Does not follow symbolic links. Returns whether there were any files.
pub(crate) fn walk(folder: &Path, found: &mut dyn FnMut(&Path, bool)) -> bool {
    walk_down(folder, 0, found)
}

fn walk_down(folder: &Path, depth: usize, found: &mut dyn FnMut(&Path, bool)) -> bool {
    let mut any = false;
    for item in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(kind) = item.file_type() else { continue };
        let path = item.path();
        if kind.is_dir() {
            any |= depth < DEEPEST && walk_down(&path, depth + 1, found);
        } else if kind.is_file() && is_ours(&path, role(&item.file_name())).unwrap_or(false) {
            found(&path, false);
            any = true;
        }
    }
    if any {
        found(folder, true);
    }
    any
}

/// Returns whether a function of larder is under this folder. Reads at most `most` names.
pub(super) fn has_function(folder: &Path, most: &mut u32) -> bool {
    has_function_below(folder, 0, most)
}

fn has_function_below(folder: &Path, depth: usize, most: &mut u32) -> bool {
    if read_now(&folder.join(FUNCTION_FILE), FunctionFile::LONGEST)
        .is_ok_and(|json| !is_torn(&json) && is_function(&json))
    {
        return true;
    }
    let mut folders = Vec::new();
    for item in fs::read_dir(folder).into_iter().flatten().flatten() {
        if *most == 0 {
            return false;
        }
        *most -= 1;
        let Ok(kind) = item.file_type() else { continue };
        if kind.is_dir() && depth < DEEPEST {
            folders.push(item.path());
        } else if kind.is_file()
            && Layout::key_of_entry(&item.file_name()).is_some()
            && open_entry(&item.path()).is_ok_and(|file| begins_as_entry(&file).unwrap_or(false))
        {
            return true;
        }
    }
    folders.iter().any(|folder| has_function_below(folder, depth + 1, most))
}
