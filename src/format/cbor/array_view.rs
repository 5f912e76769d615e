//! Arrays of ndarray that lie in memory in their logical order: written at once.
//!
//! ndarray's own `Serialize` gives number after number. What it would write is written here, byte for
//! byte. Arrays in another order, of other elements or of more dimensions take its own way.

use crate::error::Result;
use crate::format::cbor::encoder::Encoder;
use crate::format::cbor::typed_array;
use crate::format::cbor::wire::Major;
use crate::format::numeric::arrays;
use crate::format::numeric::arrays::{ARRAY_FORMAT_VERSION, Array, Elements};

/// Writes `value`, if it is an array in its logical order: whether it was.
#[inline]
pub(super) fn write<T: ?Sized>(value: &T, encoder: &mut Encoder<'_, '_>) -> Result<bool> {
    match arrays::array(value) {
        Some(Array { elements: Elements::InOrder(bytes), shape, fixed, number }) => {
            let mut fields = encoder.container(Major::Map, Some(3))?;
            fields.field("v", &ARRAY_FORMAT_VERSION)?;
            if fixed {
                fields.name("dim")?;
                let mut axes = fields.encoder().container(Major::Array, Some(shape.len()))?;
                shape.iter().try_for_each(|len| axes.element(len))?;
                axes.finish()?;
            } else {
                fields.field("dim", shape)?;
            }
            fields.name("data")?;
            typed_array::write(fields.encoder().output, number, bytes)?;
            fields.finish()?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{ArcArray, Array, Array1, Array2, Array3, ArrayBase, ArrayD, Axis, Data, Dimension, IxDyn};
    use serde::{Serialize, Serializer};

    use crate::format::cbor::slice::to_vec;

    /// An array that is not recognised, and takes ndarray's own way.
    struct Hidden<A>(A);

    impl<A: Serialize> Serialize for Hidden<A> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            self.0.serialize(serializer)
        }
    }

    #[track_caller]
    fn same<S: Data<Elem: Serialize>, D: Dimension + Serialize>(array: ArrayBase<S, D>) {
        let bytes = to_vec(&array).unwrap();
        assert!(bytes == to_vec(&Hidden(array)).unwrap());
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
}
