//! What a compressor's file has to provide, and the readers around it.

use std::io::{self, BufRead, BufReader, Read, Write};

use crate::error::{Error, Result};
use crate::format::compress::multi_member::Segmented;
use crate::format::target::Target;

/// The code behind one compression method.
pub(crate) trait Backend: Sync {
    /// A writer that compresses into `target`.
    fn writer<'w>(&'static self, level: i32, target: &'w mut dyn Write) -> io::Result<Box<dyn Finish + 'w>>;

    /// A reader of one compressed stream. It takes not one byte more than the stream has from
    /// `source`, gives 0 bytes at its end, and `UnexpectedEof` if the source ends first.
    fn reader<'r>(&'static self, source: &'r mut dyn BufRead) -> io::Result<Box<dyn Read + 'r>>;

    /// Whether the reader gives no byte that it has not compared with a checksum of at least 64 bits.
    /// Then nothing else need sum them.
    fn verifies(&self) -> bool {
        false
    }

    /// The method as one whose values may be several members, one after another. Its reader gives 0
    /// bytes at the end of each, and goes on to the next when it is read again.
    fn segmented(&'static self) -> Option<&'static dyn Segmented> {
        None
    }
}

/// A compressing writer that has to be told where its stream ends.
pub(crate) trait Finish: Target {
    /// Writes what is left, and the end of the stream.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// Up to `count` next bytes; they are gone from `source` (which may give one byte at a time) and
/// are to be put back with [`Unread`].
pub(crate) fn peek(source: &mut dyn BufRead, count: usize) -> Result<Vec<u8>> {
    let mut head = Vec::with_capacity(count);
    source.take(count as u64).read_to_end(&mut head).map_err(|e| Error::io(e, "can't read"))?;
    Ok(head)
}

/// A reader with some bytes put back in front of it.
pub(crate) struct Unread<'r> {
    head: Vec<u8>,
    at: usize,
    rest: &'r mut dyn BufRead,
}

impl<'r> Unread<'r> {
    pub(crate) fn new(head: Vec<u8>, rest: &'r mut dyn BufRead) -> Self {
        Unread { head, at: 0, rest }
    }
}

impl Read for Unread<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(target)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Unread<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at < self.head.len() { Ok(&self.head[self.at..]) } else { self.rest.fill_buf() }
    }

    fn consume(&mut self, count: usize) {
        if self.at < self.head.len() {
            self.at += count;
            if self.at == self.head.len() {
                (self.head, self.at) = (Vec::new(), 0);
            }
        } else {
            self.rest.consume(count);
        }
    }
}

/// The content of one compressed value.
pub(crate) struct Decompressed<R> {
    reader: BufReader<Checked<R>>,
}

impl<R: Read> Decompressed<R> {
    /// `concatenated` says whether the reader goes on to a next member after giving 0 bytes.
    pub(crate) fn new(name: &'static str, reader: R, concatenated: bool) -> Self {
        let checked = Checked { name, reader, concatenated, ended: false };
        Decompressed { reader: BufReader::with_capacity(64 << 10, checked) }
    }

    pub(crate) fn get_mut(&mut self) -> &mut R {
        &mut self.reader.get_mut().reader
    }

    /// Reads the end of the stream, where most formats have their own checksum, and nothing after it.
    pub(crate) fn expect_end(&mut self) -> Result<()> {
        if self.reader.buffer().is_empty() && self.reader.get_ref().ended {
            return Ok(());
        }
        let rest = self.reader.fill_buf().map_err(|e| Error::io(e, "can't read to the end"))?;
        if rest.is_empty() {
            return Ok(());
        }
        Err(Error::damaged("there are bytes after the value, within the compressed stream"))
    }
}

impl<R: Read> Read for Decompressed<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        // A large target is filled without the detour of the buffer.
        loop {
            let count = self.reader.read(target)?;
            if count > 0 || target.is_empty() || !self.reader.get_ref().concatenated {
                return Ok(count);
            }
            // More content is wanted, so another member has to follow.
        }
    }
}

impl<R: Read> BufRead for Decompressed<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        // More content is wanted, so another member has to follow.
        while self.reader.fill_buf()?.is_empty() && self.reader.get_ref().concatenated {}
        Ok(self.reader.buffer())
    }

    fn consume(&mut self, count: usize) {
        self.reader.consume(count);
    }
}

/// Makes the errors of the various crates alike: a fault of the compressed bytes is `InvalidData`.
struct Checked<R> {
    name: &'static str,
    reader: R,
    concatenated: bool,
    ended: bool,
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        // Some readers start over on what follows when read again after their end.
        if self.ended && !self.concatenated {
            return Ok(0);
        }
        let count = self.reader.read(target).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::Interrupted => error,
            _ if error.raw_os_error().is_some() => error,
            _ if error.get_ref().is_some_and(|inner| inner.is::<Error>()) => error,
            _ => io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{} finds the compressed content damaged: {error}", self.name),
            ),
        })?;
        self.ended = count == 0 && !target.is_empty();
        Ok(count)
    }
}
