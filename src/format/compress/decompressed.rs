//! Content of compressed values, and the readers for it.

use std::io::{self, BufRead, BufReader, Read};

use crate::error::{Error, ErrorKind, Result};
use crate::format::compress::multi_member::members::Members;

/// Decompressed content, for the function that reads a value from it.
pub(crate) struct Content<'r> {
    pub(crate) reader: &'r mut dyn BufRead,
    /// Whether every byte is verified with a checksum before it is returned.
    pub(crate) verified: bool,
}

impl<'r> Content<'r> {
    /// Content that nothing has verified.
    pub(super) fn unverified(reader: &'r mut dyn BufRead) -> Self {
        Content { reader, verified: false }
    }
}

/// Returns how many bytes of memory may be reserved for the content of `len` compressed bytes before it is read. Small
/// inputs get a smaller ratio, because it is easy to send many of them.
pub(crate) fn believed_content(len: u64) -> u64 {
    len.saturating_mul(if len < 1 << 20 { 8 } else { 64 })
}

/// The content of one compressed value.
pub(crate) struct Decompressed<R> {
    reader: BufReader<Checked<R>>,
}

impl<R: Read> Decompressed<R> {
    /// `concatenated` says that the reader continues with the next member after it returned 0 bytes.
    pub(crate) fn new(name: &'static str, reader: R, concatenated: bool) -> Self {
        let checked = Checked::new(name, reader, concatenated);
        Decompressed { reader: BufReader::with_capacity(64 << 10, checked) }
    }

    /// Reads to the end of the stream, where most formats have a checksum, and nothing after it.
    pub(crate) fn expect_end(&mut self) -> Result<()> {
        if self.reader.buffer().is_empty() && self.reader.get_ref().ended {
            return Ok(());
        }
        let rest = self.reader.fill_buf().map_err(|e| Error::io(e, "can't read to the end"))?;
        if rest.is_empty() {
            return Ok(());
        }
        Err(more_in_stream())
    }
}

impl Decompressed<Members<'_>> {
    /// Reads to the end of the source. After the value, it may have bytes and members without content.
    pub(super) fn expect_end_of_source(&mut self) -> Result<()> {
        if !self.reader.buffer().is_empty() {
            return Err(more_in_stream());
        }
        if self.reader.get_ref().reader.is_within() {
            self.expect_end()?;
        }
        let failed = |e| Error::io(e, "can't read to the end");
        while self.reader.get_mut().reader.anything_follows().map_err(failed)? {
            match self.reader.fill_buf() {
                Ok([]) => {}
                Err(error) if !is_damage(&error) => return Err(failed(error)),
                // More content, or no member at all.
                _ => return Err(more_than_one()),
            }
        }
        Ok(())
    }
}

/// Returns whether the compressed content is to blame.
fn is_damage(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
}

/// Returns the error for a file that has other bytes after the value.
#[cold]
pub(crate) fn more_than_one() -> Error {
    Error::damaged("there are bytes after the value; `load_from` reads files that hold several values")
}

/// Returns the error for a compressed stream that has other bytes after the value.
#[cold]
pub(super) fn more_in_stream() -> Error {
    Error::damaged(
        "there are bytes after the value, within the compressed stream; `Compression::read_stream` reads several values \
         of one stream",
    )
}

impl<R: Read> Read for Decompressed<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        // A large target is filled without a copy through the buffer.
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

/// Reader that unifies the errors of the compressors' crates, see [`unified`].
pub(super) struct Checked<R> {
    name: &'static str,
    reader: R,
    concatenated: bool,
    ended: bool,
    /// The error after which the decoder is not used any more: some panic then.
    failed: Option<io::ErrorKind>,
}

impl<R> Checked<R> {
    /// `concatenated` is as in [`Decompressed::new`].
    pub(super) fn new(name: &'static str, reader: R, concatenated: bool) -> Self {
        Checked { name, reader, concatenated, ended: false, failed: None }
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        // Some readers would read what follows the stream if they were read after its end.
        if self.ended && !self.concatenated {
            return Ok(0);
        }
        if let Some(kind) = self.failed {
            return Err(io::Error::new(kind, format!("{} can't read on after damaged content", self.name)));
        }
        let count = self.reader.read(target).map_err(|error| unified(self.name, error)).inspect_err(|error| {
            self.failed = is_damage(error).then_some(error.kind());
        })?;
        self.ended = count == 0 && !target.is_empty();
        Ok(count)
    }
}

/// Returns the error for a stream that was compressed with a dictionary of its own. `tool` can decompress it.
#[cfg_attr(
    not(any(feature = "zlib", feature = "lz4", feature = "zstd")),
    expect(dead_code, reason = "such a build has no format with dictionaries")
)]
#[cold]
pub(super) fn needs_dictionary(tool: &str) -> Error {
    let message = format!(
        "it needs a dictionary, with which it was compressed and which larder does not have; decompress it with {tool} \
         before it is loaded"
    );
    Error::new(ErrorKind::NotLarder, message)
}

/// Returns the error of the compressor with this name as the same kind that all compressors have: a fault of the
/// compressed bytes is `InvalidData`, or `UnexpectedEof` if they were cut.
pub(super) fn unified(name: &str, error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::Interrupted => error,
        _ if error.raw_os_error().is_some() => error,
        _ if error.get_ref().is_some_and(|inner| inner.is::<Error>()) => error,
        _ => {
            let message = format!("{name} finds the compressed content damaged: {error}");
            io::Error::new(io::ErrorKind::InvalidData, message)
        }
    }
}
