//! Compression of number arrays in blocks, by larder-blocks.

use std::io::{self, BufRead, Read, Write};
use std::num::NonZeroUsize;

use larder_blocks::{Codec, Reader, Writer};

use crate::format::compress::backend::{Backend, Backends, Finish};
use crate::format::compress::method::Method;
use crate::format::target::Target;
use crate::sys::workers;

pub(super) const BACKENDS: Backends = &[(Method::BlocksLz4, &Lz4Blocks), (Method::BlocksZstd, &ZstdBlocks)];

struct Lz4Blocks;
struct ZstdBlocks;

fn threads() -> NonZeroUsize {
    NonZeroUsize::new(workers::threads()).unwrap_or(NonZeroUsize::MIN)
}

fn writer<'w>(codec: Codec, target: &'w mut dyn Write) -> io::Result<Box<dyn Finish + 'w>> {
    Ok(Box::new(Writer::new(codec, threads(), target)?))
}

fn reader<'r>(source: &'r mut dyn BufRead) -> io::Result<Box<dyn Read + 'r>> {
    Ok(Box::new(Reader::new(threads(), source)))
}

impl Backend for Lz4Blocks {
    fn writer<'w>(&self, _: i32, target: &'w mut dyn Write) -> io::Result<Box<dyn Finish + 'w>> {
        writer(Codec::Lz4, target)
    }

    fn reader<'r>(&self, source: &'r mut dyn BufRead) -> io::Result<Box<dyn Read + 'r>> {
        reader(source)
    }

    fn verifies(&self) -> bool {
        true
    }
}

impl Backend for ZstdBlocks {
    fn writer<'w>(&self, level: i32, target: &'w mut dyn Write) -> io::Result<Box<dyn Finish + 'w>> {
        writer(Codec::Zstd { level }, target)
    }

    fn reader<'r>(&self, source: &'r mut dyn BufRead) -> io::Result<Box<dyn Read + 'r>> {
        reader(source)
    }

    fn verifies(&self) -> bool {
        true
    }
}

impl<W: Write> Target for Writer<W> {
    fn array_ahead(&mut self, width: usize, bytes: u64) -> io::Result<()> {
        Writer::array_ahead(self, width, bytes)
    }
}

impl<W: Write> Finish for Writer<W> {
    fn finish(self: Box<Self>) -> io::Result<()> {
        Writer::finish(*self).map(drop)
    }
}
