//! The general compressors that blocks are packed with. One of these lives as long as a thread works
//! on a value, so that tables are made once.

use std::io;

use crate::format::compress::blocks::invalid;

/// Packs streams of a few KiB, each by itself.
pub(super) enum Codec {
    #[cfg(feature = "lz4")]
    Lz4 { table: lz4_flex::block::CompressTable, buffer: Vec<u8> },
    #[cfg(feature = "zstd")]
    Zstd {
        level: i32,
        compressor: Option<zstd::bulk::Compressor<'static>>,
        decompressor: Option<zstd::bulk::Decompressor<'static>>,
        buffer: Vec<u8>,
    },
}

/// Which codec, and how hard it should try.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Choice {
    #[cfg(feature = "lz4")]
    Lz4,
    #[cfg(feature = "zstd")]
    Zstd(i32),
}

impl Choice {
    /// What tells a stream of one codec from that of another.
    pub(super) fn letter(self) -> u8 {
        match self {
            #[cfg(feature = "lz4")]
            Choice::Lz4 => b'4',
            #[cfg(feature = "zstd")]
            Choice::Zstd(_) => b'z',
        }
    }

    /// Whether it makes use of some bytes being more frequent than others.
    pub(super) fn codes_frequencies(self) -> bool {
        self.letter() == b'z'
    }
}

impl Codec {
    pub(super) fn new(choice: Choice) -> Self {
        match choice {
            #[cfg(feature = "lz4")]
            Choice::Lz4 => Codec::Lz4 { table: lz4_flex::block::CompressTable::small(), buffer: Vec::new() },
            #[cfg(feature = "zstd")]
            Choice::Zstd(level) => Codec::Zstd { level, compressor: None, decompressor: None, buffer: Vec::new() },
        }
    }

    /// What `stream` becomes, if that is at most `limit` bytes.
    pub(super) fn pack(&mut self, stream: &[u8], limit: usize) -> io::Result<Option<&[u8]>> {
        match self {
            #[cfg(feature = "lz4")]
            Codec::Lz4 { table, buffer } => {
                use lz4_flex::block::{CompressTable, compress_into_with_table, get_maximum_output_size};
                // The small table is faster to clear, and the crate does not go back to it by itself.
                if stream.len() < usize::from(u16::MAX) && matches!(table, CompressTable::Large(_)) {
                    *table = CompressTable::small();
                }
                grow(buffer, get_maximum_output_size(stream.len()));
                let packed_len = compress_into_with_table(stream, buffer, table).map_err(io::Error::other)?;
                Ok((packed_len <= limit).then(|| &buffer[..packed_len]))
            }
            #[cfg(feature = "zstd")]
            Codec::Zstd { level, compressor, buffer, .. } => {
                let compressor = match compressor {
                    Some(compressor) => compressor,
                    None => compressor.insert(zstd::bulk::Compressor::new(*level)?),
                };
                grow(buffer, limit);
                // The only error, once there is a context, is that the target is too small.
                let packed_len = compressor.compress_to_buffer(stream, &mut buffer[..limit]);
                Ok(packed_len.ok().map(|len| &buffer[..len]))
            }
        }
    }

    /// Fills `target` with what was packed.
    pub(super) fn unpack(&mut self, packed: &[u8], target: &mut [u8]) -> io::Result<()> {
        match self {
            #[cfg(feature = "lz4")]
            Codec::Lz4 { .. } => super::lz4::unpack(packed, target)
                .ok_or_else(|| invalid("a stream of a block is no LZ4 block of its length")),
            #[cfg(feature = "zstd")]
            Codec::Zstd { decompressor, .. } => {
                let decompressor = match decompressor {
                    Some(decompressor) => decompressor,
                    None => decompressor.insert(zstd::bulk::Decompressor::new()?),
                };
                let len =
                    decompressor.decompress_to_buffer(packed, target).map_err(|error| invalid(&error.to_string()))?;
                if len == target.len() {
                    return Ok(());
                }
                Err(invalid("a stream of a block is too short"))
            }
        }
    }
}

fn grow(buffer: &mut Vec<u8>, len: usize) {
    if buffer.len() < len {
        buffer.resize(len, 0);
    }
}
