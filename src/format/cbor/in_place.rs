//! Vectors and arrays whose elements lie in a document.
//!
//! `&Vec<f64>` is what functions take, and a document in memory has all that one needs: so a `Vec` is
//! made that points into the document. It is never dropped, and nobody gets it but by reference.
#![expect(unsafe_code, reason = "a vector that does not own its elements")]

use std::any::TypeId;
use std::collections::BTreeMap;
use std::mem::{ManuallyDrop, MaybeUninit};

use crate::error::Result;
use crate::format::cbor::find::{Cursor, Element};
use crate::format::numeric::number;
use crate::sys::fork::once::Lazy;

/// A value whose elements lie elsewhere. It must not be moved out of here, nor be changed.
pub(crate) struct InPlace<T>(ManuallyDrop<T>);

impl<T> InPlace<T> {
    /// The vector or array that begins at the cursor; `None` if `T` is neither.
    ///
    /// # Safety
    /// The document must stay where it is, unchanged, until the value is used no more.
    ///
    /// # Errors
    /// If the document holds something else.
    pub(crate) unsafe fn new(cursor: &mut Cursor<'_>) -> Option<Result<Self>> {
        let adopt = ADOPTERS.get(&typeid::of::<T>())?;
        let mut value = MaybeUninit::<T>::uninit();
        // SAFETY: it is the entry of `T`, so it writes a `T` there if it succeeds.
        let result = unsafe { adopt(cursor, value.as_mut_ptr().cast()) };
        // SAFETY: it has succeeded.
        Some(result.map(|()| InPlace(ManuallyDrop::new(unsafe { value.assume_init() }))))
    }

    pub(crate) fn get(&self) -> &T {
        &self.0
    }
}

/// Writes what begins at the cursor to where the pointer leads.
type Adopt = unsafe fn(&mut Cursor<'_>, *mut ()) -> Result<()>;

/// The types that can lie in place.
static ADOPTERS: Lazy<BTreeMap<TypeId, Adopt>> = Lazy::new(|| {
    let mut adopters = BTreeMap::new();
    macro_rules! of_elements {
        ($($number:ident: $type:ty,)*) => {$(
            adopters.insert(TypeId::of::<Vec<$type>>(), adopt_vector::<$type> as Adopt);
            adopters.insert(TypeId::of::<Box<[$type]>>(), adopt_slice::<$type> as Adopt);
            #[cfg(feature = "ndarray")]
            arrays::insert::<$type>(&mut adopters);
        )*};
    }
    number::with_numbers!(of_elements);
    adopters
});

/// A vector of numbers that it does not own.
///
/// # Safety
/// It must never be dropped, nor grow, and not be used when the numbers are gone.
unsafe fn vector<E: Element>(numbers: &[E]) -> Vec<E> {
    if numbers.is_empty() {
        return Vec::new();
    }
    // SAFETY: pointer, length and capacity are those of initialised and aligned elements. That they
    // were not allocated matters to a vector that is dropped or grows, which the caller excludes.
    unsafe { Vec::from_raw_parts(numbers.as_ptr().cast_mut(), numbers.len(), numbers.len()) }
}

/// # Safety
/// `target` must be a place for a `Vec<E>` that nobody drops or changes.
unsafe fn adopt_vector<E: Element>(cursor: &mut Cursor<'_>, target: *mut ()) -> Result<()> {
    let numbers = cursor.numbers::<E>()?;
    // SAFETY: the caller promises both.
    unsafe { target.cast::<Vec<E>>().write(vector(numbers)) };
    Ok(())
}

/// # Safety
/// `target` must be a place for a `Box<[E]>` that nobody drops or changes.
unsafe fn adopt_slice<E: Element>(cursor: &mut Cursor<'_>, target: *mut ()) -> Result<()> {
    let numbers = cursor.numbers::<E>()?;
    // SAFETY: the caller promises both; the capacity is the length, so nothing is reallocated.
    unsafe { target.cast::<Box<[E]>>().write(vector(numbers).into_boxed_slice()) };
    Ok(())
}

#[cfg(feature = "ndarray")]
mod arrays {
    use ndarray::{Array, Dimension, IntoDimension as _, Ix0, Ix1, Ix2, Ix3, Ix4, Ix5, Ix6, IxDyn};

    use super::{Adopt, BTreeMap, Cursor, Element, Result, TypeId, vector};
    use crate::error::{Error, ErrorKind};

    pub(super) fn insert<E: Element>(adopters: &mut BTreeMap<TypeId, Adopt>) {
        macro_rules! of_dimensions {
            ($($dimension:ty),*) => {$(
                adopters.insert(TypeId::of::<Array<E, $dimension>>(), adopt_array::<E, $dimension> as Adopt);
            )*};
        }
        of_dimensions!(Ix0, Ix1, Ix2, Ix3, Ix4, Ix5, Ix6, IxDyn);
    }

    /// # Safety
    /// `target` must be a place for an `Array<E, D>` that nobody drops or changes.
    unsafe fn adopt_array<E: Element, D: Dimension>(cursor: &mut Cursor<'_>, target: *mut ()) -> Result<()> {
        let shaped = cursor.shaped::<E>()?;
        let shape = D::from_dimension(&shaped.shape.as_slice().into_dimension()).ok_or_else(|| {
            let found = shaped.shape.len();
            Error::new(ErrorKind::WrongType, format!("an array of {found} axes is stored, not of as many as wanted"))
        })?;
        // SAFETY: the caller promises that the array is never dropped, and `from_shape_vec_unchecked`
        // neither drops nor reallocates. There are as many elements as the shape says, none of whose
        // products overflows: `shaped` has seen to both.
        unsafe {
            let array = Array::from_shape_vec_unchecked(shape, vector(shaped.elements));
            target.cast::<Array<E, D>>().write(array);
        }
        Ok(())
    }
}
