//! Decides which results in memory may be used: those whose [`Snapshot`] is still valid.
//!
//! A snapshot is taken before the file of a result is opened. It has the version of the key, the table that holds this
//! version, and the *generation*: a number that changes whenever all results in memory are dropped, because another
//! program removed or replaced a folder or the table.
//!
//! The generation changes, and the old table is dropped, in one step, and a snapshot reads both in one step. Otherwise
//! a result could get the new generation with a version from the old table; that version never changes again, so the
//! result would never become invalid. For the same reason, the step that takes the snapshot also adds the function's
//! folder to the watched folders: if the folder is replaced later, the check notices it and changes the generation.
//!
//! After a removal has changed a version, it checks that the file still has its path, and otherwise changes the version
//! in the new file. If another program replaced the file, other processes read only the new one.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use crate::engine::version_table::VersionTable;
use crate::key::digest::Key;
use crate::sys::file_id::FileId;
use crate::sys::locked::locked;

/// Attempts to change a version in the file that is there. Another program may replace it again and again.
const TRIES: u32 = 8;

/// Decides which results may be used.
pub(super) struct Validity {
    generation: AtomicU64,
    watched: Mutex<Watched>,
}

/// What is checked once a second.
#[derive(Default)]
struct Watched {
    /// The file of version counters; `None` if no results are kept in memory.
    path: Option<PathBuf>,
    read_only: bool,
    table: Option<Arc<VersionTable>>,
    /// The folders of functions with results in memory, by the functions' keys.
    folders: BTreeMap<Key, WatchedFolder>,
}

struct WatchedFolder {
    path: Arc<Path>,
    identity: FolderIdentity,
}

/// Identity of a folder. The inode of a removed folder may be given to the next one, so the time of creation belongs to
/// it too, if the file system records it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FolderIdentity {
    identity: FileId,
    created: Option<SystemTime>,
}

impl FolderIdentity {
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::symlink_metadata(path).ok()?;
        Some(FolderIdentity { identity: FileId::in_metadata(&metadata)?, created: metadata.created().ok() })
    }
}

/// State of a cache before a file was opened.
#[derive(Clone)]
pub(crate) struct Snapshot {
    table: Arc<VersionTable>,
    slot: usize,
    version: u64,
    generation: u64,
}

impl Validity {
    /// Opens the version table in this file; with `None`, no result is valid.
    pub(super) fn new(path: Option<PathBuf>, read_only: bool) -> Self {
        let validity = Validity {
            generation: AtomicU64::new(0),
            watched: Mutex::new(Watched { path, read_only, ..Watched::default() }),
        };
        validity.open_table();
        validity
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        locked(&self.watched)
    }

    /// Takes a snapshot for a file in `folder` that is opened afterwards. `None` if the result must not be kept in
    /// memory, because its removal would not be noticed.
    pub(super) fn snapshot(&self, key: &Key, function: &Key, folder: &Arc<Path>) -> Option<Snapshot> {
        let mut watched = self.watched();
        let table = watched.table.clone().filter(|table| table.is_coherent())?;
        let slot = VersionTable::slot(key);
        let version = Some(table.read(slot)).filter(|version| *version != 0)?;
        if let Entry::Vacant(vacant) = watched.folders.entry(*function) {
            // A folder that does not exist yet could be created and removed between two checks, which would not be noticed.
            let identity = FolderIdentity::of(folder)?;
            vacant.insert(WatchedFolder { path: folder.clone(), identity });
        }
        Some(Snapshot { table, slot, version, generation: self.generation.load(Ordering::Relaxed) })
    }

    /// Returns whether the result may still be used: since the snapshot, no process has changed the version counter of
    /// the key, which several keys share, and no folder or table was lost.
    #[inline]
    pub(super) fn is_current(&self, snapshot: &Snapshot) -> bool {
        snapshot.table.read(snapshot.slot) == snapshot.version
            && self.generation.load(Ordering::Acquire) == snapshot.generation
    }

    /// Returns the folder of each function with results in memory.
    pub(super) fn folders(&self) -> BTreeMap<Key, Arc<Path>> {
        self.watched().folders.iter().map(|(function, folder)| (*function, folder.path.clone())).collect()
    }

    /// Invalidates all snapshots if a folder or the version table was removed or replaced, or if no table is open. Returns
    /// whether it did.
    pub(super) fn check(&self) -> bool {
        let mut watched = self.watched();
        let table_is_there = watched.table.as_ref().is_some_and(|table| table.is_there());
        let is_same = |folder: &WatchedFolder| FolderIdentity::of(&folder.path) == Some(folder.identity);
        if table_is_there && watched.folders.values().all(is_same) {
            return false;
        }
        watched.folders.clear();
        if !table_is_there {
            watched.table = None;
        }
        self.generation.fetch_add(1, Ordering::Release);
        drop(watched);
        if !table_is_there {
            self.open_table();
        }
        true
    }

    /// Opens the version table, if none is open. Returns the error if it can't be opened.
    fn open_table(&self) -> Option<io::Error> {
        let (path, read_only) = {
            let watched = self.watched();
            let path = watched.path.clone().filter(|_| watched.table.is_none())?;
            (path, watched.read_only)
        };
        match VersionTable::shared(&path, read_only) {
            Ok(table) => {
                self.watched().table.get_or_insert(table);
                None
            }
            Err(error) => Some(error),
        }
    }

    /// Notifies all processes that the entry of this key was removed or replaced; with `None`, that any entry may have
    /// been.
    ///
    /// # Errors
    /// If they can't be notified, so that they may use outdated results in memory.
    pub(super) fn bump(&self, key: Option<&Key>) -> io::Result<()> {
        for _ in 0..TRIES {
            let table = self.table_to_change()?;
            let changed = match (&table, key) {
                (Some(table), Some(key)) => table.bump(key),
                (Some(table), None) => table.bump_all(),
                (None, _) => return Ok(()),
            };
            if let Err(error) = changed {
                // At least this process must not use them.
                self.generation.fetch_add(1, Ordering::Release);
                return Err(error);
            }
            if table.is_some_and(|table| table.is_there()) {
                break;
            }
            self.check();
        }
        Ok(())
    }

    /// Returns the table in which versions are to be changed. `None` if there is none, and no process needs to be
    /// notified.
    fn table_to_change(&self) -> io::Result<Option<Arc<VersionTable>>> {
        let table = self.watched().table.clone();
        let table = match table {
            Some(table) => Some(table),
            None => {
                let failed = self.open_table();
                let (path, table) = {
                    let watched = self.watched();
                    (watched.path.clone(), watched.table.clone())
                };
                if let (Some(error), Some(path)) = (failed, path) {
                    // Other processes notice within a second that the file is gone.
                    match fs::remove_file(path) {
                        Ok(()) => {}
                        Err(removal) if removal.kind() == io::ErrorKind::NotFound => {}
                        Err(_) => return Err(error),
                    }
                }
                table
            }
        };
        Ok(table)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "files of the tests")]
mod tests {
    use std::fs::File;
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::engine::interleave::interleavings;

    const FUNCTION: Key = Key::from_bytes([7; 32]);
    const KEY: Key = Key::from_bytes([1; 32]);

    fn validity(root: &Path) -> Validity {
        Validity::new(Some(root.join("marks")), false)
    }

    fn snapshot(validity: &Validity, folder: &Arc<Path>) -> Snapshot {
        validity.snapshot(&KEY, &FUNCTION, folder).unwrap()
    }

    /// A folder that was recorded as missing would look unchanged after its removal.
    #[test]
    fn no_snapshot_is_taken_in_a_folder_that_does_not_exist() {
        let root = tempfile::tempdir().unwrap();
        let (validity, folder) = (validity(root.path()), Arc::<Path>::from(root.path().join("f")));
        assert!(validity.snapshot(&KEY, &FUNCTION, &folder).is_none());
        fs::create_dir(&folder).unwrap();
        let snapshot = validity.snapshot(&KEY, &FUNCTION, &folder).unwrap();
        fs::remove_dir(&folder).unwrap();
        assert!(validity.check() && !validity.is_current(&snapshot));
    }

    /// A reader, a thread that removes the entry, and another program that removes the table, in every order of
    /// their steps. After the removal and the next check, no result from the removed file is valid.
    #[test]
    fn a_removed_entry_is_never_valid_in_any_order_of_steps() {
        // Reader: snapshot, open. Remover: remove, bump. Other program and background thread: remove the table, check.
        let orders = interleavings(&[2, 2, 2]);
        assert_eq!(orders.len(), 90);
        for order in orders {
            let root = tempfile::tempdir().unwrap();
            let folder: Arc<Path> = root.path().join("f").into();
            fs::create_dir(&folder).unwrap();
            let entry = folder.join("entry");
            fs::write(&entry, "old").unwrap();
            let validity = validity(root.path());
            let (mut taken, mut opened) = (None, false);
            let mut next = [0; 3];
            for actor in &order {
                match (*actor, next[*actor]) {
                    (0, 0) => taken = validity.snapshot(&KEY, &FUNCTION, &folder),
                    (0, _) => opened = File::open(&entry).is_ok(),
                    (1, 0) => fs::remove_file(&entry).unwrap(),
                    (1, _) => validity.bump(Some(&KEY)).unwrap(),
                    (_, 0) => fs::remove_file(root.path().join("marks")).unwrap(),
                    (_, _) => _ = validity.check(),
                }
                next[*actor] += 1;
            }
            if let Some(snapshot) = taken.filter(|_| opened) {
                assert!(!validity.is_current(&snapshot), "{order:?}");
                // It stays invalid, even after another bump by this process.
                validity.bump(None).unwrap();
                assert!(!validity.is_current(&snapshot), "{order:?}");
            }
        }
    }

    /// Other processes have the new table, and would not see a change of the old one.
    #[test]
    fn a_removal_is_announced_in_the_table_that_is_there() {
        let root = tempfile::tempdir().unwrap();
        let folder: Arc<Path> = root.path().into();
        let (idle, other) = (validity(root.path()), validity(root.path()));
        fs::remove_file(root.path().join("marks")).unwrap();
        assert!(other.check());
        let taken = snapshot(&other, &folder);
        assert!(other.is_current(&taken));
        idle.bump(Some(&KEY)).unwrap();
        assert!(!other.is_current(&taken));
        let taken = snapshot(&other, &folder);
        fs::remove_file(root.path().join("marks")).unwrap();
        assert!(other.check() && !other.is_current(&taken));
        let taken = snapshot(&other, &folder);
        idle.bump(None).unwrap();
        assert!(!other.is_current(&taken));
    }

    /// As the model above, with real threads; the model treats each step as atomic.
    #[test]
    fn a_snapshot_never_pairs_a_removed_table_with_the_new_generation() {
        let root = tempfile::tempdir().unwrap();
        let folder: Arc<Path> = root.path().into();
        let validity = validity(root.path());
        let done = std::sync::atomic::AtomicBool::new(false);
        thread::scope(|scope| {
            let reader = scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let Some(snapshot) = validity.snapshot(&KEY, &FUNCTION, &folder) else { continue };
                    if !snapshot.table.is_there() && validity.is_current(&snapshot) {
                        // If it is valid, the check has not run yet. After the check it must be invalid.
                        validity.check();
                        assert!(!validity.is_current(&snapshot), "the snapshot stays valid after the check");
                    }
                }
            });
            for _ in 0..300 {
                let _ = fs::remove_file(root.path().join("marks"));
                validity.check();
            }
            done.store(true, Ordering::Relaxed);
            reader.join().unwrap();
        });
    }

    /// The file system gives the inode of a removed folder to the next one.
    #[test]
    fn a_folder_that_is_removed_and_created_again_has_another_identity() {
        let root = tempfile::tempdir().unwrap();
        let folder: Arc<Path> = root.path().join("f").into();
        let validity = validity(root.path());
        for _ in 0..5 {
            fs::create_dir(&folder).unwrap();
            let before = snapshot(&validity, &folder);
            let identity = FolderIdentity::of(&folder).unwrap();
            assert!(!validity.check());
            // Longer than the resolution of a file system's clock.
            thread::sleep(Duration::from_millis(20));
            fs::remove_dir(&folder).unwrap();
            fs::create_dir(&folder).unwrap();
            let next = FolderIdentity::of(&folder).unwrap();
            if next.identity == identity.identity && fs::metadata(&folder).unwrap().created().is_err() {
                // This file system can't distinguish them.
                return;
            }
            assert!(next != identity && validity.check() && !validity.is_current(&before));
            fs::remove_dir(&folder).unwrap();
        }
    }

    #[test]
    fn a_folder_is_watched_from_the_snapshot_on() {
        let root = tempfile::tempdir().unwrap();
        let folder: Arc<Path> = root.path().join("f").into();
        fs::create_dir(&folder).unwrap();
        let validity = validity(root.path());
        let before = snapshot(&validity, &folder);
        assert!(!validity.check() && validity.is_current(&before));
        fs::remove_dir(&folder).unwrap();
        assert!(validity.check() && !validity.is_current(&before) && validity.folders().is_empty());
        fs::create_dir(&folder).unwrap();
        let after = snapshot(&validity, &folder);
        assert!(validity.is_current(&after) && validity.folders().contains_key(&FUNCTION));
        validity.bump(Some(&Key::from_bytes([3; 32]))).unwrap();
        assert!(validity.is_current(&after));
        validity.bump(Some(&KEY)).unwrap();
        assert!(!validity.is_current(&after));
    }

    /// A process that can't open the table still notifies others.
    #[test]
    fn a_process_without_a_table_removes_it_or_says_that_it_can_not() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("marks");
        let other = validity(root.path());
        let folder: Arc<Path> = root.path().into();
        let taken = snapshot(&other, &folder);
        // Links are never followed, so this table can't be opened.
        let blind = Validity::new(Some(root.path().join("link")), false);
        #[cfg(unix)]
        {
            fs::remove_file(root.path().join("link")).unwrap();
            std::os::unix::fs::symlink(&path, root.path().join("link")).unwrap();
            assert!(blind.check() && blind.snapshot(&KEY, &FUNCTION, &folder).is_none());
            blind.bump(Some(&KEY)).unwrap();
            assert!(fs::symlink_metadata(root.path().join("link")).is_err());
        }
        // It is opened again when there is a change to report.
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(other.check() && !other.is_current(&taken));
        assert!(other.snapshot(&KEY, &FUNCTION, &folder).is_none());
        assert!(other.bump(Some(&KEY)).is_err(), "a folder blocks the file, but `bump` reports no error");
        fs::remove_dir(&path).unwrap();
        other.bump(Some(&KEY)).unwrap();
        assert!(other.snapshot(&KEY, &FUNCTION, &folder).is_some());
        drop(blind);
    }
}
