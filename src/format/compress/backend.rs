//! `Backend`: the interface of a compressor's implementation.

use std::io::{self, BufRead, Read, Write};

use crate::format::compress::method::Method;
use crate::format::compress::multi_member::format::MemberFormat;
use crate::format::target::Target;

/// The methods of one compressor, with their code.
pub(super) type Backends = &'static [(Method, &'static dyn Backend)];

/// The code behind one compression method.
pub(crate) trait Backend: Sync {
    /// Returns a writer that compresses into `target`.
    fn writer<'w>(&'static self, level: i32, target: &'w mut dyn Write) -> io::Result<Box<dyn Finish + 'w>>;

    /// Returns a reader of one compressed stream. It reads no byte of `source` after the stream. At the end of the
    /// stream it returns 0 bytes; if the source ends first, `UnexpectedEof`.
    fn reader<'r>(&'static self, source: &'r mut dyn BufRead) -> io::Result<Box<dyn Read + 'r>>;

    /// Returns whether the reader verifies every byte with a checksum of at least 64 bits before it returns the byte.
    /// The caller then computes no checksum.
    fn verifies(&self) -> bool {
        false
    }

    /// Returns the format of the members, if a value may have several. The reader then returns 0 bytes at the end of
    /// each member, and continues with the next one.
    fn member_format(&'static self) -> Option<&'static dyn MemberFormat> {
        None
    }
}

/// A compressing writer, whose stream the caller ends.
pub(crate) trait Finish: Target {
    /// Writes the rest and the end of the stream.
    fn finish(self: Box<Self>) -> io::Result<()>;
}
