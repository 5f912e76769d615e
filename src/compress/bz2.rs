//! bzip2, by the bzip2 crate in its pure Rust form.

use std::io::{self, BufRead, Read, Write};

use bzip2::Compression as Level;
use bzip2::bufread::BzDecoder;
use bzip2::write::BzEncoder;

use super::backend::{Backend, Finish};
use crate::target::Target;

pub(super) struct Bz2;

impl Backend for Bz2 {
    fn writer<'w>(&self, level: i32, target: &'w mut dyn Write) -> io::Result<Box<dyn Finish + 'w>> {
        Ok(Box::new(BzEncoder::new(target, Level::new(level.unsigned_abs()))))
    }

    fn reader<'r>(&self, source: &'r mut dyn BufRead) -> io::Result<Box<dyn Read + 'r>> {
        Ok(Box::new(BzDecoder::new(source)))
    }
}

impl<W: Write> Target for BzEncoder<W> {}

impl<W: Write> Finish for BzEncoder<W> {
    fn finish(self: Box<Self>) -> io::Result<()> {
        (*self).finish().map(drop)
    }
}
