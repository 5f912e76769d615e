//! Removes the files that larder created under a folder, and nothing else.
//!
//! Each folder is listed once, so the removal ends even while other processes store entries. Entries that they store
//! during the removal may stay.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::Path;

use crate::error::{Error, ErrorKind, Result};
use crate::observe::stats::UsageDelta;
use crate::store::layout::Layout;
use crate::store::names::DEEPEST;
use crate::store::owned_files::Role;
use crate::store::segments::segment::entries_in_segment;
use crate::store::{orphaned_temps, owned_files};

/// Limit on the names that are read to find out whether a link leads to results.
const MOST_NAMES: u32 = 1_000;

const LINK: &str = "this is a link to a folder, whose content may not be larder's and is not removed; remove the link";

/// Progress and failures of a removal.
#[derive(Default)]
struct Removal {
    /// The first failure; `more` counts the others.
    failed: Option<Error>,
    more: u64,
    /// Entries that were removed.
    removed: UsageDelta,
    /// A folder that can't be removed until a process closes a removed file in it.
    in_use: Option<std::path::PathBuf>,
}

impl Layout {
    /// Removes all files that larder created in the folder of all functions, and then the folders that are empty. Returns
    /// which entries were among them, and the first failure, after everything that can be removed is gone. The message says how many other failures there
    /// were.
    pub(crate) fn clear(&self) -> (UsageDelta, Result<()>) {
        let mut removal = Removal::default();
        let functions = self.functions();
        removal.down(&functions, 0);
        removal.folder(&functions);
        removal.end()
    }

    /// Removes the files beside the entries in one function's folder, and its spread folders. Leaves the other folders
    /// in it: they belong to other functions. Then removes empty folders upwards, below the folder of all functions.
    pub(crate) fn clear_function(&self, folder: &Path) -> (UsageDelta, Result<()>) {
        let mut removal = Removal::default();
        removal.down(&Layout::spread_folder(folder), 0);
        removal.down(&Layout::packed_folder(folder), 0);
        let mut any = false;
        removal.list(folder, &mut |removal, item, kind| {
            if kind.is_file() {
                any |= removal.file(&item.path(), &item.file_name());
            }
        });
        if any {
            let functions = self.functions();
            for folder in folder.ancestors().take_while(|above| *above != functions && above.starts_with(&functions)) {
                if !removal.folder(folder) {
                    break;
                }
            }
        }
        removal.end()
    }
}

impl Removal {
    /// Removes larder's files in a folder and in the folders within it. Returns whether there were any.
    fn down(&mut self, folder: &Path, depth: usize) -> bool {
        // Only larder gives folders the names of spread folders.
        let mut any = folder
            .file_name()
            .is_some_and(|name| Layout::spread_of(name).is_some() || Layout::packed_of(name).is_some())
            || matches!(Layout::function_of(folder), Cow::Owned(_));
        self.list(folder, &mut |removal, item, kind| {
            let path = item.path();
            if kind.is_dir() {
                any |= depth < DEEPEST && removal.down(&path, depth + 1);
            } else if kind.is_file() {
                any |= removal.file(&path, &item.file_name());
            } else if kind.is_symlink() && owned_files::has_function(&path, &mut { MOST_NAMES }) {
                // Results are read through this link, so the caller must learn that it stays.
                removal.failed(Error::new(ErrorKind::InvalidInput, LINK).at(&path));
            }
        });
        if any {
            self.folder(folder);
        }
        any
    }

    fn list(&mut self, folder: &Path, found: &mut dyn FnMut(&mut Self, &fs::DirEntry, fs::FileType)) {
        // A link may lead to files that are not larder's.
        if fs::symlink_metadata(folder).is_ok_and(|metadata| metadata.file_type().is_symlink()) {
            return;
        }
        let listing = match fs::read_dir(folder) {
            Ok(listing) => listing,
            Err(error) if is_gone(&error) => return,
            Err(error) => return self.fail(error, "can't list the folder", folder),
        };
        for item in listing {
            match item {
                Ok(item) => {
                    if let Ok(kind) = item.file_type() {
                        found(self, &item, kind);
                    }
                }
                Err(error) => return self.fail(error, "can't list the folder", folder),
            }
        }
    }

    /// Removes a file if it is larder's. Returns whether it was.
    fn file(&mut self, path: &Path, name: &std::ffi::OsStr) -> bool {
        let role = owned_files::role(name);
        match owned_files::is_ours(path, role) {
            Ok(true) if role == Role::TempFile && !orphaned_temps::is_orphaned(path) => return false,
            Ok(true) => {}
            Ok(false) => return false,
            Err(error) if is_gone(&error) => return true,
            Err(error) => {
                self.fail(error, "can't tell whether this file is larder's, so it stays", path);
                return false;
            }
        }
        let held = match role {
            Role::Entry(_) => UsageDelta::one(fs::symlink_metadata(path).map_or(0, |metadata| metadata.len())),
            Role::Segment => entries_in_segment(path),
            _ => UsageDelta::default(),
        };
        match fs::remove_file(path) {
            Ok(()) => {
                self.removed += held;
                true
            }
            Err(error) if is_gone(&error) => true,
            Err(error) => {
                self.fail(error, "can't remove", path);
                false
            }
        }
    }

    /// Removes a folder if it is empty. Returns whether it is gone. It stays if it has foreign files, or entries that
    /// were stored during the removal.
    fn folder(&mut self, path: &Path) -> bool {
        match fs::remove_dir(path) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => true,
            Err(error) => {
                let is_kept = matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists);
                let names = || fs::read_dir(path).into_iter().flatten().flatten();
                if is_kept && names().any(|item| is_removed_and_open(&item.file_name())) {
                    self.in_use.get_or_insert_with(|| path.to_owned());
                }
                false
            }
        }
    }

    fn fail(&mut self, error: io::Error, doing: &str, path: &Path) {
        self.failed(Error::io(error, doing).at(path));
    }

    fn failed(&mut self, error: Error) {
        match self.failed {
            None => self.failed = Some(error),
            Some(_) => self.more += 1,
        }
    }

    fn end(self) -> (UsageDelta, Result<()>) {
        if let Some(folder) = &self.in_use {
            tracing::info!(
                folder = %folder.display(),
                "the results are removed; the folder stays until files of it that are open in a process are closed"
            );
        }
        let result = match (self.failed, self.more) {
            (None, _) => Ok(()),
            (Some(error), 0) => Err(error),
            (Some(error), more) => Err(error.context(&format!("not all could be removed, and {more} more like this"))),
        };
        (self.removed, result)
    }
}

/// Returns whether the file was removed by another process.
fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Returns whether this is a name under which NFS or FUSE keeps a removed file while a process has it open.
fn is_removed_and_open(name: &std::ffi::OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with(".nfs") || name.starts_with(".fuse_hidden"))
}
