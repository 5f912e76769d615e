//! zlib, by flate2.

use std::io::{self, BufRead, Read, Write};

use flate2::write::ZlibEncoder;
use flate2::{Compression as Level, Decompress, DecompressError, FlushDecompress, Status};

use crate::format::compress::backend::{Backend, Backends, Finish};
use crate::format::compress::decoder_reader::{Progress, Step, Stepwise};
use crate::format::compress::decompressed::needs_dictionary;
use crate::format::compress::method::Method;
use crate::format::target::Target;

struct Zlib;

pub(super) const BACKENDS: Backends = &[(Method::Zlib, &Zlib)];

/// Returns the level of zlib-rs that corresponds to this level of zlib. Level 1 of zlib-rs is not used: it is twice as
/// fast as level 1 of zlib, but makes text a third larger and floats a sixth.
pub(super) fn deflate_level(level: i32) -> Level {
    Level::new(if level == 1 { 2 } else { level.unsigned_abs() })
}

impl Backend for Zlib {
    fn writer<'w>(&self, level: i32, target: &'w mut dyn Write) -> io::Result<Box<dyn Finish + 'w>> {
        Ok(Box::new(ZlibEncoder::new(target, deflate_level(level))))
    }

    fn reader<'r>(&self, source: &'r mut dyn BufRead) -> io::Result<Box<dyn Read + 'r>> {
        Ok(Box::new(Stepwise::new(Box::new(source), Inflate(Decompress::new(true)))))
    }
}

impl<W: Write> Target for ZlibEncoder<W> {}

impl<W: Write> Finish for ZlibEncoder<W> {
    fn finish(self: Box<Self>) -> io::Result<()> {
        (*self).finish().map(drop)
    }
}

/// Returns the error of the decoder. That of a dictionary says what to do.
fn failed(error: DecompressError) -> io::Error {
    match error.needs_dictionary() {
        Some(_) => needs_dictionary("`zdict` of Python's zlib.decompressobj").into(),
        None => error.into(),
    }
}

/// flate2's own reader asks for more input after the stream has ended.
struct Inflate(Decompress);

impl Step for Inflate {
    fn step(&mut self, input: &[u8], target: &mut [u8], at_end: bool) -> io::Result<Progress> {
        let (used, made) = (self.0.total_in(), self.0.total_out());
        let flush = if at_end { FlushDecompress::Finish } else { FlushDecompress::None };
        let status = self.0.decompress(input, target, flush).map_err(failed)?;
        Ok(Progress {
            // Both are bounded by the lengths of the slices.
            used: usize::try_from(self.0.total_in() - used).unwrap_or(usize::MAX),
            made: usize::try_from(self.0.total_out() - made).unwrap_or(usize::MAX),
            ended: status == Status::StreamEnd,
        })
    }
}
