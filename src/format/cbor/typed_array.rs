//! Arrays of numbers as RFC 8746 typed arrays: one tag, one byte string, little-endian.
//!
//! The numbers are aligned within the document, so that a memory map of an uncompressed file can use them in place.
//! Padding must not change the meaning. So the byte string is written in chunks, and empty chunks (`40`) come first.
//! Complex numbers are an array of floats, real and imaginary parts alternating, under a tag of larder's own.

use crate::error::{Error, ErrorKind, Result};
use crate::format::cbor::reader::ByteReader;
use crate::format::cbor::wire;
use crate::format::cbor::wire::Major;
use crate::format::cbor::writer::ByteWriter;
use crate::format::numeric::number::Number;

/// Number types for which RFC 8746 has a tag.
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

/// The longest padding.
const EMPTY_CHUNKS: [u8; 64] = [wire::EMPTY_CHUNK; 64];

/// Returns the tag of a little-endian array of these numbers (RFC 8746, section 2.1).
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

/// Returns the kind of numbers that a tag announces; `None` for other tags. Complex numbers have a second tag, which is
/// read here.
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

/// Returns the alignment of an array of `bytes` bytes. Large arrays start at a multiple of 64 bytes: a cache line, and
/// the widest vector register. Small ones start at a multiple of 16, so that padding never outweighs them by much.
fn alignment(bytes: u64) -> u64 {
    if bytes >= 64 { 64 } else { 16 }
}

/// Writes the head of an array of `count` numbers, with padding. Returns the bytes that must follow the numbers.
pub(crate) fn begin(output: &mut ByteWriter<'_>, number: Number, count: u64) -> Result<Tail> {
    let bytes = count
        .checked_mul(number.width() as u64)
        .ok_or_else(|| Error::new(ErrorKind::LimitExceeded, "a sequence declares more than 2^64 bytes"))?;
    if number != number.part() {
        wire::write_head(output, Major::Tag, wire::TAG_COMPLEX)?;
    }
    wire::write_head(output, Major::Tag, tag_of(number))?;
    let head_len = wire::head_len(bytes);
    let align = alignment(bytes);
    let past_boundary = |output: &ByteWriter<'_>| (output.position() + head_len) & (align - 1);
    let mut tail = Tail::Nothing;
    if past_boundary(output) != 0 {
        tail = Tail::Break;
        output.write_byte(wire::BYTES_INDEFINITE)?;
        let padding = (align - past_boundary(output)) & (align - 1);
        output.write(&EMPTY_CHUNKS[..usize::try_from(padding).unwrap_or_default()])?;
    }
    wire::write_head(output, Major::Bytes, bytes)?;
    output.array_ahead(number.part().width(), bytes);
    Ok(tail)
}

/// Writes an array of numbers whose bytes are in memory.
pub(crate) fn write(output: &mut ByteWriter<'_>, number: Number, bytes: &[u8]) -> Result<()> {
    let tail = begin(output, number, (bytes.len() / number.width()) as u64)?;
    output.write(bytes)?;
    tail.write(output)
}

/// End of a typed array.
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

/// Reads the head that [`begin`] wrote, after the tag. Returns the number of elements, and whether a break follows
/// them.
pub(crate) fn open(input: &mut ByteReader<'_>, number: Number) -> Result<(u64, bool)> {
    let mut initial = input.byte()?;
    let padded = initial == wire::BYTES_INDEFINITE;
    if padded {
        initial = input.byte()?;
        let mut padding = 0;
        while initial == wire::EMPTY_CHUNK {
            padding += 1 + input.skip_all(wire::EMPTY_CHUNK, EMPTY_CHUNKS.len());
            if padding > EMPTY_CHUNKS.len() {
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

/// Reads the end that [`Tail`] wrote.
pub(crate) fn close(input: &mut ByteReader<'_>, padded: bool) -> Result<()> {
    if padded && input.byte()? != wire::BREAK {
        return Err(Error::damaged("a typed array consists of more than one chunk"));
    }
    Ok(())
}
