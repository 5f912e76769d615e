//! What all processes counted together, function by function, in one file.
//!
//! ```text
//! record =  0   8  XXH3-64 of the rest
//!           8  16  the function: the first bytes of BLAKE3 of its folder, from the root on, with slashes
//!          24   2  the length of that
//!          26 742  that, cut if it is longer
//!         768 256  32 numbers (u64), see `stats.rs`
//! ```
//!
//! Integers are little-endian. A process adds entries as they come and go, and the rest about once a second; under a
//! lock, for which it never waits: it counts on, and adds more the next time. The file may be removed at any time: then counting begins
//! anew, and `Counted` is what a scan finds. A record that is damaged is as good as none.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::Duration;

use twox_hash::XxHash3_64;

use crate::error::{Error, Result};
use crate::key::digest::Key;
use crate::observe::stats::{Count, Level, NUMBERS, Sums, Tally};
use crate::sys::file::{FileRange, open_to_change, write_all_at};
use crate::sys::file_id::TrackedFile;
use crate::sys::lock::key_locks::{KeyLock, KeyLocks};
use crate::sys::lock::try_lock::TryLock;
use crate::sys::{file, open_files};

const RECORD: usize = 1024;
const ID: std::ops::Range<usize> = 8..24;
const NAME_AT: usize = 26;
const NUMBERS_AT: usize = 768;
const LONGEST_NAME: usize = NUMBERS_AT - NAME_AT;

/// A file that claims to have more functions is not read further.
const MOST_RECORDS: u64 = 1 << 16;

/// The byte that is locked for the file: no call's key is this by chance.
const LOCK: Key = Key::from_bytes([1; 32]);

/// How long the file's lock is waited for where it matters.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(2);

/// The counters of one cache.
pub(crate) struct Ledger {
    path: PathBuf,
    locks: KeyLocks,
    places: Mutex<Places>,
}

/// Where in the file the records are that were needed so far, if it is still that file.
type Places = HashMap<Id, u64>;

/// One function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// The folder from the root on; `None` if it is too long to be noted.
    pub(crate) folder: Option<String>,
    pub(crate) sums: Sums,
}

/// What a scan found in a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
}

type Id = [u8; 16];

/// Records, and where each is in the file.
type Records = BTreeMap<Id, (u64, Record)>;

fn id(folder: &str) -> Id {
    let mut id = [0; 16];
    id.copy_from_slice(&blake3::hash(folder.as_bytes()).as_bytes()[..16]);
    id
}

impl Ledger {
    pub(crate) fn at(path: PathBuf, locks: KeyLocks) -> Self {
        Ledger { path, locks, places: Mutex::default() }
    }

    pub(crate) fn exists(&self) -> bool {
        self.path.exists()
    }

    /// Makes the file, unless it is there: `count` says what there is to count before anybody counts. Others who want to make
    /// it wait for that, if not for long.
    pub(crate) fn begin(&self, count: impl FnOnce() -> Result<()>) -> Result<()> {
        let ask = || match self.locks.ask(&LOCK) {
            Ok(TryLock::Acquired(lock)) => Some(Some(lock)),
            Ok(TryLock::Busy) => {
                thread::sleep(PAUSE);
                None
            }
            Err(_) => Some(None),
        };
        let _lock = (0..TRIES).find_map(|_| ask());
        if self.exists() {
            return Ok(());
        }
        count()?;
        open_to_change(&self.path).map(drop).map_err(|error| self.failed(error))
    }

    /// Does something while nobody in this process adds: what was counted is either in the file then, or still to be
    /// added.
    pub(crate) fn while_nobody_adds<R>(&self, run: impl FnOnce() -> R) -> R {
        let _held = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        run()
    }

    /// All functions. `None` if nobody has counted anything.
    pub(crate) fn read(&self) -> Result<Option<Vec<Record>>> {
        Ok(self.read_all()?.map(|all| all.into_values().map(|(_, record)| record).collect()))
    }

    /// What was counted of the function in this folder.
    pub(crate) fn of(&self, folder: &str) -> Result<Sums> {
        let all = self.read_all()?;
        Ok(all.and_then(|mut all| all.remove(&id(folder))).map_or(Sums::default(), |(_, record)| record.sums))
    }

    fn read_all(&self) -> Result<Option<Records>> {
        match file::open_entry(&self.path) {
            Ok(file) => self.records(&file).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io(error, "can't read what was counted").at(&self.path)),
        }
    }

    /// The records of the file, and where each is.
    fn records(&self, file: &File) -> Result<Records> {
        let len = file.metadata().map_err(|e| Error::io(e, "can't read the length").at(&self.path))?.len();
        // What a crash has torn at the end is written over.
        let count = (len / RECORD as u64).min(MOST_RECORDS);
        let mut bytes = vec![0; usize::try_from(count).unwrap_or(0) * RECORD];
        FileRange::new(file, 0, len).read_exact_at(0, &mut bytes).map_err(|error| error.at(&self.path))?;
        let mut all = BTreeMap::new();
        for (at, bytes) in (0..).step_by(RECORD).zip(bytes.chunks_exact(RECORD)) {
            if let Some((id, record)) = decode(bytes) {
                all.entry(id).or_insert((at, record));
            }
        }
        Ok(all)
    }

    /// Adds what these have counted: whether there was nobody else at it.
    pub(crate) fn add(&self, tallies: &[Arc<Tally>]) -> Result<bool> {
        self.add_all(tallies.iter().map(|tally| &**tally), true)
    }

    /// The same of one, but not if the file is gone: whoever makes it counts first what is there.
    pub(crate) fn add_one(&self, tally: &Tally) -> Result<bool> {
        self.add_all(std::iter::once(tally), false)
    }

    fn add_all<'t>(&self, tallies: impl Iterator<Item = &'t Tally> + Clone, makes: bool) -> Result<bool> {
        if tallies.clone().all(|tally| tally.unflushed().is_zero()) {
            return Ok(true);
        }
        let Some((mut places, _lock)) = self.lock() else { return Ok(false) };
        let file = match open_files::take(&self.path) {
            Some((file, _)) => file,
            None if makes || self.exists() => self.open()?,
            None => return Ok(true),
        };
        for tally in tallies {
            // Under the lock, as another thread may be at it.
            let news = tally.unflushed();
            if !news.is_zero() {
                self.change(&file, &mut places, tally.name(), |sums| sums.add(&news))?;
                tally.flushed(&news);
            }
        }
        open_files::keep(self.path.clone(), file);
        Ok(true)
    }

    /// `None` if somebody else has it. Where there are no locks, one does without: two processes that add at one
    /// time then lose what one of them counted.
    fn lock(&self) -> Option<(MutexGuard<'_, Places>, Option<KeyLock>)> {
        let places = match self.places.try_lock() {
            Ok(places) => places,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        match self.locks.ask(&LOCK) {
            Ok(TryLock::Acquired(lock)) => Some((places, Some(lock))),
            Ok(TryLock::Busy) => None,
            Err(_) => Some((places, None)),
        }
    }

    /// The file: another one, if another one has its name, or none.
    fn open(&self) -> Result<TrackedFile> {
        match open_files::take(&self.path) {
            Some((file, _)) => Ok(file),
            None => open_to_change(&self.path).map(TrackedFile::new).map_err(|e| self.failed(e)),
        }
    }

    /// Changes the record of a folder, or adds it.
    fn change(&self, file: &File, places: &mut Places, folder: &str, change: impl FnOnce(&mut Sums)) -> Result<()> {
        let id = id(folder);
        let known = match places.get(&id).and_then(|at| Some((*at, record_at(file, *at, id)?))) {
            Some(known) => Some(known),
            None => {
                let all = self.records(file)?;
                *places = all.iter().map(|(id, (at, _))| (*id, *at)).collect();
                all.get(&id).map(|(at, record)| (*at, record.sums))
            }
        };
        let (at, mut sums) = match known {
            Some(known) => known,
            None => {
                let len = file.metadata().map_err(|e| self.failed(e))?.len();
                let end = len / RECORD as u64 * RECORD as u64;
                (end, Sums::default())
            }
        };
        let before = sums;
        change(&mut sums);
        if sums != before {
            write_all_at(file, &encode(folder, &sums), at).map_err(|e| self.failed(e))?;
            places.insert(id, at);
        }
        Ok(())
    }

    fn failed(&self, error: io::Error) -> Error {
        Error::io(error, "can't write what was counted").at(&self.path)
    }
}

/// The record at this place, if it is the one of this function.
fn record_at(file: &File, at: u64, id: Id) -> Option<Sums> {
    let mut bytes = [0; RECORD];
    FileRange::new(file, at, at + RECORD as u64).read_exact_at(0, &mut bytes).ok()?;
    decode(&bytes).filter(|(found, _)| *found == id).map(|(_, record)| record.sums)
}

impl Counted {
    pub(crate) fn level(&self) -> Level {
        self.sums().contents()
    }

    pub(crate) fn sums(&self) -> Sums {
        let mut sums = Sums::default();
        sums.set(Count::Entries, self.entries);
        sums.set(Count::Bytes, self.bytes);
        sums
    }
}

fn encode(folder: &str, sums: &Sums) -> [u8; RECORD] {
    let mut bytes = [0; RECORD];
    bytes[ID].copy_from_slice(&id(folder));
    let len = u16::try_from(folder.len()).unwrap_or(u16::MAX);
    bytes[ID.end..NAME_AT].copy_from_slice(&len.to_le_bytes());
    let kept = &folder.as_bytes()[..folder.len().min(LONGEST_NAME)];
    bytes[NAME_AT..][..kept.len()].copy_from_slice(kept);
    for (place, number) in bytes[NUMBERS_AT..].chunks_exact_mut(8).zip(sums.0) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    let checksum = XxHash3_64::oneshot(&bytes[8..]);
    bytes[..8].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<(Id, Record)> {
    let number = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    if number(0)? != XxHash3_64::oneshot(bytes.get(8..)?) {
        return None;
    }
    let id = bytes[ID].try_into().ok()?;
    let len = usize::from(u16::from_le_bytes(bytes[ID.end..NAME_AT].try_into().ok()?));
    let folder = bytes[NAME_AT..NUMBERS_AT].get(..len).and_then(|name| String::from_utf8(name.to_vec()).ok());
    let mut sums = Sums([0; NUMBERS]);
    for (index, sum) in sums.0.iter_mut().enumerate() {
        *sum = number(NUMBERS_AT + 8 * index)?;
    }
    Some((id, Record { folder, sums }))
}

/// A folder under the root as the ledger names it.
pub(crate) fn name_of_folder(root: &Path, folder: &Path) -> String {
    let relative = folder.strip_prefix(root).unwrap_or(folder);
    relative.iter().map(|name| name.to_string_lossy()).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(root: &Path) -> Ledger {
        Ledger::at(root.join("counters"), KeyLocks::under(root))
    }

    fn tally(folder: &str, misses: u64) -> Arc<Tally> {
        let tally = Tally::of(folder.to_owned());
        (0..misses).for_each(|_| tally.miss(Duration::ZERO));
        tally.contents(misses.cast_signed(), 10 * misses.cast_signed());
        Arc::new(tally)
    }

    #[test]
    fn what_several_count_adds_up() {
        let root = tempfile::tempdir().unwrap();
        let (here, there) = (ledger(root.path()), ledger(root.path()));
        assert_eq!(here.read().unwrap(), None);
        let long = "x/".repeat(500);
        let mine = [tally("a/f", 3), tally(&long, 1), tally("never", 0)];
        assert!(here.add(&mine).unwrap());
        assert!(here.add(&mine).unwrap());
        assert!(there.add(&[tally("a/f", 4), tally("b", 5)]).unwrap());
        let misses = |folder: &str| here.of(folder).unwrap().stats().misses;
        assert_eq!((misses("a/f"), misses("b"), misses(&long), misses("never")), (7, 5, 1, 0));
        let names: Vec<_> = here.read().unwrap().unwrap().into_iter().map(|record| record.folder).collect();
        assert_eq!(names.len(), 3);
        assert!(names.contains(&Some("a/f".to_owned())) && names.contains(&None));
    }

    #[test]
    fn nobody_waits() {
        let root = tempfile::tempdir().unwrap();
        let (here, there) = (ledger(root.path()), ledger(root.path()));
        let lock = there.lock();
        let mine = [tally("a", 1)];
        assert!(!here.add(&mine).unwrap());
        drop(lock);
        assert!(here.add(&mine).unwrap());
        assert_eq!(here.of("a").unwrap().stats().misses, 1);
    }

    #[test]
    fn what_is_damaged_is_as_good_as_none() {
        let root = tempfile::tempdir().unwrap();
        let ledger = ledger(root.path());
        ledger.add(&[tally("a", 1), tally("b", 2)]).unwrap();
        let file = open_to_change(&ledger.path).unwrap();
        write_all_at(&file, b"?", 900).unwrap();
        file.set_len(2 * RECORD as u64 + 100).unwrap();
        assert_eq!(ledger.of("a").unwrap(), Sums::default());
        assert_eq!(ledger.of("b").unwrap().stats().misses, 2);
        ledger.add(&[tally("a", 1)]).unwrap();
        assert_eq!(ledger.of("a").unwrap().stats().misses, 1);
        assert_eq!(ledger.read().unwrap().unwrap().len(), 2);
    }
}
