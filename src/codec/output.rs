//! Where encoded bytes go: a buffer in front of a writer, which counts and sums what passes.

use std::hash::Hasher as _;

use twox_hash::XxHash3_64;

use crate::target::Target;
use crate::{Error, Result};

/// Bytes are handed to the writer in pieces of about this size.
const FLUSH_AT: usize = 256 << 10;

/// The writer is told of arrays that have at least as many bytes.
const SMALLEST_ARRAY_AHEAD: u64 = 16 << 10;

/// A buffered writer that knows its position and the XXH3-64 of all that it has written.
pub(crate) struct Output<'w> {
    writer: &'w mut dyn Target,
    buffer: Vec<u8>,
    /// Bytes handed to the writer before those in the buffer.
    flushed: u64,
    /// How much of the buffer has gone into the checksum.
    summed: usize,
    /// Made when the first piece leaves the buffer: what fits is summed in one go.
    checksum: Option<XxHash3_64>,
    /// An array in the buffer that the writer has not been told of.
    array: Option<ArrayAhead>,
}

/// Where in the output an array of numbers begins.
struct ArrayAhead {
    position: u64,
    width: usize,
    bytes: u64,
}

impl<'w> Output<'w> {
    pub(crate) fn new(writer: &'w mut dyn Target) -> Self {
        let buffer = Vec::with_capacity(1 << 10);
        Output { writer, buffer, flushed: 0, summed: 0, checksum: None, array: None }
    }

    #[inline]
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if self.buffer.len() + bytes.len() > FLUSH_AT {
            return self.write_slowly(bytes);
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    #[cold]
    fn write_slowly(&mut self, bytes: &[u8]) -> Result<()> {
        self.flush()?;
        for piece in bytes.chunks(FLUSH_AT) {
            self.buffer.extend_from_slice(piece);
            if self.buffer.len() >= FLUSH_AT {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Says that the next `bytes` bytes are numbers, `width` bytes each.
    pub(crate) fn array_ahead(&mut self, width: usize, bytes: u64) {
        if bytes >= SMALLEST_ARRAY_AHEAD {
            self.array = Some(ArrayAhead { position: self.position(), width, bytes });
        }
    }

    /// Bytes written so far: the offset of the next one.
    pub(crate) fn position(&self) -> u64 {
        self.flushed + self.buffer.len() as u64
    }

    /// The XXH3-64 of all bytes written so far.
    pub(crate) fn checksum(&mut self) -> u64 {
        let rest = &self.buffer[self.summed..];
        match &mut self.checksum {
            None => XxHash3_64::oneshot(&self.buffer),
            Some(checksum) => {
                checksum.write(rest);
                self.summed = self.buffer.len();
                checksum.finish()
            }
        }
    }

    /// Makes room, so that the next `FLUSH_AT / 2` bytes can still be taken back.
    pub(crate) fn mark(&mut self) -> Result<Mark> {
        if self.buffer.len() > FLUSH_AT / 2 {
            self.flush()?;
        }
        Ok(Mark { position: self.position() })
    }

    /// Takes back all that was written since the mark, if it is still here.
    pub(crate) fn take_back(&mut self, mark: &Mark) -> Option<Vec<u8>> {
        let start = usize::try_from(mark.position.checked_sub(self.flushed)?).ok()?;
        if start < self.summed {
            return None;
        }
        self.array = None;
        Some(self.buffer.split_off(start))
    }

    /// Hands what is in the buffer to the writer.
    fn flush(&mut self) -> Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.checksum.get_or_insert_with(XxHash3_64::new).write(&self.buffer[self.summed..]);
        self.summed = 0;
        self.hand_over()?;
        self.flushed += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    fn hand_over(&mut self) -> Result<()> {
        let mut rest = self.buffer.as_slice();
        let failed = |e| Error::io(e, "can't write");
        if let Some(ArrayAhead { position, width, bytes }) = self.array.take()
            && let Ok(start) = usize::try_from(position - self.flushed)
        {
            let (before, array) = rest.split_at(start);
            self.writer.write_all(before).map_err(failed)?;
            self.writer.array_ahead(width, bytes).map_err(failed)?;
            rest = array;
        }
        self.writer.write_all(rest).map_err(failed)
    }

    /// Hands what is left to the writer; without this it is lost. Gives the number of bytes written.
    pub(crate) fn finish(mut self) -> Result<u64> {
        // Nothing asks for the checksum after this, so the rest is not summed.
        self.hand_over()?;
        Ok(self.position())
    }
}

/// A place in an [`Output`] to come back to.
pub(crate) struct Mark {
    position: u64,
}
