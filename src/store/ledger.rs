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
//! Integers are little-endian. A process adds what it counted about once a second, under a lock, and never waits
//! for the lock: it counts on, and adds more the next time. The file may be removed at any time: then counting begins
//! anew, and `Counted` is what a scan finds. A record that is damaged is as good as none.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use twox_hash::XxHash3_64;

use crate::file::{FileRange, open_to_change, write_all_at};
use crate::key::Key;
use crate::lock::{Asked, KeyLock, KeyLocks};
use crate::stats::{Count, NUMBERS, Sums, Tally};
use crate::{Error, Result};

const RECORD: usize = 1024;
const ID: std::ops::Range<usize> = 8..24;
const NAME_AT: usize = 26;
const NUMBERS_AT: usize = 768;
const LONGEST_NAME: usize = NUMBERS_AT - NAME_AT;

/// A file that claims to have more functions is not read further.
const MOST_RECORDS: u64 = 1 << 16;

/// The byte that is locked for the file: no call's key is this by chance.
const LOCK: Key = Key::from_bytes([1; 32]);

/// The counters of one cache.
pub(crate) struct Ledger {
    path: PathBuf,
    locks: KeyLocks,
}

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
        Ledger { path, locks }
    }

    pub(crate) fn exists(&self) -> bool {
        self.path.exists()
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
        match crate::file::open_entry(&self.path) {
            Ok(file) => self.records(&file).map(|(all, _)| Some(all)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io(error, "can't read what was counted").at(&self.path)),
        }
    }

    /// The records of the file, where each is, and where the next one goes.
    fn records(&self, file: &File) -> Result<(Records, u64)> {
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
        Ok((all, count * RECORD as u64))
    }

    /// Adds what these have counted: whether there was nobody else at it.
    pub(crate) fn add(&self, tallies: &[(String, Arc<Tally>)]) -> Result<bool> {
        let news: Vec<_> = tallies.iter().map(|(folder, tally)| (folder, tally, tally.unflushed())).collect();
        if news.iter().all(|(_, _, news)| news.is_zero()) {
            return Ok(true);
        }
        let Some(_lock) = self.lock() else { return Ok(false) };
        let (file, all, mut end) = self.open()?;
        for (folder, tally, news) in news.iter().filter(|(_, _, news)| !news.is_zero()) {
            let mut sums = Sums::default();
            let at = match all.get(&id(folder)) {
                Some((at, record)) => {
                    sums = record.sums;
                    *at
                }
                None => {
                    end += RECORD as u64;
                    end - RECORD as u64
                }
            };
            sums.add(news);
            self.write(&file, at, folder, &sums)?;
            tally.flushed(news);
        }
        Ok(true)
    }

    /// Notes what a scan of everything found, instead of what was counted: whether there was nobody else at it.
    pub(crate) fn correct(&self, found: &BTreeMap<String, Counted>) -> Result<bool> {
        let Some(_lock) = self.lock() else { return Ok(false) };
        let (file, all, mut end) = self.open()?;
        for (folder, counted) in found {
            let known = all.get(&id(folder));
            let at = known.map_or(end, |(at, _)| *at);
            if known.is_none() {
                if *counted == Counted::default() {
                    continue;
                }
                end += RECORD as u64;
            }
            let mut sums = known.map_or(Sums::default(), |(_, record)| record.sums);
            set_contents(&mut sums, *counted);
            self.write(&file, at, folder, &sums)?;
        }
        for (at, record) in all.values() {
            let Some(folder) = &record.folder else { continue };
            if !found.contains_key(folder) {
                let mut sums = record.sums;
                set_contents(&mut sums, Counted::default());
                self.write(&file, *at, folder, &sums)?;
            }
        }
        Ok(true)
    }

    /// `None` if somebody else has it. Where there are no locks, one does without: two that add at one time
    /// then lose what one of them counted.
    fn lock(&self) -> Option<Option<KeyLock>> {
        match self.locks.ask(&LOCK) {
            Ok(Asked::Mine(lock)) => Some(Some(lock)),
            Ok(Asked::Theirs) => None,
            Err(_) => Some(None),
        }
    }

    fn open(&self) -> Result<(File, Records, u64)> {
        let file =
            open_to_change(&self.path).map_err(|e| Error::io(e, "can't write what was counted").at(&self.path))?;
        let (all, end) = self.records(&file)?;
        Ok((file, all, end))
    }

    fn write(&self, file: &File, at: u64, folder: &str, sums: &Sums) -> Result<()> {
        write_all_at(file, &encode(folder, sums), at)
            .map_err(|e| Error::io(e, "can't write what was counted").at(&self.path))
    }
}

impl Counted {
    pub(crate) fn sums(self) -> Sums {
        let mut sums = Sums::default();
        set_contents(&mut sums, self);
        sums
    }
}

fn set_contents(sums: &mut Sums, counted: Counted) {
    sums.set(Count::Entries, counted.entries);
    sums.set(Count::Bytes, counted.bytes);
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
    use std::time::Duration;

    use super::*;

    fn ledger(root: &Path) -> Ledger {
        Ledger::at(root.join("counters"), KeyLocks::under(root))
    }

    fn tally(misses: u64) -> Arc<Tally> {
        let tally = Tally::default();
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
        let mine = [("a/f".to_owned(), tally(3)), (long.clone(), tally(1)), ("never".to_owned(), tally(0))];
        assert!(here.add(&mine).unwrap());
        assert!(here.add(&mine).unwrap());
        assert!(there.add(&[("a/f".to_owned(), tally(4)), ("b".to_owned(), tally(5))]).unwrap());
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
        let mine = [("a".to_owned(), tally(1))];
        assert!(!here.add(&mine).unwrap());
        drop(lock);
        assert!(here.add(&mine).unwrap());
        assert_eq!(here.of("a").unwrap().stats().misses, 1);
    }

    #[test]
    fn what_is_damaged_is_as_good_as_none() {
        let root = tempfile::tempdir().unwrap();
        let ledger = ledger(root.path());
        ledger.add(&[("a".to_owned(), tally(1)), ("b".to_owned(), tally(2))]).unwrap();
        let file = open_to_change(&ledger.path).unwrap();
        write_all_at(&file, b"?", 900).unwrap();
        file.set_len(2 * RECORD as u64 + 100).unwrap();
        assert_eq!(ledger.of("a").unwrap(), Sums::default());
        assert_eq!(ledger.of("b").unwrap().stats().misses, 2);
        ledger.add(&[("a".to_owned(), tally(1))]).unwrap();
        assert_eq!(ledger.of("a").unwrap().stats().misses, 1);
        assert_eq!(ledger.read().unwrap().unwrap().len(), 2);
    }

    #[test]
    fn a_scan_knows_better() {
        let root = tempfile::tempdir().unwrap();
        let ledger = ledger(root.path());
        ledger.add(&[("a".to_owned(), tally(1)), ("b".to_owned(), tally(2))]).unwrap();
        let found = BTreeMap::from([
            ("a".to_owned(), Counted { entries: 7, bytes: 8 }),
            ("c".to_owned(), Counted { entries: 1, bytes: 2 }),
        ]);
        assert!(ledger.correct(&found).unwrap());
        let entries = |folder: &str| ledger.of(folder).unwrap().stats().entries;
        assert_eq!((entries("a"), entries("b"), entries("c")), (7, 0, 1));
        assert_eq!(ledger.of("a").unwrap().stats().misses, 1);
    }
}
