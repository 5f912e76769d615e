//! Format of a segment: a header, records, and an index once the segment is complete.
//!
//! ```text
//! offset  bytes
//!      0      8  magic: 89 "LARSEG" 0a
//!      8      4  format version, 1
//!     12      4  S, the number of sources
//!     16     16  id, random
//!     32      8  XXH3-64 of bytes 0 to 31 and of the sources
//!     40      4  "live", or "pend" until all removals are known         (changes)
//!     44      4  zeros
//!     48      8  offset of the index; 0 while records may be appended   (changes)
//!     56      8  about how many bytes of records are removed            (changes)
//!     64   16 S  sources: the ids of the segments that this one replaces
//!             …  zeros, up to a multiple of 64
//!             …  records, each at a multiple of 64
//!             …  index
//! ```
//!
//! A record:
//!
//! ```text
//!      0      8  XXH3-64 of the segment's id, the record's offset (8 bytes), the length and the key
//!      8      8  L, the length of the entry
//!     16     32  key
//!     48      8  when the entry was last used, in seconds since 1970    (changes)
//!     56      4  "live", or "wait" while the record it replaces is      (changes)
//!     60      4  zeros, or "gone"                                       (changes)
//!     64      L  an entry, exactly as an entry's file holds it
//!             …  zeros, up to a multiple of 64
//! ```
//!
//! The index is a hash table with linear probing: `89 "LARIDX" 0a`, the number of slots (8 bytes), zeros up to 64 bytes,
//! and for each slot the offset of a record divided by 64 (4 bytes), or 0. A record's first slot is the first 8 bytes of its
//! key, modulo the number of slots.
//!
//! Integers are little-endian. Two writers never change the same bytes to different values: only the process that
//! appended a record changes "wait" to "live", and a removal only writes "gone".

use std::hash::Hasher as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use twox_hash::XxHash3_64;

use crate::key::digest::Key;

pub(crate) const MAGIC: [u8; 8] = *b"\x89LARSEG\n";
const INDEX_MAGIC: [u8; 8] = *b"\x89LARIDX\n";
const VERSION: u32 = 1;

/// Size of a segment's header, of a record's header and of an index's header. Everything is at a multiple of it, so a
/// value has the same alignment as in a file of its own.
pub(super) const UNIT: u64 = 64;

/// `UNIT`, as the length of a slice.
pub(super) const HEADER: usize = 64;

/// Size limit of an entry in a segment, in bytes. Larger entries are files.
pub(crate) const LARGEST: usize = 16 << 10;

/// Maximum number of segments that one replaces.
pub(super) const MOST_SOURCES: usize = 1024;

pub(super) const STATE_AT: u64 = 40;
pub(super) const INDEX_AT: u64 = 48;
pub(super) const REMOVED_AT: u64 = 56;

pub(super) const USED_AT: u64 = 48;
pub(super) const LIVE_AT: u64 = 56;
pub(super) const GONE_AT: u64 = 60;

pub(super) const LIVE: [u8; 4] = *b"live";
pub(super) const PENDING: [u8; 4] = *b"pend";
pub(super) const WAITING: [u8; 4] = *b"wait";
pub(super) const GONE: [u8; 4] = *b"gone";

/// Random identity of a segment.
pub(super) type SegmentId = [u8; 16];

/// The header of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) id: SegmentId,
    pub(super) sources: Vec<SegmentId>,
    pub(super) is_live: bool,
    /// Offset of the index; 0 if there is none yet.
    pub(super) index: u64,
    /// About how many bytes of records are removed.
    pub(super) removed: u64,
}

/// Returns the offset of the first record of a segment with this number of sources.
pub(super) fn first_record(sources: usize) -> u64 {
    (UNIT + 16 * sources as u64).next_multiple_of(UNIT)
}

impl SegmentHeader {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; HEADER];
        bytes[0..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        let count = u32::try_from(self.sources.len()).unwrap_or(u32::MAX);
        bytes[12..16].copy_from_slice(&count.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.id);
        bytes[40..44].copy_from_slice(if self.is_live { &LIVE } else { &PENDING });
        bytes[48..56].copy_from_slice(&self.index.to_le_bytes());
        bytes[56..64].copy_from_slice(&self.removed.to_le_bytes());
        self.sources.iter().for_each(|source| bytes.extend_from_slice(source));
        let checksum = checksum(&[&bytes[..32], &bytes[HEADER..]]);
        bytes[32..40].copy_from_slice(&checksum.to_le_bytes());
        bytes.resize(bytes.len().next_multiple_of(HEADER), 0);
        bytes
    }

    /// Returns how many sources follow a segment's first [`HEADER`] bytes; `None` if it is no segment of this version.
    pub(super) fn sources(fixed: &[u8; HEADER]) -> Option<usize> {
        let count = u32_at(fixed, 12) as usize;
        (fixed[..8] == MAGIC && u32_at(fixed, 8) == VERSION && count <= MOST_SOURCES).then_some(count)
    }

    /// Decodes a header, with its sources. `None` if it was changed after it was written.
    pub(super) fn decode(fixed: &[u8; HEADER], sources: &[u8]) -> Option<Self> {
        if u64_at(fixed, 32) != checksum(&[&fixed[..32], sources]) {
            return None;
        }
        Some(SegmentHeader {
            id: array(&fixed[16..32]),
            sources: sources.as_chunks().0.to_vec(),
            is_live: fixed[40..44] == LIVE,
            index: u64_at(fixed, 48),
            removed: u64_at(fixed, 56),
        })
    }
}

/// The header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecordHeader {
    pub(super) key: Key,
    /// Length of the entry, in bytes.
    pub(super) len: usize,
    /// Seconds since 1970.
    pub(super) used: u64,
    /// Whether the record took the place of the one that it replaces.
    pub(super) is_live: bool,
    pub(super) is_gone: bool,
}

impl RecordHeader {
    /// Returns whether calls may use the record.
    pub(super) fn is_usable(&self) -> bool {
        self.is_live && !self.is_gone
    }

    /// Returns when the entry was last used.
    pub(super) fn used(&self) -> SystemTime {
        // What is damaged may be too far in the future.
        UNIX_EPOCH.checked_add(Duration::from_secs(self.used)).unwrap_or(UNIX_EPOCH)
    }

    /// Returns the size of the record in bytes, with its header and the zeros at its end.
    pub(super) fn size(&self) -> u64 {
        (UNIT + self.len as u64).next_multiple_of(UNIT)
    }

    /// Encodes the header of a record at this offset.
    pub(super) fn encode(&self, id: &SegmentId, offset: u64) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let len = (self.len as u64).to_le_bytes();
        bytes[8..16].copy_from_slice(&len);
        bytes[16..48].copy_from_slice(self.key.as_bytes());
        bytes[48..56].copy_from_slice(&self.used.to_le_bytes());
        bytes[56..60].copy_from_slice(if self.is_live { &LIVE } else { &WAITING });
        bytes[60..64].copy_from_slice(if self.is_gone { &GONE } else { &[0; 4] });
        let checksum = checksum(&[id, &offset.to_le_bytes(), &bytes[8..48]]);
        bytes[..8].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Decodes the header of a record at this offset; `None` if there is none.
    pub(super) fn decode(bytes: &[u8; HEADER], id: &SegmentId, offset: u64) -> Option<Self> {
        let len = usize::try_from(u64_at(bytes, 8)).ok().filter(|len| *len <= LARGEST)?;
        if u64_at(bytes, 0) != checksum(&[id, &offset.to_le_bytes(), &bytes[8..48]]) {
            return None;
        }
        Some(RecordHeader {
            key: Key::from_bytes(array(&bytes[16..48])),
            len,
            used: u64_at(bytes, 48),
            is_live: bytes[56..60] == LIVE,
            // Anything but zeros, so that damage hides the record instead of bringing it back.
            is_gone: bytes[60..64] != [0; 4],
        })
    }
}

/// Encodes the index of these records.
pub(super) fn encode_index(records: &[(Key, u64)]) -> Vec<u8> {
    // A third of the slots stays empty, so that probing is short.
    let slots = (records.len() + records.len() / 2).next_multiple_of(16).max(16);
    let mut table = vec![0_u32; slots];
    for (key, offset) in records {
        let Ok(unit) = u32::try_from(offset / UNIT) else { continue };
        let mut slot = first_slot(key, slots as u64);
        while table[slot] != 0 {
            slot = (slot + 1) % slots;
        }
        table[slot] = unit;
    }
    let mut bytes = vec![0; HEADER];
    bytes[0..8].copy_from_slice(&INDEX_MAGIC);
    bytes[8..16].copy_from_slice(&(slots as u64).to_le_bytes());
    bytes.extend(table.iter().flat_map(|unit| unit.to_le_bytes()));
    bytes
}

/// Returns the number of slots from an index's header; `None` if it is none, or does not fit into `room` bytes.
pub(super) fn slots_of_index(header: &[u8; HEADER], room: u64) -> Option<u64> {
    let slots = u64_at(header, 8);
    let fits = slots > 0 && slots.checked_mul(4)?.checked_add(UNIT)? <= room;
    (header[..8] == INDEX_MAGIC && fits).then_some(slots)
}

/// Returns the slot at which the search for a key begins.
#[expect(clippy::cast_possible_truncation, reason = "a slot of a table in memory")]
pub(super) fn first_slot(key: &Key, slots: u64) -> usize {
    (u64_at(key.as_bytes(), 0) % slots) as usize
}

fn checksum(parts: &[&[u8]]) -> u64 {
    let mut hasher = XxHash3_64::new();
    parts.iter().for_each(|part| hasher.write(part));
    hasher.finish()
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(bytes);
    array
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array(&bytes[at..at + 8]))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array(&bytes[at..at + 4]))
}
