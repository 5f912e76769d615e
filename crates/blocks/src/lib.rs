//! Compression for arrays of numbers: blocks of byte planes, packed and unpacked by several threads.
//!
//! A [`Writer`] packs bytes, a [`Reader`] unpacks them. The writer takes any bytes; it
//! packs numbers best if [`Writer::array_ahead`] announces them. The number of threads changes neither the stream
//! nor the content.
//!
//! ```
//! # #[cfg(feature = "lz4")] {
//! use std::io::{Read, Write};
//! use std::num::NonZeroUsize;
//!
//! use larder_blocks::{Codec, Reader, Writer};
//!
//! let numbers: Vec<u8> = (0..100_000_u64).flat_map(|n| (3 * n).to_le_bytes()).collect();
//! let threads = NonZeroUsize::MIN;
//!
//! let mut writer = Writer::new(Codec::Lz4, threads, Vec::new())?;
//! writer.array_ahead(8, numbers.len() as u64)?;
//! writer.write_all(&numbers)?;
//! let stream = writer.finish()?;
//! assert!(stream.len() < numbers.len() / 500);
//!
//! let mut content = Vec::new();
//! Reader::new(threads, stream.as_slice()).read_to_end(&mut content)?;
//! assert_eq!(content, numbers);
//! # }
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # Features
//!
//! `lz4` and `zstd` add the codecs. A stream of a codec that is not in the build is an error of kind
//! [`Unsupported`](std::io::ErrorKind::Unsupported).
//!
//! # Format
//!
//! A block of an array is cut into byte planes (byte 0 of all elements, then byte 1, …), after taking the
//! differences between neighbouring elements if that makes the block smaller. A plane is stored in its shortest form:
//! as one repeated byte, as the bits that vary, packed by the codec, or as it is. A block that does not shrink is stored
//! as it is.
//!
//! Integers are little-endian.
//!
//! | bytes | start of a stream |
//! |---|---|
//! | 8 | `8f 4c 42 4c 4b` (`\x8fLBLK`), `34` (`4`, LZ4) or `7a` (`z`, Zstandard), `0d 0a` |
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
//! The hash of the content is seeded with the hash of everything that needs decoding (from the table to the
//! last stream that is not stored as it is). That hash is seeded with the hash of the header's first 12 bytes, which
//! is seeded with the number of blocks before. So every bit counts, and a block is valid in its place only.
//!
//! | bytes | with filters 1 to 3 |
//! |---|---|
//! | 4 W | table: four bytes for each plane, see below |
//! | W times | seeds: the first element; with filter 3 also the first difference |
//! | | planes that need decoding, in order |
//! | | planes stored as they are, in order |
//!
//! | entry | plane |
//! |---|---|
//! | `00 00 00 00` | as it is, R / W bytes |
//! | `01 xx 00 00` | all bytes are `xx` |
//! | `02 vv bb 00` | for each bit in `vv`, lowest first, that bit of each byte, eight to a byte, lowest first; the other bits are those of `bb` |
//! | `03`, length in 3 bytes | an LZ4 block, or a Zstandard frame |
//!
//! Differences are those to the element before, as integers of the element's width (4 or 8) that wrap
//! around, in zigzag form as in protobuf: 0, −1, 1, −2, …. The first one (with filter 3 the first
//! two) is 0 here, as the seed holds it.
//!
//! | bytes | end of the stream |
//! |---|---|
//! | 4 | zero |
//! | 8 | length of all content |
//! | 8 | XXH3-64 of these 12 bytes, seeded with the number of blocks |

mod bits;
mod block;
mod codec;
mod difference;
mod error;
mod header;
mod in_order;
#[cfg(feature = "lz4")]
mod lz4;
#[cfg(feature = "lz4")]
mod lz4_decoder;
mod plan;
mod reader;
mod shuffle;
mod stream_codec;
mod streams;
#[cfg(test)]
mod tests;
mod writer;
#[cfg(feature = "zstd")]
mod zstd;

pub use codec::Codec;
pub use reader::Reader;
pub use writer::Writer;
