//! Writes sequences: as a typed array if the elements are numbers, else as a plain array.

use serde::Serialize;

use crate::error::{Error, ErrorKind, Result};
use crate::format::cbor::encoder::{Container, Encoder, wrong_length};
use crate::format::cbor::typed_array::Tail;
use crate::format::cbor::wire::Major;
use crate::format::cbor::writer::Mark;
use crate::format::cbor::{number_slices, typed_array};
use crate::format::numeric;
use crate::format::numeric::number::Number;
use crate::text::serde_traits::elements;

/// A sequence that is being written. The first element decides its form.
pub(crate) enum Sequence<'e, 'o, 'w> {
    /// The length is known, the type of the elements is not yet.
    Announced(&'e mut Encoder<'o, 'w>, u64),
    /// Numbers, all of the same kind so far.
    Numbers(Numbers<'e, 'o, 'w>),
    Plain(Container<'e, 'o, 'w>),
}

pub(crate) struct Numbers<'e, 'o, 'w> {
    encoder: &'e mut Encoder<'o, 'w>,
    number: Number,
    len: u64,
    written: u64,
    /// Positions of the start of the array and of its first number.
    mark: Mark,
    first: u64,
    tail: Tail,
}

impl<'e, 'o, 'w> Numbers<'e, 'o, 'w> {
    pub(super) fn begin(encoder: &'e mut Encoder<'o, 'w>, number: Number, len: u64) -> Result<Self> {
        let mark = encoder.output.mark()?;
        let tail = typed_array::begin(encoder.output, number, len)?;
        let first = encoder.output.position();
        Ok(Numbers { encoder, number, len, written: 0, mark, first, tail })
    }

    #[inline]
    pub(super) fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.written += 1;
        if self.written > self.len {
            return Err(wrong_length(self.written));
        }
        if number_slices::write(value, self.encoder.output)? { Ok(()) } else { Err(mixed()) }
    }

    pub(super) fn end(self) -> Result<()> {
        if self.written != self.len {
            return Err(wrong_length(self.written));
        }
        self.tail.write(self.encoder.output)
    }

    /// Rewrites the array as a plain one, because a manual `Serialize` gave numbers first and now something else. This
    /// works as long as the numbers are still in the buffer.
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
        // `data` counts a part of `bytes`, so it fits.
        let numbers = bytes.len() - usize::try_from(data).unwrap_or(bytes.len());
        let len = usize::try_from(self.len).ok();
        let mut plain = self.encoder.container(Major::Array, len)?;
        for bytes in bytes[numbers..].chunks_exact(self.number.width()) {
            match self.number {
                Number::C32 => {
                    plain.element(&(f32::from_le_bytes(exact(&bytes[..4])), f32::from_le_bytes(exact(&bytes[4..]))))?
                }
                Number::C64 => {
                    plain.element(&(f64::from_le_bytes(exact(&bytes[..8])), f64::from_le_bytes(exact(&bytes[8..]))))?
                }
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

/// Returns the error for a number of another kind. Unreachable for larder's own sequences.
#[cold]
fn mixed() -> Error {
    Error::new(ErrorKind::NotRepresentable, "a sequence of numbers holds something else as well")
}

/// Returns the bytes of one number. `bytes` must have that length, as `chunks_exact` guarantees.
fn exact<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(bytes);
    array
}

impl<'e, 'o, 'w> Sequence<'e, 'o, 'w> {
    pub(super) fn begin(encoder: &'e mut Encoder<'o, 'w>, len: Option<usize>) -> Result<Self> {
        match len {
            Some(len) => Ok(Sequence::Announced(encoder, len as u64)),
            None => Ok(Sequence::Plain(encoder.container(Major::Array, None)?)),
        }
    }

    pub(super) fn push<T: Serialize + ?Sized>(self, value: &T) -> Result<Self> {
        match self {
            Sequence::Announced(encoder, len) => match numeric::containers::number::<T>() {
                Some(number) if len > 0 => Sequence::Numbers(Numbers::begin(encoder, number, len)?).push(value),
                _ => {
                    let len = usize::try_from(len).ok();
                    Sequence::Plain(encoder.container(Major::Array, len)?).push(value)
                }
            },
            Sequence::Numbers(mut numbers) => {
                if numeric::containers::number::<T>() == Some(numbers.number) {
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

    pub(super) fn finish(self) -> Result<()> {
        match self {
            Sequence::Announced(encoder, len) => encoder.container(Major::Array, usize::try_from(len).ok())?.finish(),
            Sequence::Numbers(numbers) => numbers.end(),
            Sequence::Plain(container) => container.finish(),
        }
    }
}

/// Slot for a [`Sequence`]: serde passes `&mut self`, but each push consumes the sequence and returns the next state.
pub(crate) struct SequenceSlot<'e, 'o, 'w>(pub(super) Option<Sequence<'e, 'o, 'w>>);

impl SequenceSlot<'_, '_, '_> {
    #[inline]
    pub(super) fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        // The common cases are separate, so that they are inlined into the caller's loop.
        match &mut self.0 {
            Some(Sequence::Numbers(numbers)) if numeric::containers::number::<T>() == Some(numbers.number) => {
                numbers.push(value)
            }
            Some(Sequence::Plain(container)) => {
                let pushed = container.element(value);
                if pushed.is_err() {
                    self.0 = None;
                }
                pushed
            }
            _ => self.push_next(value),
        }
    }

    fn push_next<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        let Some(sequence) = self.0.take() else {
            return Err(Error::new(ErrorKind::NotRepresentable, "an element was given after a failed one"));
        };
        self.0 = Some(sequence.push(value)?);
        Ok(())
    }

    #[inline]
    pub(super) fn finish(self) -> Result<()> {
        match self.0 {
            Some(Sequence::Plain(container)) => container.finish(),
            Some(sequence) => sequence.finish(),
            None => Err(Error::new(ErrorKind::NotRepresentable, "a sequence was ended after a failed element")),
        }
    }
}

elements! {
    SequenceSlot<'_, '_, '_>, Error, push:
    SerializeSeq::serialize_element, SerializeTuple::serialize_element,
}
