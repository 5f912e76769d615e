//! Source of encoded bytes: a slice, a file, or a reader, which is never read past the end of the document.

use std::io::{BufRead, ErrorKind as IoKind};

use crate::error::{Error, Result};
use crate::format::cbor::checksum::{Checksum, PIECE, of_short};
use crate::format::cbor::wire::Major;
use crate::format::cbor::{parallel_read, wire};
use crate::sys::file::FileRange;

/// Maximum bytes of a file or a reader that are buffered at a time.
pub(crate) const WINDOW: usize = 64 << 10;

/// Maximum memory, in bytes, that a length in the content may reserve before its bytes arrive, if the total length is
/// unknown. It limits the cost of a forged length.
const UNSEEN: u64 = 1 << 20;

/// The same limit after that many bytes have arrived already.
const MOST_UNSEEN: u64 = 8 << 20;

/// Bytes to decode, and their checksum.
pub(crate) struct ByteReader<'r> {
    source: Source<'r>,
    /// Buffered bytes of a file or a reader. They are not consumed in the underlying reader yet. When the next window
    /// is needed, or at the end, the used part is consumed. So the reader ends exactly after the last byte used.
    window: Vec<u8>,
    /// Bytes used of the window, or of the slice.
    pub(super) at: usize,
    /// How many of those are included in the checksum.
    summed: usize,
    /// Bytes before the window.
    before: u64,
    checksum: Option<Checksum>,
    /// Whether the caller has checked every byte against a checksum already.
    verified: bool,
    /// Memory, in bytes, that a length in the content may reserve before its bytes arrive.
    credit: u64,
}

enum Source<'r> {
    Slice(&'r [u8]),
    File(FileRange<'r>),
    Reader(&'r mut dyn BufRead),
}

impl<'r> ByteReader<'r> {
    fn new(source: Source<'r>, credit: u64) -> Self {
        ByteReader { source, window: Vec::new(), at: 0, summed: 0, before: 0, checksum: None, verified: false, credit }
    }

    pub(crate) fn from_slice(bytes: &'r [u8]) -> Self {
        ByteReader::new(Source::Slice(bytes), bytes.len() as u64)
    }

    /// Returns a reader of a file that supports random access. `beginning` has the first bytes that were read already,
    /// at most `WINDOW`.
    pub(crate) fn from_file(file: FileRange<'r>, beginning: Vec<u8>) -> Self {
        ByteReader { window: beginning, ..ByteReader::new(Source::File(file), file.len()) }
    }

    pub(crate) fn from_reader(reader: &'r mut dyn BufRead) -> Self {
        ByteReader::new(Source::Reader(reader), UNSEEN)
    }

    /// Sets how many bytes are expected, roughly. Lengths up to that are trusted.
    pub(crate) fn expecting(mut self, bytes: u64) -> Self {
        self.credit = self.credit.max(bytes);
        self
    }

    /// Turns off the checksum, because the caller has checked every byte already.
    pub(crate) fn verified(mut self) -> Self {
        self.verified = true;
        self
    }

    #[inline]
    fn window(&self) -> &[u8] {
        match self.source {
            Source::Slice(bytes) => bytes,
            _ => &self.window,
        }
    }

    /// Returns the bytes that are buffered and not used yet.
    #[inline]
    pub(super) fn rest(&self) -> &[u8] {
        self.window().get(self.at..).unwrap_or_default()
    }

    /// Returns the number of bytes used so far.
    pub(crate) fn position(&self) -> u64 {
        self.before + self.at as u64
    }

    /// Returns the number of bytes left, if known.
    fn left(&self) -> Option<u64> {
        match &self.source {
            Source::Slice(bytes) => Some((bytes.len() - self.at) as u64),
            Source::File(file) => Some(file.len() - self.position()),
            Source::Reader(_) => None,
        }
    }

    /// Returns how many of the next `bytes` bytes may get memory before they arrive.
    ///
    /// # Errors
    /// If the input is known to be shorter.
    pub(super) fn credit(&self, bytes: u64) -> Result<u64> {
        match self.left() {
            Some(left) if left < bytes => Err(Error::truncated()),
            Some(_) => Ok(bytes),
            None => Ok(bytes.min(self.credit.max(self.position().min(MOST_UNSEEN)))),
        }
    }

    /// Returns the checksum of all bytes used so far; `None` if the caller has checked them already.
    pub(crate) fn checksum(&mut self) -> Option<u64> {
        if self.verified {
            return None;
        }
        if self.checksum.is_none() && self.before == 0 && self.at <= PIECE {
            return Some(of_short(&self.window()[..self.at]));
        }
        self.sum();
        self.checksum.as_ref().map(Checksum::digest)
    }

    fn sum(&mut self) {
        if self.verified {
            return;
        }
        let mut checksum = self.checksum.take().unwrap_or_default();
        checksum.update(&self.window()[self.summed..self.at]);
        self.summed = self.at;
        self.checksum = Some(checksum);
    }

    /// Discards the window. Consumes the used part in the underlying reader.
    fn drop_window(&mut self) {
        self.sum();
        if let Source::Reader(reader) = &mut self.source {
            reader.consume(self.at);
        }
        self.before += self.at as u64;
        self.window.clear();
        (self.at, self.summed) = (0, 0);
    }

    /// Loads the next window. Returns false at the end of the input.
    #[cold]
    fn refill(&mut self) -> Result<bool> {
        if matches!(self.source, Source::Slice(_)) {
            return Ok(false);
        }
        self.drop_window();
        match &mut self.source {
            Source::Slice(_) => {}
            Source::File(file) => {
                let left = usize::try_from(file.len() - self.before).unwrap_or(WINDOW);
                self.window.resize(left.min(WINDOW), 0);
                file.read_exact_at(self.before, &mut self.window)?;
            }
            Source::Reader(reader) => {
                let bytes = loop {
                    match reader.fill_buf() {
                        Ok(bytes) => break bytes,
                        Err(error) if error.kind() == IoKind::Interrupted => {}
                        Err(error) => return Err(Error::io(error, "can't read")),
                    }
                };
                self.window.extend_from_slice(&bytes[..bytes.len().min(WINDOW)]);
            }
        }
        Ok(!self.window.is_empty())
    }

    /// Consumes the used bytes in the underlying reader, so that others can continue after them.
    pub(crate) fn finish(mut self) {
        if let Source::Reader(reader) = &mut self.source {
            reader.consume(self.at);
        }
    }

    /// Returns whether no bytes are left.
    pub(crate) fn is_at_end(&mut self) -> Result<bool> {
        Ok(self.rest().is_empty() && !self.refill()?)
    }

    pub(crate) fn expect_end(&mut self) -> Result<()> {
        if self.is_at_end()? {
            return Ok(());
        }
        Err(Error::damaged(format!("there are bytes after the end, at offset {}", self.position())))
    }

    /// Returns the next byte without using it.
    #[inline]
    pub(crate) fn peek(&mut self) -> Result<u8> {
        if self.at == self.window().len() && !self.refill()? {
            return Err(Error::truncated());
        }
        Ok(self.window()[self.at])
    }

    #[inline]
    pub(crate) fn byte(&mut self) -> Result<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Ok(byte)
    }

    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        match self.rest().first_chunk::<N>() {
            Some(chunk) => {
                bytes = *chunk;
                self.at += N;
            }
            None => self.read_exact(&mut bytes)?,
        }
        Ok(bytes)
    }

    /// Reads `initial` and the `N` bytes after it, and returns the latter. Reads nothing, and returns `None`, if another
    /// byte comes first or if not all of them are buffered.
    #[inline]
    pub(crate) fn array_after<const N: usize>(&mut self, initial: u8) -> Option<[u8; N]> {
        let (first, after) = self.rest().split_first()?;
        let bytes = *after.first_chunk::<N>()?;
        if *first != initial {
            return None;
        }
        self.at += 1 + N;
        Some(bytes)
    }

    /// Reads an integer: whether it is negative, and the argument of its head. Reads nothing if something else comes next,
    /// or if it is so near to the end of what is buffered that this function would have to look closer.
    #[inline]
    pub(crate) fn buffered_integer(&mut self) -> Option<(bool, u64)> {
        let (initial, after) = self.rest().split_first()?;
        let negative = match Major::of(*initial) {
            Major::Unsigned => false,
            Major::Negative => true,
            _ => return None,
        };
        let (argument, width) = match initial & 31 {
            small @ 0..=23 => (small.into(), 0),
            info @ 24..=27 => {
                let width = 1 << (info - 24);
                (u64::from_be_bytes(*after.first_chunk()?) >> (64 - 8 * width), width)
            }
            _ => return None,
        };
        self.at += 1 + width;
        Some((negative, argument))
    }

    /// Skips `bytes` if they come next and are buffered. Returns whether it did.
    #[inline]
    pub(crate) fn skip_if<const N: usize>(&mut self, bytes: &[u8; N]) -> bool {
        let found = self.rest().first_chunk() == Some(bytes);
        self.at += if found { N } else { 0 };
        found
    }

    /// Reads the head of an array of less than 24 elements, and returns their number. Reads nothing if something else
    /// comes next, or if it is not buffered.
    #[inline]
    pub(crate) fn short_array(&mut self) -> Option<u64> {
        let initial = *self.rest().first()?;
        let len = initial.wrapping_sub((Major::Array as u8) << 5);
        if len >= 24 {
            return None;
        }
        self.at += 1;
        Some(len.into())
    }

    /// Fills `target`: first from the window. A large rest is read directly from the source.
    pub(super) fn read_exact(&mut self, mut target: &mut [u8]) -> Result<()> {
        while !target.is_empty() {
            let rest = self.rest();
            if rest.is_empty() {
                if target.len() >= WINDOW && !matches!(self.source, Source::Slice(_)) {
                    return self.read_straight(target);
                }
                if !self.refill()? {
                    return Err(Error::truncated());
                }
                continue;
            }
            let count = rest.len().min(target.len());
            target[..count].copy_from_slice(&rest[..count]);
            self.at += count;
            target = &mut target[count..];
        }
        Ok(())
    }

    /// Fills `target` from the source, without a copy through the window.
    fn read_straight(&mut self, mut target: &mut [u8]) -> Result<()> {
        self.drop_window();
        let ByteReader { source, before, checksum, verified, .. } = self;
        let checksum = checksum.get_or_insert_default();
        match source {
            Source::Slice(_) => return Err(Error::truncated()),
            Source::File(file) => {
                parallel_read::read(*file, *before, target, checksum)?;
                *before += target.len() as u64;
            }
            Source::Reader(reader) => {
                while !target.is_empty() {
                    match reader.read(target) {
                        Ok(0) => return Err(Error::truncated()),
                        Ok(count) => {
                            let (now, rest) = target.split_at_mut(count);
                            if !*verified {
                                checksum.update(now);
                            }
                            *before += count as u64;
                            target = rest;
                        }
                        Err(error) if error.kind() == IoKind::Interrupted => {}
                        Err(error) => return Err(Error::io(error, "can't read")),
                    }
                }
            }
        }
        Ok(())
    }

    /// Fills `target`.
    pub(crate) fn fill(&mut self, target: &mut [u8]) -> Result<()> {
        self.read_exact(target)
    }

    /// Skips up to `most` buffered bytes as long as they are `byte`. Returns how many it skipped.
    pub(crate) fn skip_all(&mut self, byte: u8, most: usize) -> usize {
        let count = self.rest().iter().take(most).take_while(|next| **next == byte).count();
        self.at += count;
        count
    }

    /// Skips a break if one comes next. Returns whether it did.
    pub(crate) fn take_break(&mut self) -> Result<bool> {
        let is_break = self.peek()? == wire::BREAK;
        self.at += usize::from(is_break);
        Ok(is_break)
    }

    /// Skips `len` bytes.
    pub(crate) fn skip(&mut self, mut len: u64) -> Result<()> {
        while len > 0 {
            let rest = self.rest().len();
            if rest == 0 && !self.refill()? {
                return Err(Error::truncated());
            }
            let step = usize::try_from(len).unwrap_or(usize::MAX).min(self.rest().len());
            self.at += step;
            len -= step as u64;
        }
        Ok(())
    }

    /// Reads the argument of a head whose first byte was `initial`. An indefinite length is an error.
    #[inline]
    pub(crate) fn argument(&mut self, initial: u8) -> Result<u64> {
        Ok(match initial & 31 {
            small @ 0..=23 => u64::from(small),
            24 => u64::from(self.byte()?),
            25 => u64::from(u16::from_be_bytes(self.array()?)),
            26 => u64::from(u32::from_be_bytes(self.array()?)),
            27 => u64::from_be_bytes(self.array()?),
            _ => return Err(Error::damaged(format!("{initial:#04x} is no head of a CBOR item here"))),
        })
    }

    /// Reads a head of this major type. Returns its argument.
    pub(crate) fn head(&mut self, major: Major) -> Result<u64> {
        let initial = self.byte()?;
        if Major::of(initial) != major {
            return Err(Error::damaged(format!("found {initial:#04x} where {major:?} was expected")));
        }
        self.argument(initial)
    }
}
