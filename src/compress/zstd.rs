//! Zstandard, by the zstd crate, which holds the reference implementation in C.

use std::io::{self, BufRead, Read, Write};

use zstd::stream::read::Decoder;
use zstd::stream::write::Encoder;

use super::backend::{Backend, Finish};
use crate::target::Target;

pub(super) struct Zstd;

/// 2^27 bytes, what `zstd -d` accepts by default and what levels up to 22 need.
const LARGEST_WINDOW_LOG: u32 = 27;

impl Backend for Zstd {
    fn writer<'w>(&self, level: i32, target: &'w mut dyn Write) -> io::Result<Box<dyn Finish + 'w>> {
        let mut encoder = Encoder::new(target, level)?;
        encoder.include_checksum(true)?;
        Ok(Box::new(encoder))
    }

    fn reader<'r>(&self, source: &'r mut dyn BufRead) -> io::Result<Box<dyn Read + 'r>> {
        let mut decoder = Decoder::with_buffer(source)?.single_frame();
        decoder.window_log_max(LARGEST_WINDOW_LOG)?;
        Ok(Box::new(decoder))
    }
}

impl<W: Write> Target for Encoder<'_, W> {}

impl<W: Write> Finish for Encoder<'_, W> {
    fn finish(self: Box<Self>) -> io::Result<()> {
        (*self).finish().map(drop)
    }
}
