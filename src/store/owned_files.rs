//! Which files are larder's: by their names *and* by what is in them. Nothing else is ever removed or changed.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::key::code_version::CodeFile;
use crate::key::digest::Key;
use crate::store::entry_format::MAGIC;
use crate::store::function_file::FunctionFile;
use crate::store::history;
use crate::store::history::Event;
use crate::store::layout::Layout;
use crate::store::names::{
    ACTIVITY_FILE, CACHEDIR_TAG, COUNTERS_FILE, DEEPEST, FUNCTION_FILE, HISTORY_FILE, LOCKS, MARKS_FILE, TAG_FILE,
    VERSION_FOLDER, is_code_file,
};
use crate::sys::atomic_file::TEMP_SUFFIX;
use crate::sys::file::{open_entry, read_now};

/// Bytes of an entry's magic that may be damaged.
const MOST_DAMAGED: usize = 2;

/// The first line of a tag that larder wrote, after the signature.
const TAG_LINE: &str = "# This folder is a cache of larder";

/// What a name in a cache's folder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Entry(Key),
    /// `function.json`, `code-….json`.
    Function,
    Code,
    History,
    TempFile,
    /// Nothing of larder's.
    Foreign,
}

/// What a file of this name in a function's folder would be.
pub(crate) fn role(name: &std::ffi::OsStr) -> Role {
    if let Some(key) = Layout::key_of_entry(name) {
        return Role::Entry(key);
    }
    match name.to_str() {
        Some(FUNCTION_FILE) => Role::Function,
        Some(HISTORY_FILE) => Role::History,
        Some(name) if is_code_file(name) => Role::Code,
        Some(name) if is_temp_file(name) => Role::TempFile,
        _ => Role::Foreign,
    }
}

/// Whether drafts are called like this.
pub(crate) fn is_temp_file(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(TEMP_SUFFIX)
}

/// Whether larder made this file, which has such a name.
///
/// # Errors
/// If it can't be looked at.
pub(crate) fn is_ours(path: &Path, role: Role) -> io::Result<bool> {
    let json = |longest| read_now(path, longest);
    match role {
        Role::Foreign => Ok(false),
        Role::TempFile => Ok(true),
        Role::Entry(key) => size_of_entry(path, &key).map(|size| size.is_some()),
        Role::Function => json(FunctionFile::LONGEST).map(|json| is_function(&json)),
        Role::Code => json(CodeFile::LONGEST)
            .map(|json| begins(&json, b"{\n  \"items\"") || serde_json::from_slice::<CodeFile>(&json).is_ok()),
        Role::History => json(64).map(|start| begins(&start, &history::MARK)),
    }
}

fn is_function(json: &[u8]) -> bool {
    begins(json, b"{\n  \"package\"") || serde_json::from_slice::<FunctionFile>(json).is_ok()
}

/// Whether a file with this content began like that, of which a power failure may have cut the end, or made zeros of it.
fn begins(content: &[u8], start: &[u8]) -> bool {
    let len = content.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1).min(start.len());
    content[..len] == start[..len]
}

/// Whether a power failure may have left this of a file.
fn is_torn(start: &[u8]) -> bool {
    start.iter().all(|byte| *byte == 0)
}

/// The size of the file of an entry, if it is one: it begins as one, even if it was damaged, or larder has noted that it
/// stored it.
pub(super) fn size_of_entry(path: &Path, key: &Key) -> io::Result<Option<u64>> {
    let is_ours = |size| if is_noted(path, key) { Some(size) } else { None };
    match open_entry(path) {
        Ok(file) => {
            let metadata = file.metadata()?;
            let is_entry = metadata.is_file() && begins_as_entry(&file)?;
            Ok(if is_entry { Some(metadata.len()) } else { is_ours(metadata.len()).filter(|_| metadata.is_file()) })
        }
        // Whose it is then, only what is noted tells.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            is_ours(fs::symlink_metadata(path)?.len()).map(Some).ok_or(error)
        }
        Err(error) => Err(error),
    }
}

/// Whether an open file begins as entries do.
fn begins_as_entry(mut file: &File) -> io::Result<bool> {
    let mut start = [0; MAGIC.len()];
    let mut len = 0;
    while len < start.len() {
        match file.read(&mut start[len..])? {
            0 => break,
            count => len += count,
        }
    }
    let damaged = start.iter().zip(&MAGIC).filter(|(found, expected)| found != expected).count();
    Ok(is_torn(&start[..len]) || (len == start.len() && damaged <= MOST_DAMAGED))
}

/// Whether the history of its function says that this entry was stored.
fn is_noted(path: &Path, key: &Key) -> bool {
    let Some(folder) = path.parent() else { return false };
    let history = Layout::recall(Layout::function_of(folder).as_ref());
    history.iter().any(|record| record.key == *key && matches!(record.event, Event::Stored(_)))
}

/// The folder of the functions in a cache.
pub(crate) fn functions_of(root: &Path) -> PathBuf {
    root.join(VERSION_FOLDER)
}

/// The files in a cache's root.
pub(crate) fn files_of(root: &Path) -> Vec<PathBuf> {
    [COUNTERS_FILE, ACTIVITY_FILE, MARKS_FILE, LOCKS, TAG_FILE].iter().map(|name| root.join(name)).collect()
}

/// Whether this folder has the tag that larder writes.
///
/// # Errors
/// If there is one that can't be read.
pub(crate) fn is_tagged(folder: &Path) -> io::Result<bool> {
    match read_now(&folder.join(TAG_FILE), 2 * CACHEDIR_TAG.len() as u64) {
        // The beginning of ours is what a power failure may have left of it; no other tag is so short.
        Ok(tag) if CACHEDIR_TAG.as_bytes().starts_with(&tag) => Ok(true),
        Ok(tag) => Ok(String::from_utf8_lossy(&tag).lines().any(|line| line.starts_with(TAG_LINE))),
        Err(error) if is_absent(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether there is no such file, and not merely no way to read it now.
fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{IsADirectory, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory | IsADirectory)
}

/// Calls `found` for each file of larder's under a folder, and for the folders that they are in, with whether it is a
/// folder. Links are not followed. Whether there were any.
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

/// Whether a function of larder's is under this folder. Looks at so many names at most.
pub(super) fn has_function(folder: &Path, most: &mut u32) -> bool {
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
        if kind.is_dir() {
            folders.push(item.path());
        } else if kind.is_file()
            && Layout::key_of_entry(&item.file_name()).is_some()
            && open_entry(&item.path()).is_ok_and(|file| begins_as_entry(&file).unwrap_or(false))
        {
            return true;
        }
    }
    folders.iter().any(|folder| has_function(folder, most))
}
