//! Reading a value of which nothing is known.

use crate::error::{Error, ErrorKind, Result};
use crate::format::cbor::head::Head;
use crate::format::cbor::reader::ByteReader;
use crate::format::cbor::skip::{MAX_SKIPPED_DEPTH, skip_value};
use crate::format::cbor::typed_array;
use crate::format::cbor::wire::{TAG_BIG_NEGATIVE, TAG_BIG_POSITIVE, TAG_CHAR, TAG_SOME};
use crate::format::value::numbers;
use crate::format::value::tree::Value;

/// Bytes of the longest text that is taken for the name of a field or a variant, and always kept.
const LONGEST_NAME: u64 = 256;

/// More axes than numpy has, or anyone uses.
const MOST_AXES: usize = 64;

/// Reads the value that comes next, keeping `most` elements of each container.
pub(crate) fn value(input: &mut ByteReader<'_>, most: usize) -> Result<Value> {
    Reader { input, most, shape: None }.value(MAX_SKIPPED_DEPTH)
}

struct Reader<'i, 'r> {
    input: &'i mut ByteReader<'r>,
    most: usize,
    /// The shape of the array that comes next, if it is known.
    shape: Option<Vec<u64>>,
}

impl Reader<'_, '_> {
    fn value(&mut self, depth: u32) -> Result<Value> {
        let deeper = depth
            .checked_sub(1)
            .ok_or_else(|| Error::new(ErrorKind::LimitExceeded, "the content is nested too deep"))?;
        let initial = self.input.byte()?;
        let head = self.input.head_after(initial)?;
        let shape = self.shape.take();
        Ok(match head {
            Head::Unsigned(value) => Value::Unsigned(value.into()),
            Head::Negative(value) => Value::Negative(-1 - i128::from(value)),
            Head::Bool(value) => Value::Bool(value),
            Head::None => Value::None,
            Head::Unit => Value::Unit,
            Head::F32(value) => Value::F32(value),
            Head::F64(value) => Value::F64(value),
            Head::Text(len) => self.text(len)?,
            Head::Bytes(len) => self.bytes(len)?,
            Head::Array(len) => self.sequence(len, deeper)?,
            Head::Map(len) => self.map(len, deeper)?,
            Head::Tag(TAG_SOME) => Value::Some(Box::new(self.value(deeper)?)),
            Head::Tag(TAG_CHAR) => match self.input.short_text(4)?.chars().next() {
                Some(char) => Value::Char(char),
                None => return Err(Error::damaged("an empty text is tagged as one character")),
            },
            Head::Tag(tag @ (TAG_BIG_POSITIVE | TAG_BIG_NEGATIVE)) => self.big(tag == TAG_BIG_NEGATIVE)?,
            Head::Tag(tag) => match typed_array::announced(tag, self.input)? {
                Some(number) => {
                    let (count, padded) = typed_array::open(self.input, number)?;
                    let array = numbers::read(self.input, number, count, shape, self.most)?;
                    typed_array::close(self.input, padded)?;
                    Value::Numbers(Box::new(array))
                }
                None => return Err(Error::damaged(format!("tag {tag} is none that larder writes"))),
            },
        })
    }

    /// An integer above 64 bits; negative ones are stored as -1 - n.
    fn big(&mut self, negative: bool) -> Result<Value> {
        match self.value(1)? {
            Value::Bytes { bytes, omitted: 0 } if bytes.len() <= 16 => {
                let magnitude = bytes.iter().fold(0, |all, byte| all << 8 | u128::from(*byte));
                match i128::try_from(magnitude) {
                    _ if !negative => Ok(Value::Unsigned(magnitude)),
                    Ok(magnitude) => Ok(Value::Negative(!magnitude)),
                    Err(_) => Err(Error::damaged("the stored integer is smaller than any of Rust's")),
                }
            }
            _ => Err(Error::damaged("what is tagged as a large integer is none")),
        }
    }

    fn text(&mut self, len: u64) -> Result<Value> {
        let most = if len <= LONGEST_NAME { len } else { self.most(len) };
        let mut bytes = self.beginning(len, most)?;
        let omitted = len - bytes.len() as u64;
        let end = match std::str::from_utf8(&bytes) {
            Ok(text) => text.len(),
            // The last character was cut in two.
            Err(error) if omitted > 0 && error.error_len().is_none() => error.valid_up_to(),
            Err(_) => return Err(Error::damaged("a text string is not UTF-8")),
        };
        let omitted = omitted + (bytes.len() - end) as u64;
        bytes.truncate(end);
        Ok(Value::Text { text: String::from_utf8_lossy(&bytes).into_owned(), omitted })
    }

    fn bytes(&mut self, len: u64) -> Result<Value> {
        let bytes = self.beginning(len, self.most(len).max(16))?;
        let omitted = len - bytes.len() as u64;
        Ok(Value::Bytes { bytes, omitted })
    }

    /// Reads the beginning of what has `len` bytes, and passes over the rest.
    fn beginning(&mut self, len: u64, most: u64) -> Result<Vec<u8>> {
        let kept = len.min(most);
        let bytes = self.input.take(kept, |bytes| Ok(bytes.as_slice().to_vec()))?;
        self.input.skip(len - kept)?;
        Ok(bytes)
    }

    fn most(&self, len: u64) -> u64 {
        len.min(self.most as u64)
    }

    fn sequence(&mut self, len: Option<u64>, depth: u32) -> Result<Value> {
        let (mut items, mut omitted) = (Vec::new(), 0);
        let mut at = 0;
        while self.more(len, at)? {
            at += 1;
            if items.len() < self.most {
                items.push(self.value(depth)?);
            } else {
                skip_value(self.input, depth)?;
                omitted += 1;
            }
        }
        Ok(Value::Seq { items, omitted })
    }

    fn map(&mut self, len: Option<u64>, depth: u32) -> Result<Value> {
        let (mut pairs, mut omitted) = (Vec::new(), 0);
        let mut at = 0;
        while self.more(len, at)? {
            at += 1;
            // A few pairs are a struct, of which every field is shown.
            if pairs.len() < self.most.max(16) {
                let key = self.value(depth)?;
                if len == Some(3) && is_named(&key, "data") {
                    self.shape = shape_of(&pairs);
                }
                pairs.push((key, self.value(depth)?));
                self.shape = None;
            } else {
                skip_value(self.input, depth)?;
                skip_value(self.input, depth)?;
                omitted += 1;
            }
        }
        // An array of ndarray, which is a struct of its version, its shape and its elements.
        match &mut pairs[..] {
            [(v, _), (dim, _), (data, Value::Numbers(array))]
                if is_named(v, "v") && is_named(dim, "dim") && is_named(data, "data") =>
            {
                Ok(Value::Numbers(array.clone()))
            }
            _ => Ok(Value::Map { pairs, omitted }),
        }
    }

    /// Whether another element follows the first `at` ones.
    fn more(&mut self, len: Option<u64>, at: u64) -> Result<bool> {
        match len {
            Some(len) => Ok(at < len),
            None => Ok(!self.input.take_break()?),
        }
    }
}

fn is_named(key: &Value, name: &str) -> bool {
    matches!(key, Value::Text { text, .. } if text == name)
}

/// The shape that ndarray's `dim` gives.
fn shape_of(pairs: &[(Value, Value)]) -> Option<Vec<u64>> {
    let [(v, Value::Unsigned(1)), (dim, shape)] = pairs else { return None };
    if !(is_named(v, "v") && is_named(dim, "dim")) {
        return None;
    }
    let items = match shape {
        Value::Seq { items, omitted: 0 } => items,
        Value::Numbers(array) if array.whole => match &array.corner {
            Value::Seq { items, .. } => items,
            _ => return None,
        },
        _ => return None,
    };
    let axes = items.iter().map(|axis| match axis {
        Value::Unsigned(len) => u64::try_from(*len).ok(),
        _ => None,
    });
    axes.collect::<Option<Vec<_>>>().filter(|axes| axes.len() <= MOST_AXES)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::format::document;

    /// What is changed gives an error or another value, and takes no more memory or time than it has bytes.
    #[test]
    fn whatever_is_read_is_an_error_or_a_value() {
        let numbers: Vec<f32> = (0..50_u8).map(f32::from).collect();
        let map: BTreeMap<u8, Option<&str>> = [(1, Some("text")), (2, None)].into();
        let array = (1, [2, 25], &numbers);
        #[derive(serde::Serialize)]
        struct Array<'n> {
            v: u8,
            dim: (u64, u64),
            data: &'n [f32],
        }
        let array = (array, Array { v: 1, dim: (2, 25), data: &numbers });
        let sample = document::to_vec(&(map, array, 'x', u128::MAX, i128::MIN, vec![true; 3], ((), "é".repeat(300))));
        let sample = sample.unwrap();
        let read = |bytes: &[u8]| {
            let mut input = ByteReader::from_slice(bytes);
            document::read_with(&mut input, |input, _| value(input, 4)).map(|(value, _)| {
                let _ = (value.to_string(), format!("{value:#}"), serde_json::to_string(&value));
            })
        };
        read(&sample).unwrap();
        let mut errors = 0;
        for at in 0..sample.len() {
            for change in [0x01, 0x1f, 0x20, 0x40, 0x80, 0xe0, 0xff] {
                let mut bytes = sample.clone();
                bytes[at] ^= change;
                errors += usize::from(read(&bytes).is_err());
            }
            assert!(read(&sample[..at]).is_err());
        }
        // The checksum sees to it that nothing of that is believed.
        assert_eq!(errors, sample.len() * 7);
    }

    /// Lengths that are lies are not believed.
    #[test]
    fn axes_may_be_as_long_as_they_like_where_one_is_empty() {
        // {"v": 1, "dim": [2^60, 0], "data": typed array of nothing}
        let mut bytes = b"\xa3\x61v\x01\x63dim\x82\x1b\x10\0\0\0\0\0\0\0\x00\x64data".to_vec();
        bytes.extend(b"\xd8\x56\x40");
        let read = value(&mut ByteReader::from_slice(&bytes), usize::MAX).unwrap();
        let Value::Numbers(array) = read else { panic!("{read:?}") };
        assert_eq!((&*array.shape, array.kind, array.whole), (&[1 << 60, 0][..], "f64", true));
        assert_eq!(array.corner, Value::Seq { items: Vec::new(), omitted: 0 });
        // Nested as deep as it likes, too.
        let deep = [0x81; 100_000];
        let error = value(&mut ByteReader::from_slice(&deep), 4).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    }
}
