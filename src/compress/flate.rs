//! zlib and gzip, by flate2.

use std::io::{self, BufRead, Read, Write};

use flate2::Compression as Level;
use flate2::bufread::{GzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};

use super::backend::{Backend, Finish};

pub(super) struct Zlib;
pub(super) struct Gzip;

fn level(level: i32) -> Level {
    Level::new(level.unsigned_abs())
}

impl Backend for Zlib {
    fn writer<'w>(&self, at: i32, target: &'w mut dyn Write) -> io::Result<Box<dyn Finish + 'w>> {
        Ok(Box::new(ZlibEncoder::new(target, level(at))))
    }

    fn reader<'r>(&self, source: &'r mut dyn BufRead) -> io::Result<Box<dyn Read + 'r>> {
        Ok(Box::new(ZlibDecoder::new(source)))
    }
}

impl Backend for Gzip {
    fn writer<'w>(&self, at: i32, target: &'w mut dyn Write) -> io::Result<Box<dyn Finish + 'w>> {
        Ok(Box::new(GzEncoder::new(target, level(at))))
    }

    fn reader<'r>(&self, source: &'r mut dyn BufRead) -> io::Result<Box<dyn Read + 'r>> {
        Ok(Box::new(GzDecoder::new(source)))
    }
}

impl<W: Write> Finish for ZlibEncoder<W> {
    fn finish(self: Box<Self>) -> io::Result<()> {
        (*self).finish().map(drop)
    }
}

impl<W: Write> Finish for GzEncoder<W> {
    fn finish(self: Box<Self>) -> io::Result<()> {
        (*self).finish().map(drop)
    }
}
