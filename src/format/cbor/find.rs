//! Numbers where they lie in an encoded document, and the way to them.

use bytemuck::Pod;

use crate::error::{Error, ErrorKind, Result};
use crate::format::cbor::reader::ByteReader;
use crate::format::cbor::skip::{MAX_SKIPPED_DEPTH, skip_value};
use crate::format::cbor::wire::Major;
use crate::format::cbor::{typed_array, wire};
use crate::format::numeric;
use crate::format::numeric::number::Number;

/// A document in memory, and a place in it.
pub(crate) struct Cursor<'d> {
    bytes: &'d [u8],
    pub(super) input: ByteReader<'d>,
}

/// A number that arrays in a document can have: the primitive integers and floats, and complex ones
/// with feature `num-complex`.
///
/// Sealed: what can be used in place is a matter of the format.
pub trait Element: Pod + sealed::Sealed {}

mod sealed {
    pub trait Sealed {}
}

macro_rules! elements {
    ($($number:ident: $type:ty,)*) => {$(
        impl sealed::Sealed for $type {}
        impl Element for $type {}
    )*};
}

crate::format::numeric::number::with_numbers!(elements);

impl<'d> Cursor<'d> {
    /// Begins at the beginning of `bytes`.
    pub(crate) fn new(bytes: &'d [u8]) -> Self {
        Cursor { bytes, input: ByteReader::from_slice(bytes) }
    }

    /// What comes next, for others to read.
    pub(crate) fn input(&mut self) -> &mut ByteReader<'d> {
        &mut self.input
    }

    /// Goes to what `path` leads to from the value that begins here: names of fields, of keys and of
    /// variants, and indices of elements, with dots between them.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if it leads nowhere.
    pub(crate) fn go_to(&mut self, path: &str) -> Result<()> {
        for step in path.split('.').filter(|step| !step.is_empty()) {
            self.enter(step).map_err(|error| match error.kind() {
                ErrorKind::NotFound => {
                    Error::new(ErrorKind::NotFound, format!("there is no {step:?} on the way to {path:?}: {error}"))
                }
                _ => error,
            })?;
        }
        self.pass_some()
    }

    /// Passes over the tags of `Some`.
    fn pass_some(&mut self) -> Result<()> {
        while self.input.rest().starts_with(&SOME) {
            self.input.skip(SOME.len() as u64)?;
        }
        Ok(())
    }

    fn enter(&mut self, step: &str) -> Result<()> {
        let nothing = |what: &str| Error::new(ErrorKind::NotFound, what);
        self.pass_some()?;
        let initial = self.input.byte()?;
        let major = Major::of(initial);
        let len = match major {
            Major::Array | Major::Map if initial & 31 == wire::INDEFINITE => None,
            Major::Array | Major::Map => Some(self.input.argument(initial)?),
            _ => return Err(nothing("what is there is no struct, map, enum, sequence or tuple")),
        };
        let index = step.parse::<u64>().ok();
        let mut at = 0;
        loop {
            let ended = match len {
                Some(len) => at == len,
                None => self.input.peek()? == wire::BREAK,
            };
            if ended {
                return Err(nothing(&format!("what is there has {at} others")));
            }
            let found = match major {
                Major::Array => index == Some(at),
                _ => self.key_is(step)?,
            };
            if found {
                return Ok(());
            }
            skip_value(&mut self.input, MAX_SKIPPED_DEPTH)?;
            at += 1;
        }
    }

    /// Passes over a key: whether it is this text, or this number.
    pub(super) fn key_is(&mut self, step: &str) -> Result<bool> {
        let initial = self.input.peek()?;
        match Major::of(initial) {
            Major::Text => {
                let len = self.input.head(Major::Text)?;
                self.input.take(len, |bytes| Ok(bytes.as_slice() == step.as_bytes()))
            }
            Major::Unsigned => {
                let key = self.input.head(Major::Unsigned)?;
                Ok(step.parse() == Ok(key))
            }
            _ => skip_value(&mut self.input, MAX_SKIPPED_DEPTH).map(|()| false),
        }
    }

    /// The numbers of the array that begins here, where they lie.
    ///
    /// # Errors
    /// [`WrongType`](ErrorKind::WrongType) if other numbers or something else is there,
    /// [`NotMappable`](ErrorKind::NotMappable) if they are not aligned in memory.
    pub(crate) fn numbers<E: Element>(&mut self) -> Result<&'d [E]> {
        let Some(wanted) = numeric::containers::number::<E>().filter(|_| numeric::containers::AS_IN_MEMORY) else {
            return Err(Error::new(
                ErrorKind::NotMappable,
                "numbers lie in files as little-endian 64-bit machines have them, which this one is not: load them",
            ));
        };
        let number = match self.announced()? {
            Announced::Numbers(number) => number,
            Announced::Empty => return Ok(&[]),
            Announced::Other => {
                return Err(Error::new(
                    ErrorKind::WrongType,
                    format!("an array of {} was asked for, and none of numbers is there", wanted.name()),
                ));
            }
        };
        if number != wanted {
            let (found, wanted) = (number.name(), wanted.name());
            return Err(Error::new(
                ErrorKind::WrongType,
                format!("an array of {found} is stored, and one of {wanted} was asked for"),
            ));
        }
        let (count, padded) = typed_array::open(&mut self.input, number)?;
        let len = count * number.width() as u64;
        let start = usize::try_from(self.input.position()).ok();
        let numbers = start
            .and_then(|start| self.bytes.get(start..start.checked_add(usize::try_from(len).ok()?)?))
            .ok_or_else(Error::truncated)?;
        self.input.skip(len)?;
        typed_array::close(&mut self.input, padded)?;
        bytemuck::try_cast_slice(numbers).map_err(|_| {
            Error::new(
                ErrorKind::NotMappable,
                format!("the array is not aligned for {}: another program wrote it; load it instead", wanted.name()),
            )
        })
    }

    /// Reads what announces the value that begins here, if that is numbers.
    fn announced(&mut self) -> Result<Announced> {
        let initial = self.input.peek()?;
        match Major::of(initial) {
            Major::Tag => {
                let tag = self.input.head(Major::Tag)?;
                Ok(typed_array::announced(tag, &mut self.input)?.map_or(Announced::Other, Announced::Numbers))
            }
            Major::Array if initial == EMPTY_ARRAY => self.input.byte().map(|_| Announced::Empty),
            _ => Ok(Announced::Other),
        }
    }
}

/// What begins at a place.
enum Announced {
    Numbers(Number),
    /// A sequence of nothing, whatever it is nothing of.
    Empty,
    Other,
}

const EMPTY_ARRAY: u8 = (Major::Array as u8) << 5;
const SOME: [u8; 3] = [wire::TAG_OF_TWO_BYTES, 0x4c, 0x53];
