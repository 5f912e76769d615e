//! Values as several members of a format that allows it: gzip's members, the streams of bzip2 and
//! xz, the frames of LZ4 and Zstandard. Concatenated, they are one content to every tool, and each
//! can be compressed and decompressed by another thread.
//!
//! Where a value is cut depends on the method and its level alone, so the bytes do not depend on
//! how many threads there are. A value that fits into one segment is one member.

pub(crate) mod decompress;
pub(crate) mod members;
pub(crate) mod pool;
#[cfg(test)]
mod tests;
pub(crate) mod whole;
pub(crate) mod writer;

use std::io::{self, BufRead, Read, Write};

use crate::format::compress::backend::{Backend, Finish};
use crate::format::compress::multi_member::members::Members;
use crate::sys::workers::threads;

/// A method whose values may be cut into segments.
pub(crate) trait Segmented: Sync {
    /// Bytes of content in each member but the last.
    fn segment(&self, level: i32) -> usize;

    /// About how many bytes one encoder needs.
    fn encoder_memory(&self, level: i32) -> usize;

    /// An encoder of one member. What it writes does not depend on how its content is chopped.
    fn encoder<'w>(&self, level: i32, target: Box<dyn Write + 'w>) -> io::Result<Box<dyn Encoder<'w> + 'w>>;

    /// A decoder of one member. It takes not one byte more than the member has from `source`, gives
    /// 0 bytes at its end, and `UnexpectedEof` if the source ends first. A member that makes it take
    /// more than about `memory` bytes is an error.
    fn decoder<'r>(&self, source: Box<dyn BufRead + 'r>, memory: usize) -> io::Result<Box<dyn Decoder<'r> + 'r>>;

    /// Decompresses exactly one member with at most `largest` bytes of content, whatever `content`
    /// held before.
    fn decompress(&self, member: &[u8], largest: usize, content: &mut Vec<u8>) -> io::Result<()> {
        decompress::read_whole(self.decoder(Box::new(member), 2 * largest)?, largest, content)
    }

    /// Members with more content than this, or more bytes, are not decompressed by other threads.
    fn largest(&self) -> usize;

    /// Looks for the end of the member that `bytes` begins with. `from` is 0 at first; whatever is
    /// kept in it is there again when this is called with more bytes. An end that is wrong costs
    /// time and nothing else.
    fn find_end(&self, bytes: &[u8], from: &mut usize) -> End;
}

/// Where a member ends.
#[cfg_attr(
    not(any(feature = "zlib", feature = "bz2", feature = "xz", feature = "lz4", feature = "zstd")),
    expect(dead_code, reason = "no method of such a build is segmented")
)]
pub(crate) enum End {
    /// After so many bytes, which need not be there yet.
    At(usize),
    /// More bytes are needed to say.
    Later,
    /// It does not say.
    Unknown,
}

/// Writes one member.
pub(crate) trait Encoder<'w>: Write {
    /// Ends the member and begins the next into the same target. False if it can't, and has done nothing.
    fn restart(&mut self) -> io::Result<bool> {
        Ok(false)
    }

    /// Writes what is left, and the end of the member; gives the target back. `alone` says that the
    /// value has no other member.
    fn finish(self: Box<Self>, alone: bool) -> io::Result<Box<dyn Write + 'w>>;
}

/// Reads one member.
pub(crate) trait Decoder<'r>: Read {
    /// Gives the source back, which stands after what was read.
    fn into_source(self: Box<Self>) -> Box<dyn BufRead + 'r>;
}

/// Memory that the encoders of one value may take together.
const ENCODERS_MEMORY: usize = 1536 << 20;

impl<S: Segmented> Backend for S {
    fn writer<'w>(&'static self, level: i32, target: &'w mut dyn Write) -> io::Result<Box<dyn Finish + 'w>> {
        let affordable = (ENCODERS_MEMORY / self.encoder_memory(level)).max(1);
        writer::new(self, level, threads().min(affordable), Box::new(target))
    }

    fn reader<'r>(&'static self, source: &'r mut dyn BufRead) -> io::Result<Box<dyn Read + 'r>> {
        Ok(Box::new(Members::new(self, Box::new(source))))
    }

    fn segmented(&'static self) -> Option<&'static dyn Segmented> {
        Some(self)
    }
}
