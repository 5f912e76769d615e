//! State of an encoder: heads, nesting depth, and containers that check their announced length.

use serde::Serialize;
use serde::ser::SerializeMap;

use crate::error::{Error, ErrorKind, Result};
use crate::format::cbor::limits::MAX_DEPTH;
use crate::format::cbor::wire;
use crate::format::cbor::wire::{Major, write_head};
use crate::format::cbor::writer::ByteWriter;
use crate::text::serde_traits::{elements, fields};

/// Writes one value into a [`ByteWriter`].
pub(crate) struct Encoder<'o, 'w> {
    pub(super) output: &'o mut ByteWriter<'w>,
    pub(super) depth: u32,
}

impl<'o, 'w> Encoder<'o, 'w> {
    pub(crate) fn new(output: &'o mut ByteWriter<'w>) -> Self {
        Encoder { output, depth: 0 }
    }

    #[inline]
    pub(super) fn enter(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(too_deep());
        }
        Ok(())
    }

    #[inline]
    pub(super) fn text(&mut self, text: &str) -> Result<()> {
        write_head(self.output, Major::Text, text.len() as u64)?;
        self.output.write(text.as_bytes())
    }

    #[inline]
    pub(super) fn tag(&mut self, tag: u64) -> Result<()> {
        write_head(self.output, Major::Tag, tag)
    }

    #[inline]
    pub(super) fn signed(&mut self, value: i64) -> Result<()> {
        match u64::try_from(value) {
            Ok(value) => write_head(self.output, Major::Unsigned, value),
            Err(_) => write_head(self.output, Major::Negative, !value.cast_unsigned()),
        }
    }

    pub(super) fn big(&mut self, tag: u64, magnitude: u128) -> Result<()> {
        let bytes = magnitude.to_be_bytes();
        let bytes = &bytes[magnitude.leading_zeros() as usize / 8..];
        self.tag(tag)?;
        write_head(self.output, Major::Bytes, bytes.len() as u64)?;
        self.output.write(bytes)
    }

    /// Writes `{"Variant":`. The payload must follow.
    pub(super) fn variant(&mut self, variant: &str) -> Result<()> {
        write_head(self.output, Major::Map, 1)?;
        self.text(variant)
    }

    /// Writes an array of booleans, which take one byte each in CBOR too.
    pub(super) fn bools(&mut self, values: &[bool]) -> Result<()> {
        self.enter()?;
        write_head(self.output, Major::Array, values.len() as u64)?;
        let mut bytes = [0; 1 << 10];
        for values in values.chunks(bytes.len()) {
            for (byte, value) in bytes.iter_mut().zip(values) {
                *byte = wire::FALSE + u8::from(*value);
            }
            self.output.write(&bytes[..values.len()])?;
        }
        self.depth -= 1;
        Ok(())
    }

    /// Begins an array or a map of `len` elements or pairs; `None` if the length is unknown.
    #[inline]
    pub(super) fn container<'e>(&'e mut self, major: Major, len: Option<usize>) -> Result<Container<'e, 'o, 'w>> {
        self.enter()?;
        match len {
            Some(len) => write_head(self.output, major, len as u64)?,
            None => self.output.write(&[(major as u8) << 5 | wire::INDEFINITE])?,
        }
        Ok(Container { encoder: self, len: len.map(|len| len as u64), begun: 0 })
    }
}

/// An array or map that is being written.
pub(crate) struct Container<'e, 'o, 'w> {
    encoder: &'e mut Encoder<'o, 'w>,
    /// Number of elements or pairs, if it was declared.
    len: Option<u64>,
    /// Number of elements or pairs that have begun.
    begun: u64,
}

impl<'o, 'w> Container<'_, 'o, 'w> {
    #[inline]
    pub(super) fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.count()?;
        self.encoder.value(value)
    }

    #[inline]
    pub(super) fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<()> {
        self.name(name)?;
        self.encoder.value(value)
    }

    /// Writes the name of a field. Its value must follow.
    #[inline]
    pub(super) fn name(&mut self, name: &str) -> Result<()> {
        self.count()?;
        self.encoder.text(name)
    }

    #[cfg(feature = "ndarray")]
    pub(super) fn encoder(&mut self) -> &mut Encoder<'o, 'w> {
        self.encoder
    }

    #[inline]
    pub(super) fn count(&mut self) -> Result<()> {
        self.begun += 1;
        match self.len {
            Some(len) if self.begun > len => Err(wrong_length(self.begun)),
            _ => Ok(()),
        }
    }

    #[inline]
    pub(super) fn finish(self) -> Result<()> {
        match self.len {
            Some(len) if self.begun == len => {}
            Some(_) => return Err(wrong_length(self.begun)),
            None => self.encoder.output.write(&[wire::BREAK])?,
        }
        self.encoder.depth -= 1;
        Ok(())
    }
}

#[cold]
fn too_deep() -> Error {
    Error::new(
        ErrorKind::LimitExceeded,
        format!("the value is nested more than {MAX_DEPTH} levels deep; store a flatter form of it"),
    )
}

#[cold]
pub(super) fn wrong_length(found: u64) -> Error {
    Error::new(
        ErrorKind::NotRepresentable,
        format!("a `Serialize` implementation declared another length than the {found} elements that it gave"),
    )
}

elements! {
    Container<'_, '_, '_>, Error, element:
    SerializeTupleStruct::serialize_field, SerializeTupleVariant::serialize_field,
}
fields!(Container<'_, '_, '_>, Error);

impl SerializeMap for Container<'_, '_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<()> {
        self.element(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.encoder.value(value)
    }

    fn end(self) -> Result<()> {
        self.finish()
    }
}
