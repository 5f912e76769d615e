//! CBOR read back into serde's data model.

use serde::de::{Deserializer, Error as _, IntoDeserializer, Visitor};

use crate::error::{Error, Result};
use crate::format::cbor::decoder::Decoder;
use crate::format::cbor::head::Head;
use crate::format::cbor::items::{Items, Variant};
use crate::format::cbor::limits::HUMAN_READABLE;
use crate::format::cbor::number_items::Numbers;
use crate::format::cbor::skip::{MAX_SKIPPED_DEPTH, skip_value};
use crate::format::cbor::strings::{Taken, text};
use crate::format::cbor::wire::Major;
use crate::format::cbor::{number_slices, typed_array, wire};
use crate::format::numeric::number::Number;

/// Bytes of the longest character.
const LONGEST_CHAR: u64 = 4;

/// Bytes of a text that may be the name of a variant: names are part of a program.
const LONGEST_VARIANT: u64 = 64 << 10;

impl Decoder<'_, '_> {
    fn array<'de, V: Visitor<'de>>(&mut self, len: Option<u64>, visitor: V) -> Result<V::Value> {
        self.nested(|decoder| {
            let mut items = Items { decoder, left: len };
            let value = visitor.visit_seq(&mut items)?;
            items.end()?;
            Ok(value)
        })
    }

    fn map<'de, V: Visitor<'de>>(&mut self, len: Option<u64>, visitor: V) -> Result<V::Value> {
        self.nested(|decoder| {
            let mut items = Items { decoder, left: len };
            let value = visitor.visit_map(&mut items)?;
            items.end()?;
            Ok(value)
        })
    }

    fn numbers<'de, V: Visitor<'de>>(&mut self, number: Number, visitor: V) -> Result<V::Value> {
        let (left, padded) = typed_array::open(self.input, number)?;
        if let Some(vector) = number_slices::read::<V>(number, left, self.input) {
            let vector = vector?;
            typed_array::close(self.input, padded)?;
            return Ok(vector);
        }
        let mut numbers = Numbers { input: self.input, number, left };
        let value = visitor.visit_seq(&mut numbers)?;
        let left = numbers.left;
        if left > 0 {
            return Err(Error::custom(format!("the stored sequence has {left} more elements than wanted")));
        }
        typed_array::close(self.input, padded)?;
        Ok(value)
    }

    #[inline]
    fn negative<'de, V: Visitor<'de>>(&mut self, initial: u8, visitor: V) -> Result<V::Value> {
        visit_negative(self.input.argument(initial)?, visitor)
    }

    fn text<'de, V: Visitor<'de>>(&mut self, len: u64, visitor: V) -> Result<V::Value> {
        self.input.take(len, |bytes| match bytes {
            Taken::Borrowed(bytes) => visitor.visit_str(text(bytes)?),
            owned @ Taken::Owned(_) => visitor.visit_string(owned.into_string()?),
        })
    }

    fn bytes<'de, V: Visitor<'de>>(&mut self, len: u64, visitor: V) -> Result<V::Value> {
        self.input.take(len, |bytes| match bytes {
            Taken::Borrowed(bytes) => visitor.visit_bytes(bytes),
            Taken::Owned(bytes) => visitor.visit_byte_buf(bytes),
        })
    }

    fn char(&mut self) -> Result<char> {
        let text = self.input.short_text(LONGEST_CHAR)?;
        let mut chars = text.chars();
        match (chars.next(), chars.next()) {
            (Some(char), None) => Ok(char),
            _ => Err(Error::damaged(format!("{text:?} is tagged as one character"))),
        }
    }

    /// An integer above 64 bits; `negative` ones are stored as −1 − n.
    fn big<'de, V: Visitor<'de>>(&mut self, negative: bool, visitor: V) -> Result<V::Value> {
        let len = self.input.head(Major::Bytes)?;
        if len > 16 {
            return Err(Error::custom(format!("the stored integer has {len} bytes, more than any of Rust's")));
        }
        let magnitude = self
            .input
            .take(len, |bytes| Ok(bytes.as_slice().iter().fold(0, |all, byte| all << 8 | u128::from(*byte))))?;
        if !negative {
            return visitor.visit_u128(magnitude);
        }
        match i128::try_from(magnitude) {
            Ok(magnitude) => visitor.visit_i128(!magnitude),
            Err(_) => Err(Error::custom("the stored integer is smaller than any of Rust's")),
        }
    }

    /// Gives the visitor whatever was announced.
    fn visit<'de, V: Visitor<'de>>(&mut self, head: Head, visitor: V) -> Result<V::Value> {
        match head {
            Head::Unsigned(value) => visitor.visit_u64(value),
            Head::Negative(value) => visit_negative(value, visitor),
            Head::Bytes(len) => self.bytes(len, visitor),
            Head::Text(len) => self.text(len, visitor),
            Head::Array(len) => self.array(len, visitor),
            Head::Map(len) => self.map(len, visitor),
            Head::Bool(value) => visitor.visit_bool(value),
            Head::None => visitor.visit_none(),
            Head::Unit => visitor.visit_unit(),
            Head::F32(value) => visitor.visit_f32(value),
            Head::F64(value) => visitor.visit_f64(value),
            Head::Tag(wire::TAG_SOME) => self.nested(|decoder| visitor.visit_some(decoder)),
            Head::Tag(wire::TAG_CHAR) => visitor.visit_char(self.char()?),
            Head::Tag(wire::TAG_BIG_POSITIVE) => self.big(false, visitor),
            Head::Tag(wire::TAG_BIG_NEGATIVE) => self.big(true, visitor),
            Head::Tag(tag) => match typed_array::announced(tag, self.input)? {
                Some(number) => self.numbers(number, visitor),
                None => Err(Error::damaged(format!("tag {tag} is none that larder writes"))),
            },
        }
    }

    /// The number of elements that a head announces; `None` if a break will end them.
    #[inline]
    fn len(&mut self, initial: u8) -> Result<Option<u64>> {
        if initial & 31 == wire::INDEFINITE { Ok(None) } else { self.input.argument(initial).map(Some) }
    }

    /// Says what begins with this byte, where something else was wanted.
    #[cold]
    fn unexpected<'de, V: Visitor<'de>>(&mut self, initial: u8, visitor: &V) -> Error {
        match self.input.head_after(initial) {
            Ok(head) => self.unexpected_head(head, visitor),
            Err(error) => error,
        }
    }

    #[cold]
    fn unexpected_head<'de, V: Visitor<'de>>(&mut self, head: Head, visitor: &V) -> Error {
        Error::invalid_type(head.unexpected(self.input), visitor)
    }
}

/// A negative integer, which is stored as −1 − n.
#[inline]
fn visit_negative<'de, V: Visitor<'de>>(value: u64, visitor: V) -> Result<V::Value> {
    match i64::try_from(value) {
        Ok(value) => visitor.visit_i64(!value),
        Err(_) => visitor.visit_i128(!i128::from(value)),
    }
}

/// One method for each thing that can be asked for: what fits is read, anything else is an error.
/// They look at the first byte themselves, as a whole [`Head`] would go through memory.
macro_rules! only {
    ($($method:ident => |$decoder:ident, $initial:ident, $visitor:ident| $($pattern:pat => $read:expr),+;)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, $visitor: V) -> Result<V::Value> {
            let $decoder = self;
            let $initial = $decoder.input.byte()?;
            match (Major::of($initial), $initial) {
                $($pattern => $read,)+
                _ => Err($decoder.unexpected($initial, &$visitor)),
            }
        }
    )*};
}

/// An integer may be read as another width, if its value fits there; the visitors see to that.
macro_rules! integers {
    ($($method:ident),*) => {
        only! {$(
            $method => |decoder, initial, visitor|
                (Major::Unsigned, _) => visitor.visit_u64(decoder.input.argument(initial)?),
                (Major::Negative, _) => decoder.negative(initial, visitor);
        )*}
    };
}

impl<'de> Deserializer<'de> for &mut Decoder<'_, '_> {
    type Error = Error;

    fn is_human_readable(&self) -> bool {
        HUMAN_READABLE
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.guessed = true;
        let head = self.head()?;
        self.visit(head, visitor)
    }

    integers! {
        deserialize_u8, deserialize_u16, deserialize_u32, deserialize_u64, deserialize_i8, deserialize_i16,
        deserialize_i32, deserialize_i64
    }

    // Floats never change their width, nor do integers become floats: that could change a value.
    only! {
        deserialize_bool => |decoder, initial, visitor|
            (_, wire::FALSE) => visitor.visit_bool(false),
            (_, wire::TRUE) => visitor.visit_bool(true);
        deserialize_f32 => |decoder, initial, visitor|
            (_, wire::F32) => visitor.visit_f32(f32::from_be_bytes(decoder.input.array()?));
        deserialize_f64 => |decoder, initial, visitor|
            (_, wire::F64) => visitor.visit_f64(f64::from_be_bytes(decoder.input.array()?));
        deserialize_string => |decoder, initial, visitor|
            (Major::Text, _) => {
                let len = decoder.input.argument(initial)?;
                decoder.text(len, visitor)
            };
        deserialize_byte_buf => |decoder, initial, visitor|
            (Major::Bytes, _) => {
                let len = decoder.input.argument(initial)?;
                decoder.bytes(len, visitor)
            };
        deserialize_unit => |decoder, initial, visitor|
            (_, wire::UNIT) => visitor.visit_unit();
        deserialize_map => |decoder, initial, visitor|
            (Major::Map, _) => {
                let len = decoder.len(initial)?;
                decoder.map(len, visitor)
            };
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.head()? {
            head @ (Head::Unsigned(_) | Head::Negative(_)) => self.visit(head, visitor),
            head @ Head::Tag(wire::TAG_BIG_POSITIVE | wire::TAG_BIG_NEGATIVE) => self.visit(head, visitor),
            head => Err(self.unexpected_head(head, &visitor)),
        }
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_u128(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.head()? {
            Head::Tag(wire::TAG_CHAR) => visitor.visit_char(self.char()?),
            head => Err(self.unexpected_head(head, &visitor)),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_string(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_byte_buf(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.input.peek()? {
            wire::NONE | wire::TAG_OF_TWO_BYTES => match self.head()? {
                head @ (Head::None | Head::Tag(wire::TAG_SOME)) => self.visit(head, visitor),
                Head::Tag(wire::TAG_CHAR) => visitor.visit_some(self.char()?.into_deserializer()),
                head => Err(self.unexpected_head(head, &visitor)),
            },
            // A `Deserialize` that makes a default of null asks for an option where its `Serialize`
            // wrote the value as it is.
            _ => self.nested(|decoder| visitor.visit_some(decoder)),
        }
    }

    /// What `flatten` reads keys with takes any key, and variants and fields have names or numbers.
    #[inline]
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let initial = self.input.byte()?;
        if Major::of(initial) == Major::Text {
            let len = self.input.argument(initial)?;
            return self.text(len, visitor);
        }
        let head = self.input.head_after(initial)?;
        self.visit(head, visitor)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value> {
        self.nested(|decoder| visitor.visit_newtype_struct(decoder))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let initial = self.input.byte()?;
        match Major::of(initial) {
            Major::Array => {
                let len = self.len(initial)?;
                if let Some(len) = len
                    && let Some(bools) = number_slices::read_bools::<V>(len, self.input)
                {
                    return bools;
                }
                self.array(len, visitor)
            }
            Major::Tag => {
                let tag = self.input.argument(initial)?;
                match typed_array::announced(tag, self.input)? {
                    Some(number) => self.numbers(number, visitor),
                    None => Err(self.unexpected_head(Head::Tag(tag), &visitor)),
                }
            }
            _ => Err(self.unexpected(initial, &visitor)),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(self, _: &'static str, _: usize, visitor: V) -> Result<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        match self.head()? {
            Head::Text(len) => {
                if len > LONGEST_VARIANT {
                    return Err(self.unexpected_head(Head::Text(len), &visitor));
                }
                let name = self.input.take(len, |bytes| bytes.into_string())?;
                visitor.visit_enum(name.as_str().into_deserializer())
            }
            Head::Map(Some(1)) => self.nested(|decoder| visitor.visit_enum(Variant { decoder })),
            head => Err(self.unexpected_head(head, &visitor)),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        skip_value(self.input, MAX_SKIPPED_DEPTH)?;
        visitor.visit_unit()
    }
}
