//! The forms in which one stream of a block is stored.

use std::io;

use crate::error::invalid;
use crate::header::small;

pub(crate) const ENTRY_LEN: usize = 4;

/// One stream, as an entry of the block's table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stream {
    /// As it is, after all streams that need decoding.
    Raw,
    /// One byte, repeated.
    Fill(u8),
    /// The bits that vary; the others are those of `base`.
    Bits { varying: u8, base: u8 },
    /// Packed by the codec, with this number of bytes.
    Packed(usize),
}

impl Stream {
    pub(crate) fn to_bytes(self) -> [u8; ENTRY_LEN] {
        match self {
            Stream::Raw => [0; ENTRY_LEN],
            Stream::Fill(byte) => [1, byte, 0, 0],
            Stream::Bits { varying, base } => [2, varying, base, 0],
            Stream::Packed(len) => (small(len) << 8 | 3).to_le_bytes(),
        }
    }

    pub(crate) fn parse(bytes: [u8; ENTRY_LEN]) -> io::Result<Self> {
        match bytes {
            [0, 0, 0, 0] => Ok(Stream::Raw),
            [1, byte, 0, 0] => Ok(Stream::Fill(byte)),
            [2, varying, base, 0] if varying != 0 && varying & base == 0 => Ok(Stream::Bits { varying, base }),
            [3, ..] => Ok(Stream::Packed((u32::from_le_bytes(bytes) >> 8) as usize)),
            _ => Err(invalid("a block has a stream of an unknown kind")),
        }
    }

    /// Returns its length among the streams that need decoding.
    pub(crate) fn coded_len(self, raw_len: usize) -> usize {
        match self {
            Stream::Raw | Stream::Fill(_) => 0,
            Stream::Bits { varying, .. } => varying.count_ones() as usize * raw_len.div_ceil(8),
            Stream::Packed(len) => len,
        }
    }
}
