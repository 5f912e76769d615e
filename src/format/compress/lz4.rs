//! LZ4 compression in frames, by lz4_flex.

use std::io::{self, BufRead, Read, Write};

use lz4_flex::frame::{BlockSize, Error as FrameError, FrameDecoder, FrameEncoder, FrameInfo};

use crate::format::compress::backend::Backends;
use crate::format::compress::decompressed::needs_dictionary;
use crate::format::compress::method::Method;
use crate::format::compress::multi_member::filler::Filler;
use crate::format::compress::multi_member::format::{MemberDecoder, MemberEncoder, MemberEnd, MemberFormat};

struct Lz4;

pub(super) const BACKENDS: Backends = &[(Method::Lz4, &Lz4)];

const SEGMENT: usize = 1 << 20;
const MAGIC: &[u8] = Method::Lz4.magic();

impl MemberFormat for Lz4 {
    fn segment(&self, _: i32) -> usize {
        SEGMENT
    }

    fn encoder_memory(&self, _: i32) -> usize {
        1 << 20
    }

    fn stores_size(&self) -> bool {
        true
    }

    fn encoder<'w>(
        &self,
        _: i32,
        size: Option<u64>,
        target: Box<dyn Write + 'w>,
    ) -> io::Result<Box<dyn MemberEncoder<'w> + 'w>> {
        let frame = FrameInfo::new().block_size(BlockSize::Max256KB).content_checksum(true).content_size(size);
        Ok(Box::new(FrameEncoder::with_frame_info(frame, target)))
    }

    fn decoder<'r>(&self, source: Box<dyn BufRead + 'r>, _: usize) -> io::Result<Box<dyn MemberDecoder<'r> + 'r>> {
        Ok(Box::new(WholeFrame(FrameDecoder::new(Watched { source, at_end: false }))))
    }

    fn filler(&self) -> Filler {
        Filler::Frames
    }

    fn largest(&self) -> usize {
        SEGMENT
    }

    /// Follows the lengths of the blocks to the end of the frame.
    fn find_end(&self, bytes: &[u8], from: &mut usize) -> MemberEnd {
        let Some(&[flags, _]) = bytes.get(4..6) else { return MemberEnd::Later };
        let [content_checksum, content_size, block_checksums, dictionary] =
            [2, 3, 4, 0].map(|bit| usize::from(flags >> bit & 1));
        if !bytes.starts_with(MAGIC) {
            return MemberEnd::Unknown;
        }
        if *from == 0 {
            *from = 7 + 8 * content_size + 4 * dictionary;
        }
        while let Some(&[a, b, c, d]) = bytes.get(*from..*from + 4) {
            // The highest bit says whether the block is compressed.
            match u32::from_le_bytes([a, b, c, d]) & 0x7fff_ffff {
                0 => return MemberEnd::At(*from + 4 + 4 * content_checksum),
                len => *from += 4 + len as usize + 4 * block_checksums,
            }
        }
        MemberEnd::Later
    }
}

impl<'w> MemberEncoder<'w> for FrameEncoder<Box<dyn Write + 'w>> {
    fn finish(self: Box<Self>, _: bool) -> io::Result<Box<dyn Write + 'w>> {
        (*self).finish().map_err(io::Error::from)
    }
}

/// Returns the error of the decoder. That of a dictionary says what to do.
fn failed(error: io::Error) -> io::Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(FrameError::DictionaryNotSupported) => needs_dictionary("`lz4 -dc -D DICTIONARY`").into(),
        _ => error,
    }
}

/// Reader that reports an error for a frame that is cut between two blocks. lz4_flex alone reads it as complete.
struct WholeFrame<'r>(FrameDecoder<Watched<'r>>);

impl Read for WholeFrame<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(target).map_err(failed)?;
        if count == 0 && !target.is_empty() && self.0.get_ref().at_end {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(count)
    }
}

impl<'r> MemberDecoder<'r> for WholeFrame<'r> {
    fn into_source(self: Box<Self>) -> Box<dyn BufRead + 'r> {
        self.0.into_inner().source
    }
}

/// Source that remembers whether a read reached its end.
struct Watched<'r> {
    source: Box<dyn BufRead + 'r>,
    at_end: bool,
}

impl Read for Watched<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(target)?;
        self.at_end |= count == 0 && !target.is_empty();
        Ok(count)
    }
}
