//! Typed arrays on their way in, one element after another.

use serde::de::{DeserializeSeed, Deserializer, Error as _, SeqAccess, Unexpected, Visitor};

use crate::error::{Error, Result};
use crate::format::cbor::limits::{HUMAN_READABLE, LARGEST_HINT};
use crate::format::cbor::reader::ByteReader;
use crate::format::numeric::number::Number;

/// The elements of a typed array.
pub(super) struct Numbers<'i, 'r> {
    pub(super) input: &'i mut ByteReader<'r>,
    pub(super) number: Number,
    pub(super) left: u64,
}

impl<'de> SeqAccess<'de> for Numbers<'_, '_> {
    type Error = Error;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        seed.deserialize(OneNumber { input: self.input, number: self.number }).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(usize::try_from(self.left).unwrap_or(LARGEST_HINT).min(LARGEST_HINT))
    }
}

/// One element of a typed array.
struct OneNumber<'i, 'r> {
    input: &'i mut ByteReader<'r>,
    number: Number,
}

impl OneNumber<'_, '_> {
    #[cold]
    fn refuse<'de, V: Visitor<'de>>(&self, visitor: &V) -> Error {
        let found = match self.number {
            Number::F32 => Unexpected::Other("an f32"),
            Number::F64 => Unexpected::Other("an f64"),
            Number::C32 | Number::C64 => Unexpected::Other("a complex number"),
            _ => Unexpected::Other("an integer"),
        };
        Error::invalid_type(found, visitor)
    }
}

macro_rules! numbers {
    ($($method:ident),*; else refuse $($other:ident),*) => {
        $(
            #[inline]
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
                match self.number {
                    Number::F32 | Number::F64 | Number::C32 | Number::C64 => Err(self.refuse(&visitor)),
                    _ => self.deserialize_any(visitor),
                }
            }
        )*
        $(
            fn $other<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
                Err(self.refuse(&visitor))
            }
        )*
    };
}

impl<'de> Deserializer<'de> for OneNumber<'_, '_> {
    type Error = Error;

    fn is_human_readable(&self) -> bool {
        HUMAN_READABLE
    }

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let input = self.input;
        match self.number {
            Number::U8 => visitor.visit_u8(input.byte()?),
            Number::U16 => visitor.visit_u16(u16::from_le_bytes(input.array()?)),
            Number::U32 => visitor.visit_u32(u32::from_le_bytes(input.array()?)),
            Number::U64 => visitor.visit_u64(u64::from_le_bytes(input.array()?)),
            Number::I8 => visitor.visit_i8(i8::from_le_bytes(input.array()?)),
            Number::I16 => visitor.visit_i16(i16::from_le_bytes(input.array()?)),
            Number::I32 => visitor.visit_i32(i32::from_le_bytes(input.array()?)),
            Number::I64 => visitor.visit_i64(i64::from_le_bytes(input.array()?)),
            Number::F32 => visitor.visit_f32(f32::from_le_bytes(input.array()?)),
            Number::F64 => visitor.visit_f64(f64::from_le_bytes(input.array()?)),
            // As serde sends it: a pair.
            Number::C32 | Number::C64 => {
                let mut parts = Numbers { input, number: self.number.part(), left: 2 };
                let value = visitor.visit_seq(&mut parts)?;
                if parts.left > 0 {
                    return Err(Error::custom("a complex number was stored, something shorter was wanted"));
                }
                Ok(value)
            }
        }
    }

    #[inline]
    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.number == Number::F32 { self.deserialize_any(visitor) } else { Err(self.refuse(&visitor)) }
    }

    #[inline]
    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.number == Number::F64 { self.deserialize_any(visitor) } else { Err(self.refuse(&visitor)) }
    }

    numbers! {
        deserialize_u8, deserialize_u16, deserialize_u32, deserialize_u64, deserialize_u128, deserialize_i8,
        deserialize_i16, deserialize_i32, deserialize_i64, deserialize_i128;
        else refuse deserialize_bool, deserialize_char, deserialize_str, deserialize_string, deserialize_bytes,
        deserialize_byte_buf, deserialize_option, deserialize_unit, deserialize_map,
        deserialize_identifier
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_any(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(self, _: &'static str, _: usize, visitor: V) -> Result<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.number {
            Number::C32 | Number::C64 => self.deserialize_any(visitor),
            _ => Err(self.refuse(&visitor)),
        }
    }

    serde::forward_to_deserialize_any! { unit_struct struct enum }
}
