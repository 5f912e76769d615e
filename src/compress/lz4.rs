//! LZ4 frames, by lz4_flex.

use std::io::{self, BufRead, Read, Write};

use lz4_flex::frame::{BlockSize, FrameDecoder, FrameEncoder, FrameInfo};

use super::backend::{Backend, Finish};
use crate::target::Target;

pub(super) struct Lz4;

impl Backend for Lz4 {
    fn writer<'w>(&self, _: i32, target: &'w mut dyn Write) -> io::Result<Box<dyn Finish + 'w>> {
        let frame = FrameInfo::new().block_size(BlockSize::Max256KB).content_checksum(true);
        Ok(Box::new(FrameEncoder::with_frame_info(frame, target)))
    }

    fn reader<'r>(&self, source: &'r mut dyn BufRead) -> io::Result<Box<dyn Read + 'r>> {
        Ok(Box::new(Decoder(FrameDecoder::new(Watched { source, at_end: false }))))
    }
}

impl<W: Write> Target for FrameEncoder<W> {}

impl<W: Write> Finish for FrameEncoder<W> {
    fn finish(self: Box<Self>) -> io::Result<()> {
        (*self).finish().map(drop).map_err(io::Error::from)
    }
}

/// lz4_flex takes a source that ends between two blocks for a frame that ends.
struct Decoder<'r>(FrameDecoder<Watched<'r>>);

impl Read for Decoder<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(target)?;
        if count == 0 && !target.is_empty() && self.0.get_ref().at_end {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(count)
    }
}

/// A source that remembers whether its end was run into.
struct Watched<'r> {
    source: &'r mut dyn BufRead,
    at_end: bool,
}

impl Read for Watched<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(target)?;
        self.at_end |= count == 0 && !target.is_empty();
        Ok(count)
    }
}
