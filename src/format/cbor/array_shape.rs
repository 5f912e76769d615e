//! Reads an ndarray array in place: its shape, and its elements as a slice of the encoded document.

use crate::error::{Error, ErrorKind, Result};
use crate::format::cbor::find::{Cursor, Element};
use crate::format::cbor::wire::Major;

/// An ndarray array inside an encoded document.
pub(crate) struct Shaped<'d, E> {
    pub(crate) shape: Vec<usize>,
    /// The elements in logical order. Their number is the product of `shape`.
    pub(crate) elements: &'d [E],
}

impl<'d> Cursor<'d> {
    /// Reads the ndarray array that begins here, in the form that ndarray's `Serialize` writes. The elements are
    /// borrowed from the document.
    ///
    /// # Errors
    /// Those of [`numbers`](Cursor::numbers).
    pub(crate) fn shaped<E: Element>(&mut self) -> Result<Shaped<'d, E>> {
        let no_array =
            |_| Error::new(ErrorKind::WrongType, "an ndarray array was requested, but the stored value is not one");
        let wanted = |cursor: &mut Self, name: &str| match cursor.key_is(name) {
            Ok(true) => Ok(()),
            _ => Err(no_array(Error::truncated())),
        };
        let fields = self.input.head(Major::Map).map_err(no_array)?;
        wanted(self, "v")?;
        let version = self.input.head(Major::Unsigned).map_err(no_array)?;
        if (fields, version) != (3, 1) {
            return Err(no_array(Error::truncated()));
        }
        wanted(self, "dim")?;
        let shape = self.shape()?;
        wanted(self, "data")?;
        let elements = self.numbers::<E>()?;
        let count = shape.iter().try_fold(1_usize, |count, len| count.checked_mul(*len));
        // ndarray rejects shapes whose element count, ignoring empty axes, exceeds `isize::MAX`.
        let bounded = shape
            .iter()
            .filter(|len| **len > 0)
            .try_fold(1_isize, |count, len| count.checked_mul(isize::try_from(*len).ok()?));
        if count != Some(elements.len()) || bounded.is_none() {
            return Err(Error::damaged(format!("{} elements do not have the shape {shape:?}", elements.len())));
        }
        Ok(Shaped { shape, elements })
    }

    /// Reads the lengths of the axes: a tuple if the number of dimensions is fixed, else a typed array of `u64`.
    fn shape(&mut self) -> Result<Vec<usize>> {
        if Major::of(self.input.peek()?) != Major::Array {
            return self.numbers::<u64>()?.iter().map(|len| to_usize(*len)).collect();
        }
        let axes = self.input.head(Major::Array)?;
        if axes > MOST_AXES {
            return Err(Error::damaged(format!("an array of {axes} axes")));
        }
        (0..axes).map(|_| self.input.head(Major::Unsigned).and_then(to_usize)).collect()
    }
}

/// Upper limit for the number of axes. numpy allows fewer.
const MOST_AXES: u64 = 64;

fn to_usize(len: u64) -> Result<usize> {
    usize::try_from(len).map_err(|_| Error::damaged(format!("an axis of length {len}")))
}
