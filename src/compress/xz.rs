//! xz and lzma, by xz2. Its maintained fork `liblzma` has the same names: to change over, replace
//! `xz2` by `liblzma` in this file and in Cargo.toml.

use std::io::{self, BufRead, Read, Write};

use xz2::stream::{Action, Check, LzmaOptions, Status, Stream};
use xz2::write::XzEncoder;

use super::backend::{Backend, Finish};
use super::stepwise::{Progress, Step, Stepwise};
use crate::target::Target;

pub(super) struct Xz;
pub(super) struct Lzma;

/// Bytes that a decoder may take: level 9 needs 65 MiB for its dictionary. A file that claims to
/// need more was not written by us, and is refused before the memory is taken.
const DECODER_MEMORY: u64 = 96 << 20;

impl Backend for Xz {
    fn writer<'w>(&self, level: i32, target: &'w mut dyn Write) -> io::Result<Box<dyn Finish + 'w>> {
        let stream = Stream::new_easy_encoder(level.unsigned_abs(), Check::Crc64)?;
        Ok(Box::new(XzEncoder::new_stream(target, stream)))
    }

    fn reader<'r>(&self, source: &'r mut dyn BufRead) -> io::Result<Box<dyn Read + 'r>> {
        let stream = Stream::new_stream_decoder(DECODER_MEMORY, 0)?;
        Ok(Box::new(Stepwise::new(source, Decoder(stream))))
    }
}

impl Backend for Lzma {
    fn writer<'w>(&self, level: i32, target: &'w mut dyn Write) -> io::Result<Box<dyn Finish + 'w>> {
        let stream = Stream::new_lzma_encoder(&LzmaOptions::new_preset(level.unsigned_abs())?)?;
        Ok(Box::new(XzEncoder::new_stream(target, stream)))
    }

    fn reader<'r>(&self, source: &'r mut dyn BufRead) -> io::Result<Box<dyn Read + 'r>> {
        let stream = Stream::new_lzma_decoder(DECODER_MEMORY)?;
        Ok(Box::new(Stepwise::new(source, Decoder(stream))))
    }
}

impl<W: Write> Target for XzEncoder<W> {}

impl<W: Write> Finish for XzEncoder<W> {
    fn finish(self: Box<Self>) -> io::Result<()> {
        (*self).finish().map(drop)
    }
}

/// xz2's own reader reports an error when other data follows the stream.
struct Decoder(Stream);

impl Step for Decoder {
    fn step(&mut self, input: &[u8], target: &mut [u8], at_end: bool) -> io::Result<Progress> {
        let (used, made) = (self.0.total_in(), self.0.total_out());
        let status = self.0.process(input, target, if at_end { Action::Finish } else { Action::Run })?;
        Ok(Progress {
            // Both are bounded by the lengths of the slices.
            used: usize::try_from(self.0.total_in() - used).unwrap_or(usize::MAX),
            made: usize::try_from(self.0.total_out() - made).unwrap_or(usize::MAX),
            ended: status == Status::StreamEnd,
        })
    }
}
