//! Removing what larder made under a folder, and nothing else.
//!
//! Each folder is listed once, so it ends whatever others do meanwhile. What they store then stays: it came later.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::Path;

use crate::error::{Error, ErrorKind, Result};
use crate::store::layout::Layout;
use crate::store::names::DEEPEST;
use crate::store::owned_files::Role;
use crate::store::{orphaned_temps, owned_files};

/// Names that are looked at to see whether a link leads to results.
const MOST_NAMES: u32 = 1_000;

const LINK: &str = "this is a link to a folder: what that has is not removed, as it may be somebody's; remove the link";

/// How far a removal has come.
#[derive(Default)]
struct Removal {
    /// What could not be removed: the first, and how many others.
    failed: Option<Error>,
    more: u64,
    /// A folder that stays for as long as somebody has a removed file in it open.
    in_use: Option<std::path::PathBuf>,
}

impl Layout {
    /// Removes all that larder made in the folder of all functions, and the folders that are empty then.
    ///
    /// # Errors
    /// The first fault, after all that can be removed is gone; it says how many there were.
    pub(crate) fn clear(&self) -> Result<()> {
        let mut removal = Removal::default();
        let functions = self.functions();
        removal.down(&functions, 0);
        removal.folder(&functions);
        removal.end()
    }

    /// Removes what is noted in one function's folder beside its entries, and leaves the folders within it: they belong to
    /// other functions. Folders that are empty then go, up to that of all functions.
    pub(crate) fn clear_function(&self, folder: &Path) -> Result<()> {
        let mut removal = Removal::default();
        removal.down(&Layout::spread_folder(folder), 0);
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
    /// Removes what is larder's in a folder and in those within it: whether there was anything.
    fn down(&mut self, folder: &Path, depth: usize) -> bool {
        // Those that entries are spread over have names that only larder gives.
        let mut any = folder.file_name().is_some_and(|name| Layout::spread_of(name).is_some())
            || matches!(Layout::function_of(folder), Cow::Owned(_));
        self.list(folder, &mut |removal, item, kind| {
            let path = item.path();
            if kind.is_dir() {
                any |= depth < DEEPEST && removal.down(&path, depth + 1);
            } else if kind.is_file() {
                any |= removal.file(&path, &item.file_name());
            } else if kind.is_symlink() && owned_files::has_function(&path, &mut { MOST_NAMES }) {
                // Results are read through it.
                removal.failed(Error::new(ErrorKind::InvalidInput, LINK).at(&path));
            }
        });
        if any {
            self.folder(folder);
        }
        any
    }

    fn list(&mut self, folder: &Path, found: &mut dyn FnMut(&mut Self, &fs::DirEntry, fs::FileType)) {
        // A link leads to what may be anybody's.
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

    /// Removes a file, if it is larder's: whether it was.
    fn file(&mut self, path: &Path, name: &std::ffi::OsStr) -> bool {
        let role = owned_files::role(name);
        match owned_files::is_ours(path, role) {
            Ok(true) if role == Role::TempFile && !orphaned_temps::is_orphaned(path) => return false,
            Ok(true) => {}
            Ok(false) => return false,
            Err(error) if is_gone(&error) => return true,
            Err(error) => {
                self.fail(error, "can't see whose this file is, so it is not removed", path);
                return false;
            }
        }
        match fs::remove_file(path) {
            Ok(()) => true,
            Err(error) if is_gone(&error) => true,
            Err(error) => {
                self.fail(error, "can't remove", path);
                false
            }
        }
    }

    /// Removes a folder if it is empty: whether it is gone. Others' files, and what others store meanwhile, keep it.
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

    fn end(self) -> Result<()> {
        if let Some(folder) = &self.in_use {
            tracing::info!(
                folder = %folder.display(),
                "the results are removed; the folder stays until files of it that are open in a process are closed"
            );
        }
        match (self.failed, self.more) {
            (None, _) => Ok(()),
            (Some(error), 0) => Err(error),
            (Some(error), more) => Err(error.context(&format!("not all could be removed, and {more} more like this"))),
        }
    }
}

/// Whether somebody else removed it.
fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Whether NFS or FUSE keep a removed file under this name, for as long as somebody has it open.
fn is_removed_and_open(name: &std::ffi::OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with(".nfs") || name.starts_with(".fuse_hidden"))
}
