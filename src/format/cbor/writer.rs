//! Destination of encoded bytes: a buffer in front of a writer, which counts and hashes all bytes.

use std::sync::Mutex;

use crate::error::{Error, Result};
use crate::format::cbor::checksum::{Checksum, PIECE, of_short};
use crate::format::target::Target;
use crate::sys::locked::locked;
use crate::sys::workers::{threads, with_helpers};

/// Minimum size, in bytes, of arrays that are announced to the writer.
const SMALLEST_ARRAY_AHEAD: u64 = 16 << 10;

/// Length of the buffer at first, in bytes.
const SMALLEST_BUFFER: usize = 1 << 10;

/// Minimum size, in bytes, of data that is worth a second thread for the checksum.
const SUMMED_ASIDE: usize = 4 << 20;

/// A buffered writer that knows its position and the checksum of all bytes written.
pub(crate) struct ByteWriter<'w> {
    writer: &'w mut dyn Target,
    /// Buffered bytes, and room for more.
    buffer: Vec<u8>,
    /// Bytes in the buffer.
    filled: usize,
    /// Maximum length of the buffer, in bytes. A piece of the checksum ends there, so that each piece is hashed as a
    /// whole.
    limit: usize,
    /// Bytes passed to the writer before those in the buffer.
    flushed: u64,
    /// How many bytes of the buffer are included in the checksum.
    summed: usize,
    /// Created when the first bytes leave the buffer. Output that fits into the buffer is hashed in one call.
    checksum: Option<Checksum>,
    /// Arrays in the buffer that have not been announced to the writer.
    arrays: Vec<ArrayAhead>,
}

/// Position of an array of numbers in the output.
struct ArrayAhead {
    position: u64,
    width: usize,
    bytes: u64,
}

impl<'w> ByteWriter<'w> {
    pub(crate) fn new(writer: &'w mut dyn Target) -> Self {
        ByteWriter {
            writer,
            buffer: vec![0; SMALLEST_BUFFER],
            filled: 0,
            limit: PIECE,
            flushed: 0,
            summed: 0,
            checksum: None,
            arrays: Vec::new(),
        }
    }

    #[inline]
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match self.buffer.get_mut(self.filled..self.filled + bytes.len()) {
            Some(room) => room.copy_from_slice(bytes),
            None => return self.write_slowly(bytes),
        }
        self.filled += bytes.len();
        Ok(())
    }

    #[inline]
    pub(crate) fn write_byte(&mut self, byte: u8) -> Result<()> {
        match self.buffer.get_mut(self.filled) {
            Some(room) => *room = byte,
            None => return self.write_slowly(&[byte]),
        }
        self.filled += 1;
        Ok(())
    }

    /// Writes the first byte of an item and the bytes after it. They are not put together first: the processor could not
    /// load bytes at once that it has just stored one by one.
    #[inline]
    pub(crate) fn write_after<const N: usize>(&mut self, initial: u8, bytes: [u8; N]) -> Result<()> {
        match self.buffer.get_mut(self.filled..self.filled + 1 + N) {
            Some([first, room @ ..]) => {
                *first = initial;
                room.copy_from_slice(&bytes);
            }
            _ => return self.write_slowly(&[initial]).and_then(|()| self.write(&bytes)),
        }
        self.filled += 1 + N;
        Ok(())
    }

    /// Writes bytes for which the buffer has no room yet. Whole pieces go to the writer without a copy; only the rest is
    /// buffered.
    #[cold]
    fn write_slowly(&mut self, mut bytes: &[u8]) -> Result<()> {
        while self.filled + bytes.len() > self.limit {
            if self.filled == 0 {
                let whole = self.limit + (bytes.len() - self.limit) / PIECE * PIECE;
                let (now, rest) = bytes.split_at(whole);
                self.write_straight(now)?;
                bytes = rest;
            } else {
                let (now, rest) = bytes.split_at(self.limit - self.filled);
                self.append(now);
                self.flush()?;
                bytes = rest;
            }
        }
        self.append(bytes);
        Ok(())
    }

    /// Appends bytes to the buffer, which is made longer if necessary. The limit must allow them.
    fn append(&mut self, bytes: &[u8]) {
        let end = self.filled + bytes.len();
        if end > self.buffer.len() {
            let longer = end.max(2 * self.buffer.len()).min(self.limit);
            self.buffer.resize(longer, 0);
        }
        self.buffer[self.filled..end].copy_from_slice(bytes);
        self.filled = end;
    }

    /// Sets the maximum length of the buffer, which must not hold more.
    fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
        self.buffer.truncate(limit);
    }

    /// Passes bytes that end at a piece boundary to the writer without a copy, while another thread hashes them.
    fn write_straight(&mut self, bytes: &[u8]) -> Result<()> {
        let mut checksum = self.checksum.take().unwrap_or_default();
        if bytes.len() >= SUMMED_ASIDE && threads() > 1 {
            let shared = Mutex::new(&mut checksum);
            let sum = || locked(&shared).update(bytes);
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
        self.set_limit(PIECE);
        self.checksum = Some(checksum);
        Ok(())
    }

    /// Announces that the next `bytes` bytes are numbers, `width` bytes each.
    pub(crate) fn array_ahead(&mut self, width: usize, bytes: u64) {
        if bytes >= SMALLEST_ARRAY_AHEAD {
            self.arrays.push(ArrayAhead { position: self.position(), width, bytes });
        }
    }

    /// Returns the number of bytes written so far: the offset of the next one.
    pub(crate) fn position(&self) -> u64 {
        self.flushed + self.filled as u64
    }

    /// Returns the checksum of all bytes written so far.
    pub(crate) fn checksum(&mut self) -> u64 {
        match &mut self.checksum {
            None if self.filled <= PIECE => of_short(&self.buffer[..self.filled]),
            checksum => {
                let checksum = checksum.get_or_insert_default();
                checksum.update(&self.buffer[self.summed..self.filled]);
                self.summed = self.filled;
                checksum.digest()
            }
        }
    }

    /// Remembers the current position, and makes room so that the next `PIECE / 2` bytes can still be taken back.
    pub(crate) fn mark(&mut self) -> Result<Mark> {
        if self.filled + PIECE / 2 > self.limit {
            self.flush()?;
        }
        Ok(Mark { position: self.position() })
    }

    /// Removes and returns all bytes written since the mark; `None` if some of them have left the buffer.
    pub(crate) fn take_back(&mut self, mark: &Mark) -> Option<Vec<u8>> {
        let start = usize::try_from(mark.position.checked_sub(self.flushed)?).ok()?;
        if start < self.summed {
            return None;
        }
        self.arrays.retain(|array| array.position < mark.position);
        let taken = self.buffer[start..self.filled].to_vec();
        self.filled = start;
        Some(taken)
    }

    /// Passes the buffer to the writer.
    fn flush(&mut self) -> Result<()> {
        let checksum = self.checksum.get_or_insert_default();
        checksum.update(&self.buffer[self.summed..self.filled]);
        self.summed = 0;
        // Up to the end of the current piece, or of the next one if that is too little.
        let mut limit = checksum.to_boundary();
        if limit < PIECE / 2 {
            limit += PIECE;
        }
        let buffer = std::mem::take(&mut self.buffer);
        let filled = std::mem::take(&mut self.filled);
        let handed_over = self.hand_over(&buffer[..filled]);
        self.buffer = buffer;
        self.set_limit(limit);
        handed_over
    }

    /// Passes bytes to the writer, and announces the arrays that begin among them.
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

    /// Passes the rest to the writer. Returns the number of bytes written. Without this call, buffered bytes are lost.
    pub(crate) fn finish(mut self) -> Result<u64> {
        // The checksum is not needed any more, so the rest is not hashed.
        let rest = std::mem::take(&mut self.buffer);
        let filled = std::mem::take(&mut self.filled);
        self.hand_over(&rest[..filled])?;
        Ok(self.flushed)
    }
}

/// A position in a [`ByteWriter`] that the output can be rolled back to.
pub(crate) struct Mark {
    position: u64,
}
