//! How one stream of a block is stored.

use std::io;

use crate::format::compress::blocks::header::small;
use crate::format::compress::blocks::invalid;

pub(super) const ENTRY_LEN: usize = 4;

/// One stream, as it stands in the block's table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stream {
    /// As it is, behind all streams that need decoding.
    Raw,
    /// One byte, repeated.
    Fill(u8),
    /// Only those bits that vary; the others are as in `base`.
    Bits { varying: u8, base: u8 },
    /// So many bytes by the codec.
    Packed(usize),
}

impl Stream {
    pub(super) fn to_bytes(self) -> [u8; ENTRY_LEN] {
        match self {
            Stream::Raw => [0; ENTRY_LEN],
            Stream::Fill(byte) => [1, byte, 0, 0],
            Stream::Bits { varying, base } => [2, varying, base, 0],
            Stream::Packed(len) => (small(len) << 8 | 3).to_le_bytes(),
        }
    }

    pub(super) fn parse(bytes: [u8; ENTRY_LEN]) -> io::Result<Self> {
        match bytes {
            [0, 0, 0, 0] => Ok(Stream::Raw),
            [1, byte, 0, 0] => Ok(Stream::Fill(byte)),
            [2, varying, base, 0] if varying != 0 && varying & base == 0 => Ok(Stream::Bits { varying, base }),
            [3, ..] => Ok(Stream::Packed((u32::from_le_bytes(bytes) >> 8) as usize)),
            _ => Err(invalid("a block has a stream of an unknown kind")),
        }
    }

    /// Bytes that it takes among the streams that need decoding.
    pub(super) fn coded_len(self, raw_len: usize) -> usize {
        match self {
            Stream::Raw | Stream::Fill(_) => 0,
            Stream::Bits { varying, .. } => varying.count_ones() as usize * raw_len.div_ceil(8),
            Stream::Packed(len) => len,
        }
    }
}
