//! State of a decoder: its input, the current nesting depth, and whether it had to guess types.

use crate::error::{Error, ErrorKind, Result};
use crate::format::cbor::head::Head;
use crate::format::cbor::limits::MAX_DEPTH;
use crate::format::cbor::reader::ByteReader;

/// Reads values from a [`ByteReader`].
pub(crate) struct Decoder<'i, 'r> {
    pub(super) input: &'i mut ByteReader<'r>,
    pub(super) depth: u32,
    pub(super) guessed: bool,
}

impl<'i, 'r> Decoder<'i, 'r> {
    pub(crate) fn new(input: &'i mut ByteReader<'r>) -> Self {
        Decoder { input, depth: 0, guessed: false }
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
