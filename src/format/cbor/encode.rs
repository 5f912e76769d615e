//! Implements serde's `Serializer`: Rust values as CBOR.

use serde::Serialize;
use serde::ser::Serializer;

use crate::error::{Error, Result};
#[cfg(feature = "ndarray")]
use crate::format::cbor::array_view;
use crate::format::cbor::encoder::{Container, Encoder};
use crate::format::cbor::limits::HUMAN_READABLE;
use crate::format::cbor::sequence::{Numbers, Sequence, SequenceSlot};
use crate::format::cbor::wire::{Major, write_head};
use crate::format::cbor::{typed_array, wire};
use crate::format::numeric::containers;

/// Upper limit for serde's tuples. A longer tuple is a Rust array, which may hold numbers.
const LONGEST_TUPLE: usize = 16;

impl Encoder<'_, '_> {
    /// Writes a value. Every value passes through this function, because its static type is known here.
    #[inline]
    pub(crate) fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        #[cfg(feature = "ndarray")]
        if array_view::write(value, self)? {
            return Ok(());
        }
        value.serialize(self)
    }
}

impl<'e, 'o, 'w> Serializer for &'e mut Encoder<'o, 'w> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = SequenceSlot<'e, 'o, 'w>;
    type SerializeTuple = SequenceSlot<'e, 'o, 'w>;
    type SerializeTupleStruct = Container<'e, 'o, 'w>;
    type SerializeTupleVariant = Container<'e, 'o, 'w>;
    type SerializeMap = Container<'e, 'o, 'w>;
    type SerializeStruct = Container<'e, 'o, 'w>;
    type SerializeStructVariant = Container<'e, 'o, 'w>;

    fn is_human_readable(&self) -> bool {
        HUMAN_READABLE
    }

    #[inline]
    fn serialize_bool(self, value: bool) -> Result<()> {
        self.output.write_byte(if value { wire::TRUE } else { wire::FALSE })
    }

    #[inline]
    fn serialize_u8(self, value: u8) -> Result<()> {
        self.serialize_u64(value.into())
    }

    #[inline]
    fn serialize_u16(self, value: u16) -> Result<()> {
        self.serialize_u64(value.into())
    }

    #[inline]
    fn serialize_u32(self, value: u32) -> Result<()> {
        self.serialize_u64(value.into())
    }

    #[inline]
    fn serialize_u64(self, value: u64) -> Result<()> {
        write_head(self.output, Major::Unsigned, value)
    }

    #[inline]
    fn serialize_u128(self, value: u128) -> Result<()> {
        match u64::try_from(value) {
            Ok(value) => self.serialize_u64(value),
            Err(_) => self.big(wire::TAG_BIG_POSITIVE, value),
        }
    }

    #[inline]
    fn serialize_i8(self, value: i8) -> Result<()> {
        self.signed(value.into())
    }

    #[inline]
    fn serialize_i16(self, value: i16) -> Result<()> {
        self.signed(value.into())
    }

    #[inline]
    fn serialize_i32(self, value: i32) -> Result<()> {
        self.signed(value.into())
    }

    #[inline]
    fn serialize_i64(self, value: i64) -> Result<()> {
        self.signed(value)
    }

    #[inline]
    fn serialize_i128(self, value: i128) -> Result<()> {
        if value >= 0 {
            return self.serialize_u128(value.cast_unsigned());
        }
        let magnitude = !value.cast_unsigned();
        match u64::try_from(magnitude) {
            Ok(magnitude) => write_head(self.output, Major::Negative, magnitude),
            Err(_) => self.big(wire::TAG_BIG_NEGATIVE, magnitude),
        }
    }

    #[inline]
    fn serialize_f32(self, value: f32) -> Result<()> {
        self.output.write_after(wire::F32, value.to_be_bytes())
    }

    #[inline]
    fn serialize_f64(self, value: f64) -> Result<()> {
        self.output.write_after(wire::F64, value.to_be_bytes())
    }

    #[inline]
    fn serialize_char(self, value: char) -> Result<()> {
        self.tag(wire::TAG_CHAR)?;
        self.text(value.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<()> {
        self.text(value)
    }

    #[inline]
    fn serialize_bytes(self, value: &[u8]) -> Result<()> {
        write_head(self.output, Major::Bytes, value.len() as u64)?;
        self.output.array_ahead(1, value.len() as u64);
        self.output.write(value)
    }

    #[inline]
    fn serialize_none(self) -> Result<()> {
        self.output.write_byte(wire::NONE)
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<()> {
        self.enter()?;
        self.tag(wire::TAG_SOME)?;
        self.value(value)?;
        self.depth -= 1;
        Ok(())
    }

    #[inline]
    fn serialize_unit(self) -> Result<()> {
        self.output.write_byte(wire::UNIT)
    }

    #[inline]
    fn serialize_unit_struct(self, _: &'static str) -> Result<()> {
        self.serialize_unit()
    }

    #[inline]
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<()> {
        self.text(variant)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<()> {
        // A newtype writes no byte, but it counts as a level: the reader's stack grows by one frame here as well.
        self.enter()?;
        self.value(value)?;
        self.depth -= 1;
        Ok(())
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<()> {
        self.enter()?;
        self.variant(variant)?;
        self.value(value)?;
        self.depth -= 1;
        Ok(())
    }

    #[inline]
    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq> {
        Ok(SequenceSlot(Some(Sequence::begin(self, len)?)))
    }

    #[inline]
    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple> {
        let sequence = if len > LONGEST_TUPLE {
            Sequence::begin(self, Some(len))?
        } else {
            Sequence::Plain(self.container(Major::Array, Some(len))?)
        };
        Ok(SequenceSlot(Some(sequence)))
    }

    #[inline]
    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<Self::SerializeTupleStruct> {
        self.container(Major::Array, Some(len))
    }

    #[inline]
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant> {
        self.variant(variant)?;
        self.container(Major::Array, Some(len))
    }

    #[inline]
    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap> {
        self.container(Major::Map, len)
    }

    #[inline]
    fn serialize_struct(self, _: &'static str, len: usize) -> Result<Self::SerializeStruct> {
        self.container(Major::Map, Some(len))
    }

    #[inline]
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant> {
        self.variant(variant)?;
        self.container(Major::Map, Some(len))
    }

    fn collect_seq<I>(self, iter: I) -> Result<()>
    where
        I: IntoIterator,
        I::Item: Serialize,
    {
        // Most arrays of numbers take this path: one copy of their memory.
        if let Some((number, bytes)) = containers::numbers(&iter)
            && !bytes.is_empty()
        {
            return typed_array::write(self.output, number, bytes);
        }
        if let Some(bools) = containers::slice::<I, bool>(&iter) {
            return self.bools(bools);
        }
        let iter = iter.into_iter();
        let len = match iter.size_hint() {
            (low, Some(high)) if low == high => Some(low),
            _ => None,
        };
        // The element type is known statically here, so the loop over numbers is tight.
        if let (Some(number), Some(len @ 1..)) = (containers::number::<I::Item>(), len) {
            let mut numbers = Numbers::begin(self, number, len as u64)?;
            for value in iter {
                numbers.push(&value)?;
            }
            return numbers.end();
        }
        let mut sequence = match len {
            Some(len) => self.container(Major::Array, Some(len))?,
            None => self.container(Major::Array, None)?,
        };
        for value in iter {
            sequence.element(&value)?;
        }
        sequence.finish()
    }
}
