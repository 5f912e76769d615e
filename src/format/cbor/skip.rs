//! Passing over one value without making anything of it.

use crate::error::{Error, ErrorKind, Result};
use crate::format::cbor::limits::MAX_DEPTH;
use crate::format::cbor::reader::ByteReader;
use crate::format::cbor::strings::{not_utf8, text};
use crate::format::cbor::wire::Major;
use crate::format::cbor::{typed_array, wire};

/// One level of a value is at most two of its encoding (a variant, and its fields), and the innermost
/// value is one more.
pub(crate) const MAX_SKIPPED_DEPTH: u32 = 2 * MAX_DEPTH + 1;

/// Passes over the next value, which may be nested `depth` levels deep.
pub(crate) fn skip_value(input: &mut ByteReader<'_>, depth: u32) -> Result<()> {
    if depth == 0 {
        return Err(Error::new(ErrorKind::LimitExceeded, "the content is nested too deep"));
    }
    let initial = input.byte()?;
    let indefinite = initial & 31 == wire::INDEFINITE;
    match Major::of(initial) {
        Major::Unsigned | Major::Negative => input.argument(initial).map(drop),
        Major::Bytes => {
            let len = input.argument(initial)?;
            input.skip(len)
        }
        Major::Text => {
            let len = input.argument(initial)?;
            skip_text(input, len)
        }
        major @ (Major::Array | Major::Map) if indefinite => {
            while input.peek()? != wire::BREAK {
                skip_value(input, depth - 1)?;
                if major == Major::Map {
                    skip_value(input, depth - 1)?;
                }
            }
            input.byte().map(drop)
        }
        major @ (Major::Array | Major::Map) => {
            for _ in 0..input.argument(initial)? {
                skip_value(input, depth - 1)?;
                if major == Major::Map {
                    skip_value(input, depth - 1)?;
                }
            }
            Ok(())
        }
        Major::Tag => {
            let tag = input.argument(initial)?;
            match typed_array::announced(tag, input)? {
                Some(number) => {
                    let (count, padded) = typed_array::open(input, number)?;
                    input.skip(count.saturating_mul(number.width() as u64))?;
                    typed_array::close(input, padded)
                }
                None => skip_value(input, depth - 1),
            }
        }
        Major::Simple => match initial {
            wire::FALSE | wire::TRUE | wire::NONE | wire::UNIT => Ok(()),
            wire::F32 => input.skip(4),
            wire::F64 => input.skip(8),
            _ => Err(Error::damaged(format!("{initial:#04x} is no value that larder writes"))),
        },
    }
}

/// Passes over a text of `len` bytes, piece by piece: it may be longer than memory.
fn skip_text(input: &mut ByteReader<'_>, len: u64) -> Result<()> {
    if len <= input.rest().len() as u64 {
        return input.take(len, |bytes| text(bytes.as_slice()).map(drop));
    }
    let mut piece = [0; 1024];
    let mut left = len;
    // Bytes of a character that the last piece has cut in two.
    let mut kept = 0;
    while left > 0 {
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len() - kept);
        input.read_exact(&mut piece[kept..kept + count])?;
        left -= count as u64;
        let end = kept + count;
        kept = match std::str::from_utf8(&piece[..end]) {
            Ok(_) => 0,
            Err(error) if error.error_len().is_none() && left > 0 => {
                piece.copy_within(error.valid_up_to()..end, 0);
                end - error.valid_up_to()
            }
            Err(_) => return Err(not_utf8()),
        };
    }
    Ok(())
}
