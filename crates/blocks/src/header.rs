//! The start of a stream, the header of a block, and the end of a stream.

use std::io;

use twox_hash::XxHash3_64;

use crate::codec::Codec;
use crate::error::invalid;

/// The first byte is no ASCII, and a transfer as text would change the line end.
const MAGIC_START: [u8; 5] = [0x8f, b'L', b'B', b'L', b'K'];
const MAGIC_END: [u8; 2] = *b"\r\n";
const FORMAT_VERSION: u8 = 1;
pub(crate) const START_LEN: usize = 9;

/// Returns the first bytes of a stream that this codec packs.
pub(crate) fn start(codec: Codec) -> [u8; START_LEN] {
    let [a, b, c, d, e] = MAGIC_START;
    let [y, z] = MAGIC_END;
    [a, b, c, d, e, codec.letter(), y, z, FORMAT_VERSION]
}

/// Returns which codec packed the stream that begins so.
///
/// # Errors
/// If it is no stream of this format, or of a version that this crate does not know.
pub(crate) fn parse_start(start: [u8; START_LEN]) -> io::Result<Codec> {
    let [magic @ .., version] = start;
    if magic[..5] != MAGIC_START || magic[6..] != MAGIC_END {
        return Err(invalid("it does not begin with the magic of a stream of blocks"));
    }
    let letter = magic[5];
    let codec = Codec::of_letter(letter).ok_or_else(|| {
        let letter = char::from(letter);
        invalid(&format!(
            "this version of larder-blocks has no codec {letter:?}; the stream is damaged, or of a newer one"
        ))
    })?;
    if version != FORMAT_VERSION {
        return Err(invalid("it is of a newer version, which needs a newer larder"));
    }
    Ok(codec)
}

pub(crate) const HEADER_LEN: usize = 20;
const CHECKED_LEN: usize = 12;

/// Bytes of the largest block that is read. The limit bounds memory for hostile streams.
const LARGEST_RAW_LEN: u32 = 1 << 20;

/// How a block's content was changed before it was packed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Filter {
    /// Not at all: the content is stored as it is.
    Stored,
    /// To one stream for each byte of an element, after taking differences this number of times.
    Planes { differences: u8 },
}

/// A block's header, whose fields agree with each other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) raw_len: usize,
    pub(crate) packed_len: usize,
    /// Bytes of an element.
    pub(crate) width: usize,
    pub(crate) filter: Filter,
    hash: u64,
    seed: u64,
}

impl Header {
    pub(crate) fn parse(bytes: &[u8; HEADER_LEN], index: u64) -> io::Result<Self> {
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

    pub(crate) fn is_stored(&self) -> bool {
        matches!(self.filter, Filter::Stored)
    }

    /// Compares the checksum of `raw`, unpacked from `coded` and from planes that are stored as they are.
    ///
    /// # Errors
    /// If the checksum differs.
    pub(crate) fn verify(&self, coded: &[u8], raw: &[u8]) -> io::Result<()> {
        if hash(self.seed, coded, raw) == self.hash {
            return Ok(());
        }
        Err(invalid("a block's checksum does not fit"))
    }
}

/// Returns the header of a block with content `raw`.
pub(crate) fn header(
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

/// Hashes the content, seeded with the place, the header and all bytes that need decoding. A change in
/// those may decode to the same content, so a hash of the content alone would miss it.
fn hash(seed: u64, coded: &[u8], raw: &[u8]) -> u64 {
    XxHash3_64::oneshot_with_seed(XxHash3_64::oneshot_with_seed(seed, coded), raw)
}

/// Converts a length within a block, which is far below 4 GiB.
pub(crate) fn small(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// Returns the end of a stream: zeros in place of a raw length, the total length, and the hash of both, seeded with the
/// number of blocks.
pub(crate) fn end(blocks: u64, total: u64) -> [u8; HEADER_LEN] {
    let mut bytes = [0; HEADER_LEN];
    bytes[4..CHECKED_LEN].copy_from_slice(&total.to_le_bytes());
    let hash = XxHash3_64::oneshot_with_seed(blocks, &bytes[..CHECKED_LEN]);
    bytes[CHECKED_LEN..].copy_from_slice(&hash.to_le_bytes());
    bytes
}

/// Returns the header of the next block, or `None` at the end of the stream.
pub(crate) fn parse_next(bytes: &[u8; HEADER_LEN], blocks: u64, total: u64) -> io::Result<Option<Header>> {
    if bytes[..4] != [0; 4] {
        return Header::parse(bytes, blocks).map(Some);
    }
    if *bytes == end(blocks, total) { Ok(None) } else { Err(invalid("it ends too early or is damaged")) }
}
