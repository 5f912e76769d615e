//! serde's data model written as CBOR.

use serde::Serialize;
use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple, SerializeTupleStruct,
    SerializeTupleVariant, Serializer,
};

use super::output::{Mark, Output};
use super::typed::{self, Number, NumberWriter, Tail};
use super::wire::{self, Major, write_head};
use super::{HUMAN_READABLE, MAX_DEPTH};
use crate::{Error, ErrorKind, Result};

/// Tuples have at most 16 members; what is longer is an array, and worth a look for numbers.
const LONGEST_TUPLE: usize = 16;

/// Writes one value into an [`Output`].
pub(crate) struct Encoder<'o, 'w> {
    output: &'o mut Output<'w>,
    depth: u32,
}

impl<'o, 'w> Encoder<'o, 'w> {
    pub(crate) fn new(output: &'o mut Output<'w>) -> Self {
        Encoder { output, depth: 0 }
    }

    fn enter(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!("the value is nested more than {MAX_DEPTH} levels deep; store a flatter form of it"),
            ));
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<()> {
        write_head(self.output, Major::Text, text.len() as u64)?;
        self.output.write(text.as_bytes())
    }

    fn tag(&mut self, tag: u64) -> Result<()> {
        write_head(self.output, Major::Tag, tag)
    }

    fn signed(&mut self, value: i64) -> Result<()> {
        match u64::try_from(value) {
            Ok(value) => write_head(self.output, Major::Unsigned, value),
            Err(_) => write_head(self.output, Major::Negative, !value.cast_unsigned()),
        }
    }

    fn big(&mut self, tag: u64, magnitude: u128) -> Result<()> {
        let bytes = magnitude.to_be_bytes();
        let bytes = &bytes[magnitude.leading_zeros() as usize / 8..];
        self.tag(tag)?;
        write_head(self.output, Major::Bytes, bytes.len() as u64)?;
        self.output.write(bytes)
    }

    /// `{"Variant": …`, the payload follows.
    fn variant(&mut self, variant: &str) -> Result<()> {
        write_head(self.output, Major::Map, 1)?;
        self.text(variant)
    }

    /// Begins an array or a map of `len` elements or pairs.
    fn container<'e>(&'e mut self, major: Major, len: Option<usize>) -> Result<Container<'e, 'o, 'w>> {
        self.enter()?;
        match len {
            Some(len) => write_head(self.output, major, len as u64)?,
            None => self.output.write(&[(major as u8) << 5 | wire::INDEFINITE])?,
        }
        let missing = len.map(|len| len as u64);
        Ok(Container { encoder: self, missing, begun: 0 })
    }
}

/// An array or map that is being written.
pub(crate) struct Container<'e, 'o, 'w> {
    encoder: &'e mut Encoder<'o, 'w>,
    /// Elements still to come, if their number was declared.
    missing: Option<u64>,
    begun: u64,
}

impl Container<'_, '_, '_> {
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.count()?;
        value.serialize(&mut *self.encoder)
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<()> {
        self.count()?;
        self.encoder.text(name)?;
        value.serialize(&mut *self.encoder)
    }

    fn count(&mut self) -> Result<()> {
        self.begun += 1;
        match &mut self.missing {
            Some(0) => Err(wrong_length(self.begun)),
            Some(missing) => {
                *missing -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn end(self) -> Result<()> {
        match self.missing {
            Some(0) => {}
            Some(_) => return Err(wrong_length(self.begun)),
            None => self.encoder.output.write(&[wire::BREAK])?,
        }
        self.encoder.depth -= 1;
        Ok(())
    }
}

#[cold]
fn wrong_length(found: u64) -> Error {
    Error::new(
        ErrorKind::NotRepresentable,
        format!("a `Serialize` implementation declared another length than the {found} elements that it gave"),
    )
}

/// A sequence: what it is written as shows when its first element comes.
pub(crate) enum Sequence<'e, 'o, 'w> {
    /// The length is known, the elements are not.
    Announced(&'e mut Encoder<'o, 'w>, u64),
    /// Numbers, all of one kind so far.
    Numbers(Numbers<'e, 'o, 'w>),
    Plain(Container<'e, 'o, 'w>),
}

pub(crate) struct Numbers<'e, 'o, 'w> {
    encoder: &'e mut Encoder<'o, 'w>,
    number: Number,
    len: u64,
    written: u64,
    /// Where the array begins, and where its numbers begin.
    mark: Mark,
    first: u64,
    tail: Tail,
}

impl<'e, 'o, 'w> Numbers<'e, 'o, 'w> {
    fn begin(encoder: &'e mut Encoder<'o, 'w>, number: Number, len: u64) -> Result<Self> {
        let mark = encoder.output.mark()?;
        let tail = typed::begin(encoder.output, number, len)?;
        let first = encoder.output.position();
        Ok(Numbers { encoder, number, len, written: 0, mark, first, tail })
    }

    #[inline]
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.written += 1;
        if self.written > self.len {
            return Err(wrong_length(self.written));
        }
        value.serialize(NumberWriter { output: self.encoder.output, number: self.number })
    }

    fn end(self) -> Result<()> {
        if self.written != self.len {
            return Err(wrong_length(self.written));
        }
        self.tail.write(self.encoder.output)
    }

    /// A hand-written `Serialize` gave numbers first and something else now: begin again as a plain
    /// array, as long as the numbers are still in the buffer.
    #[cold]
    fn into_plain(self) -> Result<Container<'e, 'o, 'w>> {
        let data = self.encoder.output.position() - self.first;
        let Some(bytes) = self.encoder.output.take_back(&self.mark) else {
            return Err(Error::new(
                ErrorKind::NotRepresentable,
                "a sequence mixes element types after a long run of numbers; serialise it as a tuple or wrap the \
                 numbers in an enum",
            ));
        };
        // `data` is a part of `bytes`, so it fits.
        let numbers = bytes.len() - usize::try_from(data).unwrap_or(bytes.len());
        let len = usize::try_from(self.len).ok();
        let mut plain = self.encoder.container(Major::Array, len)?;
        for bytes in bytes[numbers..].chunks_exact(self.number.width()) {
            match self.number {
                Number::U8 => plain.element(&bytes[0])?,
                Number::I8 => plain.element(&bytes[0].cast_signed())?,
                Number::U16 => plain.element(&u16::from_le_bytes(exact(bytes)))?,
                Number::I16 => plain.element(&i16::from_le_bytes(exact(bytes)))?,
                Number::U32 => plain.element(&u32::from_le_bytes(exact(bytes)))?,
                Number::I32 => plain.element(&i32::from_le_bytes(exact(bytes)))?,
                Number::U64 => plain.element(&u64::from_le_bytes(exact(bytes)))?,
                Number::I64 => plain.element(&i64::from_le_bytes(exact(bytes)))?,
                Number::F32 => plain.element(&f32::from_le_bytes(exact(bytes)))?,
                Number::F64 => plain.element(&f64::from_le_bytes(exact(bytes)))?,
            }
        }
        Ok(plain)
    }
}

/// The bytes of one number; `chunks_exact` gave exactly as many.
fn exact<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(bytes);
    array
}

impl<'e, 'o, 'w> Sequence<'e, 'o, 'w> {
    fn begin(encoder: &'e mut Encoder<'o, 'w>, len: Option<usize>) -> Result<Self> {
        match len {
            Some(len) => Ok(Sequence::Announced(encoder, len as u64)),
            None => Ok(Sequence::Plain(encoder.container(Major::Array, None)?)),
        }
    }

    fn push<T: Serialize + ?Sized>(self, value: &T) -> Result<Self> {
        match self {
            Sequence::Announced(encoder, len) => match Number::of::<T>() {
                Some(number) if len > 0 => Sequence::Numbers(Numbers::begin(encoder, number, len)?).push(value),
                _ => {
                    let len = usize::try_from(len).ok();
                    Sequence::Plain(encoder.container(Major::Array, len)?).push(value)
                }
            },
            Sequence::Numbers(mut numbers) => {
                if Number::of::<T>() == Some(numbers.number) {
                    numbers.push(value)?;
                    Ok(Sequence::Numbers(numbers))
                } else {
                    Sequence::Plain(numbers.into_plain()?).push(value)
                }
            }
            Sequence::Plain(mut container) => {
                container.element(value)?;
                Ok(Sequence::Plain(container))
            }
        }
    }

    fn finish(self) -> Result<()> {
        match self {
            Sequence::Announced(encoder, len) => encoder.container(Major::Array, usize::try_from(len).ok())?.end(),
            Sequence::Numbers(numbers) => numbers.end(),
            Sequence::Plain(container) => container.end(),
        }
    }
}

/// [`Sequence`] moves from state to state, which serde's `&mut self` needs an `Option` for.
pub(crate) struct SequenceSlot<'e, 'o, 'w>(Option<Sequence<'e, 'o, 'w>>);

impl SequenceSlot<'_, '_, '_> {
    #[inline]
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        // The common case by itself, so that it inlines into the caller's loop.
        if let Some(Sequence::Numbers(numbers)) = &mut self.0
            && Number::of::<T>() == Some(numbers.number)
        {
            return numbers.push(value);
        }
        let Some(sequence) = self.0.take() else {
            return Err(Error::new(ErrorKind::NotRepresentable, "an element was given after a failed one"));
        };
        self.0 = Some(sequence.push(value)?);
        Ok(())
    }

    fn finish(self) -> Result<()> {
        match self.0 {
            Some(sequence) => sequence.finish(),
            None => Err(Error::new(ErrorKind::NotRepresentable, "a sequence was ended after a failed element")),
        }
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

    fn serialize_bool(self, value: bool) -> Result<()> {
        self.output.write(&[if value { wire::TRUE } else { wire::FALSE }])
    }

    fn serialize_u8(self, value: u8) -> Result<()> {
        self.serialize_u64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<()> {
        self.serialize_u64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<()> {
        self.serialize_u64(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<()> {
        write_head(self.output, Major::Unsigned, value)
    }

    fn serialize_u128(self, value: u128) -> Result<()> {
        match u64::try_from(value) {
            Ok(value) => self.serialize_u64(value),
            Err(_) => self.big(wire::TAG_BIG_POSITIVE, value),
        }
    }

    fn serialize_i8(self, value: i8) -> Result<()> {
        self.signed(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<()> {
        self.signed(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<()> {
        self.signed(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<()> {
        self.signed(value)
    }

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

    fn serialize_f32(self, value: f32) -> Result<()> {
        let [a, b, c, d] = value.to_be_bytes();
        self.output.write(&[wire::F32, a, b, c, d])
    }

    fn serialize_f64(self, value: f64) -> Result<()> {
        let [a, b, c, d, e, f, g, h] = value.to_be_bytes();
        self.output.write(&[wire::F64, a, b, c, d, e, f, g, h])
    }

    fn serialize_char(self, value: char) -> Result<()> {
        self.tag(wire::TAG_CHAR)?;
        self.text(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<()> {
        self.text(value)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<()> {
        write_head(self.output, Major::Bytes, value.len() as u64)?;
        self.output.write(value)
    }

    fn serialize_none(self) -> Result<()> {
        self.output.write(&[wire::NONE])
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<()> {
        self.enter()?;
        self.tag(wire::TAG_SOME)?;
        value.serialize(&mut *self)?;
        self.depth -= 1;
        Ok(())
    }

    fn serialize_unit(self) -> Result<()> {
        self.output.write(&[wire::UNIT])
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<()> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<()> {
        self.text(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<()> {
        // Counted, although it leaves no byte: the reader's stack grows here as well.
        self.enter()?;
        value.serialize(&mut *self)?;
        self.depth -= 1;
        Ok(())
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<()> {
        self.enter()?;
        self.variant(variant)?;
        value.serialize(&mut *self)?;
        self.depth -= 1;
        Ok(())
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq> {
        Ok(SequenceSlot(Some(Sequence::begin(self, len)?)))
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple> {
        let sequence = if len > LONGEST_TUPLE {
            Sequence::begin(self, Some(len))?
        } else {
            Sequence::Plain(self.container(Major::Array, Some(len))?)
        };
        Ok(SequenceSlot(Some(sequence)))
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<Self::SerializeTupleStruct> {
        self.container(Major::Array, Some(len))
    }

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

    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap> {
        self.container(Major::Map, len)
    }

    fn serialize_struct(self, _: &'static str, len: usize) -> Result<Self::SerializeStruct> {
        self.container(Major::Map, Some(len))
    }

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
        let iter = iter.into_iter();
        let len = match iter.size_hint() {
            (low, Some(high)) if low == high => Some(low),
            _ => None,
        };
        // The type of all elements is known here, so the loop over numbers is a tight one.
        if let (Some(number), Some(len @ 1..)) = (Number::of::<I::Item>(), len) {
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
        sequence.end()
    }
}

impl SerializeSeq for SequenceSlot<'_, '_, '_> {
    type Ok = ();
    type Error = Error;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.push(value)
    }

    fn end(self) -> Result<()> {
        self.finish()
    }
}

impl SerializeTuple for SequenceSlot<'_, '_, '_> {
    type Ok = ();
    type Error = Error;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.push(value)
    }

    fn end(self) -> Result<()> {
        self.finish()
    }
}

impl SerializeTupleStruct for Container<'_, '_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.element(value)
    }

    fn end(self) -> Result<()> {
        Container::end(self)
    }
}

impl SerializeTupleVariant for Container<'_, '_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.element(value)
    }

    fn end(self) -> Result<()> {
        Container::end(self)
    }
}

impl SerializeMap for Container<'_, '_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<()> {
        self.element(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        value.serialize(&mut *self.encoder)
    }

    fn end(self) -> Result<()> {
        Container::end(self)
    }
}

impl SerializeStruct for Container<'_, '_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<()> {
        self.field(name, value)
    }

    fn end(self) -> Result<()> {
        Container::end(self)
    }
}

impl SerializeStructVariant for Container<'_, '_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<()> {
        self.field(name, value)
    }

    fn end(self) -> Result<()> {
        Container::end(self)
    }
}
