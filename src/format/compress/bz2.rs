//! bzip2, by the bzip2 crate in its pure Rust form.

use std::io::{self, BufRead, Write};

use bzip2::Compression as Level;
use bzip2::bufread::BzDecoder;
use bzip2::write::BzEncoder;

use crate::format::compress::backend::Backends;
use crate::format::compress::method::Method;
use crate::format::compress::multi_member::filler::Filler;
use crate::format::compress::multi_member::format::{MemberDecoder, MemberEncoder, MemberEnd, MemberFormat};

struct Bz2;

pub(super) const BACKENDS: Backends = &[(Method::Bz2, &Bz2)];

const MAGIC: &[u8] = Method::Bz2.magic();

/// Bytes of the magic and the level, and the magic of a block: 48 bits of pi.
const HEAD: usize = MAGIC.len() + 1;
const BLOCK_MAGIC: [u8; 6] = [0x31, 0x41, 0x59, 0x26, 0x53, 0x59];

/// Approximate size of a segment, in bytes.
const SEGMENT: usize = 1_000_000;

impl MemberFormat for Bz2 {
    fn segment(&self, level: i32) -> usize {
        // A segment has whole blocks. bzip2 uses 19 bytes of each block itself.
        let block = 100_000 * usize::try_from(level).unwrap_or(1).max(1);
        SEGMENT / block * (block - 19)
    }

    fn encoder_memory(&self, _: i32) -> usize {
        8 << 20
    }

    fn encoder<'w>(
        &self,
        level: i32,
        _: Option<u64>,
        target: Box<dyn Write + 'w>,
    ) -> io::Result<Box<dyn MemberEncoder<'w> + 'w>> {
        Ok(Box::new(BzEncoder::new(target, Level::new(level.unsigned_abs()))))
    }

    fn decoder<'r>(&self, source: Box<dyn BufRead + 'r>, _: usize) -> io::Result<Box<dyn MemberDecoder<'r> + 'r>> {
        Ok(Box::new(BzDecoder::new(source)))
    }

    fn filler(&self) -> Filler {
        Filler::Zeros(1)
    }

    fn largest(&self) -> usize {
        SEGMENT
    }

    /// Searches for the next stream, which begins with ten known bytes: a stream does not store its length.
    fn find_end(&self, bytes: &[u8], from: &mut usize) -> MemberEnd {
        let begins = |window: &[u8]| {
            window.starts_with(MAGIC) && matches!(window[3], b'1'..=b'9') && window[HEAD..] == BLOCK_MAGIC
        };
        if !bytes.starts_with(MAGIC) {
            return MemberEnd::Unknown;
        }
        let start = (*from).max(HEAD);
        let windows = bytes.get(start..).unwrap_or_default().windows(HEAD + BLOCK_MAGIC.len());
        *from = start + windows.len();
        match windows.into_iter().position(begins) {
            Some(at) => MemberEnd::At(start + at),
            None => MemberEnd::Later,
        }
    }
}

impl<'w> MemberEncoder<'w> for BzEncoder<Box<dyn Write + 'w>> {
    fn finish(self: Box<Self>, _: bool) -> io::Result<Box<dyn Write + 'w>> {
        (*self).finish()
    }
}

impl<'r> MemberDecoder<'r> for BzDecoder<Box<dyn BufRead + 'r>> {
    fn into_source(self: Box<Self>) -> Box<dyn BufRead + 'r> {
        self.into_inner()
    }
}
