//! Heads: what the first bytes of an item announce.

use serde::de::Unexpected;

use crate::error::{Error, Result};
use crate::format::cbor::reader::ByteReader;
use crate::format::cbor::wire::Major;
use crate::format::cbor::{typed_array, wire};

/// What a head announces.
pub(crate) enum Head {
    Unsigned(u64),
    Negative(u64),
    Bytes(u64),
    Text(u64),
    Array(Option<u64>),
    Map(Option<u64>),
    Tag(u64),
    Bool(bool),
    None,
    Unit,
    F32(f32),
    F64(f64),
}

impl ByteReader<'_> {
    /// The head that begins with this byte, which has been read.
    pub(crate) fn head_after(&mut self, initial: u8) -> Result<Head> {
        let indefinite = initial & 31 == wire::INDEFINITE;
        Ok(match Major::of(initial) {
            Major::Unsigned => Head::Unsigned(self.argument(initial)?),
            Major::Negative => Head::Negative(self.argument(initial)?),
            Major::Bytes => Head::Bytes(self.argument(initial)?),
            Major::Text => Head::Text(self.argument(initial)?),
            Major::Array if indefinite => Head::Array(None),
            Major::Array => Head::Array(Some(self.argument(initial)?)),
            Major::Map if indefinite => Head::Map(None),
            Major::Map => Head::Map(Some(self.argument(initial)?)),
            Major::Tag => Head::Tag(self.argument(initial)?),
            Major::Simple => match initial {
                wire::FALSE => Head::Bool(false),
                wire::TRUE => Head::Bool(true),
                wire::NONE => Head::None,
                wire::UNIT => Head::Unit,
                wire::F32 => Head::F32(f32::from_be_bytes(self.array()?)),
                wire::F64 => Head::F64(f64::from_be_bytes(self.array()?)),
                _ => return Err(Error::damaged(format!("{initial:#04x} is no value that larder writes"))),
            },
        })
    }
}

impl Head {
    /// What it is, for whoever wanted something else.
    pub(super) fn unexpected(self, input: &mut ByteReader<'_>) -> Unexpected<'static> {
        match self {
            Head::Unsigned(value) => Unexpected::Unsigned(value),
            Head::Negative(value) => match i64::try_from(value) {
                Ok(value) => Unexpected::Signed(!value),
                Err(_) => Unexpected::Other("a large negative integer"),
            },
            Head::Bytes(_) => Unexpected::Other("a byte string"),
            Head::Text(_) => Unexpected::Other("a string"),
            Head::Array(_) => Unexpected::Seq,
            Head::Map(_) => Unexpected::Map,
            Head::Bool(value) => Unexpected::Bool(value),
            Head::None => Unexpected::Other("None"),
            Head::Unit => Unexpected::Unit,
            Head::F32(_) => Unexpected::Other("an f32"),
            Head::F64(_) => Unexpected::Other("an f64"),
            Head::Tag(wire::TAG_SOME) => Unexpected::Option,
            Head::Tag(wire::TAG_CHAR) => Unexpected::Other("a char"),
            Head::Tag(wire::TAG_BIG_POSITIVE | wire::TAG_BIG_NEGATIVE) => Unexpected::Other("a large integer"),
            Head::Tag(tag) => match typed_array::announced(tag, input) {
                Ok(Some(_)) => Unexpected::Other("an array of numbers"),
                _ => Unexpected::Other("an unknown tag"),
            },
        }
    }
}
