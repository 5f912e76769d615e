//! `FileNames`: which entries of a function are in files of their own, so that a search need not open a file to learn that
//! there is none.
//!
//! It is only used for functions that have segments. They have few entries in files, and many calls look for others.

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::path::Path;

use crate::key::digest::Key;
use crate::store::layout::Layout;
use crate::sys::folder_watch::{FolderWatch, Look};

/// Folders with more names are not listed.
const MOST: usize = 1024;

/// The entries in the files of one folder.
#[derive(Default)]
pub(crate) struct FileNames {
    watch: FolderWatch,
    /// The first bytes of the keys; `None` if there are too many.
    keys: Option<HashSet<[u8; 8]>>,
}

impl FileNames {
    /// Returns whether the folder may have a file for this entry.
    pub(crate) fn may_have(&mut self, folder: &Path, key: &Key) -> bool {
        match self.watch.look(folder) {
            Ok(Look::Missing) => return false,
            Ok(Look::Same) => {}
            Ok(Look::Settled) => {
                self.watch.lists();
                self.keys = list(folder);
            }
            Ok(Look::Unsettled) | Err(_) => return true,
        }
        self.keys.as_ref().is_none_or(|keys| keys.contains(&first(key)))
    }
}

impl fmt::Debug for FileNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileNames").field("keys", &self.keys.as_ref().map(HashSet::len)).finish_non_exhaustive()
    }
}

fn list(folder: &Path) -> Option<HashSet<[u8; 8]>> {
    let mut keys = HashSet::new();
    for (count, item) in fs::read_dir(folder).ok()?.enumerate() {
        if count == MOST {
            return None;
        }
        keys.extend(Layout::key_of_entry(&item.ok()?.file_name()).map(|key| first(&key)));
    }
    Some(keys)
}

fn first(key: &Key) -> [u8; 8] {
    let mut first = [0; 8];
    first.copy_from_slice(&key.as_bytes()[..8]);
    first
}
