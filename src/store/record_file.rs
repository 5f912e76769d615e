//! File of records of one length that several processes change under one lock: the base of the counter file and the
//! hourly log.
//!
//! Each record begins with XXH3-64 of the rest, which detects records that were written only in part. A record that
//! fails its checksum is treated as missing.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use twox_hash::XxHash3_64;

use crate::error::{Error, Result};
use crate::key::digest::Key;
use crate::sys::file::{FileRange, open_entry, open_to_change, write_all_at};
use crate::sys::file_id::TrackedFile;
use crate::sys::lock::key_locks::{KeyLock, KeyLocks};
use crate::sys::lock::try_lock::TryLock;
use crate::sys::open_files;

/// Size of the checksum at the start of each record, in bytes.
pub(crate) const CHECKSUM: usize = 8;

/// Time between two attempts to get the lock.
const PAUSE: Duration = Duration::from_millis(2);

/// A file of records of `N` bytes.
pub(crate) struct RecordFile<const N: usize> {
    path: PathBuf,
    locks: KeyLocks,
    /// Key whose lock stands for the file among the locks of the cache.
    lock: Key,
}

/// Permission to change the file, until it is dropped. Holds no lock if the file system has none: then of two processes
/// that write at the same time, one may lose what it wrote.
pub(crate) struct Writing(#[expect(dead_code, reason = "it is held until it is dropped")] Option<KeyLock>);

/// The records of a file.
pub(crate) struct Records<const N: usize> {
    /// Offset and bytes of each intact record.
    pub(crate) intact: Vec<(u64, [u8; N])>,
    /// Number of records that fail their checksum.
    pub(crate) torn: usize,
}

impl<const N: usize> RecordFile<N> {
    pub(crate) fn new(path: PathBuf, locks: KeyLocks, lock: Key) -> Self {
        RecordFile { path, locks, lock }
    }

    pub(crate) fn exists(&self) -> bool {
        self.path.exists()
    }

    /// Takes the lock; `None` if another thread or process has it.
    pub(crate) fn try_lock(&self) -> Option<Writing> {
        match self.locks.ask(&self.lock) {
            Ok(TryLock::Acquired(lock)) => Some(Writing(Some(lock))),
            Ok(TryLock::Busy) => None,
            Err(_) => Some(Writing(None)),
        }
    }

    /// Takes the lock in at most `tries` attempts, 2 ms apart.
    pub(crate) fn lock(&self, tries: u32) -> Option<Writing> {
        (0..tries).find_map(|number| {
            if number > 0 {
                thread::sleep(PAUSE);
            }
            self.try_lock()
        })
    }

    /// Opens the file for reading; `None` if there is none.
    pub(crate) fn open(&self) -> Result<Option<File>> {
        match open_entry(&self.path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io(error, "can't read what was counted").at(&self.path)),
        }
    }

    /// Returns the file, opened for writing. Creates it if there is none.
    pub(crate) fn open_to_change(&self) -> Result<TrackedFile> {
        match open_files::take(&self.path) {
            Some((file, _)) => Ok(file),
            None => open_to_change(&self.path).map(TrackedFile::new).map_err(|error| self.failed(error)),
        }
    }

    /// Returns the file, opened for writing; `None` if there is none.
    pub(crate) fn open_if_there(&self) -> Result<Option<TrackedFile>> {
        match open_files::take(&self.path) {
            Some((file, _)) => Ok(Some(file)),
            None if self.exists() => self.open_to_change().map(Some),
            None => Ok(None),
        }
    }

    /// Keeps a file that was opened for writing open, for the next change.
    pub(crate) fn keep_open(&self, file: TrackedFile) {
        open_files::keep(self.path.clone(), file);
    }

    /// Reads at most `most` records.
    pub(crate) fn read_all(&self, file: &File, most: u64) -> Result<Records<N>> {
        // A partial record at the end is left from a failed write. The next record overwrites it.
        let count = (self.len(file)? / N as u64).min(most);
        let mut bytes = vec![0; usize::try_from(count).unwrap_or(0) * N];
        let range = FileRange::new(file, 0, bytes.len() as u64);
        range.read_exact_at(0, &mut bytes).map_err(|error| error.at(&self.path))?;
        let mut records = Records { intact: Vec::new(), torn: 0 };
        for (at, bytes) in (0..).step_by(N).zip(bytes.as_chunks::<N>().0) {
            // Zeros were never written: the file has a hole there.
            if is_intact(bytes) {
                records.intact.push((at, *bytes));
            } else if bytes.iter().any(|byte| *byte != 0) {
                records.torn += 1;
            }
        }
        Ok(records)
    }

    /// Reads one record; `None` if it is missing or torn.
    pub(crate) fn read(&self, file: &File, at: u64) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        FileRange::new(file, at, at + N as u64).read_exact_at(0, &mut bytes).ok()?;
        is_intact(&bytes).then_some(bytes)
    }

    /// Adds the checksum to a record and writes it at `at`.
    pub(crate) fn write(&self, file: &File, at: u64, mut record: [u8; N]) -> Result<()> {
        let checksum = checksum(&record);
        record[..CHECKSUM].copy_from_slice(&checksum);
        write_all_at(file, &record, at).map_err(|error| self.failed(error))
    }

    /// Returns the offset at which the next record is appended.
    pub(crate) fn end(&self, file: &File) -> Result<u64> {
        Ok(self.len(file)? / N as u64 * N as u64)
    }

    fn len(&self, file: &File) -> Result<u64> {
        file.metadata()
            .map(|metadata| metadata.len())
            .map_err(|error| Error::io(error, "can't read the length").at(&self.path))
    }

    fn failed(&self, error: io::Error) -> Error {
        Error::io(error, "can't write what was counted").at(&self.path)
    }
}

fn checksum(record: &[u8]) -> [u8; CHECKSUM] {
    XxHash3_64::oneshot(&record[CHECKSUM..]).to_le_bytes()
}

fn is_intact(record: &[u8]) -> bool {
    record[..CHECKSUM] == checksum(record)
}

/// Writes numbers into a record, as little-endian `u64`.
pub(crate) fn put_numbers(target: &mut [u8], numbers: &[u64]) {
    for (place, number) in target.as_chunks_mut().0.iter_mut().zip(numbers) {
        *place = number.to_le_bytes();
    }
}

/// Reads little-endian `u64` numbers from a record.
pub(crate) fn numbers<const M: usize>(source: &[u8]) -> [u64; M] {
    let chunks = source.as_chunks::<8>().0;
    std::array::from_fn(|index| chunks.get(index).map_or(0, |bytes| u64::from_le_bytes(*bytes)))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn file(root: &Path) -> RecordFile<32> {
        RecordFile::new(root.join("records"), KeyLocks::under(root), Key::from_bytes([9; 32]))
    }

    #[test]
    fn a_record_that_fails_its_checksum_is_missing_and_counted() {
        let root = tempfile::tempdir().unwrap();
        let records = file(root.path());
        assert!(records.open().unwrap().is_none());
        let opened = records.open_to_change().unwrap();
        for n in 0..3_u8 {
            records.write(&opened, 32 * u64::from(n), [n; 32]).unwrap();
        }
        // A hole, and the rest of a failed write.
        opened.set_len(4 * 32 + 7).unwrap();
        write_all_at(&opened, b"?", 32 + 20).unwrap();
        let read = records.read_all(&opened, 100).unwrap();
        assert_eq!(read.intact.iter().map(|(at, record)| (*at, record[31])).collect::<Vec<_>>(), [(0, 0), (64, 2)]);
        assert_eq!(read.torn, 1);
        assert!(records.read(&opened, 32).is_none() && records.read(&opened, 64).is_some());
        assert_eq!(records.end(&opened).unwrap(), 4 * 32);
        assert_eq!(records.read_all(&opened, 1).unwrap().intact.len(), 1);
    }

    #[test]
    fn one_holder_has_the_lock() {
        let root = tempfile::tempdir().unwrap();
        let (here, there) = (file(root.path()), file(root.path()));
        let lock = there.try_lock();
        assert!(lock.is_some() && here.try_lock().is_none() && here.lock(2).is_none());
        drop(lock);
        assert!(here.lock(1).is_some());
    }
}
