//! Arrays of numbers in a document, found by the type that is asked for.
//!
//! An array in a file is only ever handed out as a slice or a view. A `Vec` or an `Array` owns memory of the allocator, so one
//! that is asked for is a copy.
#![expect(unsafe_code, reason = "a box is returned as the type that it has been compared with")]

use std::any::{Any, TypeId};
use std::collections::BTreeMap;

use crate::error::Result;
use crate::format::cbor::find::{Cursor, Element};
use crate::format::numeric::number;
use crate::sys::fork::once::Lazy;

/// Where the numbers of an array are in a document, and how many axes they have.
pub(crate) struct Located {
    start: usize,
    len: usize,
    #[cfg_attr(not(feature = "ndarray"), expect(dead_code, reason = "only arrays of ndarray have a shape"))]
    shape: Vec<usize>,
}

impl Located {
    fn new<E: Element>(document: &[u8], numbers: &[E], shape: Vec<usize>) -> Self {
        // An empty array may be anywhere.
        let start = numbers.as_ptr().addr().checked_sub(document.as_ptr().addr()).filter(|_| !numbers.is_empty());
        Located { start: start.unwrap_or(0), len: size_of_val(numbers), shape }
    }

    /// Returns the numbers. `document` is the one in which they were found, at the same address.
    pub(crate) fn numbers<'d, E: Element>(&self, document: &'d [u8]) -> &'d [E] {
        bytemuck::cast_slice(&document[self.start..self.start + self.len])
    }

    /// Returns the lengths of the axes.
    #[cfg(feature = "ndarray")]
    pub(crate) fn shape(&self) -> &[usize] {
        &self.shape
    }
}

/// A type of arrays: how one is found, and copied.
struct Kind {
    locate: fn(&[u8], &mut Cursor<'_>) -> Result<Located>,
    copy: fn(&[u8], &Located) -> Box<dyn Any>,
}

/// The types of arrays.
static KINDS: Lazy<BTreeMap<TypeId, Kind>> = Lazy::new(|| {
    let mut kinds = BTreeMap::new();
    macro_rules! of_elements {
        ($($number:ident: $type:ty,)*) => {$(
            kinds.insert(
                TypeId::of::<Vec<$type>>(),
                Kind { locate: locate_numbers::<$type>, copy: |document, at| Box::new(at.numbers::<$type>(document).to_vec()) },
            );
            kinds.insert(
                TypeId::of::<Box<[$type]>>(),
                Kind { locate: locate_numbers::<$type>, copy: |document, at| Box::new(Box::<[$type]>::from(at.numbers::<$type>(document))) },
            );
            #[cfg(feature = "ndarray")]
            arrays::insert::<$type>(&mut kinds);
        )*};
    }
    number::with_numbers!(of_elements);
    kinds
});

fn locate_numbers<E: Element>(document: &[u8], cursor: &mut Cursor<'_>) -> Result<Located> {
    Ok(Located::new(document, cursor.numbers::<E>()?, Vec::new()))
}

/// Finds the array of type `T` that begins at the cursor; `None` if `T` is no type of arrays.
///
/// # Errors
/// If the document holds something else there.
pub(crate) fn locate<T>(document: &[u8], cursor: &mut Cursor<'_>) -> Option<Result<Located>> {
    let kind = KINDS.get(&typeid::of::<T>())?;
    Some((kind.locate)(document, cursor))
}

/// Returns a copy of an array that [`locate`] found; `None` if `T` is no type of arrays.
pub(crate) fn copy<T>(document: &[u8], located: &Located) -> Option<Box<T>> {
    let id = typeid::of::<T>();
    let copy = (KINDS.get(&id)?.copy)(document, located);
    ((*copy).type_id() == id).then(|| {
        // SAFETY: the box holds a value of type `T`, as the two identities are equal: but for lifetimes, of which the types of
        // arrays have none.
        unsafe { Box::from_raw(Box::into_raw(copy).cast::<T>()) }
    })
}

#[cfg(feature = "ndarray")]
mod arrays {
    use ndarray::{Array, ArrayView, Dimension, Ix0, Ix1, Ix2, Ix3, Ix4, Ix5, Ix6, IxDyn};

    use super::{Any, BTreeMap, Cursor, Element, Kind, Located, Result, TypeId};
    use crate::error::{Error, ErrorKind};

    pub(super) fn insert<E: Element>(kinds: &mut BTreeMap<TypeId, Kind>) {
        macro_rules! of_dimensions {
            ($($dimension:ty),*) => {$(
                kinds.insert(
                    TypeId::of::<Array<E, $dimension>>(),
                    Kind { locate: locate_array::<E, $dimension>, copy: copy_array::<E, $dimension> },
                );
            )*};
        }
        of_dimensions!(Ix0, Ix1, Ix2, Ix3, Ix4, Ix5, Ix6, IxDyn);
    }

    fn locate_array<E: Element, D: Dimension>(document: &[u8], cursor: &mut Cursor<'_>) -> Result<Located> {
        let shaped = cursor.shaped::<E>()?;
        let axes = shaped.shape.len();
        if D::NDIM.is_some_and(|wanted| wanted != axes) {
            return Err(Error::new(
                ErrorKind::WrongType,
                format!("an array of {axes} axes is stored, not of as many as wanted"),
            ));
        }
        Ok(Located::new(document, shaped.elements, shaped.shape))
    }

    fn copy_array<E: Element, D: Dimension + 'static>(document: &[u8], located: &Located) -> Box<dyn Any> {
        Box::new(located.view::<E, D>(document).to_owned())
    }

    impl Located {
        /// Returns the array. `document` is the one in which it was found.
        pub(crate) fn view<'d, E: Element, D: Dimension>(&self, document: &'d [u8]) -> ArrayView<'d, E, D> {
            let view = ArrayView::from_shape(self.shape(), self.numbers(document));
            let view = view.and_then(ArrayView::into_dimensionality);
            view.expect("the shape was compared with the number of elements and of axes when the array was found")
        }
    }
}
