//! xz and lzma, by xz2. Its maintained fork `liblzma` has the same names: to change over, replace
//! `xz2` by `liblzma` in this file and in Cargo.toml.

use std::io::{self, BufRead, Read, Write};

use xz2::stream::{Action, Check, Error as XzError, LzmaOptions, Status, Stream};
use xz2::write::XzEncoder;

use crate::error::{Error, ErrorKind};
use crate::format::compress::backend::{Backend, Backends, Finish};
use crate::format::compress::decoder_reader::{Progress, Step, Stepwise};
use crate::format::compress::method::Method;
use crate::format::compress::multi_member::filler::Filler;
use crate::format::compress::multi_member::format::{MemberDecoder, MemberEncoder, MemberEnd, MemberFormat};
use crate::format::target::Target;

struct Xz;
struct Lzma;

pub(super) const BACKENDS: Backends = &[(Method::Xz, &Xz), (Method::Lzma, &Lzma)];

/// Memory limit of a decoder, in bytes: level 9 needs 65 MiB for its dictionary. No file of larder needs more; for
/// other files, this is an error before the memory is allocated.
const DECODER_MEMORY: u64 = 96 << 20;

const MAGIC: &[u8] = Method::Xz.magic();
const FOOTER_MAGIC: [u8; 2] = *b"YZ";

/// Size of the smallest stream, in bytes: header, index without entries, footer.
const SMALLEST: usize = 32;

/// Sizes of liblzma's dictionaries by level, in KiB.
const DICTIONARIES: [usize; 10] = [256, 1024, 2048, 4096, 4096, 8192, 8192, 16384, 32768, 65536];

fn dictionary(level: i32) -> usize {
    let level = usize::try_from(level).unwrap_or(0);
    DICTIONARIES[level.min(9)] << 10
}

impl MemberFormat for Xz {
    fn segment(&self, level: i32) -> usize {
        // Each segment begins with an empty dictionary, which costs less in a longer segment.
        dictionary(level).max(4 << 20)
    }

    fn encoder_memory(&self, level: i32) -> usize {
        // From the manual of `xz`.
        11 * dictionary(level) + (4 << 20)
    }

    fn encoder<'w>(
        &self,
        level: i32,
        _: Option<u64>,
        target: Box<dyn Write + 'w>,
    ) -> io::Result<Box<dyn MemberEncoder<'w> + 'w>> {
        let stream = Stream::new_easy_encoder(level.unsigned_abs(), Check::Crc64)?;
        Ok(Box::new(XzEncoder::new_stream(target, stream)))
    }

    fn decoder<'r>(&self, source: Box<dyn BufRead + 'r>, memory: usize) -> io::Result<Box<dyn MemberDecoder<'r> + 'r>> {
        let stream = Stream::new_stream_decoder(DECODER_MEMORY.min(memory as u64), 0)?;
        Ok(Box::new(Stepwise::new(source, Steps(stream))))
    }

    fn filler(&self) -> Filler {
        Filler::Zeros(4)
    }

    fn largest(&self) -> usize {
        16 << 20
    }

    /// Searches for the end of the footer and the start of the next header: eight known bytes, around a multiple of 4. A
    /// stream does not begin with its length.
    fn find_end(&self, bytes: &[u8], from: &mut usize) -> MemberEnd {
        if !bytes.starts_with(MAGIC) {
            return MemberEnd::Unknown;
        }
        let mut at = (*from).max(SMALLEST);
        while let Some(next) = bytes.get(at..at + MAGIC.len()) {
            if next == MAGIC && bytes[at - 2..at] == FOOTER_MAGIC {
                return MemberEnd::At(at);
            }
            at += 4;
        }
        *from = at;
        MemberEnd::Later
    }
}

impl Backend for Lzma {
    fn writer<'w>(&self, level: i32, target: &'w mut dyn Write) -> io::Result<Box<dyn Finish + 'w>> {
        let stream = Stream::new_lzma_encoder(&LzmaOptions::new_preset(level.unsigned_abs())?)?;
        Ok(Box::new(XzEncoder::new_stream(target, stream)))
    }

    fn reader<'r>(&self, source: &'r mut dyn BufRead) -> io::Result<Box<dyn Read + 'r>> {
        let stream = Stream::new_lzma_decoder(DECODER_MEMORY)?;
        Ok(Box::new(Stepwise::new(Box::new(source), Steps(stream))))
    }
}

impl<W: Write> Target for XzEncoder<W> {}

impl<W: Write> Finish for XzEncoder<W> {
    fn finish(self: Box<Self>) -> io::Result<()> {
        (*self).finish().map(drop)
    }
}

impl<'w> MemberEncoder<'w> for XzEncoder<Box<dyn Write + 'w>> {
    fn finish(self: Box<Self>, _: bool) -> io::Result<Box<dyn Write + 'w>> {
        (*self).finish()
    }
}

/// Returns the error of a decoder. That of the memory limit says what to do.
fn failed(error: XzError) -> io::Error {
    if error != XzError::MemLimit {
        return error.into();
    }
    let message = format!(
        "decompressing this takes more than {} MiB of memory, which is the limit, because it was compressed with a large \
         dictionary; decompress it with `xz -dc` before it is loaded, or compress it again with a smaller dictionary, such \
         as that of `xz -6`",
        DECODER_MEMORY >> 20
    );
    Error::new(ErrorKind::LimitExceeded, message).into()
}

/// xz2's own reader reports an error when other data follows the stream.
struct Steps(Stream);

impl Step for Steps {
    fn step(&mut self, input: &[u8], target: &mut [u8], at_end: bool) -> io::Result<Progress> {
        let (used, made) = (self.0.total_in(), self.0.total_out());
        let action = if at_end { Action::Finish } else { Action::Run };
        let status = self.0.process(input, target, action).map_err(failed)?;
        Ok(Progress {
            // Both are bounded by the lengths of the slices.
            used: usize::try_from(self.0.total_in() - used).unwrap_or(usize::MAX),
            made: usize::try_from(self.0.total_out() - made).unwrap_or(usize::MAX),
            ended: status == Status::StreamEnd,
        })
    }
}
