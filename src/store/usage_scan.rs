//! Scans the folder of a cache for entries, links and foreign files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::{Error, Result};
use crate::store::layout::Layout;
use crate::store::names::{DEEPEST, is_about_function, is_of_root, is_version};
use crate::store::owned_files;
use crate::store::owned_files::Role;
use crate::store::segments::segment::entries_in_segment;
use crate::sys::file::open_entry;
use crate::sys::permissions;

/// Result of a scan.
#[derive(Debug, Default)]
pub(crate) struct UsageScan {
    pub(crate) entries: u64,
    /// Symbolic links within the folders of functions.
    pub(crate) links: Vec<PathBuf>,
    /// Folders of other versions of the format.
    pub(crate) versions: Vec<PathBuf>,
    /// Files and folders that are not larder's.
    pub(crate) foreign: Vec<PathBuf>,
    /// Entries that this process may not read.
    pub(crate) closed: u64,
    /// When the most recently used entry was used.
    pub(crate) newest: Option<SystemTime>,
}

impl UsageScan {
    /// Scans all names. Reads no file content.
    pub(crate) fn in_root(layout: &Layout) -> Result<UsageScan> {
        let mut found = UsageScan::default();
        let functions = layout.functions();
        list(layout.root(), &mut |item, kind| {
            let (name, path) = (item.file_name(), item.path());
            if path == functions && kind.is_dir() {
                return Ok(());
            } else if path == functions {
                found.links.push(path);
            } else if kind.is_dir() && is_version(&name) {
                found.versions.push(path);
            } else if !is_of_root(&name) {
                found.foreign.push(path);
            }
            Ok(())
        })?;
        if fs::symlink_metadata(&functions).is_ok_and(|metadata| metadata.is_dir()) {
            found.walk(&functions, 0)?;
        }
        Ok(found)
    }

    fn walk(&mut self, folder: &Path, depth: usize) -> Result<()> {
        let mut folders = Vec::new();
        list(folder, &mut |item, kind| {
            let name = item.file_name();
            if kind.is_symlink() {
                self.links.push(item.path());
            } else if kind.is_dir() && depth < DEEPEST {
                folders.push(item.path());
            } else if kind.is_file() && Layout::key_of_entry(&name).is_some() {
                self.entries += 1;
                let metadata = item.metadata().ok();
                self.newest = self.newest.max(metadata.as_ref().and_then(|metadata| metadata.modified().ok()));
                // Permission bits don't decide alone, so try to open the file; but only files of other users, to save
                // time.
                if metadata.is_some_and(|metadata| permissions::is_of_others(&metadata)) {
                    let opened = open_entry(&item.path());
                    self.closed +=
                        u64::from(opened.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied));
                }
            } else if kind.is_file() && owned_files::role(&name) == Role::Segment {
                let held = entries_in_segment(&item.path());
                self.entries += u64::try_from(held.entries).unwrap_or(0);
            } else if !(is_about_function(&name) || owned_files::role(&name) == Role::TempFile) {
                self.foreign.push(item.path());
            }
            Ok(())
        })?;
        folders.iter().try_for_each(|folder| self.walk(folder, depth + 1))
    }
}

/// Calls `found` for each item in a folder. Skips items that are removed during the listing.
fn list(folder: &Path, found: &mut dyn FnMut(&fs::DirEntry, fs::FileType) -> Result<()>) -> Result<()> {
    let failed = |e| Error::io(e, "can't list the folder").at(folder);
    let listing = match fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    for item in listing {
        let item = item.map_err(failed)?;
        if let Ok(kind) = item.file_type() {
            found(&item, kind)?;
        }
    }
    Ok(())
}
