//! The one store there is: a folder of files.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{Layout, Listed, Store, Walk};
use crate::atomic::Draft;
use crate::file::open_entry;
use crate::key::Key;
use crate::marks::Identity;
use crate::{Error, Result};

/// An entry that was used is touched if that is not known for so long.
const TOUCH_AFTER: Duration = Duration::from_secs(60);

/// Files in folders.
#[derive(Debug)]
pub(crate) struct Directory;

impl Store for Directory {
    fn get(&self, folder: &Path, key: &Key) -> Result<Option<File>> {
        let path = Layout::entry(folder, key);
        match open_entry(&path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io(error, "can't open").at(path)),
        }
    }

    fn put(&self, folder: &Path, key: &Key, draft: Draft, durable: bool) -> Result<Option<u64>> {
        let path = Layout::entry(folder, key);
        let before = size(&path);
        draft.publish(&path, durable)?;
        Ok(before)
    }

    fn replace(&self, folder: &Path, key: &Key, draft: Draft, opened: &File, durable: bool) -> Result<Option<u64>> {
        let path = Layout::entry(folder, key);
        let metadata = opened.metadata().map_err(|e| Error::io(e, "can't look at the file").at(&path))?;
        let used = metadata.modified().unwrap_or_else(|_| SystemTime::now());
        let Some(identity) = Identity::of_file(opened) else { return Ok(None) };
        let replaced = draft.replace(&path, &identity, Identity::of, used, durable)?;
        Ok(replaced.then_some(metadata.len()))
    }

    #[cfg(feature = "archive")]
    fn add(&self, folder: &Path, key: &Key, draft: Draft, durable: bool) -> Result<bool> {
        draft.publish_new(&Layout::entry(folder, key), durable)
    }

    fn remove(&self, folder: &Path, key: &Key) -> Result<Option<u64>> {
        let path = Layout::entry(folder, key);
        let before = size(&path);
        match fs::remove_file(&path) {
            Ok(()) => Ok(Some(before.unwrap_or(0))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io(error, "can't remove").at(path)),
        }
    }

    /// In the time of the file: the time of access is not to be relied on. Not each time, as that would cost as
    /// much as reading it.
    fn touch(&self, file: &File) {
        let used = file.metadata().and_then(|metadata| metadata.modified());
        if used.is_ok_and(|used| used.elapsed().map_or(true, |idle| idle > TOUCH_AFTER)) {
            // Nothing is lost if somebody else owns it.
            let _ = file.set_modified(SystemTime::now());
        }
    }

    fn list(&self, folder: &Path, deep: bool, found: &mut dyn FnMut(&Path, &Listed)) -> Result<()> {
        super::walk::visit(folder, deep, &mut |folder, files| files.iter().for_each(|file| found(folder, file)))
    }

    fn list_some(&self, walk: &mut Walk, most: usize) -> Result<Option<(Arc<Path>, Vec<Listed>)>> {
        walk.go_on(most)
    }
}

fn size(path: &Path) -> Option<u64> {
    fs::symlink_metadata(path).ok().map(|metadata| metadata.len())
}
