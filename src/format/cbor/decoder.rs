//! State of a decoder: its input, the current nesting depth, and whether it had to guess types.

use crate::error::{Error, ErrorKind, Result};
use crate::format::cbor::head::Head;
use crate::format::cbor::lent::Lent;
use crate::format::cbor::limits::MAX_DEPTH;
use crate::format::cbor::read_vec;
use crate::format::cbor::reader::ByteReader;

/// Reads values from a [`ByteReader`].
pub(crate) struct Decoder<'i, 'r, 'de> {
    pub(super) input: &'i mut ByteReader<'r>,
    /// Where what the value borrows while it is read is kept; `None` if nothing can be borrowed.
    lent: Option<&'de Lent>,
    pub(super) depth: u32,
    pub(super) guessed: bool,
}

impl<'i, 'r, 'de> Decoder<'i, 'r, 'de> {
    /// Returns a decoder for values that borrow nothing, for any lifetime.
    pub(crate) fn new(input: &'i mut ByteReader<'r>) -> Self {
        Decoder { input, lent: None, depth: 0, guessed: false }
    }

    /// Returns a decoder for values that may borrow from `lent`.
    pub(crate) fn lending(input: &'i mut ByteReader<'r>, lent: &'de Lent) -> Self {
        Decoder { lent: Some(lent), ..Decoder::new(input) }
    }

    /// Reads `len` bytes that the value may borrow. Returns `None`, and reads nothing, if it may not.
    pub(super) fn lend(&mut self, len: u64) -> Result<Option<&'de [u8]>> {
        let Some(lent) = self.lent else { return Ok(None) };
        let (bytes, end) = lent.add(read_vec::read(self.input, len)?.into_boxed_slice());
        self.lent = Some(end);
        Ok(Some(bytes))
    }

    /// Returns whether a `Deserialize` implementation asked which type comes next instead of naming one. serde's
    /// buffering does that, behind `flatten`, untagged and internally tagged enums. The decoded value may then differ
    /// from the encoded one, if two variants have the same encoding.
    pub(crate) fn guessed(&self) -> bool {
        self.guessed
    }

    pub(super) fn head(&mut self) -> Result<Head> {
        let initial = self.input.byte()?;
        self.input.head_after(initial)
    }

    #[inline]
    pub(super) fn nested<R>(&mut self, read: impl FnOnce(&mut Self) -> Result<R>) -> Result<R> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(too_deep());
        }
        let result = read(self);
        self.depth -= 1;
        result
    }
}

#[cold]
fn too_deep() -> Error {
    Error::new(ErrorKind::LimitExceeded, format!("the content is nested more than {MAX_DEPTH} levels deep"))
}
