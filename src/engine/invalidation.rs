//! What was removed or replaced, for other processes to see: marks in a file that everybody has mapped.
//!
//! **The invariant**: a result in memory that was read from a file is used only while the mark of its key is the
//! one that was there *before* the file was opened. Whoever removes or replaces a file changes the mark
//! *afterwards*. So when `forget` has returned, nobody in any process uses what it removed. A mark's new value is one
//! that was never there, so two that change it at one time are both seen, and no lock is needed.
//!
//! The file is 512 marks of 8 bytes. Marks are written with `pwrite`, as storing into a map would kill the process if
//! the disk were full; they are read from a map, which costs a load.
#![expect(unsafe_code, reason = "a map of a file that others change is read with atomic loads")]

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::{SystemTime, UNIX_EPOCH};

use memmap2::{MmapOptions, MmapRaw};
use twox_hash::XxHash3_64;

use crate::key::digest::Key;
use crate::sys::file::{open_entry, open_to_change, write_all_at};
use crate::sys::file_id::FileId;
use crate::sys::file_system;
use crate::sys::fork::per_process::PerProcess;

const MARKS: usize = 512;
const BYTES: usize = MARKS * 8;

/// The marks of one cache, in one file. If somebody removes it, this is that file still.
pub(crate) struct Marks {
    path: PathBuf,
    file: File,
    map: MmapRaw,
    identity: Option<FileId>,
    /// Whether it was logged that it can't be written. If it can be made again, that is another one.
    failed: AtomicBool,
    /// Whether changes by others are seen in the map at once.
    is_coherent: bool,
}

/// The marks that are open in this process, and whether only to be read.
static OPEN: PerProcess<Mutex<Open>> = PerProcess::new();

type Open = Vec<(bool, Weak<Marks>)>;

impl Marks {
    /// The file, for all caches of the process: opened if it is not open, or is no longer that which others use.
    pub(crate) fn shared(path: PathBuf, reading: bool) -> io::Result<Arc<Marks>> {
        let open = || OPEN.get().lock().unwrap_or_else(PoisonError::into_inner);
        let mut known: Vec<_> = {
            let mut open = open();
            open.retain(|(_, marks)| marks.strong_count() > 0);
            open.iter().filter(|(known, _)| *known == reading).filter_map(|(_, marks)| marks.upgrade()).collect()
        };
        known.retain(|marks| marks.path == path && marks.is_there());
        if let Some(marks) = known.pop() {
            return Ok(marks);
        }
        // Not while others wait for the list, as it may take long.
        let marks = Arc::new(Marks::open(path, reading)?);
        open().push((reading, Arc::downgrade(&marks)));
        Ok(marks)
    }

    /// Opens the file, and makes it unless only `reading`.
    pub(crate) fn open(path: PathBuf, reading: bool) -> io::Result<Marks> {
        let file = if reading { open_entry(&path)? } else { open_to_change(&path)? };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
        }
        if metadata.len() < BYTES as u64 {
            if reading {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "it is too short"));
            }
            // Nobody shortens it, so nobody's map ends before it does.
            file.set_len(BYTES as u64)?;
        }
        let map = MmapOptions::new().len(BYTES).map_raw_read_only(&file)?;
        let is_coherent = file_system::maps_are_coherent(&file, !reading);
        Ok(Marks {
            identity: FileId::in_metadata(&metadata),
            path,
            file,
            map,
            failed: AtomicBool::new(false),
            is_coherent,
        })
    }

    /// Whether a result may be kept in memory for as long as its mark is the same: not on a file system where what others
    /// write is not seen at once. Changing a mark is of use there too, as those see it who have the file on their own disk.
    pub(crate) fn is_coherent(&self) -> bool {
        self.is_coherent
    }

    /// The number of the key's mark.
    pub(crate) fn slot(key: &Key) -> usize {
        // Not the bytes that choose a lock.
        usize::from(u16::from_le_bytes([key.as_bytes()[30], key.as_bytes()[31]])) % MARKS
    }

    /// The mark with this number.
    #[inline]
    pub(crate) fn read(&self, slot: usize) -> u64 {
        assert!(slot < MARKS);
        // SAFETY: the map is `BYTES` long, begins at a page and is there as long as `self` is; it is only ever read
        // in this way, and a load of eight aligned bytes is atomic, also in memory that can't be written to.
        unsafe { AtomicU64::from_ptr(self.map.as_mut_ptr().cast::<u64>().add(slot)) }.load(Ordering::Acquire)
    }

    /// Tells everybody that the entry of this key was removed or replaced.
    pub(crate) fn change(&self, key: &Key) {
        let offset = Marks::slot(key) as u64 * 8;
        self.write(&unique().to_ne_bytes(), offset);
    }

    /// The same for all entries.
    pub(crate) fn change_all(&self) {
        self.write(&unique().to_ne_bytes().repeat(MARKS), 0);
    }

    fn write(&self, bytes: &[u8], offset: u64) {
        if let Err(error) = write_all_at(&self.file, bytes, offset) {
            // A file that is not there is noticed as well, if a second later, and needs no space.
            let removed = std::fs::remove_file(&self.path).is_ok();
            if !self.failed.swap(true, Ordering::Relaxed) {
                tracing::warn!(path = %self.path.display(), %error, removed, "can't tell other processes what was removed");
            }
        }
    }

    /// Whether the file still has its name, so that others change the same one.
    pub(crate) fn is_there(&self) -> bool {
        self.identity.is_some() && FileId::of(&self.path) == self.identity
    }
}

/// A number that no process at no time gives again.
fn unique() -> u64 {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let seed = [now.to_le_bytes().as_slice(), &count.to_le_bytes(), &std::process::id().to_le_bytes()].concat();
    XxHash3_64::oneshot(&seed)
}

/// The marks that are in use: others, when somebody has removed the file.
#[derive(Default)]
pub(crate) struct Current(RwLock<Option<Arc<Marks>>>);

impl Current {
    pub(crate) fn get(&self) -> Option<Arc<Marks>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set(&self, marks: Option<Arc<Marks>>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = marks;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_sees_what_changes() {
        let root = tempfile::tempdir().unwrap();
        let open = || Marks::open(root.path().join("marks"), false).unwrap();
        let (here, there) = (open(), open());
        let (a, b) = (Key::from_bytes([1; 32]), Key::from_bytes([2; 32]));
        let both = || (there.read(Marks::slot(&a)), there.read(Marks::slot(&b)));
        let before = both();
        here.change(&a);
        let after = both();
        assert!(after.0 != before.0 && after.1 == before.1);
        assert_eq!(here.read(Marks::slot(&a)), after.0);
        here.change_all();
        let last = both();
        assert!(last.0 != after.0 && last.1 != after.1);
        assert!(here.is_there());
        std::fs::remove_file(root.path().join("marks")).unwrap();
        assert!(!here.is_there());
        let _new = open();
        assert!(!here.is_there());
        assert_eq!(there.read(Marks::slot(&a)), last.0);
    }

    #[test]
    fn who_only_reads_makes_nothing() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("marks");
        assert!(Marks::open(path.clone(), true).is_err());
        assert!(!path.exists());
    }
}
