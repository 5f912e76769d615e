//! Arrays of numbers in blocks that fit into a processor's cache, each packed by itself.
//!
//! A block of an array is cut into byte planes (byte 0 of all elements, then byte 1, …), where
//! that pays after taking the differences between one element and the next. A plane is stored in the
//! way that is shortest: nothing but its one value, only the bits that vary, packed by LZ4 or zstd, or
//! as it is. What would not get smaller is stored as it is; so are blocks as a whole.
//!
//! Integers are little-endian.
//!
//! | bytes | start of a stream |
//! |---|---|
//! | 8 | `8f 4c 42 4c 4b` (`\x8fLBLK`), `34` (`4`, LZ4) or `7a` (`z`, zstd), `0d 0a` |
//! | 1 | format version, 1 |
//!
//! | bytes | block |
//! |---|---|
//! | 4 | R, length of the content, 1 to 2^20 |
//! | 4 | P, length of what follows the header, at most R |
//! | 1 | W, bytes of an element: 1, 2, 4, 8 or 16; R is a multiple |
//! | 1 | filter: 0 stored (P = R), 1 planes, 2 planes of differences, 3 of differences of differences |
//! | 2 | zero |
//! | 8 | XXH3-64 of the content |
//! | P | stored: the content; else: table, seeds, streams |
//!
//! The hash of the content is seeded with the hash of all that needs decoding (from the table to the
//! last stream that is not stored as it is); that with the hash of the header's first 12 bytes, and
//! that with the number of blocks before. So every bit counts, and every block has its place.
//!
//! | bytes | with filters 1 to 3 |
//! |---|---|
//! | 4 W | table: for each plane four bytes, see below |
//! | W times | seeds: the first element, with filter 3 then the first difference |
//! | | planes that need decoding, in order |
//! | | planes stored as they are, in order |
//!
//! | entry | plane |
//! |---|---|
//! | `00 00 00 00` | as it is, R / W bytes |
//! | `01 xx 00 00` | all bytes are `xx` |
//! | `02 vv bb 00` | for each bit in `vv`, lowest first, that bit of each byte, eight to a byte, lowest first; the other bits are those of `bb` |
//! | `03`, length in 3 bytes | an LZ4 block, or a zstd frame |
//!
//! Differences are those to the element before, as integers of the element's width (4 or 8) that wrap
//! around, written as in protobuf's zigzag: 0, −1, 1, −2, …. The first one (with filter 3 the first
//! two) is 0 here, as the seed has it.
//!
//! | bytes | end of the stream |
//! |---|---|
//! | 4 | zero |
//! | 8 | length of all content |
//! | 8 | XXH3-64 of these 12 bytes, seeded with the number of blocks |

pub(crate) mod bits;
pub(crate) mod block;
pub(crate) mod codec;
pub(crate) mod difference;
pub(crate) mod end;
pub(crate) mod header;
pub(crate) mod in_order;
#[cfg(feature = "lz4")]
pub(crate) mod lz4;
pub(crate) mod plan;
pub(crate) mod reader;
pub(crate) mod shuffle;
pub(crate) mod streams;
#[cfg(test)]
mod tests;
pub(crate) mod writer;

use std::io::{self, BufRead, Read, Write};

use crate::format::compress::backend::{Backend, Finish};
use crate::format::compress::blocks::codec::Choice;

/// Blocks packed by LZ4.
#[cfg(feature = "lz4")]
pub(crate) struct Lz4Blocks;

/// Blocks packed by zstd.
#[cfg(feature = "zstd")]
pub(crate) struct ZstdBlocks;

#[cfg(feature = "lz4")]
impl Backend for Lz4Blocks {
    fn writer<'w>(&self, _: i32, target: &'w mut dyn Write) -> io::Result<Box<dyn Finish + 'w>> {
        Ok(Box::new(writer::Writer::new(Choice::Lz4, target)?))
    }

    fn reader<'r>(&self, source: &'r mut dyn BufRead) -> io::Result<Box<dyn Read + 'r>> {
        Ok(Box::new(reader::Reader::new(Choice::Lz4, source)))
    }

    fn verifies(&self) -> bool {
        true
    }
}

#[cfg(feature = "zstd")]
impl Backend for ZstdBlocks {
    fn writer<'w>(&self, level: i32, target: &'w mut dyn Write) -> io::Result<Box<dyn Finish + 'w>> {
        Ok(Box::new(writer::Writer::new(Choice::Zstd(level), target)?))
    }

    fn reader<'r>(&self, source: &'r mut dyn BufRead) -> io::Result<Box<dyn Read + 'r>> {
        // Streams of all levels are read alike.
        Ok(Box::new(reader::Reader::new(Choice::Zstd(0), source)))
    }

    fn verifies(&self) -> bool {
        true
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
