//! Where encoded bytes go: a buffer in front of a writer, which counts and sums what passes.

use std::sync::{Mutex, PoisonError};

use crate::error::{Error, Result};
use crate::format::cbor::checksum::{Checksum, PIECE, of_short};
use crate::format::target::Target;
use crate::sys::workers::{threads, with_helpers};

/// The writer is told of arrays that have at least as many bytes.
const SMALLEST_ARRAY_AHEAD: u64 = 16 << 10;

/// What has as many bytes is worth a thread that sums it.
const SUMMED_ASIDE: usize = 4 << 20;

/// A buffered writer that knows its position and the checksum of all that it has written.
pub(crate) struct ByteWriter<'w> {
    writer: &'w mut dyn Target,
    buffer: Vec<u8>,
    /// The buffer is handed to the writer when it would grow longer. That is where a piece of the
    /// checksum ends, so that the piece is summed as a whole.
    limit: usize,
    /// Bytes handed to the writer before those in the buffer.
    flushed: u64,
    /// How much of the buffer has gone into the checksum.
    summed: usize,
    /// Made when the first bytes leave the buffer: what fits is summed in one go.
    checksum: Option<Checksum>,
    /// Arrays in the buffer that the writer has not been told of.
    arrays: Vec<ArrayAhead>,
}

/// Where in the output an array of numbers begins.
struct ArrayAhead {
    position: u64,
    width: usize,
    bytes: u64,
}

impl<'w> ByteWriter<'w> {
    pub(crate) fn new(writer: &'w mut dyn Target) -> Self {
        let buffer = Vec::with_capacity(1 << 10);
        ByteWriter { writer, buffer, limit: PIECE, flushed: 0, summed: 0, checksum: None, arrays: Vec::new() }
    }

    #[inline]
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if self.buffer.len() + bytes.len() > self.limit {
            return self.write_slowly(bytes);
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Whole pieces go from where they are to the writer; only what is left over is copied.
    #[cold]
    fn write_slowly(&mut self, mut bytes: &[u8]) -> Result<()> {
        while self.buffer.len() + bytes.len() > self.limit {
            if self.buffer.is_empty() {
                let whole = self.limit + (bytes.len() - self.limit) / PIECE * PIECE;
                let (now, rest) = bytes.split_at(whole);
                self.write_straight(now)?;
                bytes = rest;
            } else {
                let (now, rest) = bytes.split_at(self.limit - self.buffer.len());
                self.buffer.extend_from_slice(now);
                self.flush()?;
                bytes = rest;
            }
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Hands over what ends where a piece ends, from where it is, while another thread sums it.
    fn write_straight(&mut self, bytes: &[u8]) -> Result<()> {
        let mut checksum = self.checksum.take().unwrap_or_default();
        if bytes.len() >= SUMMED_ASIDE && threads() > 1 {
            let shared = Mutex::new(&mut checksum);
            let sum = || shared.lock().unwrap_or_else(PoisonError::into_inner).update(bytes);
            let (written, summed) = with_helpers(1, sum, || self.hand_over(bytes));
            written?;
            if summed.is_empty() {
                sum();
            }
        } else {
            for piece in bytes.chunks(PIECE) {
                checksum.update(piece);
                self.hand_over(piece)?;
            }
        }
        self.limit = PIECE;
        self.checksum = Some(checksum);
        Ok(())
    }

    /// Says that the next `bytes` bytes are numbers, `width` bytes each.
    pub(crate) fn array_ahead(&mut self, width: usize, bytes: u64) {
        if bytes >= SMALLEST_ARRAY_AHEAD {
            self.arrays.push(ArrayAhead { position: self.position(), width, bytes });
        }
    }

    /// Bytes written so far: the offset of the next one.
    pub(crate) fn position(&self) -> u64 {
        self.flushed + self.buffer.len() as u64
    }

    /// The checksum of all bytes written so far.
    pub(crate) fn checksum(&mut self) -> u64 {
        match &mut self.checksum {
            None if self.buffer.len() <= PIECE => of_short(&self.buffer),
            checksum => {
                let checksum = checksum.get_or_insert_default();
                checksum.update(&self.buffer[self.summed..]);
                self.summed = self.buffer.len();
                checksum.digest()
            }
        }
    }

    /// Makes room, so that the next `PIECE / 2` bytes can still be taken back.
    pub(crate) fn mark(&mut self) -> Result<Mark> {
        if self.buffer.len() + PIECE / 2 > self.limit {
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
        self.arrays.retain(|array| array.position < mark.position);
        Some(self.buffer.split_off(start))
    }

    /// Hands what is in the buffer to the writer.
    fn flush(&mut self) -> Result<()> {
        let checksum = self.checksum.get_or_insert_default();
        checksum.update(&self.buffer[self.summed..]);
        self.summed = 0;
        // Up to where the piece ends, or the next one if that is too little.
        self.limit = checksum.to_boundary();
        if self.limit < PIECE / 2 {
            self.limit += PIECE;
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        self.hand_over(&buffer)?;
        buffer.clear();
        self.buffer = buffer;
        Ok(())
    }

    /// Hands bytes to the writer, and tells it where among them arrays begin.
    fn hand_over(&mut self, mut bytes: &[u8]) -> Result<()> {
        let failed = |e| Error::io(e, "can't write");
        for array in self.arrays.drain(..) {
            // It begins among these bytes, so the difference fits.
            let start = usize::try_from(array.position - self.flushed).unwrap_or(bytes.len());
            let (before, rest) = bytes.split_at(start);
            self.writer.write_all(before).map_err(failed)?;
            self.writer.array_ahead(array.width, array.bytes).map_err(failed)?;
            self.flushed += start as u64;
            bytes = rest;
        }
        self.writer.write_all(bytes).map_err(failed)?;
        self.flushed += bytes.len() as u64;
        Ok(())
    }

    /// Hands what is left to the writer; without this it is lost. Gives the number of bytes written.
    pub(crate) fn finish(mut self) -> Result<u64> {
        // Nothing asks for the checksum after this, so the rest is not summed.
        let rest = std::mem::take(&mut self.buffer);
        self.hand_over(&rest)?;
        Ok(self.flushed)
    }
}

/// A place in an [`ByteWriter`] to come back to.
pub(crate) struct Mark {
    position: u64,
}
