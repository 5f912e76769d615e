//! Version counters in a memory-mapped file, by which processes notify each other that an entry was removed or
//! replaced.
//!
//! **Invariant**: a result in memory is used only while the version of its key equals the one read *before* its file
//! was opened. A process that removes or replaces a file changes the version *afterwards*. So once `forget` has
//! returned, no process uses what it removed. Every new version is unique, so two processes that change a version at
//! the same time are both noticed, and no lock is needed.
//!
//! The file has 512 versions of 8 bytes. Versions are written with `pwrite`, because a store into a map would kill the
//! process if the disk were full. They are read from a map, which costs one load. Zero is not a version: it is the
//! content of a file that was just created, or was emptied and extended again.
//!
//! **A map can kill its process**: if the file is shortened while it is mapped, the next load raises SIGBUS on Unix.
//! Preventing this would cost more than the load. A check of the length is outdated when the load happens, reading with
//! `pread` takes twice as long as the whole hit, and a handler for SIGBUS belongs to the program, not to a library.
//! larder never shortens the file. If another program replaces the file (as `cp --remove-destination` and `rsync` do),
//! larder notices within a second. Only a program that writes into the file (`rsync --inplace`, a shell's `>`) can kill
//! a process. `Cache::diagnose` reports a file that was shortened. Windows refuses to shorten a mapped file.
#![expect(unsafe_code, reason = "a map of a file that others change is read with atomic loads")]

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use memmap2::{MmapOptions, MmapRaw};
use twox_hash::XxHash3_64;

use crate::key::digest::Key;
use crate::sys::file::{open_entry, open_to_change, write_all_at};
use crate::sys::file_id::FileId;
use crate::sys::file_system;
use crate::sys::fork::per_process::PerProcess;
use crate::sys::locked::locked;

const VERSIONS: usize = 512;
const BYTES: usize = VERSIONS * 8;

/// The version counters of one cache, in one open file. The file may have been removed since it was opened.
pub(crate) struct VersionTable {
    path: PathBuf,
    file: File,
    map: MmapRaw,
    identity: Option<FileId>,
    /// Whether a failure to write was logged.
    has_failed: AtomicBool,
    /// Whether changes by other processes are seen in the map at once.
    is_coherent: bool,
    /// Whether another program had shortened the file when it was opened.
    was_cut: bool,
}

/// A short file that is younger than this may still be in creation.
const MAKING: Duration = Duration::from_secs(1);

/// The tables that are open in this process, with their `read_only`.
static OPEN: PerProcess<Mutex<Open>> = PerProcess::new();

type Open = Vec<(bool, Weak<VersionTable>)>;

impl VersionTable {
    /// Returns the table in this file, which all caches of the process share. Opens it if it is not open, or if the
    /// open file was replaced.
    pub(crate) fn shared(path: &Path, read_only: bool) -> io::Result<Arc<VersionTable>> {
        let open = || locked(OPEN.get());
        let mut known: Vec<_> = {
            let mut open = open();
            open.retain(|(_, table)| table.strong_count() > 0);
            open.iter().filter(|(known, _)| *known == read_only).filter_map(|(_, table)| table.upgrade()).collect()
        };
        known.retain(|table| table.path == path && table.is_there());
        if let Some(table) = known.pop() {
            return Ok(table);
        }
        // Open the file without the lock, as this may take long.
        let table = Arc::new(VersionTable::open(path, read_only)?);
        open().push((read_only, Arc::downgrade(&table)));
        Ok(table)
    }

    /// Opens the file. Creates it unless `read_only`.
    pub(crate) fn open(path: &Path, read_only: bool) -> io::Result<VersionTable> {
        let was_cut = VersionTable::is_cut(path);
        let file = if read_only { open_entry(path)? } else { open_to_change(path)? };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
        }
        let is_short = metadata.len() < BYTES as u64;
        if is_short && read_only {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is too short"));
        }
        if is_short {
            file.set_len(BYTES as u64)?;
        }
        let map = MmapOptions::new().len(BYTES).map_raw_read_only(&file)?;
        let is_coherent = file_system::maps_are_coherent(&file, !read_only);
        let table = VersionTable {
            identity: FileId::in_metadata(&metadata),
            path: path.to_owned(),
            file,
            map,
            has_failed: AtomicBool::new(false),
            is_coherent,
            was_cut,
        };
        if is_short {
            table.bump_all()?;
        }
        if was_cut {
            tracing::warn!(path = %path.display(), "{CUT}");
        }
        Ok(table)
    }

    /// Returns whether another program shortened the file with this path. A new file is short for a moment, which does
    /// not count.
    pub(crate) fn is_cut(path: &Path) -> bool {
        fs::symlink_metadata(path).is_ok_and(|metadata| {
            let age = metadata.created().ok().and_then(|created| created.elapsed().ok());
            metadata.is_file() && is_cut(metadata.len(), age)
        })
    }

    /// Returns whether another program had shortened the file when it was opened here. Opening restored its length.
    pub(crate) fn was_cut(&self) -> bool {
        self.was_cut
    }

    /// Returns whether a result may be kept in memory while its version is unchanged. It may not on a file system where
    /// changes by other machines are not seen at once. Changing versions is useful even there: processes on the machine
    /// with the disk see it.
    pub(crate) fn is_coherent(&self) -> bool {
        self.is_coherent
    }

    /// Returns the index of the key's version.
    pub(crate) fn slot(key: &Key) -> usize {
        // Uses other bytes of the key than the locks do.
        usize::from(u16::from_le_bytes([key.as_bytes()[30], key.as_bytes()[31]])) % VERSIONS
    }

    /// Returns the version with this index.
    #[inline]
    pub(crate) fn read(&self, slot: usize) -> u64 {
        assert!(slot < VERSIONS);
        // SAFETY: the map has `BYTES` bytes, begins at a page boundary, and lives as long as `self`. All reads of it
        // are here: atomic loads of eight aligned bytes, which may be used for read-only memory. If another program
        // shortened the file, the load raises SIGBUS, which is not undefined behaviour (see the module's
        // documentation).
        unsafe { AtomicU64::from_ptr(self.map.as_mut_ptr().cast::<u64>().add(slot)) }.load(Ordering::Acquire)
    }

    /// Changes the version of a key. Call this after its entry was removed or replaced.
    ///
    /// # Errors
    /// If the file can neither be written nor removed.
    pub(crate) fn bump(&self, key: &Key) -> io::Result<()> {
        let offset = VersionTable::slot(key) as u64 * 8;
        self.write(&unique().to_ne_bytes(), offset)
    }

    /// Changes all versions.
    ///
    /// # Errors
    /// As [`bump`](VersionTable::bump).
    pub(crate) fn bump_all(&self) -> io::Result<()> {
        self.write(&unique().to_ne_bytes().repeat(VERSIONS), 0)
    }

    fn write(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let Err(error) = write_all_at(&self.file, bytes, offset) else { return Ok(()) };
        // Removing the file needs no disk space, and other processes notice it within a second.
        let removed = fs::remove_file(&self.path).is_ok();
        if !self.has_failed.swap(true, Ordering::Relaxed) {
            tracing::warn!(path = %self.path.display(), %error, removed, "can't tell other processes what was removed");
        }
        if removed { Ok(()) } else { Err(error) }
    }

    /// Returns whether the path still leads to this file, so that all processes use the same one.
    pub(crate) fn is_there(&self) -> bool {
        self.identity.is_some() && FileId::of(&self.path) == self.identity
    }
}

/// Message for a file that another program shortened.
pub(crate) const CUT: &str = "another program made the file shorter by which processes tell each other what was removed: it kills \
                              those that have it mapped (SIGBUS) when they next use a result in memory";

fn is_cut(len: u64, age: Option<Duration>) -> bool {
    len < BYTES as u64 && age.is_some_and(|age| age >= MAKING)
}

/// Returns a number that is unique among all processes, and not zero.
fn unique() -> u64 {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let seed = [now.to_le_bytes().as_slice(), &count.to_le_bytes(), &std::process::id().to_le_bytes()].concat();
    XxHash3_64::oneshot(&seed).max(1)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "files of the tests")]
mod tests {
    use super::*;

    fn open(root: &Path) -> VersionTable {
        VersionTable::open(&root.join("marks"), false).unwrap()
    }

    #[test]
    fn every_process_sees_a_changed_version() {
        let root = tempfile::tempdir().unwrap();
        let (here, there) = (open(root.path()), open(root.path()));
        let (a, b) = (Key::from_bytes([1; 32]), Key::from_bytes([2; 32]));
        let both = || (there.read(VersionTable::slot(&a)), there.read(VersionTable::slot(&b)));
        let before = both();
        here.bump(&a).unwrap();
        let after = both();
        assert!(after.0 != before.0 && after.1 == before.1);
        assert_eq!(here.read(VersionTable::slot(&a)), after.0);
        here.bump_all().unwrap();
        let last = both();
        assert!(last.0 != after.0 && last.1 != after.1);
        assert!(here.is_there());
        fs::remove_file(root.path().join("marks")).unwrap();
        assert!(!here.is_there());
        let _new = open(root.path());
        assert!(!here.is_there());
        assert_eq!(there.read(VersionTable::slot(&a)), last.0);
    }

    #[test]
    fn a_read_only_cache_makes_no_file() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("marks");
        assert!(VersionTable::open(&path, true).is_err());
        assert!(!path.exists());
    }

    /// Zeros in a new file, or in one that was emptied and extended, are not a version of any result.
    #[test]
    fn a_new_or_extended_file_gets_new_versions() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("marks");
        let key = Key::from_bytes([1; 32]);
        let version = |table: &VersionTable| table.read(VersionTable::slot(&key));
        let first = version(&open(root.path()));
        fs::remove_file(&path).unwrap();
        fs::write(&path, "short").unwrap();
        assert!(VersionTable::open(&path, true).is_err());
        let second = version(&open(root.path()));
        assert!(first != 0 && second != 0 && first != second);
    }

    /// A shortened file is reported; a new file is not.
    #[test]
    fn a_shortened_file_is_distinguished_from_a_new_one() {
        let (young, old) = (Some(Duration::from_millis(10)), Some(Duration::from_secs(60)));
        assert!(is_cut(0, old) && is_cut(BYTES as u64 - 1, old));
        assert!(!is_cut(0, young) && !is_cut(0, None) && !is_cut(BYTES as u64, old));
        let root = tempfile::tempdir().unwrap();
        assert!(!open(root.path()).was_cut() && !open(root.path()).was_cut());
        let file = open_to_change(&root.path().join("marks")).unwrap();
        if file.metadata().unwrap().created().is_ok() {
            std::thread::sleep(MAKING);
            file.set_len(7).unwrap();
            assert!(open(root.path()).was_cut() && !open(root.path()).was_cut());
        }
    }
}
