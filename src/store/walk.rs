//! The files of entries, folder by folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Layout;
use crate::key::Key;
use crate::{Error, Result};

/// The file of an entry.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) key: Key,
    file: fs::DirEntry,
}

impl Listed {
    pub(crate) fn metadata(&self) -> io::Result<fs::Metadata> {
        self.file.metadata()
    }
}

/// Calls `found` for each folder with its entries. Links are not followed; what vanishes meanwhile
/// is passed over.
pub(super) fn visit(folder: &Path, deep: bool, found: &mut dyn FnMut(&Path, &[Listed])) -> Result<()> {
    let listing = match fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io(error, "can't list the folder").at(folder)),
    };
    let mut files = Vec::new();
    let mut folders = Vec::new();
    for item in listing {
        let file = item.map_err(|e| Error::io(e, "can't list the folder").at(folder))?;
        let Ok(kind) = file.file_type() else { continue };
        if kind.is_dir() {
            folders.push(file.path());
        } else if kind.is_file()
            && let Some(key) = Layout::key_of_entry(&file.file_name())
        {
            files.push(Listed { key, file });
        }
    }
    in_disk_order(&mut files);
    found(folder, &files);
    drop(files);
    if deep {
        for folder in folders {
            visit(&folder, deep, found)?;
        }
    }
    Ok(())
}

/// A way through the folders from one on, some entries at a time.
pub(crate) struct Walk {
    folders: Vec<PathBuf>,
    listing: Option<(Arc<Path>, fs::ReadDir)>,
}

impl Walk {
    pub(crate) fn under(folder: &Path) -> Self {
        Walk { folders: vec![folder.to_owned()], listing: None }
    }

    /// The next entries of one folder, of at most so many names; it may be none. `None` when all was seen. As for [`visit`],
    /// links are not followed; what vanishes meanwhile is passed over.
    pub(super) fn go_on(&mut self, most: usize) -> Result<Option<(Arc<Path>, Vec<Listed>)>> {
        let failed = |e, folder: &Path| Error::io(e, "can't list the folder").at(folder);
        let (folder, mut listing) = match self.listing.take() {
            Some(listing) => listing,
            None => {
                let Some(folder) = self.folders.pop() else { return Ok(None) };
                match fs::read_dir(&folder) {
                    Ok(listing) => (Arc::from(folder), listing),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        return Ok(Some((folder.into(), Vec::new())));
                    }
                    Err(error) => return Err(failed(error, &folder)),
                }
            }
        };
        let mut files = Vec::new();
        let mut is_at_end = true;
        for item in listing.by_ref().take(most) {
            is_at_end = false;
            let file = item.map_err(|e| failed(e, &folder))?;
            let Ok(kind) = file.file_type() else { continue };
            if kind.is_dir() {
                self.folders.push(file.path());
            } else if kind.is_file()
                && let Some(key) = Layout::key_of_entry(&file.file_name())
            {
                files.push(Listed { key, file });
            }
        }
        in_disk_order(&mut files);
        if !is_at_end {
            self.listing = Some((folder.clone(), listing));
        }
        Ok(Some((folder, files)))
    }
}

/// In the order in which file systems have laid them down: looking at many of them, or removing them, is faster then.
#[cfg(unix)]
fn in_disk_order(files: &mut [Listed]) {
    use std::os::unix::fs::DirEntryExt as _;
    files.sort_unstable_by_key(|listed| listed.file.ino());
}

#[cfg(not(unix))]
fn in_disk_order(_: &mut [Listed]) {}
