//! Where the bytes of a document go.

use std::io::{self, Write};

use crate::sys::atomic_file::TempFile;

/// A writer that is told when an array of numbers comes: it may reserve space, or compress the
/// numbers as what they are.
pub(crate) trait Target: Write {
    /// The next `bytes` bytes are numbers, `width` bytes each.
    ///
    /// # Errors
    /// If there is no space for as many.
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

/// A plain writer, which has no use for what it is told.
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
