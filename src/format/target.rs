//! `Target`: a writer for the bytes of a document.

use std::io::{self, Write};

use crate::sys::atomic_file::TempFile;

/// A writer that is informed before an array of numbers. It may reserve space, or choose a compression for numbers.
pub(crate) trait Target: Write {
    /// Announces that the next `bytes` bytes are numbers, `width` bytes each.
    ///
    /// # Errors
    /// If there is not enough space.
    fn array_ahead(&mut self, width: usize, bytes: u64) -> io::Result<()> {
        let _ = (width, bytes);
        Ok(())
    }
}

impl Target for Vec<u8> {}

impl Target for TempFile {
    fn array_ahead(&mut self, _: usize, bytes: u64) -> io::Result<()> {
        self.reserve(bytes)
    }
}

/// Adapts a plain writer. Ignores announcements.
pub(crate) struct Plain<W>(pub(crate) W);

impl<W: Write> Write for Plain<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<W: Write> Target for Plain<W> {}

/// A buffer that refuses what would make it longer than a limit.
pub(crate) struct Limited {
    bytes: Vec<u8>,
    limit: usize,
    full: bool,
}

impl Limited {
    pub(crate) fn new(limit: usize) -> Self {
        Limited { bytes: Vec::new(), limit, full: false }
    }

    /// Returns what was written, up to the limit.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns whether something was refused.
    pub(crate) fn is_full(&self) -> bool {
        self.full
    }

    fn room(&self) -> usize {
        self.limit - self.bytes.len()
    }

    fn refuse<R>(&mut self) -> io::Result<R> {
        self.full = true;
        Err(io::ErrorKind::FileTooLarge.into())
    }
}

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = &bytes[..bytes.len().min(self.room())];
        self.bytes.extend_from_slice(taken);
        if taken.len() < bytes.len() { self.refuse() } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Target for Limited {
    /// Refuses an array that would not fit before it is written.
    fn array_ahead(&mut self, _: usize, bytes: u64) -> io::Result<()> {
        if bytes > self.room() as u64 { self.refuse() } else { Ok(()) }
    }
}
