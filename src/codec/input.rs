//! Where encoded bytes come from: a slice, or a reader of which not one byte too many is taken.

use std::hash::Hasher as _;
use std::io::{BufRead, ErrorKind as IoKind};

use twox_hash::XxHash3_64;

use super::Major;
use crate::{Error, Result};

/// A reader's bytes are looked at in pieces of at most this size.
const WINDOW: usize = 64 << 10;

/// Memory for a string or byte string is taken as its bytes arrive, in steps of this size, so that
/// a length that is a lie costs nothing.
const STEP: usize = 64 << 10;

/// Bytes to decode, with their checksum.
///
/// From a reader, a window is copied without being consumed; what was used of it is consumed when
/// the next one is needed, or at the end. So the reader stands exactly after the last byte used.
pub(crate) struct Input<'r> {
    window: Window<'r>,
    /// What has been used of the window.
    at: usize,
    /// How much of the window has gone into the checksum.
    summed: usize,
    /// Bytes in windows before this one.
    before: u64,
    checksum: Option<XxHash3_64>,
}

enum Window<'r> {
    Slice(&'r [u8]),
    Reader(&'r mut dyn BufRead, Vec<u8>),
}

impl<'r> Input<'r> {
    pub(crate) fn from_slice(bytes: &'r [u8]) -> Self {
        Input { window: Window::Slice(bytes), at: 0, summed: 0, before: 0, checksum: None }
    }

    pub(crate) fn from_reader(reader: &'r mut dyn BufRead) -> Self {
        let window = Window::Reader(reader, Vec::new());
        Input { window, at: 0, summed: 0, before: 0, checksum: None }
    }

    #[inline]
    fn window(&self) -> &[u8] {
        match &self.window {
            Window::Slice(bytes) => bytes,
            Window::Reader(_, bytes) => bytes,
        }
    }

    #[inline]
    fn rest(&self) -> &[u8] {
        &self.window()[self.at..]
    }

    /// Bytes used so far.
    pub(crate) fn position(&self) -> u64 {
        self.before + self.at as u64
    }

    /// The XXH3-64 of all bytes used so far.
    pub(crate) fn checksum(&mut self) -> u64 {
        if self.checksum.is_none() && self.before == 0 {
            return XxHash3_64::oneshot(&self.window()[..self.at]);
        }
        self.sum();
        self.checksum.as_ref().map_or(0, XxHash3_64::finish)
    }

    fn sum(&mut self) {
        let mut checksum = self.checksum.take().unwrap_or_default();
        checksum.write(&self.window()[self.summed..self.at]);
        self.summed = self.at;
        self.checksum = Some(checksum);
    }

    /// Goes on to the next window of a reader. False at the end of the input.
    #[cold]
    fn refill(&mut self) -> Result<bool> {
        if matches!(self.window, Window::Slice(_)) {
            return Ok(false);
        }
        self.sum();
        let used = self.at;
        let Window::Reader(reader, window) = &mut self.window else { return Ok(false) };
        reader.consume(used);
        self.before += used as u64;
        window.clear();
        (self.at, self.summed) = (0, 0);
        let bytes = loop {
            match reader.fill_buf() {
                Ok(bytes) => break bytes,
                Err(error) if error.kind() == IoKind::Interrupted => {}
                Err(error) => return Err(Error::io(error, "can't read")),
            }
        };
        window.extend_from_slice(&bytes[..bytes.len().min(WINDOW)]);
        Ok(!window.is_empty())
    }

    /// Tells the reader what was used, so that others can go on from here.
    pub(crate) fn finish(mut self) {
        let used = std::mem::take(&mut self.at);
        if let Window::Reader(reader, _) = &mut self.window {
            reader.consume(used);
        }
    }

    pub(crate) fn expect_end(&mut self) -> Result<()> {
        if self.rest().is_empty() && !self.refill()? {
            return Ok(());
        }
        Err(Error::damaged(format!("there are bytes after the end, at offset {}", self.position())))
    }

    /// The next byte, left where it is.
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

    fn read_exact(&mut self, mut target: &mut [u8]) -> Result<()> {
        while !target.is_empty() {
            let rest = self.rest();
            if rest.is_empty() {
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

    /// Gives `len` bytes to `use_bytes`: borrowed if they are at hand, else gathered in a `Vec`.
    pub(crate) fn take<R>(&mut self, len: u64, use_bytes: impl FnOnce(Taken<'_>) -> Result<R>) -> Result<R> {
        if let Ok(len) = usize::try_from(len)
            && let Some(bytes) = self.rest().get(..len)
        {
            let result = use_bytes(Taken::Borrowed(bytes));
            self.at += len;
            return result;
        }
        let mut bytes = Vec::new();
        let mut missing = len;
        while missing > 0 {
            let step = usize::try_from(missing).unwrap_or(STEP).min(STEP);
            let start = bytes.len();
            bytes.resize(start + step, 0);
            self.read_exact(&mut bytes[start..])?;
            missing -= step as u64;
        }
        use_bytes(Taken::Owned(bytes))
    }

    /// Passes over `len` bytes.
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

    /// The argument of a head whose first byte was `initial`; a length must be definite.
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

    /// A head of this major type, and its argument.
    pub(crate) fn head(&mut self, major: Major) -> Result<u64> {
        let initial = self.byte()?;
        if Major::of(initial) != major {
            return Err(Error::damaged(format!("found {initial:#04x} where {major:?} was expected")));
        }
        self.argument(initial)
    }

    /// A text string of at most `limit` bytes.
    pub(crate) fn short_text(&mut self, limit: u64) -> Result<String> {
        let len = self.head(Major::Text)?;
        if len > limit {
            return Err(Error::damaged(format!("a text of {len} bytes where at most {limit} are expected")));
        }
        self.take(len, |bytes| bytes.into_string())
    }
}

/// Bytes that [`Input::take`] gives.
pub(crate) enum Taken<'a> {
    Borrowed(&'a [u8]),
    Owned(Vec<u8>),
}

impl Taken<'_> {
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Taken::Borrowed(bytes) => bytes,
            Taken::Owned(bytes) => bytes,
        }
    }

    pub(crate) fn into_string(self) -> Result<String> {
        match self {
            Taken::Borrowed(bytes) => text(bytes).map(str::to_owned),
            Taken::Owned(bytes) => String::from_utf8(bytes).map_err(|_| not_utf8()),
        }
    }
}

/// UTF-8, or an error.
pub(crate) fn text(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| not_utf8())
}

#[cold]
fn not_utf8() -> Error {
    Error::damaged("a text string is not UTF-8")
}
