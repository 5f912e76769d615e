//! Navigates an encoded document, and borrows arrays of numbers from it.

use bytemuck::Pod;

use crate::error::{Error, ErrorKind, Result};
use crate::format::cbor::reader::ByteReader;
use crate::format::cbor::skip::{MAX_SKIPPED_DEPTH, skip_value};
use crate::format::cbor::wire::Major;
use crate::format::cbor::{typed_array, wire};
use crate::format::numeric;
use crate::format::numeric::number::Number;

/// A document in memory, and a position in it.
pub(crate) struct Cursor<'d> {
    bytes: &'d [u8],
    pub(super) input: ByteReader<'d>,
}

/// A number that arrays in a document can hold: the primitive integers and floats, and complex numbers with feature
/// `num-complex`.
///
/// Sealed, because the format decides which types can be used in place.
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
    /// Returns a cursor at the start of `bytes`.
    pub(crate) fn new(bytes: &'d [u8]) -> Self {
        Cursor { bytes, input: ByteReader::from_slice(bytes) }
    }

    /// Returns the reader at the current position.
    pub(crate) fn input(&mut self) -> &mut ByteReader<'d> {
        &mut self.input
    }

    /// Moves to the value that `path` names, relative to the value that begins here. A path consists of names of
    /// fields, keys and variants, and of indices of elements, separated by dots.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if there is no such value.
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

    /// Skips the tags of `Some`.
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
            _ => return Err(nothing("the value there is not a struct, map, enum, sequence or tuple")),
        };
        let index = step.parse::<u64>().ok();
        let mut at = 0;
        loop {
            let ended = match len {
                Some(len) => at == len,
                None => self.input.peek()? == wire::BREAK,
            };
            if ended {
                return Err(nothing(&format!("the value there has {at} others")));
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

    /// Reads a key. Returns whether it is this text, or this number.
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

    /// Returns the numbers of the array that begins here, borrowed from the document.
    ///
    /// # Errors
    /// [`WrongType`](ErrorKind::WrongType) if other numbers or another kind of value begin here,
    /// [`NotMappable`](ErrorKind::NotMappable) if the numbers are not aligned in memory.
    pub(crate) fn numbers<E: Element>(&mut self) -> Result<&'d [E]> {
        let Some(wanted) = numeric::containers::number::<E>().filter(|_| numeric::containers::AS_IN_MEMORY) else {
            return Err(Error::new(
                ErrorKind::NotMappable,
                "numbers in files have the layout of little-endian 64-bit machines, and this machine has another: load them",
            ));
        };
        let number = match self.announced()? {
            Announced::Numbers(number) => number,
            Announced::Empty => return Ok(&[]),
            Announced::Other => {
                return Err(Error::new(
                    ErrorKind::WrongType,
                    format!(
                        "an array of {} was requested, but the stored value is not an array of numbers",
                        wanted.name()
                    ),
                ));
            }
        };
        if number != wanted {
            let (found, wanted) = (number.name(), wanted.name());
            return Err(Error::new(
                ErrorKind::WrongType,
                format!("an array of {found} is stored, but one of {wanted} was requested"),
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

    /// Reads the announcement of the value that begins here, if it is a typed array or an empty array.
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

/// Kind of the value that begins at a position.
enum Announced {
    Numbers(Number),
    /// An empty array. Its element type is unknown, so it matches every type.
    Empty,
    Other,
}

const EMPTY_ARRAY: u8 = (Major::Array as u8) << 5;
const SOME: [u8; 3] = [wire::TAG_OF_TWO_BYTES, 0x4c, 0x53];
