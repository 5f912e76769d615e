//! Arrays of ndarray that lie in memory in their logical order: written at once.
//!
//! ndarray's own `Serialize` gives number after number. Here its arrays are recognised by their
//! type, and what it would write is written, byte for byte. Arrays in another order, of other
//! elements or of more dimensions take its own way.
#![expect(unsafe_code, reason = "a value whose type is known to be an array is used as that array")]

use std::any::{TypeId, type_name};
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::LazyLock;

use bytemuck::Pod;
use ndarray::{ArrayBase, Data, Dimension, Ix1, Ix2, Ix3, Ix4, IxDyn, OwnedArcRepr, OwnedRepr, ViewRepr};

use super::bulk;
use super::encoder::Encoder;
use super::typed::{self, Number};
use super::wire::Major;
use crate::Result;

/// What `Serialize` writes as the version of its form.
const ARRAY_FORMAT_VERSION: u8 = 1;

/// An array as it is written.
struct Parts<'a> {
    shape: &'a [usize],
    /// Whether its type says how many dimensions it has; `Serialize` then writes a tuple.
    fixed: bool,
    number: Number,
    bytes: &'a [u8],
}

/// Writes `value`, if it is an array in its logical order: whether it was.
#[inline]
pub(super) fn write<T: ?Sized>(value: &T, encoder: &mut Encoder<'_, '_>) -> Result<bool> {
    // Most types are told from arrays by their name alone, which the compiler does in advance.
    if !bulk::AS_IN_MEMORY || !type_name::<T>().starts_with("ndarray::ArrayBase<") {
        return Ok(false);
    }
    let Some(parts) = ARRAYS.get(&typeid::of::<T>()) else { return Ok(false) };
    // SAFETY: this is the entry of type `T`.
    match unsafe { parts(Untyped(std::ptr::from_ref(value).cast(), PhantomData)) } {
        Some(parts) if !parts.bytes.is_empty() => parts.write(encoder).map(|()| true),
        _ => Ok(false),
    }
}

impl Parts<'_> {
    fn write(&self, encoder: &mut Encoder<'_, '_>) -> Result<()> {
        let mut fields = encoder.container(Major::Map, Some(3))?;
        fields.field("v", &ARRAY_FORMAT_VERSION)?;
        if self.fixed {
            fields.name("dim")?;
            let mut shape = fields.encoder().container(Major::Array, Some(self.shape.len()))?;
            self.shape.iter().try_for_each(|len| shape.element(len))?;
            shape.finish()?;
        } else {
            fields.field("dim", self.shape)?;
        }
        fields.name("data")?;
        typed::write(fields.encoder().output, self.number, self.bytes)?;
        fields.finish()
    }
}

/// Takes an array apart, given a pointer to it; `None` if it does not lie in its logical order.
type TakeApart = for<'a> unsafe fn(Untyped<'a>) -> Option<Parts<'a>>;

/// A value that is borrowed for `'a`, of a type that the caller has to know.
struct Untyped<'a>(*const (), PhantomData<&'a ()>);

/// # Safety
/// The value must be an `ArrayBase<S, D>`, but for the lifetime that `S` has if it is a view; nothing
/// of the view leaves this function for longer than `'a`.
unsafe fn take_apart<'a, A: Pod, S: Data<Elem = A> + 'static, D: Dimension + 'static>(
    array: Untyped<'a>,
) -> Option<Parts<'a>> {
    // SAFETY: the caller promises it.
    let array = unsafe { &*array.0.cast::<ArrayBase<S, D>>() };
    Some(Parts {
        shape: array.shape(),
        fixed: D::NDIM.is_some(),
        number: bulk::number::<A>()?,
        bytes: bytemuck::cast_slice(array.as_slice()?),
    })
}

/// The types that are recognised.
static ARRAYS: LazyLock<BTreeMap<TypeId, TakeApart>> = LazyLock::new(|| {
    let mut arrays = BTreeMap::new();
    macro_rules! of_elements {
        ($($number:ident: $type:ty,)*) => {$(of_shapes!($type);)*};
    }
    macro_rules! of_shapes {
        ($type:ty) => {
            of_dimension!($type, Ix1);
            of_dimension!($type, Ix2);
            of_dimension!($type, Ix3);
            of_dimension!($type, Ix4);
            of_dimension!($type, IxDyn);
        };
    }
    macro_rules! of_dimension {
        ($type:ty, $dimension:ty) => {
            arrays.extend([
                entry::<$type, OwnedRepr<$type>, $dimension>(),
                entry::<$type, OwnedArcRepr<$type>, $dimension>(),
                entry::<$type, ViewRepr<&'static $type>, $dimension>(),
            ]);
        };
    }
    bulk::with_numbers!(of_elements);
    arrays
});

fn entry<A: Pod, S: Data<Elem = A> + 'static, D: Dimension + 'static>() -> (TypeId, TakeApart) {
    (typeid::of::<ArrayBase<S, D>>(), take_apart::<A, S, D>)
}

#[cfg(test)]
mod tests {
    use ndarray::{ArcArray, Array, Array1, Array2, Array3, ArrayD, Axis};
    use serde::Serialize;

    use super::*;
    use crate::codec::to_vec;

    /// Behind a `Box`, an array is not recognised, and takes ndarray's own way.
    #[track_caller]
    fn same<S: Data<Elem: Serialize>, D: Dimension + Serialize>(array: ArrayBase<S, D>) {
        let bytes = to_vec(&array).unwrap();
        assert!(bytes == to_vec(&Box::new(array)).unwrap());
    }

    #[test]
    fn they_are_written_as_ndarray_writes_them() {
        let numbers = || Array::from_iter((0..240).map(f64::from));
        same(numbers());
        same(numbers().view());
        same(Array1::<u8>::zeros(0));
        same(Array2::<i32>::ones((3, 0)));
        same(numbers().to_shape((12, 20)).unwrap());
        same(ArcArray::from(numbers()).into_shape_with_order((2, 3, 40)).unwrap());
        same(numbers().into_shape_with_order(IxDyn(&[2, 2, 3, 20])).unwrap());
        same(ArrayD::<u16>::from_elem(IxDyn(&[]), 7));
        same(Array3::<usize>::from_elem((2, 2, 2), 7));
        // Not in their logical order, or of other elements.
        let square = numbers().into_shape_with_order((12, 20)).unwrap();
        same(square.t());
        same(square.index_axis(Axis(1), 3));
        same(Array2::<bool>::default((2, 2)));
        #[cfg(feature = "num-complex")]
        same(Array2::from_elem((2, 2), num_complex::Complex::new(1.5_f32, -1.0)));
    }

    #[test]
    fn the_common_ones_are_recognised() {
        assert!(ARRAYS.contains_key(&typeid::of::<Array2<f64>>()));
        assert!(ARRAYS.contains_key(&typeid::of::<ndarray::ArrayView1<'_, u8>>()));
        assert!(ARRAYS.contains_key(&typeid::of::<ArrayD<i16>>()));
        assert!(!ARRAYS.contains_key(&typeid::of::<Array2<bool>>()));
    }
}
