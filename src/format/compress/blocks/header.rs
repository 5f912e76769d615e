//! What stands before each block.

use std::io;

use twox_hash::XxHash3_64;

use crate::format::compress::blocks::invalid;

/// Begins a stream; then `4` or `z` for the codec, and the rest. No method and no document begins so,
/// and text mode transfers damage it.
pub(super) const MAGIC_START: [u8; 5] = [0x8f, b'L', b'B', b'L', b'K'];
pub(super) const MAGIC_END: [u8; 2] = *b"\r\n";
pub(super) const FORMAT_VERSION: u8 = 1;
pub(super) const START_LEN: usize = 9;

pub(super) const HEADER_LEN: usize = 20;
const CHECKED_LEN: usize = 12;

/// Bytes of the largest block that is read, whoever wrote it.
const LARGEST_RAW_LEN: u32 = 1 << 20;

/// What was done to a block's content before it was packed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Filter {
    /// Nothing: the content stands as it is.
    Stored,
    /// One stream for each byte of an element, after taking differences so many times.
    Planes { differences: u8 },
}

/// A block's header, whose fields agree with each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) raw_len: usize,
    pub(super) packed_len: usize,
    /// Bytes of an element.
    pub(super) width: usize,
    pub(super) filter: Filter,
    hash: u64,
    seed: u64,
}

impl Header {
    pub(super) fn parse(bytes: &[u8; HEADER_LEN], index: u64) -> io::Result<Self> {
        let u32_at = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let (raw_len, packed_len, width) = (u32_at(0), u32_at(4), bytes[8]);
        let filter = match bytes[9] {
            0 => Filter::Stored,
            filter @ 1..=3 => Filter::Planes { differences: filter - 1 },
            _ => return Err(invalid("a block has an unknown filter")),
        };
        let fits = match filter {
            Filter::Stored => packed_len == raw_len,
            Filter::Planes { differences } => packed_len < raw_len && (differences == 0 || matches!(width, 4 | 8)),
        };
        if raw_len == 0
            || raw_len > LARGEST_RAW_LEN
            || !matches!(width, 1 | 2 | 4 | 8 | 16)
            || raw_len % u32::from(width) != 0
            || !fits
            || bytes[10..12] != [0, 0]
        {
            return Err(invalid("a block's header contradicts itself"));
        }
        let mut hash = [0; 8];
        hash.copy_from_slice(&bytes[CHECKED_LEN..]);
        Ok(Header {
            raw_len: raw_len as usize,
            packed_len: packed_len as usize,
            width: usize::from(width),
            filter,
            hash: u64::from_le_bytes(hash),
            seed: XxHash3_64::oneshot_with_seed(index, &bytes[..CHECKED_LEN]),
        })
    }

    pub(super) fn is_stored(&self) -> bool {
        matches!(self.filter, Filter::Stored)
    }

    /// Whether `raw` is what was packed as `coded` (and what stands there as it is) at this place.
    pub(super) fn verify(&self, coded: &[u8], raw: &[u8]) -> io::Result<()> {
        if hash(self.seed, coded, raw) == self.hash {
            return Ok(());
        }
        Err(invalid("a block's checksum does not fit"))
    }
}

/// The header's bytes for a block of `raw` bytes.
pub(super) fn header(
    index: u64,
    width: usize,
    filter: Filter,
    packed_len: usize,
    coded: &[u8],
    raw: &[u8],
) -> [u8; HEADER_LEN] {
    let mut bytes = [0; HEADER_LEN];
    bytes[..4].copy_from_slice(&small(raw.len()).to_le_bytes());
    bytes[4..8].copy_from_slice(&small(packed_len).to_le_bytes());
    bytes[8] = small(width).to_le_bytes()[0];
    bytes[9] = match filter {
        Filter::Stored => 0,
        Filter::Planes { differences } => differences + 1,
    };
    let seed = XxHash3_64::oneshot_with_seed(index, &bytes[..CHECKED_LEN]);
    bytes[CHECKED_LEN..].copy_from_slice(&hash(seed, coded, raw).to_le_bytes());
    bytes
}

/// Of the content, seeded with the place, the header and all bytes that need decoding: flipping one
/// of these may leave the content as it was, and is found all the same.
fn hash(seed: u64, coded: &[u8], raw: &[u8]) -> u64 {
    XxHash3_64::oneshot_with_seed(XxHash3_64::oneshot_with_seed(seed, coded), raw)
}

/// Lengths within a block are far below 4 GiB.
pub(super) fn small(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
