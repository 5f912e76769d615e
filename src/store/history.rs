//! History of a function: which calls were computed, and when. It has a few bytes for each call, so `explain` can find
//! earlier and similar calls without opening the entries.
//!
//! ```text
//! record = "RL" ‖ kind (u8) ‖ n (u8) ‖ version (u64) ‖ time (u64, nanoseconds since 1970)
//!          ‖ code (16 bytes) ‖ key (32 bytes) ‖ n × first 8 bytes of an argument's digest ‖ XXH3-64 (u64)
//! ```
//!
//! Integers are little-endian. Each record is appended by one write. A crash, or a file system without atomic appends,
//! may tear a record: it then fails its checksum and is skipped. Only explanations depend on this file, so it may be
//! removed at any time.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use twox_hash::XxHash3_64;

use crate::error::{Error, ErrorKind, Result};
use crate::key::call_key::Argument;
use crate::key::digest::Key;
use crate::observe::reason::{NotKept, RecordedCause};
use crate::observe::stats::{kind_of, nanoseconds};
use crate::store::layout::Layout;
use crate::sys::atomic_file::FileKind;
use crate::sys::file::{append_now, begins, read_now};
use crate::sys::file_id::TrackedFile;
use crate::sys::{atomic_file, open_files};

pub(super) const MARK: [u8; 2] = *b"RL";
const FIXED: usize = 4 + 8 + 8 + 16 + 32;
const CHECKSUM: usize = 8;

/// Size limit in bytes. A longer file is cut to its newer half.
const LONGEST: u64 = 4 << 20;

/// Outcome of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Its result was stored.
    Stored(RecordedCause),
    /// The entry was removed on request.
    Forgotten,
    /// The result was computed, but not stored.
    NotKept(Kind),
}

/// Why a result was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Err,
    Panic,
    StoreIf,
    /// The record has the size of the result and the limit in place of arguments.
    TooLarge,
    /// The record has the number of the error's kind in place of arguments.
    Fault,
}

/// Events in the order of their numbers in the file. New ones may only be appended.
const EVENTS: [Event; 14] = [
    Event::Stored(RecordedCause::Missing),
    Event::Forgotten,
    Event::Stored(RecordedCause::Refreshed),
    Event::Stored(RecordedCause::Expired),
    Event::Stored(RecordedCause::Damaged),
    Event::Stored(RecordedCause::Unreadable),
    Event::Stored(RecordedCause::Rejected),
    Event::Stored(RecordedCause::Verified),
    Event::NotKept(Kind::Err),
    Event::NotKept(Kind::Panic),
    Event::NotKept(Kind::StoreIf),
    Event::NotKept(Kind::TooLarge),
    Event::NotKept(Kind::Fault),
    Event::Stored(RecordedCause::PartGone),
];

/// One record of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HistoryRecord {
    pub(crate) event: Event,
    pub(crate) key: Key,
    pub(crate) version: u64,
    /// The first 16 bytes of the code's fingerprint; a shorter one is padded with zeros.
    pub(crate) code: [u8; 16],
    pub(crate) time: SystemTime,
    /// The first 8 bytes of each argument's digest.
    pub(crate) arguments: Vec<[u8; 8]>,
}

/// Returns the first 8 bytes of an argument's digest.
pub(crate) fn brief(argument: &Argument) -> [u8; 8] {
    let mut brief = [0; 8];
    brief.copy_from_slice(&argument.digest.as_bytes()[..8]);
    brief
}

/// Returns the first 16 bytes of a code fingerprint, padded with zeros.
pub(crate) fn brief_code(code: &[u8]) -> [u8; 16] {
    let mut brief = [0; 16];
    let len = code.len().min(16);
    brief[..len].copy_from_slice(&code[..len]);
    brief
}

impl HistoryRecord {
    /// Returns the record of an entry that is removed now, when only the key is known.
    pub(crate) fn forgotten(key: Key) -> Self {
        HistoryRecord {
            event: Event::Forgotten,
            key,
            version: 0,
            code: [0; 16],
            time: SystemTime::now(),
            arguments: Vec::new(),
        }
    }

    /// Returns why the result was not stored; `None` for other events.
    pub(crate) fn not_kept(&self) -> Option<NotKept> {
        let Event::NotKept(kind) = self.event else { return None };
        let number = |index: usize| self.arguments.get(index).copied().map_or(u64::MAX, u64::from_le_bytes);
        Some(match kind {
            Kind::Err => NotKept::Err,
            Kind::Panic => NotKept::Panic,
            Kind::StoreIf => NotKept::StoreIf,
            Kind::TooLarge => {
                NotKept::TooLarge { size: Some(number(0)).filter(|size| *size < u64::MAX), limit: number(1) }
            }
            Kind::Fault => {
                let kind = kind_of(number(0)).map_or("unknown", ErrorKind::name);
                NotKept::Fault { what: format!("`{kind}` is the kind of the error, which was logged") }
            }
        })
    }

    fn encode(&self) -> Vec<u8> {
        // The count has one byte; further arguments are not compared.
        let count = u8::try_from(self.arguments.len()).unwrap_or(u8::MAX);
        let mut bytes = Vec::with_capacity(FIXED + 8 * usize::from(count) + CHECKSUM);
        bytes.extend_from_slice(&MARK);
        bytes.push(EVENTS.iter().zip(0..).find(|(event, _)| **event == self.event).map_or(0, |(_, number)| number));
        bytes.push(count);
        bytes.extend_from_slice(&self.version.to_le_bytes());
        let time = nanoseconds(self.time.duration_since(UNIX_EPOCH).unwrap_or_default());
        bytes.extend_from_slice(&time.to_le_bytes());
        bytes.extend_from_slice(&self.code);
        bytes.extend_from_slice(self.key.as_bytes());
        bytes.extend(self.arguments.iter().take(count.into()).flatten());
        bytes.extend_from_slice(&XxHash3_64::oneshot(&bytes).to_le_bytes());
        bytes
    }

    /// Decodes the record at the start of `bytes`. Returns it and its length.
    fn decode(bytes: &[u8]) -> Option<(HistoryRecord, usize)> {
        let fixed = bytes.get(..FIXED)?;
        let event = *EVENTS.get(usize::from(fixed[2]))?;
        let content = FIXED + 8 * usize::from(fixed[3]);
        let (content, checksum) = bytes.get(..content + CHECKSUM)?.split_at(content);
        if fixed[..2] != MARK || XxHash3_64::oneshot(content).to_le_bytes() != *checksum {
            return None;
        }
        let number = |at: usize| u64::from_le_bytes(array(&fixed[at..at + 8]));
        let record = HistoryRecord {
            event,
            key: Key::from_bytes(array(&fixed[36..68])),
            version: number(4),
            code: array(&fixed[20..36]),
            time: UNIX_EPOCH + Duration::from_nanos(number(12)),
            arguments: content[FIXED..].as_chunks().0.to_vec(),
        };
        Some((record, content.len() + CHECKSUM))
    }
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(bytes);
    array
}

/// Appends a record to the history in this folder.
pub(crate) fn note(layout: &Layout, folder: &Path, record: &HistoryRecord) -> Result<()> {
    let path = Layout::history(folder);
    let failed = |e| Error::io(e, "can't note the call").at(&path);
    // Opening the file takes longer than writing, so it is kept open. While one thread has the open file, others open
    // it again.
    let (file, len) = match open_files::take(&path) {
        Some((file, metadata)) => (file, metadata.len()),
        None => {
            let file = append_now(&path).map_err(failed)?;
            let len = file.metadata().map_err(failed)?.len();
            if len > 0 && !begins(&read_now(&path, MARK.len() as u64).map_err(failed)?, &MARK) {
                let what = "this file is not larder's, so no calls are noted in it; move it elsewhere";
                return Err(Error::new(ErrorKind::InvalidInput, what).at(&path));
            }
            (TrackedFile::new(file), len)
        }
    };
    let bytes = record.encode();
    (&*file).write_all(&bytes).map_err(failed)?;
    if len + bytes.len() as u64 > LONGEST {
        let bytes = read_now(&path, u64::MAX).map_err(failed)?;
        let records = records(&bytes);
        let kept: Vec<u8> = records[records.len() / 2..].iter().flat_map(HistoryRecord::encode).collect();
        return atomic_file::write(&layout.temp_folder_for(folder), &path, FileKind::CacheFile, &kept);
    }
    // On Windows, a user can't delete a folder while a file in it is open.
    if cfg!(unix) {
        open_files::keep(path, file);
    }
    Ok(())
}

impl Layout {
    /// Reads the history in this folder, oldest record first. Empty if there is none, or if it can't be read.
    pub(crate) fn recall(folder: &Path) -> Vec<HistoryRecord> {
        read_now(&Layout::history(folder), 2 * LONGEST).map(|bytes| records(&bytes)).unwrap_or_default()
    }
}

/// Returns all intact records.
fn records(bytes: &[u8]) -> Vec<HistoryRecord> {
    let mut records = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match HistoryRecord::decode(&bytes[at..]) {
            Some((record, len)) => {
                records.push(record);
                at += len;
            }
            // A torn record: continue at the next `MARK`.
            None => at += 1 + bytes[at + 1..].windows(2).position(|two| two == MARK).unwrap_or(bytes.len()),
        }
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: u64) -> HistoryRecord {
        HistoryRecord {
            event: EVENTS[usize::try_from(number).unwrap() % EVENTS.len()],
            key: crate::key::key_of::key_of(&number).unwrap(),
            version: number,
            code: brief_code(&number.to_le_bytes()),
            time: UNIX_EPOCH + Duration::from_nanos(number),
            arguments: (0..number % 7).map(u64::to_le_bytes).collect(),
        }
    }

    #[test]
    fn records_are_decoded_and_torn_ones_are_skipped() {
        let all: Vec<_> = (0..20).map(record).collect();
        let bytes: Vec<u8> = all.iter().flat_map(HistoryRecord::encode).collect();
        assert_eq!(records(&bytes), all);
        let lens: Vec<_> = all.iter().map(|record| record.encode().len()).collect();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            let mut end = 0;
            let hurt = lens.iter().position(|len| {
                end += len;
                at < end
            });
            let mut rest = all.clone();
            rest.remove(hurt.unwrap());
            assert_eq!(records(&damaged), rest, "{at}");
            let cut = records(&bytes[..at]);
            assert_eq!(cut, all[..cut.len()], "{at}");
        }
    }

    #[test]
    fn a_long_history_keeps_its_newer_half() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::at(root.path()).unwrap();
        layout.create().unwrap();
        let count = LONGEST / record(0).encode().len() as u64;
        let all: Vec<u8> =
            (0..count).flat_map(|n| HistoryRecord { arguments: Vec::new(), ..record(n) }.encode()).collect();
        atomic_file::write(&layout.temps(), &Layout::history(root.path()), FileKind::CacheFile, &all).unwrap();
        for number in count..count + 3 {
            note(&layout, root.path(), &record(number)).unwrap();
        }
        let recalled = Layout::recall(root.path());
        assert!(recalled.len() < all.len() * 3 / 5 && recalled.len() > 1000, "{}", recalled.len());
        assert_eq!(recalled.last(), Some(&record(count + 2)));
    }
}
