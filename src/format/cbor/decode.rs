//! Implements serde's `Deserializer`: CBOR back into Rust values.

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
use crate::format::cbor::{lent, number_slices, typed_array, wire};
use crate::format::numeric::number::Number;

/// Bytes of the longest character in UTF-8.
const LONGEST_CHAR: u64 = 4;

/// Upper limit for the name of a variant, in bytes. Names are part of a program, so they are short.
const LONGEST_VARIANT: u64 = 64 << 10;

/// First character of names that no type can have. serde_json writes a `RawValue` as a struct with such a name, and asks
/// for it as a newtype, whose visitor accepts the map that a struct is here.
const PRIVATE_NAME: char = '$';

impl<'de> Decoder<'_, '_, 'de> {
    #[inline]
    fn array<V: Visitor<'de>>(&mut self, len: Option<u64>, visitor: V) -> Result<V::Value> {
        self.nested(|decoder| {
            let mut items = Items { decoder, left: len };
            let result = visitor.visit_seq(&mut items);
            items.ended(result)
        })
    }

    #[inline]
    fn map<V: Visitor<'de>>(&mut self, len: Option<u64>, visitor: V) -> Result<V::Value> {
        self.nested(|decoder| {
            let mut items = Items { decoder, left: len };
            let result = visitor.visit_map(&mut items);
            items.ended(result)
        })
    }

    fn numbers<V: Visitor<'de>>(&mut self, number: Number, visitor: V) -> Result<V::Value> {
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

    fn text<V: Visitor<'de>>(&mut self, len: u64, visitor: V) -> Result<V::Value> {
        self.input.take(len, |bytes| match bytes {
            Taken::Borrowed(bytes) => visitor.visit_str(text(bytes)?),
            owned @ Taken::Owned(_) => visitor.visit_string(owned.into_string()?),
        })
    }

    fn bytes<V: Visitor<'de>>(&mut self, len: u64, visitor: V) -> Result<V::Value> {
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

    /// Reads a float that begins with `wanted`, at the end of what is buffered.
    #[cold]
    fn unbuffered_float<const N: usize, V: Visitor<'de>>(
        &mut self,
        wanted: u8,
        visit: impl FnOnce([u8; N], V) -> Result<V::Value>,
        visitor: V,
    ) -> Result<V::Value> {
        match self.input.byte()? {
            initial if initial == wanted => visit(self.input.array()?, visitor),
            initial => Err(self.unexpected(initial, &visitor)),
        }
    }

    /// Reads an integer of up to 64 bits at the end of what is buffered.
    #[cold]
    fn unbuffered_integer<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        let initial = self.input.byte()?;
        match Major::of(initial) {
            Major::Unsigned => visitor.visit_u64(self.input.argument(initial)?),
            Major::Negative => visit_negative(self.input.argument(initial)?, visitor),
            _ => Err(self.unexpected(initial, &visitor)),
        }
    }

    #[cold]
    fn other_option<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        match self.input.peek()? {
            wire::NONE | wire::TAG_OF_TWO_BYTES => match self.head()? {
                head @ (Head::None | Head::Tag(wire::TAG_SOME)) => self.visit(head, visitor),
                Head::Tag(wire::TAG_CHAR) => visitor.visit_some(self.char()?.into_deserializer()),
                head => Err(self.unexpected_head(head, &visitor)),
            },
            // Some `Deserialize` implementations map null to a default. They ask for an option, although their
            // `Serialize` wrote the bare value.
            _ => self.nested(|decoder| visitor.visit_some(decoder)),
        }
    }

    /// Reads an integer above 64 bits. Negative ones are stored as −1 − n.
    fn big<V: Visitor<'de>>(&mut self, negative: bool, visitor: V) -> Result<V::Value> {
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

    /// Passes the item that `head` announces to the visitor.
    fn visit<V: Visitor<'de>>(&mut self, head: Head, visitor: V) -> Result<V::Value> {
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

    /// Returns the number of elements that a head announces; `None` if a break ends them.
    #[inline]
    fn len(&mut self, initial: u8) -> Result<Option<u64>> {
        if initial & 31 == wire::INDEFINITE { Ok(None) } else { self.input.argument(initial).map(Some) }
    }

    /// Reads the head of a string with a known length, and returns the length. Reads nothing if something else comes next.
    fn begins(&mut self, major: Major) -> Result<Option<u64>> {
        let initial = self.input.peek()?;
        if Major::of(initial) != major || initial & 31 == wire::INDEFINITE {
            return Ok(None);
        }
        self.input.head(major).map(Some)
    }

    /// Returns the error for an item that begins with `initial` where another type was wanted.
    #[cold]
    fn unexpected<V: Visitor<'de>>(&mut self, initial: u8, visitor: &V) -> Error {
        match self.input.head_after(initial) {
            Ok(head) => self.unexpected_head(head, visitor),
            Err(error) => error,
        }
    }

    #[cold]
    fn unexpected_head<V: Visitor<'de>>(&mut self, head: Head, visitor: &V) -> Error {
        Error::invalid_type(head.unexpected(self.input), visitor)
    }
}

/// Passes a negative integer, stored as −1 − n, to the visitor.
#[inline]
fn visit_negative<'de, V: Visitor<'de>>(value: u64, visitor: V) -> Result<V::Value> {
    match i64::try_from(value) {
        Ok(value) => visitor.visit_i64(!value),
        Err(_) => visitor.visit_i128(!i128::from(value)),
    }
}

/// Defines one method per requested type. An item of that type is read; anything else is an error. The methods look at
/// the first byte themselves, because a whole [`Head`] would be passed through memory.
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

/// Defines the methods for integers. An integer may be read at another width if its value fits; the visitors check
/// that.
macro_rules! integers {
    ($($method:ident),*) => {
        $(
            #[inline]
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
                match self.input.buffered_integer() {
                    Some((false, value)) => visitor.visit_u64(value),
                    Some((true, value)) => visit_negative(value, visitor),
                    None => self.unbuffered_integer(visitor),
                }
            }
        )*
    };
}

/// Defines the methods for floats. A float is read only at the width it was stored with, and never from an integer: a
/// conversion could change the value.
macro_rules! floats {
    ($($method:ident $visit:ident $type:ident::$from:ident $head:ident),*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            // Nearly always all of its bytes are buffered.
            if let Some(bytes) = self.input.array_after(wire::$head) {
                return visitor.$visit($type::$from(bytes));
            }
            self.unbuffered_float(wire::$head, |bytes, visitor| visitor.$visit($type::$from(bytes)), visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for &mut Decoder<'_, '_, 'de> {
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

    floats! {
        deserialize_f32 visit_f32 f32::from_be_bytes F32, deserialize_f64 visit_f64 f64::from_be_bytes F64
    }

    only! {
        deserialize_bool => |decoder, initial, visitor|
            (_, wire::FALSE) => visitor.visit_bool(false),
            (_, wire::TRUE) => visitor.visit_bool(true);
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
        if lent::borrows_text::<V>()
            && let Some(len) = self.begins(Major::Text)?
            && let Some(bytes) = self.lend(len)?
        {
            return visitor.visit_borrowed_str(text(bytes)?);
        }
        self.deserialize_string(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if lent::borrows_bytes::<V>()
            && let Some(len) = self.begins(Major::Bytes)?
            && let Some(bytes) = self.lend(len)?
        {
            return visitor.visit_borrowed_bytes(bytes);
        }
        self.deserialize_byte_buf(visitor)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        // Nearly always it is one of these.
        if self.input.skip_if(&[wire::NONE]) {
            return visitor.visit_none();
        }
        if self.input.skip_if(&wire::HEAD_OF_SOME) {
            return self.nested(|decoder| visitor.visit_some(decoder));
        }
        self.other_option(visitor)
    }

    /// Accepts names and numbers, as derived code does, and keys of any type, which serde's `flatten` needs.
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

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value> {
        if name.starts_with(PRIVATE_NAME) && Major::of(self.input.peek()?) == Major::Map {
            return self.deserialize_map(visitor);
        }
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

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value> {
        match self.input.short_array() {
            Some(len) => self.array(Some(len), visitor),
            None => self.deserialize_seq(visitor),
        }
    }

    #[inline]
    fn deserialize_tuple_struct<V: Visitor<'de>>(self, _: &'static str, _: usize, visitor: V) -> Result<V::Value> {
        self.deserialize_tuple(0, visitor)
    }

    #[inline]
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
