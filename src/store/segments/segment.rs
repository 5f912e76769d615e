//! `Segment`: an open segment, in which records are found, appended and removed.
//!
//! Records are only ever appended, by the process that created the segment. Others follow the file as it grows: before
//! each search they read what was appended since the last one. A record that is not complete yet, at the end of the file,
//! is read again the next time. Bytes that are no record are skipped, one unit after another.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::key::digest::Key;
use crate::observe::stats::UsageDelta;
use crate::store::segments::format;
use crate::store::segments::format::{
    GONE, GONE_AT, HEADER, INDEX_AT, LIVE, LIVE_AT, REMOVED_AT, RecordHeader, STATE_AT, SegmentHeader, SegmentId, UNIT,
    USED_AT,
};
use crate::sys::file::{open_entry, open_existing, read_exact_at, read_up_to_at, write_all_at};
use crate::sys::locked::locked;

/// Bytes that are read at once when a segment is followed or listed.
const PIECE: usize = 1 << 20;

/// Number of slots that a search reads at once: as many as fit into `HEADER` bytes.
const SLOTS_AT_ONCE: u64 = 16;

/// An open segment.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) id: SegmentId,
    pub(super) sources: Vec<SegmentId>,
    pub(super) file: File,
    /// Whether this process may change the file.
    is_writable: bool,
    /// Whether only this process appends to it.
    is_own: AtomicBool,
    found: Mutex<Found>,
}

/// What is known of a segment's records.
#[derive(Debug)]
enum Found {
    /// Records may still be appended. All before `next` are known.
    Growing { next: u64, records: Records },
    /// The segment has an index.
    Indexed { index: u64, slots: u64 },
}

/// The records of a segment without an index.
#[derive(Debug, Default)]
struct Records {
    last: HashMap<u64, Place>,
    /// Older records with the same key.
    older: HashMap<u64, Vec<Place>>,
}

impl Records {
    fn add(&mut self, key: &Key, place: Place) {
        let key = short(key);
        if let Some(before) = self.last.insert(key, place) {
            self.older.entry(key).or_default().push(before);
        }
    }

    /// Returns the places of all records with this key, the last one first.
    fn of(&self, key: &Key) -> Vec<Place> {
        let key = short(key);
        let older = self.older.get(&key).into_iter().flatten().rev();
        self.last.get(&key).into_iter().chain(older).copied().collect()
    }

    /// Forgets these records, which were removed, unless one of them is the last one with the key.
    fn forget_older(&mut self, key: &Key, removed: &[Place]) {
        let key = short(key);
        if let Some(older) = self.older.get_mut(&key) {
            older.retain(|place| !removed.contains(place));
            if older.is_empty() {
                self.older.remove(&key);
            }
        }
    }
}

/// Where a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) offset: u64,
    /// Length of the entry.
    pub(crate) len: usize,
}

/// What a removal did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Removed {
    /// Whether it removed a record.
    pub(super) any: bool,
    /// The size of the entry; `None` if calls could use none of the records.
    pub(super) size: Option<u64>,
}

impl Removed {
    pub(super) fn add(&mut self, more: Removed) {
        self.any |= more.any;
        self.size = self.size.or(more.size);
    }
}

/// A record that a listing found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listed {
    pub(crate) key: Key,
    pub(crate) place: Place,
    pub(crate) used: SystemTime,
}

impl Segment {
    /// Opens a segment; `None` if the file is not one that this version can read.
    pub(super) fn open(path: PathBuf) -> io::Result<Option<Self>> {
        let (file, is_writable) = match open_existing(&path) {
            Ok(file) => (file, true),
            Err(error)
                if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) =>
            {
                (open_entry(&path)?, false)
            }
            Err(error) => return Err(error),
        };
        let Some(header) = read_header(&file)? else { return Ok(None) };
        let segment = Segment {
            path,
            id: header.id,
            found: Mutex::new(Found::Growing {
                next: format::first_record(header.sources.len()),
                records: Records::default(),
            }),
            sources: header.sources,
            file,
            is_writable,
            is_own: AtomicBool::new(false),
        };
        segment.note_index(&mut locked(&segment.found))?;
        Ok(Some(segment))
    }

    /// Records that this process created the segment, and so need not look for what others append.
    pub(super) fn take_over(&self) {
        self.is_own.store(true, Ordering::Relaxed);
    }

    /// Returns the current header.
    pub(super) fn header(&self) -> io::Result<Option<SegmentHeader>> {
        read_header(&self.file)
    }

    /// Returns whether calls may use the segment.
    pub(super) fn is_live(&self) -> io::Result<bool> {
        let mut state = [0; 4];
        read_exact_at(&self.file, &mut state, STATE_AT)?;
        Ok(state == LIVE)
    }

    /// Makes a pending segment usable.
    pub(super) fn make_live(&self) -> io::Result<()> {
        write_all_at(&self.file, &LIVE, STATE_AT)
    }

    /// Returns whether the segment has an index, so that nothing is appended any more.
    pub(super) fn is_complete(&self) -> io::Result<bool> {
        let mut found = locked(&self.found);
        self.note_index(&mut found)?;
        Ok(matches!(*found, Found::Indexed { .. }))
    }

    /// Uses the index if there is one now.
    fn note_index(&self, found: &mut Found) -> io::Result<()> {
        if matches!(found, Found::Indexed { .. }) {
            return Ok(());
        }
        let Some(header) = read_header(&self.file)?.filter(|header| header.index > 0) else { return Ok(()) };
        let (index, len) = (header.index, self.file.metadata()?.len());
        let mut bytes = [0; HEADER];
        if index.saturating_add(UNIT) <= len
            && read_exact_at(&self.file, &mut bytes, index).is_ok()
            && let Some(slots) = format::slots_of_index(&bytes, len - index)
        {
            *found = Found::Indexed { index, slots };
        }
        Ok(())
    }

    /// Returns the places of all records with this key, removed ones among them, the last one first.
    pub(super) fn find(&self, key: &Key) -> io::Result<Vec<Place>> {
        let mut found = locked(&self.found);
        self.follow(&mut found)?;
        match &*found {
            Found::Growing { records, .. } => Ok(records.of(key)),
            Found::Indexed { index, slots } => {
                let (index, slots) = (*index, *slots);
                drop(found);
                self.find_in_index(key, index, slots)
            }
        }
    }

    fn find_in_index(&self, key: &Key, index: u64, slots: u64) -> io::Result<Vec<Place>> {
        let mut places = Vec::new();
        let mut slot = format::first_slot(key, slots) as u64;
        let mut looked_at = 0;
        while looked_at < slots {
            let count = SLOTS_AT_ONCE.min(slots - slot).min(slots - looked_at);
            let mut bytes = [0; HEADER];
            let bytes = &mut bytes[..usize::try_from(4 * count).map_or(HEADER, |len| len.min(HEADER))];
            read_exact_at(&self.file, bytes, index + UNIT + 4 * slot)?;
            for unit in bytes.as_chunks::<4>().0 {
                let offset = u64::from(u32::from_le_bytes(*unit)) * UNIT;
                if offset == 0 {
                    places.sort_unstable_by_key(|place: &Place| std::cmp::Reverse(place.offset));
                    return Ok(places);
                }
                // A wrong offset leads to no record, or to one of another key.
                if let Some(record) = self.record_at(offset)?.filter(|record| record.key == *key) {
                    places.push(Place { offset, len: record.len });
                }
            }
            looked_at += count;
            slot = (slot + count) % slots;
        }
        Ok(places)
    }

    /// Returns the header of the record at this offset; `None` if there is none.
    pub(super) fn record_at(&self, offset: u64) -> io::Result<Option<RecordHeader>> {
        let mut bytes = [0; HEADER];
        match read_exact_at(&self.file, &mut bytes, offset) {
            Ok(()) => Ok(RecordHeader::decode(&bytes, &self.id, offset)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads a record that calls may use. Returns its header, and its entry's bytes; `None` if it was removed.
    pub(super) fn read(&self, place: Place) -> io::Result<Option<(RecordHeader, Vec<u8>)>> {
        let mut bytes = vec![0; HEADER + place.len];
        match read_exact_at(&self.file, &mut bytes, place.offset) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let header = bytes.first_chunk().and_then(|header| RecordHeader::decode(header, &self.id, place.offset));
        let Some(header) = header.filter(|header| header.is_usable() && header.len == place.len) else {
            return Ok(None);
        };
        bytes.drain(..HEADER);
        Ok(Some((header, bytes)))
    }

    /// Reads the records that were appended since the last time.
    fn follow(&self, found: &mut Found) -> io::Result<()> {
        let Found::Growing { next, records } = &mut *found else { return Ok(()) };
        if self.is_own.load(Ordering::Relaxed) {
            return Ok(());
        }
        let len = self.file.metadata()?.len();
        if len <= *next {
            return Ok(());
        }
        let before = *next;
        *next = self.scan(before, len, |record, offset| {
            records.add(&record.key, Place { offset, len: record.len });
        })?;
        if *next < len || len - before > PIECE as u64 {
            self.note_index(found)?;
        }
        Ok(())
    }

    /// Calls `each` for the records from `start` to `end`. Returns where the next scan should begin.
    fn scan(&self, start: u64, end: u64, mut each: impl FnMut(&RecordHeader, u64)) -> io::Result<u64> {
        let (mut at, mut piece, mut piece_at) = (start, Vec::new(), start);
        while at + UNIT <= end {
            // The headers, and not the entries, are needed, but reading all is as fast while records are small.
            if at + UNIT > piece_at + piece.len() as u64 {
                piece.resize(PIECE, 0);
                let count = read_up_to_at(&self.file, &mut piece, at)?;
                piece.truncate(count);
                piece_at = at;
                if count < HEADER {
                    break;
                }
            }
            #[expect(clippy::cast_possible_truncation, reason = "an index into a piece")]
            let rest = &piece[(at - piece_at) as usize..];
            let Some(header) = rest.first_chunk::<HEADER>() else { break };
            match RecordHeader::decode(header, &self.id, at) {
                // The rest of it is still being written.
                Some(record) if at + UNIT + record.len as u64 > end => break,
                Some(record) => {
                    each(&record, at);
                    at += record.size();
                }
                None => at += UNIT,
            }
        }
        Ok(at)
    }

    /// Lists all records that calls may use.
    pub(super) fn list(&self) -> io::Result<Vec<Listed>> {
        let mut listed = Vec::new();
        self.list_from(self.first_record(), &mut listed)?;
        Ok(listed)
    }

    /// Lists the records from this offset on that calls may use. Returns where the next listing should begin, to find
    /// what is appended until then.
    pub(super) fn list_from(&self, start: u64, listed: &mut Vec<Listed>) -> io::Result<u64> {
        self.scan(start, self.end_of_records()?, |record, offset| {
            if record.is_usable() {
                listed.push(Listed { key: record.key, place: Place { offset, len: record.len }, used: record.used() });
            }
        })
    }

    /// Returns the offset of the first record.
    pub(super) fn first_record(&self) -> u64 {
        format::first_record(self.sources.len())
    }

    /// Returns where the records end: at the index, or at the end of the file.
    pub(super) fn end_of_records(&self) -> io::Result<u64> {
        let mut found = locked(&self.found);
        self.note_index(&mut found)?;
        match *found {
            Found::Indexed { index, .. } => Ok(index),
            Found::Growing { .. } => Ok(self.file.metadata()?.len()),
        }
    }

    /// Appends an entry. Only the process that created the segment may append.
    ///
    /// # Errors
    /// If it can't be written. The segment then has no new record, and nothing more may be appended to it.
    pub(super) fn append(&self, key: &Key, entry: &[u8], is_live: bool, durable: bool) -> io::Result<Place> {
        let mut found = locked(&self.found);
        self.follow(&mut found)?;
        let Found::Growing { next, records } = &mut *found else {
            return Err(io::Error::other("the segment is complete"));
        };
        let offset = *next;
        let used = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let record = RecordHeader { key: *key, len: entry.len(), used, is_live, is_gone: false };
        let mut bytes = Vec::with_capacity(HEADER + entry.len().next_multiple_of(HEADER));
        bytes.extend_from_slice(&record.encode(&self.id, offset));
        bytes.extend_from_slice(entry);
        bytes.resize(bytes.len().next_multiple_of(HEADER), 0);
        write_all_at(&self.file, &bytes, offset)?;
        if durable {
            self.file.sync_data()?;
        }
        let place = Place { offset, len: entry.len() };
        records.add(key, place);
        *next = offset + record.size();
        Ok(place)
    }

    /// Returns the size of all records that are known.
    pub(super) fn len(&self) -> u64 {
        match *locked(&self.found) {
            Found::Growing { next, .. } => next,
            Found::Indexed { index, .. } => index,
        }
    }

    /// Makes a waiting record usable.
    pub(super) fn confirm(&self, place: Place) -> io::Result<()> {
        write_all_at(&self.file, &LIVE, place.offset + LIVE_AT)
    }

    /// Removes the records with this key, but not the one at `kept`.
    pub(super) fn remove(&self, key: &Key, kept: Option<Place>) -> io::Result<Removed> {
        let (mut removed, mut places) = (Removed::default(), self.find(key)?);
        places.retain(|place| Some(*place) != kept);
        for place in &places {
            removed.add(self.remove_at(*place)?);
        }
        if let Found::Growing { records, .. } = &mut *locked(&self.found) {
            records.forget_older(key, &places);
        }
        Ok(removed)
    }

    /// Removes the record at this place.
    pub(super) fn remove_at(&self, place: Place) -> io::Result<Removed> {
        let Some(record) = self.record_at(place.offset)?.filter(|record| !record.is_gone) else {
            return Ok(Removed::default());
        };
        if !self.is_writable {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        write_all_at(&self.file, &GONE, place.offset + GONE_AT)?;
        // Two processes may add at the same time, and one of the numbers be lost: this is only an estimate.
        let mut removed = [0; 8];
        read_exact_at(&self.file, &mut removed, REMOVED_AT)?;
        let removed = u64::from_le_bytes(removed).saturating_add(record.size());
        write_all_at(&self.file, &removed.to_le_bytes(), REMOVED_AT)?;
        Ok(Removed { any: true, size: record.is_live.then_some(record.len as u64) })
    }

    /// Records that a record was used at this time.
    pub(super) fn touch(&self, offset: u64, used: SystemTime) -> io::Result<()> {
        if !self.is_writable {
            return Ok(());
        }
        let used = used.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        write_all_at(&self.file, &used.to_le_bytes(), offset + USED_AT)
    }

    /// Writes the index, so that nothing is appended any more. Needs the lock of the segment.
    pub(super) fn complete(&self) -> io::Result<()> {
        let mut found = locked(&self.found);
        self.note_index(&mut found)?;
        if matches!(*found, Found::Indexed { .. }) {
            return Ok(());
        }
        let len = self.file.metadata()?.len();
        let mut records = Vec::new();
        self.scan(self.first_record(), len, |record, offset| {
            if !record.is_gone {
                records.push((record.key, offset));
            }
        })?;
        let index = len.next_multiple_of(UNIT);
        write_all_at(&self.file, &format::encode_index(&records), index)?;
        // The index is on the disk before the header refers to it.
        self.file.sync_data()?;
        write_all_at(&self.file, &index.to_le_bytes(), INDEX_AT)?;
        self.note_index(&mut found)
    }
}

/// Returns the segment's header; `None` if there is none that this version can read.
fn read_header(file: &File) -> io::Result<Option<SegmentHeader>> {
    let mut fixed = [0; HEADER];
    let read = |bytes: &mut [u8], at| match read_exact_at(file, bytes, at) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    };
    if !read(&mut fixed, 0)? {
        return Ok(None);
    }
    let Some(count) = SegmentHeader::sources(&fixed) else { return Ok(None) };
    let mut sources = vec![0; 16 * count];
    if !read(&mut sources, UNIT)? {
        return Ok(None);
    }
    Ok(SegmentHeader::decode(&fixed, &sources))
}

/// Returns whether this file begins like a segment.
pub(crate) fn begins_as_segment(file: &File) -> io::Result<bool> {
    let mut magic = [0; format::MAGIC.len()];
    let count = read_up_to_at(file, &mut magic, 0)?;
    Ok(magic[..count].iter().all(|byte| *byte == 0) || magic == format::MAGIC)
}

/// Returns the bytes by which records are found in memory. Keys are digests, so two of them practically never share
/// these; if they do, the older record is not found.
fn short(key: &Key) -> u64 {
    let mut short = [0; 8];
    short.copy_from_slice(&key.as_bytes()[..8]);
    u64::from_le_bytes(short)
}

/// Counts the entries in a segment that calls may use. A segment that can't be read has none.
pub(crate) fn entries_in_segment(path: &Path) -> UsageDelta {
    let listed = || Segment::open(path.to_owned()).ok()??.list().ok();
    let mut usage = UsageDelta::default();
    for listed in listed().unwrap_or_default() {
        usage += UsageDelta::one(listed.place.len as u64);
    }
    usage
}
