//! Store that keeps each entry in a file. `Tiered` uses it, together with segments.
//!
//! Entries are in the folder of their function. A folder may be full although the disk is not: ext4 takes 180,000 to 11
//! million names in one folder, depending on its block size. Further entries then go into 256 folders beside the
//! function's folder, by the first two hexadecimal digits of the key: `<function>.spread/<2 digits>/<key>.larder`.
//! Readers look there if the function's folder does not have the entry. Storing an entry in the function's folder
//! removes its spread copy, which readers would find again once the newer entry is removed.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::error::{Error, ErrorKind, Result};
use crate::key::digest::Key;
use crate::store::interface::{Listing, Store};
use crate::store::layout::Layout;
use crate::store::owned_files;
use crate::store::stored_entry::{EntryStat, StoredEntry};
use crate::store::walk::Walk;
use crate::sys::atomic_file::TempFile;
use crate::sys::file::open_entry;
use crate::sys::file_id::FileId;
use crate::sys::file_system::is_folder_full;
use crate::sys::fork::per_process::PerProcess;
use crate::sys::locked::locked;
use crate::sys::private_folder::create_private_folder;

/// How long the store relies on having seen no spread folder for a function.
const SPREAD_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Minimum time between two updates of an entry's modification time.
const TOUCH_AFTER: Duration = Duration::from_secs(60);

/// Store of files in folders.
#[derive(Default)]
pub(crate) struct Directory {
    known: PerProcess<Mutex<KnownState>>,
}

/// Cached knowledge about files and folders.
#[derive(Clone, Debug, Default)]
struct KnownState {
    /// Files that are named like entries, but are not larder's. Found when they were to be removed.
    foreign: HashSet<PathBuf>,
    /// Full folders that a warning was logged for.
    warned_full: HashSet<PathBuf>,
    /// Functions without a spread folder, and when that was checked.
    not_spread: HashMap<PathBuf, Instant>,
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Directory")
    }
}

impl Store for Directory {
    fn get(&self, folder: &Path, key: &Key) -> Result<Option<StoredEntry>> {
        match open(Layout::entry(folder, key))? {
            None => self.get_spread(folder, key),
            found => Ok(found),
        }
    }

    fn stat(&self, folder: &Path, key: &Key) -> Option<EntryStat> {
        stat(&Layout::entry(folder, key))
            .or_else(|| if self.is_not_spread(folder) { None } else { stat(&Layout::spread_entry(folder, key)) })
    }

    fn put(&self, folder: &Path, key: &Key, mut temp: TempFile, durable: bool) -> Result<Option<u64>> {
        note_root(&mut temp, folder, durable);
        let path = Layout::entry(folder, key);
        let spread = (!self.is_not_spread(folder)).then(|| Layout::spread_entry(folder, key));
        let spread_before = spread.as_ref().and_then(|path| stat(path)).map(|before| before.size);
        let (placed, before) = temp.publish_or(&path, durable, |error| self.spread_if_full(folder, key, error))?;
        // Remove the older spread copy: it would be found again once the new entry is removed.
        if let Some(spread) = spread.filter(|_| placed == path) {
            remove_file(&spread)?;
        }
        Ok(before.or(spread_before))
    }

    fn replace(
        &self,
        folder: &Path,
        key: &Key,
        mut temp: TempFile,
        opened: &StoredEntry,
        durable: bool,
    ) -> Result<Option<u64>> {
        note_root(&mut temp, folder, durable);
        let path = Layout::locate(folder, key);
        let stat = opened.stat().map_err(|e| Error::io(e, "can't look at the file").at(&path))?;
        let used = if stat.used == UNIX_EPOCH { SystemTime::now() } else { stat.used };
        let Some(identity) = stat.identity else { return Ok(None) };
        let replaced = temp.replace(&path, &identity, FileId::of, used, durable)?;
        Ok(replaced.then_some(stat.size))
    }

    #[cfg(feature = "archive")]
    fn add(&self, folder: &Path, key: &Key, mut temp: TempFile, durable: bool) -> Result<bool> {
        note_root(&mut temp, folder, durable);
        if existing_spread_entry(folder, key).is_some_and(|path| stat(&path).is_some()) {
            return Ok(false);
        }
        temp.publish_new(&Layout::entry(folder, key), durable, |error| self.spread_if_full(folder, key, error))
    }

    fn remove(&self, folder: &Path, key: &Key) -> Result<Option<u64>> {
        let first = self.remove_if_ours(Layout::entry(folder, key), key);
        let second = existing_spread_entry(folder, key).map(|path| self.remove_if_ours(path, key)).transpose()?;
        Ok(first?.or(second.flatten()))
    }

    /// Sets the modification time of the file: access times are unreliable, as file systems may not record them. Skips
    /// entries that were touched recently, because a touch takes as long as reading the entry.
    fn touch(&self, opened: &StoredEntry) {
        if opened.stat().is_ok_and(|stat| stat.used.elapsed().map_or(true, |idle| idle > TOUCH_AFTER)) {
            let Some(file) = opened.file() else { return };
            // A failure is harmless: then the entry only looks older than it is. Another user may own the file.
            let _ = file.set_modified(SystemTime::now()).or_else(|_| touch_to_now(file));
        }
    }

    fn list(&self, folder: &Path, deep: bool) -> Box<dyn Listing> {
        Box::new(Walk::through(folder, deep, self.known().foreign.clone()))
    }
}

impl Directory {
    /// Opens an entry that is not in the function's folder.
    pub(super) fn get_spread(&self, folder: &Path, key: &Key) -> Result<Option<StoredEntry>> {
        if self.is_not_spread(folder) { Ok(None) } else { open(Layout::spread_entry(folder, key)) }
    }

    /// Returns whether the function has entries beside its folder.
    pub(super) fn has_spread(&self, folder: &Path) -> bool {
        !self.is_not_spread(folder)
    }

    fn known(&self) -> MutexGuard<'_, KnownState> {
        locked(self.known.get())
    }

    /// Returns whether a function has no spread folder. The answer is cached for `SPREAD_CHECK_INTERVAL`, because each miss needs
    /// it. What another process stores in a spread folder during this time may be computed again.
    fn is_not_spread(&self, folder: &Path) -> bool {
        if self.known().not_spread.get(folder).is_some_and(|seen| seen.elapsed() < SPREAD_CHECK_INTERVAL) {
            return true;
        }
        // Without the lock, because a slow file system must not hold up the other threads.
        let now = Instant::now();
        let is_not = fs::symlink_metadata(Layout::spread_folder(folder)).is_err();
        if is_not {
            self.known().not_spread.insert(folder.to_owned(), now);
        }
        is_not
    }

    /// Returns where to store an entry if `error` means that the function's folder is full.
    fn spread_if_full(&self, folder: &Path, key: &Key, error: &io::Error) -> Option<PathBuf> {
        if !is_folder_full(folder, error) {
            return None;
        }
        if self.known().warned_full.insert(folder.to_owned()) {
            tracing::warn!(
                folder = %folder.display(), beside = %Layout::spread_folder(folder).display(),
                "the file system takes no more names in this folder, although the disk has room: further results of this \
                 function are in folders beside it; `max_entries` keeps a function smaller"
            );
        }
        let path = Layout::spread_entry(folder, key);
        // If this fails, publishing fails too and reports the reason.
        let _ = create_private_folder(path.parent()?);
        // After the folder exists: another thread may have looked for it before.
        self.known().not_spread.remove(folder);
        Some(path)
    }

    /// Removes an entry's file. Returns its size; `None` if there is none.
    fn remove_if_ours(&self, path: PathBuf, key: &Key) -> Result<Option<u64>> {
        match owned_files::size_of_entry(&path, key) {
            Ok(Some(size)) => Ok(remove_file(&path)?.then_some(size)),
            Ok(None) => {
                let what = "this is not an entry of larder, although it is named like one; it stays";
                let error = Error::new(ErrorKind::NotLarder, what).at(&path);
                self.known().foreign.insert(path);
                Err(error)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io(error, "can't tell whether this file is larder's, so it stays").at(path)),
        }
    }
}

/// Returns the path of an entry in the spread folder; `None` if the function has no spread folder.
fn existing_spread_entry(folder: &Path, key: &Key) -> Option<PathBuf> {
    fs::symlink_metadata(Layout::spread_folder(folder)).is_ok().then(|| Layout::spread_entry(folder, key))
}

fn open(path: PathBuf) -> Result<Option<StoredEntry>> {
    match open_entry(&path) {
        Ok(file) => Ok(Some(StoredEntry::new(file, path))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io(error, "can't open").at(path)),
    }
}

/// Tells a temp file which folders a durable publication must sync: any folder of the cache may be new.
fn note_root(temp: &mut TempFile, function: &Path, durable: bool) {
    if let Some(root) = Layout::root_of(function).filter(|_| durable) {
        temp.set_root(root);
    }
}

/// Removes a file. Returns whether it existed.
fn remove_file(path: &Path) -> Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(false),
        Err(error) => Err(Error::io(error, "can't remove").at(path)),
    }
}

fn stat(path: &Path) -> Option<EntryStat> {
    fs::symlink_metadata(path).ok().map(|metadata| EntryStat::of(&metadata))
}

/// Sets the times of another user's file to the current time. Without owning a file, a user may set no other time.
#[cfg(target_os = "linux")]
fn touch_to_now(file: &File) -> io::Result<()> {
    use rustix::fs::{Timespec, Timestamps, UTIME_NOW, futimens};
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    Ok(futimens(file, &Timestamps { last_access: now, last_modification: now })?)
}

#[cfg(not(target_os = "linux"))]
fn touch_to_now(_: &File) -> io::Result<()> {
    Ok(())
}
