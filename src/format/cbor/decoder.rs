//! The state of a reader: where the bytes come from, and how deep it is.

use crate::error::{Error, ErrorKind, Result};
use crate::format::cbor::head::Head;
use crate::format::cbor::limits::MAX_DEPTH;
use crate::format::cbor::reader::ByteReader;

/// Reads values from an [`ByteReader`].
pub(crate) struct Decoder<'i, 'r> {
    pub(super) input: &'i mut ByteReader<'r>,
    pub(super) depth: u32,
    pub(super) guessed: bool,
}

impl<'i, 'r> Decoder<'i, 'r> {
    pub(crate) fn new(input: &'i mut ByteReader<'r>) -> Self {
        Decoder { input, depth: 0, guessed: false }
    }

    /// Whether a `Deserialize` implementation asked what comes next instead of saying what it
    /// wants: serde's buffering does, behind `flatten`, untagged and internally tagged enums. What
    /// comes out may then differ from what went in, if two variants read alike.
    pub(crate) fn guessed(&self) -> bool {
        self.guessed
    }

    pub(super) fn head(&mut self) -> Result<Head> {
        let initial = self.input.byte()?;
        self.input.head_after(initial)
    }

    pub(super) fn nested<R>(&mut self, read: impl FnOnce(&mut Self) -> Result<R>) -> Result<R> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!("the content is nested more than {MAX_DEPTH} levels deep"),
            ));
        }
        let result = read(self);
        self.depth -= 1;
        result
    }
}
