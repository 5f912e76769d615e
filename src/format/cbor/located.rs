//! Finds arrays of numbers in a document by the requested Rust type.
//!
//! An array in a file is only handed out as a slice or a view. A `Vec` or an `Array` must own memory of the allocator,
//! so a request for one gets a copy.
#![expect(unsafe_code, reason = "a box is returned as the type that it has been compared with")]

use std::any::{Any, TypeId};
use std::collections::BTreeMap;

use crate::error::Result;
use crate::format::cbor::find::{Cursor, Element};
use crate::format::numeric::number;
use crate::sys::fork::once::Lazy;

/// Position of an array's numbers in a document, and the lengths of its axes.
pub(crate) struct Located {
    start: usize,
    len: usize,
    #[cfg_attr(not(feature = "ndarray"), expect(dead_code, reason = "only arrays of ndarray have a shape"))]
    shape: Vec<usize>,
}

impl Located {
    fn new<E: Element>(document: &[u8], numbers: &[E], shape: Vec<usize>) -> Self {
        // The address of an empty array means nothing: it need not be inside the document.
        let start = numbers.as_ptr().addr().checked_sub(document.as_ptr().addr()).filter(|_| !numbers.is_empty());
        Located { start: start.unwrap_or(0), len: size_of_val(numbers), shape }
    }

    /// Returns the numbers. `document` must be the one in which they were found, at the same address.
    pub(crate) fn numbers<'d, E: Element>(&self, document: &'d [u8]) -> &'d [E] {
        bytemuck::cast_slice(&document[self.start..self.start + self.len])
    }

    /// Returns the lengths of the axes.
    #[cfg(feature = "ndarray")]
    pub(crate) fn shape(&self) -> &[usize] {
        &self.shape
    }
}

/// Functions for one array type: how to find it, and how to copy it.
struct Kind {
    locate: fn(&[u8], &mut Cursor<'_>) -> Result<Located>,
    copy: fn(&[u8], &Located) -> Box<dyn Any>,
}

/// All supported array types.
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

/// Finds the array of type `T` that begins at the cursor; `None` if `T` is not an array type.
///
/// # Errors
/// If the document holds another type there.
pub(crate) fn locate<T>(document: &[u8], cursor: &mut Cursor<'_>) -> Option<Result<Located>> {
    let kind = KINDS.get(&typeid::of::<T>())?;
    Some((kind.locate)(document, cursor))
}

/// Returns a copy of an array that [`locate`] found; `None` if `T` is not an array type.
pub(crate) fn copy<T>(document: &[u8], located: &Located) -> Option<Box<T>> {
    let id = typeid::of::<T>();
    let copy = (KINDS.get(&id)?.copy)(document, located);
    ((*copy).type_id() == id).then(|| {
        // SAFETY: the type ids are equal, so the box holds a `T`, up to lifetimes. `typeid` ignores lifetimes, but
        // array types have none.
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
        locate_axes::<E>(document, cursor, D::NDIM)
    }

    fn locate_axes<E: Element>(document: &[u8], cursor: &mut Cursor<'_>, wanted: Option<usize>) -> Result<Located> {
        let shaped = cursor.shaped::<E>()?;
        let axes = shaped.shape.len();
        if wanted.is_some_and(|wanted| wanted != axes) {
            return Err(Error::new(
                ErrorKind::WrongType,
                format!("an array of {axes} axes is stored, but another number of axes was requested"),
            ));
        }
        Ok(Located::new(document, shaped.elements, shaped.shape))
    }

    /// Copies the numbers as a list, so that the code that copies exists once for each type of number, and not for each
    /// number of axes as well.
    fn copy_array<E: Element, D: Dimension + 'static>(document: &[u8], located: &Located) -> Box<dyn Any> {
        let shape = located.shape();
        let mut axes = D::zeros(shape.len());
        axes.slice_mut().copy_from_slice(shape);
        let array = Array::from_shape_vec(axes, located.numbers::<E>(document).to_vec());
        Box::new(array.expect("the shape was compared with the number of elements when the array was found"))
    }

    impl Located {
        /// Returns the array. `document` must be the one in which it was found, at the same address.
        pub(crate) fn view<'d, E: Element, D: Dimension>(&self, document: &'d [u8]) -> ArrayView<'d, E, D> {
            let view = ArrayView::from_shape(self.shape(), self.numbers(document));
            let view = view.and_then(ArrayView::into_dimensionality);
            view.expect("the shape was compared with the number of elements and of axes when the array was found")
        }
    }
}
