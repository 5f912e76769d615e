//! Copying one value from an input to an output, however large it is: item by item, as a fresh write gives it.

use crate::error::{Error, ErrorKind, Result};
use crate::format::cbor::reader::ByteReader;
use crate::format::cbor::wire::Major;
use crate::format::cbor::writer::ByteWriter;
use crate::format::cbor::{typed_array, wire};

/// Copies the next value, which may be nested `depth` levels deep. The output is told of arrays of numbers.
///
/// Heads become as short as they can be. So the copy may differ from what another program wrote, which the checksum
/// of the document tells.
pub(crate) fn copy_value(input: &mut ByteReader<'_>, output: &mut ByteWriter<'_>, depth: u32) -> Result<()> {
    if depth == 0 {
        return Err(Error::new(ErrorKind::LimitExceeded, "the content is nested too deep"));
    }
    let initial = input.byte()?;
    let major = Major::of(initial);
    match major {
        Major::Unsigned | Major::Negative => copy_head(input, output, initial).map(drop),
        Major::Bytes | Major::Text => {
            let len = copy_head(input, output, initial)?;
            copy_bytes(input, output, len)
        }
        Major::Array | Major::Map if initial & 31 == wire::INDEFINITE => {
            output.write(&[initial])?;
            while input.peek()? != wire::BREAK {
                copy_item(input, output, major, depth)?;
            }
            output.write(&[input.byte()?])
        }
        Major::Array | Major::Map => {
            for _ in 0..copy_head(input, output, initial)? {
                copy_item(input, output, major, depth)?;
            }
            Ok(())
        }
        Major::Tag => {
            let tag = input.argument(initial)?;
            match typed_array::announced(tag, input)? {
                Some(number) => {
                    let (count, padded) = typed_array::open(input, number)?;
                    let tail = typed_array::begin(output, number, count)?;
                    copy_bytes(input, output, count.saturating_mul(number.width() as u64))?;
                    typed_array::close(input, padded)?;
                    tail.write(output)
                }
                None => {
                    wire::write_head(output, Major::Tag, tag)?;
                    copy_value(input, output, depth - 1)
                }
            }
        }
        Major::Simple => {
            output.write(&[initial])?;
            match initial {
                wire::FALSE | wire::TRUE | wire::NONE | wire::UNIT => Ok(()),
                wire::F32 => copy_bytes(input, output, 4),
                wire::F64 => copy_bytes(input, output, 8),
                _ => Err(Error::damaged(format!("{initial:#04x} is no value that larder writes"))),
            }
        }
    }
}

/// Copies an element, or a key and its value.
fn copy_item(input: &mut ByteReader<'_>, output: &mut ByteWriter<'_>, major: Major, depth: u32) -> Result<()> {
    copy_value(input, output, depth - 1)?;
    if major == Major::Map { copy_value(input, output, depth - 1) } else { Ok(()) }
}

/// Copies the head that begins with this byte, which has been read; gives its argument.
fn copy_head(input: &mut ByteReader<'_>, output: &mut ByteWriter<'_>, initial: u8) -> Result<u64> {
    let argument = input.argument(initial)?;
    wire::write_head(output, Major::of(initial), argument)?;
    Ok(argument)
}

/// Copies as many bytes as they are.
fn copy_bytes(input: &mut ByteReader<'_>, output: &mut ByteWriter<'_>, mut len: u64) -> Result<()> {
    while len > 0 {
        // Sees to it that something is at hand.
        input.peek()?;
        let at_hand = input.rest();
        let count = usize::try_from(len).unwrap_or(usize::MAX).min(at_hand.len());
        output.write(&at_hand[..count])?;
        input.skip(count as u64)?;
        len -= count as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Serialize;

    use super::*;
    use crate::format::cbor::skip::MAX_SKIPPED_DEPTH;
    use crate::format::cbor::slice::to_vec;

    fn copy(bytes: &[u8]) -> Result<Vec<u8>> {
        let mut copied = Vec::new();
        let mut output = ByteWriter::new(&mut copied);
        let mut input = ByteReader::from_slice(bytes);
        copy_value(&mut input, &mut output, MAX_SKIPPED_DEPTH)?;
        input.expect_end()?;
        output.finish()?;
        Ok(copied)
    }

    #[derive(Serialize)]
    enum Kind {
        Unit,
        Tuple(u8, char),
        Struct { a: Option<Option<()>>, b: Vec<bool> },
    }

    /// Sequences of an unknown length.
    struct Unsized;

    impl Serialize for Unsized {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_seq(["a", "b", "c"].iter().filter(|text| **text != "b"))
        }
    }

    #[test]
    fn a_copy_is_what_was_copied() {
        let map: BTreeMap<String, Vec<f32>> = (0..40).map(|n| ("k".repeat(n), vec![0.5; n])).collect();
        let values = [
            to_vec(&map).unwrap(),
            to_vec(&(1_u8, -1_i64, u64::MAX, i64::MIN, u128::MAX, i128::MIN, 1.5_f32, f64::NAN, 'x')).unwrap(),
            to_vec(&(Kind::Unit, Kind::Tuple(1, 'ä'), Kind::Struct { a: Some(None), b: vec![true, false] })).unwrap(),
            to_vec(&("long".repeat(100_000), serde_json::Value::Null, Unsized, ())).unwrap(),
            to_vec(&(vec![1_u8; 3], vec![2_i16; 40], vec![3_u32; 70_000], vec![4.0_f64; 9], Vec::<u64>::new()))
                .unwrap(),
        ];
        for bytes in values {
            assert!(copy(&bytes).unwrap() == bytes);
            for cut in 0..bytes.len().min(500) {
                assert!(copy(&bytes[..cut]).is_err(), "{cut}");
            }
        }
    }

    #[test]
    fn what_nobody_writes_is_an_error() {
        for bytes in [&[0xf8, 0x20][..], &[0xff], &[0x1c], &[0x5f, 0x40, 0xff], &[0x81; 1000]] {
            assert!(copy(bytes).is_err(), "{bytes:02x?}");
        }
    }
}
