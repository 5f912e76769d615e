//! Strings and bytes on their way in.

use crate::error::{Error, Result};
use crate::format::cbor::read_vec;
use crate::format::cbor::reader::ByteReader;
use crate::format::cbor::wire::Major;

impl ByteReader<'_> {
    /// Gives `len` bytes to `use_bytes`: borrowed if they are at hand, else gathered in a `Vec`.
    pub(crate) fn take<R>(&mut self, len: u64, use_bytes: impl FnOnce(Taken<'_>) -> Result<R>) -> Result<R> {
        if let Ok(len) = usize::try_from(len)
            && let Some(bytes) = self.rest().get(..len)
        {
            let result = use_bytes(Taken::Borrowed(bytes));
            self.at += len;
            return result;
        }
        use_bytes(Taken::Owned(read_vec::read(self, len)?))
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

/// Bytes that [`ByteReader::take`] gives.
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
pub(super) fn not_utf8() -> Error {
    Error::damaged("a text string is not UTF-8")
}
