//! Zstandard frames, by the zstd crate, which contains the reference implementation in C.

use std::io;

use zstd::bulk::{Compressor, Decompressor};

use crate::error::invalid;
use crate::stream_codec::{StreamCodec, grow};

pub(crate) struct Zstd {
    level: i32,
    compressor: Option<Compressor<'static>>,
    decompressor: Option<Decompressor<'static>>,
    buffer: Vec<u8>,
}

impl Zstd {
    pub(crate) fn new(level: i32) -> Self {
        Zstd { level, compressor: None, decompressor: None, buffer: Vec::new() }
    }
}

impl StreamCodec for Zstd {
    fn pack(&mut self, stream: &[u8], limit: usize) -> io::Result<Option<&[u8]>> {
        let compressor = match &mut self.compressor {
            Some(compressor) => compressor,
            empty => empty.insert(Compressor::new(self.level)?),
        };
        grow(&mut self.buffer, limit);
        // With a context, the only error is that the target is too small.
        let packed_len = compressor.compress_to_buffer(stream, &mut self.buffer[..limit]);
        Ok(packed_len.ok().map(|len| &self.buffer[..len]))
    }

    fn unpack(&mut self, packed: &[u8], target: &mut [u8]) -> io::Result<()> {
        let decompressor = match &mut self.decompressor {
            Some(decompressor) => decompressor,
            empty => empty.insert(Decompressor::new()?),
        };
        let len = decompressor.decompress_to_buffer(packed, target).map_err(|error| invalid(&error.to_string()))?;
        if len == target.len() {
            return Ok(());
        }
        Err(invalid("a stream of a block is too short"))
    }
}
