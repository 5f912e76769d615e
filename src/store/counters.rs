//! Counter file: what all processes counted, one record for each function.
//!
//! ```text
//! record =  0   8  XXH3-64 of the rest
//!           8  16  the function: the first bytes of BLAKE3 of its folder, relative to the folder of functions, with slashes
//!          24   2  the length of that path
//!          26 742  that path; the end of a longer one is replaced by `~` and the digits of its BLAKE3
//!         768 256  32 counters (u64), see `observe/stats.rs`
//! ```
//!
//! Integers are little-endian. The first record has zeros for the function. Its first number is how many times the counters of
//! entries were corrected after a scan, see `engine/accounting.rs`. It is written last when the file is made: a file without
//! it is treated as missing, so a process that dies while it makes the file leaves no wrong counts.
//!
//! Everything that depends on what the file says and then changes it is one [`Session`], under the file's lock. The file may
//! be removed at any time: then the next session makes it, from a scan of the entries.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, TryLockError};

use crate::error::Result;
use crate::key::digest::Key;
use crate::observe::function_counters::FunctionCounters;
use crate::observe::stats::CounterTotals;
use crate::store::record_file::{CHECKSUM, RecordFile, Records, Writing, numbers, put_numbers};
use crate::sys::lock::key_locks::KeyLocks;
use crate::sys::locked::locked;

const RECORD: usize = 1024;
const ID: Range<usize> = CHECKSUM..24;
const NAME_AT: usize = 26;
const NUMBERS_AT: usize = 768;
const LONGEST_NAME: usize = NUMBERS_AT - NAME_AT;

/// The number of records that are read at most.
const MOST_RECORDS: u64 = 1 << 16;

/// The byte that is locked for the file. No key of a call has this value by chance.
const LOCK: Key = Key::from_bytes([1; 32]);

/// Number of attempts to lock the file, to read it again after a half-written record was found.
const TRIES_TO_READ: u32 = 10;

type Id = [u8; 16];

/// The record that counts the corrections. No function has this by chance.
const CORRECTIONS: Id = [0; 16];

/// The counter file of one cache.
pub(crate) struct CounterFile {
    records: RecordFile<RECORD>,
    /// Known offsets of records. The lock is also held while this process reads the file and its own counters together,
    /// so that counts which are flushed in between are not counted twice.
    offsets: Mutex<Offsets>,
}

type Offsets = HashMap<Id, u64>;

/// The counters of one function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// The folder, relative to the folder of functions; `None` if it is too long for a record.
    pub(crate) folder: Option<String>,
    pub(crate) totals: CounterTotals,
}

/// Content of the file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) records: Vec<Record>,
    /// Number of corrections of the entry counters; `None` if the file is missing or incomplete.
    pub(crate) corrections: Option<u64>,
}

/// Exclusive use of the file.
pub(crate) struct Session<'f> {
    records: &'f RecordFile<RECORD>,
    offsets: MutexGuard<'f, Offsets>,
    _writing: Writing,
}

impl CounterFile {
    pub(crate) fn new(path: PathBuf, locks: KeyLocks) -> Self {
        CounterFile { records: RecordFile::new(path, locks, LOCK), offsets: Mutex::default() }
    }

    /// Returns whether the file exists.
    pub(crate) fn exists(&self) -> bool {
        self.records.exists()
    }

    /// Returns whether the file exists and is complete.
    pub(crate) fn is_complete(&self) -> bool {
        self.records.open().ok().flatten().is_some_and(|file| corrections(&self.records, &file).is_some())
    }

    /// Begins a session; `None` if another thread or process has one.
    pub(crate) fn try_session(&self) -> Option<Session<'_>> {
        let offsets = match self.offsets.try_lock() {
            Ok(offsets) => offsets,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(Session { records: &self.records, offsets, _writing: self.records.try_lock()? })
    }

    /// Begins a session; waits for it by at most `tries` tries, 2 ms apart.
    pub(crate) fn session(&self, tries: u32) -> Option<Session<'_>> {
        let offsets = locked(&self.offsets);
        Some(Session { records: &self.records, offsets, _writing: self.records.lock(tries)? })
    }

    /// Reads the file while no thread of this process adds to it, so that each count of this process is either in the
    /// file or unflushed, never both. `with` gets the content of the file, and must not log.
    pub(crate) fn read_with<R>(&self, with: impl FnOnce(Result<Counted>) -> R) -> R {
        let _unchanged = locked(&self.offsets);
        with(self.read())
    }

    /// Reads the file.
    pub(crate) fn read(&self) -> Result<Counted> {
        let Some(file) = self.records.open()? else { return Ok(Counted::default()) };
        Ok(counted(&self.read_settled(&file)?))
    }

    /// Reads the counters of one function while no thread of this process adds to the file. `with` gets `None` if there are
    /// none, and must not log.
    pub(crate) fn read_one_with<R>(&self, folder: &str, with: impl FnOnce(Result<Option<CounterTotals>>) -> R) -> R {
        let _unchanged = locked(&self.offsets);
        with(self.read_one(folder))
    }

    fn read_one(&self, folder: &str) -> Result<Option<CounterTotals>> {
        let Some(file) = self.records.open()? else { return Ok(None) };
        let records = self.read_settled(&file)?;
        let wanted = id(folder);
        let found = records.intact.iter().find(|(_, bytes)| bytes[ID] == wanted);
        Ok(found.map(|(_, bytes)| decode(bytes).totals))
    }

    /// Reads all records, and once more under the lock if one is torn: another process may have been writing it.
    fn read_settled(&self, file: &File) -> Result<Records<RECORD>> {
        let records = self.records.read_all(file, MOST_RECORDS)?;
        if records.torn > 0
            && let Some(_settled) = self.records.lock(TRIES_TO_READ)
        {
            return self.records.read_all(file, MOST_RECORDS);
        }
        Ok(records)
    }
}

impl Session<'_> {
    /// Reads the file.
    pub(crate) fn read(&self) -> Result<Counted> {
        match self.records.open()? {
            Some(file) => Ok(counted(&self.records.read_all(&file, MOST_RECORDS)?)),
            None => Ok(Counted::default()),
        }
    }

    /// Returns whether the file exists and is complete.
    pub(crate) fn is_complete(&self) -> Result<bool> {
        Ok(self.records.open()?.is_some_and(|file| corrections(self.records, &file).is_some()))
    }

    /// Adds the unflushed counts of one function, unless there is no file: the session that makes the file scans the
    /// entries first.
    pub(crate) fn add_one(&mut self, counters: &FunctionCounters) -> Result<()> {
        let news = counters.unflushed();
        if let Some(file) = self.records.open_if_there()?
            && !news.is_zero()
        {
            self.add_to(&file, counters.name(), &news)?;
            counters.note_flushed(&news);
            self.records.keep_open(file);
        }
        Ok(())
    }

    /// Adds the unflushed counts of these functions. Makes the file if there is none.
    pub(crate) fn add<'c>(&mut self, counters: impl IntoIterator<Item = &'c FunctionCounters>) -> Result<()> {
        let mut opened = None;
        for counters in counters {
            // Under the lock, as another thread may just have added it.
            let news = counters.unflushed();
            if news.is_zero() {
                continue;
            }
            let file = match &opened {
                Some(file) => file,
                None => opened.insert(self.records.open_to_change()?),
            };
            self.add_to(file, counters.name(), &news)?;
            counters.note_flushed(&news);
        }
        if let Some(file) = opened {
            self.records.keep_open(file);
        }
        Ok(())
    }

    /// Notes one more correction, which makes the file complete.
    pub(crate) fn note_correction(&mut self) -> Result<()> {
        let file = self.records.open_to_change()?;
        let before = corrections(self.records, &file);
        let mut totals = CounterTotals::default();
        totals.0[0] = before.unwrap_or(0) + 1;
        let mut record = encode("", &totals);
        record[ID].copy_from_slice(&CORRECTIONS);
        // In a file that another version made, the first record may belong to a function: move it to the end.
        if before.is_none()
            && let Some(moved) = self.records.read(&file, 0)
        {
            self.records.write(&file, self.records.end(&file)?, moved)?;
            self.offsets.clear();
        }
        self.records.write(&file, 0, record)?;
        self.records.keep_open(file);
        Ok(())
    }

    /// Adds to the record of a function, or appends one.
    fn add_to(&mut self, file: &File, folder: &str, news: &CounterTotals) -> Result<()> {
        let id = id(folder);
        let at_known =
            |at: u64| self.records.read(file, at).filter(|record| record[ID] == id).map(|record| (at, record));
        let known = match self.offsets.get(&id).copied().and_then(at_known) {
            Some(known) => Some(known),
            None => {
                let all = self.records.read_all(file, MOST_RECORDS)?.intact;
                self.offsets.clear();
                // If a function has two records, the first one is valid.
                all.iter().rev().for_each(|(at, record)| _ = self.offsets.insert(id_of(record), *at));
                all.into_iter().find(|(_, record)| record[ID] == id)
            }
        };
        let (at, mut totals) = match known {
            Some((at, record)) => (at, decode(&record).totals),
            // The first record is reserved for the corrections.
            None => (self.records.end(file)?.max(RECORD as u64), CounterTotals::default()),
        };
        totals.add(news);
        self.records.write(file, at, encode(folder, &totals))?;
        self.offsets.insert(id, at);
        Ok(())
    }
}

fn corrections(records: &RecordFile<RECORD>, file: &File) -> Option<u64> {
    let first = records.read(file, 0).filter(|record| record[ID] == CORRECTIONS)?;
    Some(decode(&first).totals.0[0])
}

fn counted(records: &Records<RECORD>) -> Counted {
    let mut all = BTreeMap::new();
    let mut corrections = None;
    for (at, bytes) in &records.intact {
        match id_of(bytes) {
            CORRECTIONS if *at == 0 => corrections = Some(decode(bytes).totals.0[0]),
            CORRECTIONS => {}
            id => _ = all.entry(id).or_insert_with(|| decode(bytes)),
        }
    }
    Counted { records: all.into_values().collect(), corrections }
}

fn id(folder: &str) -> Id {
    let mut id = [0; 16];
    id.copy_from_slice(&blake3::hash(folder.as_bytes()).as_bytes()[..16]);
    id
}

fn id_of(record: &[u8; RECORD]) -> Id {
    let mut id = [0; 16];
    id.copy_from_slice(&record[ID]);
    id
}

fn encode(folder: &str, totals: &CounterTotals) -> [u8; RECORD] {
    let mut bytes = [0; RECORD];
    bytes[ID].copy_from_slice(&id(folder));
    let len = u16::try_from(folder.len()).unwrap_or(u16::MAX);
    bytes[ID.end..NAME_AT].copy_from_slice(&len.to_le_bytes());
    let kept = &folder.as_bytes()[..folder.len().min(LONGEST_NAME)];
    bytes[NAME_AT..][..kept.len()].copy_from_slice(kept);
    put_numbers(&mut bytes[NUMBERS_AT..], &totals.0);
    bytes
}

fn decode(bytes: &[u8; RECORD]) -> Record {
    let len = usize::from(u16::from_le_bytes([bytes[ID.end], bytes[ID.end + 1]]));
    let folder = bytes[NAME_AT..NUMBERS_AT].get(..len).and_then(|name| String::from_utf8(name.to_vec()).ok());
    Record { folder, totals: CounterTotals(numbers(&bytes[NUMBERS_AT..])) }
}

/// Returns a function's folder as the counter file names it: with slashes. The end of a long name is replaced by a digest,
/// so that it fits into a record.
pub(crate) fn name_of_folder(root: &Path, folder: &Path) -> String {
    let relative = folder.strip_prefix(root).unwrap_or(folder);
    let name = relative.iter().map(|name| name.to_string_lossy()).collect::<Vec<_>>().join("/");
    if name.len() <= LONGEST_NAME {
        return name;
    }
    let digest = blake3::hash(name.as_bytes()).to_hex();
    let most = LONGEST_NAME - 1 - digest.len();
    let kept = (0..=most).rev().find(|at| name.is_char_boundary(*at)).unwrap_or(0);
    format!("{}~{digest}", &name[..kept])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::observe::stats::UsageDelta;
    use crate::sys::file::{open_to_change, write_all_at};

    fn counter_file(root: &Path) -> CounterFile {
        CounterFile::new(root.join("counters"), KeyLocks::under(root))
    }

    /// Otherwise each scan would count the entries of such a function again.
    #[test]
    fn a_long_folder_has_a_name_that_a_record_holds() {
        let root = Path::new("/cache/v1");
        let long = |last: &str| {
            root.join(["ö".repeat(100), "x".repeat(150), "y".repeat(250)].join("/")).join("z".repeat(200)).join(last)
        };
        let names = [name_of_folder(root, &long("f")), name_of_folder(root, &long("g"))];
        assert_ne!(names[0], names[1]);
        let folder = tempfile::tempdir().unwrap();
        let file = counter_file(folder.path());
        for name in &names {
            file.session(1).unwrap().add([&counters(name, 2)]).unwrap();
        }
        let mut found: Vec<_> = file.read().unwrap().records.into_iter().filter_map(|record| record.folder).collect();
        found.sort();
        assert_eq!(found, names);
        assert_eq!(name_of_folder(root, &root.join("a/b")), "a/b");
    }

    fn counters(folder: &str, misses: i64) -> FunctionCounters {
        let counters = FunctionCounters::new(folder.to_owned());
        (0..misses).for_each(|_| counters.miss(Duration::ZERO));
        counters.usage(UsageDelta { entries: misses, bytes: 10 * misses });
        counters
    }

    fn misses(file: &CounterFile, folder: &str) -> u64 {
        file.read_one(folder).unwrap().map_or(0, |totals| totals.stats().misses)
    }

    #[test]
    fn what_several_processes_count_adds_up() {
        let root = tempfile::tempdir().unwrap();
        let (here, there) = (counter_file(root.path()), counter_file(root.path()));
        assert_eq!(here.read().unwrap(), Counted::default());
        let long = "x/".repeat(500);
        let mine = [counters("a/f", 3), counters(&long, 1), counters("never", 0)];
        here.session(1).unwrap().add(&mine).unwrap();
        here.session(1).unwrap().add(&mine).unwrap();
        there.session(1).unwrap().add(&[counters("a/f", 4), counters("b", 5)]).unwrap();
        assert_eq!(
            (misses(&here, "a/f"), misses(&here, "b"), misses(&here, &long), misses(&here, "never")),
            (7, 5, 1, 0)
        );
        let names: Vec<_> = here.read().unwrap().records.into_iter().map(|record| record.folder).collect();
        assert_eq!(names.len(), 3);
        assert!(names.contains(&Some("a/f".to_owned())) && names.contains(&None));
    }

    #[test]
    fn one_session_excludes_another() {
        let root = tempfile::tempdir().unwrap();
        let (here, there) = (counter_file(root.path()), counter_file(root.path()));
        let session = there.try_session();
        assert!(session.is_some() && here.try_session().is_none() && here.session(2).is_none());
        drop(session);
        assert!(here.try_session().is_some());
    }

    #[test]
    fn a_torn_record_is_treated_as_missing() {
        let root = tempfile::tempdir().unwrap();
        let file = counter_file(root.path());
        file.session(1).unwrap().add(&[counters("a", 1), counters("b", 2)]).unwrap();
        let opened = open_to_change(&root.path().join("counters")).unwrap();
        write_all_at(&opened, b"?", RECORD as u64 + 900).unwrap();
        opened.set_len(3 * RECORD as u64 + 100).unwrap();
        assert_eq!((misses(&file, "a"), misses(&file, "b")), (0, 2));
        file.session(1).unwrap().add(&[counters("a", 1)]).unwrap();
        assert_eq!((misses(&file, "a"), file.read().unwrap().records.len()), (1, 2));
    }

    /// A reader that sees a record half written looks again when its writer is done.
    #[test]
    fn a_record_that_is_being_written_is_read_again() {
        let root = tempfile::tempdir().unwrap();
        let (here, there) = (counter_file(root.path()), counter_file(root.path()));
        here.session(1).unwrap().add(&[counters("a", 1)]).unwrap();
        let opened = open_to_change(&root.path().join("counters")).unwrap();
        let whole = here.records.read(&opened, RECORD as u64).unwrap();
        let session = there.try_session().unwrap();
        write_all_at(&opened, b"half", RECORD as u64 + 900).unwrap();
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| here.read().unwrap().records.len());
            std::thread::sleep(Duration::from_millis(5));
            here.records.write(&opened, RECORD as u64, whole).unwrap();
            drop(session);
            assert_eq!(reader.join().unwrap(), 1);
        });
    }

    #[test]
    fn a_file_is_complete_when_its_corrections_are_counted() {
        let root = tempfile::tempdir().unwrap();
        let file = counter_file(root.path());
        let mut session = file.session(1).unwrap();
        session.add(&[counters("a", 1)]).unwrap();
        assert!(!session.is_complete().unwrap() && session.read().unwrap().corrections.is_none());
        session.note_correction().unwrap();
        session.note_correction().unwrap();
        assert_eq!(session.read().unwrap().corrections, Some(2));
        drop(session);
        assert!(file.is_complete());
        assert_eq!((misses(&file, "a"), file.read().unwrap().records.len()), (1, 1));
    }

    #[test]
    fn a_function_in_the_first_place_is_moved() {
        let root = tempfile::tempdir().unwrap();
        let file = counter_file(root.path());
        let opened = open_to_change(&root.path().join("counters")).unwrap();
        file.records.write(&opened, 0, encode("a", &counters("a", 5).totals())).unwrap();
        file.session(1).unwrap().note_correction().unwrap();
        file.session(1).unwrap().add(&[counters("a", 1)]).unwrap();
        assert_eq!((misses(&file, "a"), file.read().unwrap().records.len()), (6, 1));
    }
}
