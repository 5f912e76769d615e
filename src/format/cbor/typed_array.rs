//! Homogeneous numbers as RFC 8746 typed arrays: one tag, one byte string, little-endian.
//!
//! The numbers are aligned within the document, so that a memory map of an uncompressed file can
//! use them in place. Padding without changing what is said: the byte string is given in chunks,
//! and chunks of no bytes (`40`) come first. Complex numbers are an array of floats, real and
//! imaginary parts in turn, under a tag of our own.

use crate::error::{Error, ErrorKind, Result};
use crate::format::cbor::reader::ByteReader;
use crate::format::cbor::wire;
use crate::format::cbor::wire::Major;
use crate::format::cbor::writer::ByteWriter;
use crate::format::numeric::number::Number;

/// The kinds that RFC 8746 has tags for.
const TAGGED: [Number; 10] = [
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

/// The tag of an array of these, little-endian (RFC 8746, section 2.1).
fn tag_of(number: Number) -> u64 {
    match number.part() {
        Number::U8 => 64,
        Number::U16 => 69,
        Number::U32 => 70,
        Number::U64 => 71,
        Number::I8 => 72,
        Number::I16 => 77,
        Number::I32 => 78,
        Number::I64 => 79,
        Number::F32 | Number::C32 => 85,
        Number::F64 | Number::C64 => 86,
    }
}

/// What a tag announces, if it announces numbers. Complex ones have a second tag, which is read.
pub(crate) fn announced(tag: u64, input: &mut ByteReader<'_>) -> Result<Option<Number>> {
    let tagged = |tag| TAGGED.into_iter().find(|number| tag_of(*number) == tag);
    if tag != wire::TAG_COMPLEX {
        return Ok(tagged(tag));
    }
    match tagged(input.head(Major::Tag)?) {
        Some(Number::F32) => Ok(Some(Number::C32)),
        Some(Number::F64) => Ok(Some(Number::C64)),
        _ => Err(Error::damaged("what is tagged as complex numbers is no array of floats")),
    }
}

/// Large arrays start at a multiple of 64 bytes (a cache line, and the widest vector register);
/// small ones at 16, so that padding never outweighs them by much.
fn alignment(bytes: u64) -> u64 {
    if bytes >= 64 { 64 } else { 16 }
}

/// Writes all that comes before the numbers of an array; gives what must come after them.
pub(crate) fn begin(output: &mut ByteWriter<'_>, number: Number, count: u64) -> Result<Tail> {
    let bytes = count
        .checked_mul(number.width() as u64)
        .ok_or_else(|| Error::new(ErrorKind::LimitExceeded, "a sequence declares more than 2^64 bytes"))?;
    if number != number.part() {
        wire::write_head(output, Major::Tag, wire::TAG_COMPLEX)?;
    }
    wire::write_head(output, Major::Tag, tag_of(number))?;
    let (head, head_len) = wire::head(Major::Bytes, bytes);
    let head = &head[..head_len];
    let align = alignment(bytes);
    let is_aligned = |output: &ByteWriter<'_>| (output.position() + head_len as u64) & (align - 1) == 0;
    let mut tail = Tail::Nothing;
    if !is_aligned(output) {
        tail = Tail::Break;
        output.write(&[wire::BYTES_INDEFINITE])?;
        while !is_aligned(output) {
            output.write(&[wire::EMPTY_CHUNK])?;
        }
    }
    output.write(head)?;
    output.array_ahead(number.part().width(), bytes);
    Ok(tail)
}

/// Writes an array of numbers whose bytes are at hand.
pub(crate) fn write(output: &mut ByteWriter<'_>, number: Number, bytes: &[u8]) -> Result<()> {
    let tail = begin(output, number, (bytes.len() / number.width()) as u64)?;
    output.write(bytes)?;
    tail.write(output)
}

/// What ends a typed array.
#[derive(Clone, Copy)]
pub(crate) enum Tail {
    Nothing,
    Break,
}

impl Tail {
    pub(crate) fn write(self, output: &mut ByteWriter<'_>) -> Result<()> {
        match self {
            Tail::Nothing => Ok(()),
            Tail::Break => output.write(&[wire::BREAK]),
        }
    }
}

/// Reads what [`begin`] wrote, after the tag: the number of elements, and whether a break follows.
pub(crate) fn open(input: &mut ByteReader<'_>, number: Number) -> Result<(u64, bool)> {
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
pub(crate) fn close(input: &mut ByteReader<'_>, padded: bool) -> Result<()> {
    if padded && input.byte()? != wire::BREAK {
        return Err(Error::damaged("a typed array consists of more than one chunk"));
    }
    Ok(())
}
