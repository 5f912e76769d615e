//! The files of entries, folder by folder.

use std::fs;
use std::io;
use std::path::Path;

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

/// In the order in which file systems have laid them down: looking at many of them, or removing them, is faster then.
#[cfg(unix)]
fn in_disk_order(files: &mut [Listed]) {
    use std::os::unix::fs::DirEntryExt as _;
    files.sort_unstable_by_key(|listed| listed.file.ino());
}

#[cfg(not(unix))]
fn in_disk_order(_: &mut [Listed]) {}
