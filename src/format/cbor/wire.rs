//! Bytes of CBOR heads, and the tags that larder writes.

use crate::error::Result;
use crate::format::cbor::writer::ByteWriter;

/// The major types of RFC 8949, section 3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Major {
    Unsigned = 0,
    Negative = 1,
    Bytes = 2,
    Text = 3,
    Array = 4,
    Map = 5,
    Tag = 6,
    Simple = 7,
}

impl Major {
    #[inline]
    pub(crate) fn of(initial: u8) -> Major {
        match initial >> 5 {
            0 => Major::Unsigned,
            1 => Major::Negative,
            2 => Major::Bytes,
            3 => Major::Text,
            4 => Major::Array,
            5 => Major::Map,
            6 => Major::Tag,
            _ => Major::Simple,
        }
    }
}

/// Tag of an integer above 64 bits as a byte string, RFC 8949 section 3.4.3.
pub(crate) const TAG_BIG_POSITIVE: u64 = 2;
/// Tag of a negative integer n below −2^64, stored as −1 − n.
pub(crate) const TAG_BIG_NEGATIVE: u64 = 3;
/// Tag of `Some(x)`: "LS" in ASCII. Larder's own choice, not a tag registered under RFC 8949 section 9.2.
pub(crate) const TAG_SOME: u64 = 0x4c53;
/// The tag [`TAG_SOME`] as bytes.
pub(crate) const HEAD_OF_SOME: [u8; 3] = [TAG_OF_TWO_BYTES, 0x4c, 0x53];
/// Tag of a `char`: "LC" in ASCII. It precedes a text of one character, so that a `String` has a different encoding.
pub(crate) const TAG_CHAR: u64 = 0x4c43;

/// Tag of complex numbers: "LZ" in ASCII. It precedes an array of floats, two for each complex number.
pub(crate) const TAG_COMPLEX: u64 = 0x4c5a;

/// First byte of a tag whose argument has two bytes.
pub(crate) const TAG_OF_TWO_BYTES: u8 = 0xd9;

pub(crate) const FALSE: u8 = 0xf4;
pub(crate) const TRUE: u8 = 0xf5;
/// `None` is CBOR's null.
pub(crate) const NONE: u8 = 0xf6;
/// `()` and unit structs are CBOR's undefined.
pub(crate) const UNIT: u8 = 0xf7;
pub(crate) const F32: u8 = 0xfa;
pub(crate) const F64: u8 = 0xfb;
/// Ends an item of indefinite length.
pub(crate) const BREAK: u8 = 0xff;
/// Additional information that announces an indefinite length.
pub(crate) const INDEFINITE: u8 = 31;
/// Head of a byte string of unknown length, given in chunks.
pub(crate) const BYTES_INDEFINITE: u8 = (Major::Bytes as u8) << 5 | INDEFINITE;
/// A chunk of no bytes: padding inside such a byte string.
pub(crate) const EMPTY_CHUNK: u8 = (Major::Bytes as u8) << 5;

/// Returns the number of bytes of a head with this argument, as [`write_head`] writes it.
pub(crate) fn head_len(argument: u64) -> u64 {
    match argument {
        0..=23 => 1,
        24..=0xff => 2,
        0x100..=0xffff => 3,
        0x1_0000..=0xffff_ffff => 5,
        _ => 9,
    }
}

/// Writes a head in its shortest form, which RFC 8949 section 4.2.1 prefers.
#[inline]
pub(crate) fn write_head(output: &mut ByteWriter<'_>, major: Major, argument: u64) -> Result<()> {
    let initial = (major as u8) << 5;
    // Each case writes a number of bytes that the compiler knows.
    if let Ok(small @ 0..=23) = u8::try_from(argument) {
        output.write_byte(initial | small)
    } else if let Ok(byte) = u8::try_from(argument) {
        output.write_after(initial | 24, [byte])
    } else if let Ok(two) = u16::try_from(argument) {
        output.write_after(initial | 25, two.to_be_bytes())
    } else if let Ok(four) = u32::try_from(argument) {
        output.write_after(initial | 26, four.to_be_bytes())
    } else {
        output.write_after(initial | 27, argument.to_be_bytes())
    }
}
