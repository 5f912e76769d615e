//! Homogeneous numbers as RFC 8746 typed arrays: one tag, one byte string, little-endian.
//!
//! The numbers are aligned within the document, so that a memory map of an uncompressed file can
//! use them in place. Padding without changing what is said: the byte string is given in chunks,
//! and chunks of no bytes (`40`) come first.

use serde::ser::{Impossible, Serialize, Serializer};

use super::wire::{self, Major};
use super::{Input, Output};
use crate::{Error, ErrorKind, Result};

/// A primitive number whose arrays have a tag of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Number {
    U8,
    U16,
    U32,
    U64,
    I8,
    I16,
    I32,
    I64,
    F32,
    F64,
}

impl Number {
    const ALL: [Number; 10] = [
        Number::U8,
        Number::U16,
        Number::U32,
        Number::U64,
        Number::I8,
        Number::I16,
        Number::I32,
        Number::I64,
        Number::F32,
        Number::F64,
    ];

    /// The number that `T` is, or that `T` is a reference to.
    #[inline]
    pub(crate) fn of<T: ?Sized>() -> Option<Number> {
        let id = typeid::of::<T>();
        macro_rules! find {
            ($($primitive:ty => $number:ident),*) => {
                $(if id == typeid::of::<$primitive>() || id == typeid::of::<&$primitive>() {
                    return Some(Number::$number);
                })*
            };
        }
        find!(u8 => U8, u16 => U16, u32 => U32, u64 => U64, i8 => I8, i16 => I16, i32 => I32,
              i64 => I64, f32 => F32, f64 => F64);
        // serde sends both as 64 bits, on every platform.
        find!(usize => U64, isize => I64);
        None
    }

    /// The tag of an array of these, little-endian (RFC 8746, section 2.1).
    pub(crate) fn tag(self) -> u64 {
        match self {
            Number::U8 => 64,
            Number::U16 => 69,
            Number::U32 => 70,
            Number::U64 => 71,
            Number::I8 => 72,
            Number::I16 => 77,
            Number::I32 => 78,
            Number::I64 => 79,
            Number::F32 => 85,
            Number::F64 => 86,
        }
    }

    pub(crate) fn from_tag(tag: u64) -> Option<Number> {
        Number::ALL.into_iter().find(|number| number.tag() == tag)
    }

    /// Bytes of one.
    pub(crate) fn width(self) -> usize {
        match self {
            Number::U8 | Number::I8 => 1,
            Number::U16 | Number::I16 => 2,
            Number::U32 | Number::I32 | Number::F32 => 4,
            Number::U64 | Number::I64 | Number::F64 => 8,
        }
    }
}

/// Large arrays start at a multiple of 64 bytes (a cache line, and the widest vector register);
/// small ones at 16, so that padding never outweighs them by much.
fn alignment(bytes: u64) -> u64 {
    if bytes >= 64 { 64 } else { 16 }
}

/// Writes all that comes before the numbers of an array; gives what must come after them.
pub(crate) fn begin(output: &mut Output<'_>, number: Number, count: u64) -> Result<Tail> {
    let bytes = count
        .checked_mul(number.width() as u64)
        .ok_or_else(|| Error::new(ErrorKind::LimitExceeded, "a sequence declares more than 2^64 bytes"))?;
    wire::write_head(output, Major::Tag, number.tag())?;
    let (head, head_len) = wire::head(Major::Bytes, bytes);
    let head = &head[..head_len];
    let align = alignment(bytes);
    let is_aligned = |output: &Output<'_>| (output.position() + head_len as u64) & (align - 1) == 0;
    let mut tail = Tail::Nothing;
    if !is_aligned(output) {
        tail = Tail::Break;
        output.write(&[wire::BYTES_INDEFINITE])?;
        while !is_aligned(output) {
            output.write(&[wire::EMPTY_CHUNK])?;
        }
    }
    output.write(head)?;
    output.array_ahead(number.width(), bytes);
    Ok(tail)
}

/// What ends a typed array.
#[derive(Clone, Copy)]
pub(crate) enum Tail {
    Nothing,
    Break,
}

impl Tail {
    pub(crate) fn write(self, output: &mut Output<'_>) -> Result<()> {
        match self {
            Tail::Nothing => Ok(()),
            Tail::Break => output.write(&[wire::BREAK]),
        }
    }
}

/// Reads what [`begin`] wrote, after the tag: the number of elements, and whether a break follows.
pub(crate) fn open(input: &mut Input<'_>, number: Number) -> Result<(u64, bool)> {
    let mut initial = input.byte()?;
    let padded = initial == wire::BYTES_INDEFINITE;
    if padded {
        initial = input.byte()?;
        let mut padding = 0;
        while initial == wire::EMPTY_CHUNK {
            padding += 1;
            if padding > 64 {
                return Err(Error::damaged("a typed array is padded by more than 64 bytes"));
            }
            initial = input.byte()?;
        }
    }
    if Major::of(initial) != Major::Bytes {
        return Err(Error::damaged("the tag of a typed array is not followed by a byte string"));
    }
    let bytes = input.argument(initial)?;
    let width = number.width() as u64;
    if bytes % width != 0 {
        return Err(Error::damaged(format!("{bytes} bytes are no whole number of {width}-byte elements")));
    }
    Ok((bytes / width, padded))
}

/// Reads what [`Tail`] wrote.
pub(crate) fn close(input: &mut Input<'_>, padded: bool) -> Result<()> {
    if padded && input.byte()? != wire::BREAK {
        return Err(Error::damaged("a typed array consists of more than one chunk"));
    }
    Ok(())
}

/// A serializer that takes numbers of one kind and writes their bytes, nothing else.
pub(crate) struct NumberWriter<'a, 'w> {
    pub(crate) output: &'a mut Output<'w>,
    pub(crate) number: Number,
}

impl NumberWriter<'_, '_> {
    #[inline]
    fn put(self, number: Number, bytes: &[u8]) -> Result<()> {
        if number == self.number { self.output.write(bytes) } else { Err(mixed()) }
    }
}

/// A primitive serialised itself as something else; serde's own implementations never do.
#[cold]
fn mixed() -> Error {
    Error::new(ErrorKind::NotRepresentable, "a sequence of numbers holds something else as well")
}

macro_rules! take {
    ($($method:ident $primitive:ty => $number:ident),*) => {$(
        #[inline]
        fn $method(self, value: $primitive) -> Result<()> {
            self.put(Number::$number, &value.to_le_bytes())
        }
    )*};
}

macro_rules! refuse {
    ($($method:ident($($type:ty),*) -> $result:ty),* $(,)?) => {$(
        fn $method(self, $(_: $type),*) -> Result<$result> {
            Err(mixed())
        }
    )*};
}

type Never = Impossible<(), Error>;

impl Serializer for NumberWriter<'_, '_> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Never;
    type SerializeTuple = Never;
    type SerializeTupleStruct = Never;
    type SerializeTupleVariant = Never;
    type SerializeMap = Never;
    type SerializeStruct = Never;
    type SerializeStructVariant = Never;

    take!(serialize_u8 u8 => U8, serialize_u16 u16 => U16, serialize_u32 u32 => U32,
          serialize_u64 u64 => U64, serialize_i8 i8 => I8, serialize_i16 i16 => I16,
          serialize_i32 i32 => I32, serialize_i64 i64 => I64, serialize_f32 f32 => F32,
          serialize_f64 f64 => F64);

    refuse! {
        serialize_bool(bool) -> (), serialize_char(char) -> (), serialize_str(&str) -> (),
        serialize_bytes(&[u8]) -> (), serialize_none() -> (), serialize_unit() -> (),
        serialize_unit_struct(&'static str) -> (),
        serialize_unit_variant(&'static str, u32, &'static str) -> (),
        serialize_seq(Option<usize>) -> Never, serialize_tuple(usize) -> Never,
        serialize_tuple_struct(&'static str, usize) -> Never,
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Never,
        serialize_map(Option<usize>) -> Never, serialize_struct(&'static str, usize) -> Never,
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Never,
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<()> {
        Err(mixed())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, _: &T) -> Result<()> {
        Err(mixed())
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<()> {
        Err(mixed())
    }
}
