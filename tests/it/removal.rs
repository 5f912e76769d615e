//! Removes folders that a cache uses at the same time.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// Removes a folder of an open cache with everything in it. The cache's background thread may create a file there after
/// the folder was listed, which makes one attempt fail.
pub(crate) fn remove_in_use(folder: &Path) {
    for _ in 0..1000 {
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {}
            removed => return removed.unwrap(),
        }
    }
    panic!("{} is filled again each time", folder.display());
}
