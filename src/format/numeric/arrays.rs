//! Recognises ndarray arrays by their static type, also behind references and smart pointers.
#![expect(unsafe_code, reason = "a value whose type is known to be an array is used as that array")]

use std::any::{TypeId, type_name};
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use bytemuck::Pod;
use ndarray::{ArrayBase, Data, Dimension, Ix1, Ix2, Ix3, Ix4, IxDyn, OwnedArcRepr, OwnedRepr, ViewRepr};

use crate::format::numeric::containers;
use crate::format::numeric::containers::AS_IN_MEMORY;
use crate::format::numeric::number::{Number, with_numbers};
use crate::format::numeric::strided::Strided;
use crate::sys::fork::once::Lazy;

/// Version number in the output of ndarray's `Serialize`.
pub(crate) const ARRAY_FORMAT_VERSION: u8 = 1;

/// An array of numbers.
pub(crate) struct Array<'a> {
    pub(crate) shape: &'a [usize],
    /// Whether the type fixes the number of dimensions. ndarray's `Serialize` then writes the shape as a tuple.
    pub(crate) fixed: bool,
    pub(crate) number: Number,
    pub(crate) elements: Elements<'a>,
}

/// The elements of an array.
pub(crate) enum Elements<'a> {
    /// In logical order, little-endian.
    InOrder(&'a [u8]),
    Strided(Strided<'a>),
}

/// Returns the array that `value` is or points to, if it is a non-empty array of numbers.
#[inline]
pub(crate) fn array<T: ?Sized>(value: &T) -> Option<Array<'_>> {
    // The name alone rules out most types, and the compiler evaluates this check.
    if !AS_IN_MEMORY || !may_lead_to_array(type_name::<T>()) {
        return None;
    }
    let take_apart = ARRAYS.get(&typeid::of::<T>())?;
    // SAFETY: `take_apart` is the entry for type `T`, and the pointer comes from a reference to a `T`.
    unsafe { take_apart(Untyped(std::ptr::from_ref(value).cast(), PhantomData)) }
}

#[inline]
fn may_lead_to_array(name: &str) -> bool {
    macro_rules! any_of {
        ($($pointer:literal),*) => { false $(|| name.starts_with(concat!($pointer, "ndarray::ArrayBase<")))* };
    }
    any_of!("", "&", "&&", "alloc::sync::Arc<", "&alloc::sync::Arc<", "alloc::rc::Rc<", "alloc::boxed::Box<")
}

/// Takes an array apart, given a pointer to the array or to a pointer to it.
type TakeApart = for<'a> unsafe fn(Untyped<'a>) -> Option<Array<'a>>;

/// A value that is borrowed for `'a`. The caller must know its type.
struct Untyped<'a>(*const (), PhantomData<&'a ()>);

/// An array, or a pointer that leads to one.
trait Lead {
    type Array;
    fn array(&self) -> &Self::Array;
}

impl<S: Data<Elem: Pod>, D: Dimension> Lead for ArrayBase<S, D> {
    type Array = Self;

    fn array(&self) -> &Self {
        self
    }
}

macro_rules! leads {
    ($($pointer:ty),*) => {$(
        impl<L: Lead> Lead for $pointer {
            type Array = L::Array;

            fn array(&self) -> &L::Array {
                (**self).array()
            }
        }
    )*};
}

leads!(&L, Box<L>, Arc<L>, Rc<L>);

/// # Safety
/// The value must be an `L`, up to lifetimes. Nothing that is borrowed from it leaves this function for longer than
/// `'a`.
unsafe fn take_apart<'a, L, A, S, D>(value: Untyped<'a>) -> Option<Array<'a>>
where
    L: Lead<Array = ArrayBase<S, D>> + 'static,
    A: Pod,
    S: Data<Elem = A> + 'static,
    D: Dimension + 'static,
{
    // SAFETY: the caller guarantees that the value is an `L` that is borrowed for `'a`.
    take_array_apart(unsafe { &*value.0.cast::<L>() }.array())
}

/// Takes an array apart. It is a function of its own, so that it does not exist once for each pointer that leads to one.
fn take_array_apart<A: Pod, S: Data<Elem = A>, D: Dimension>(array: &ArrayBase<S, D>) -> Option<Array<'_>> {
    if array.is_empty() {
        return None;
    }
    let elements = match array.as_slice() {
        Some(elements) => Elements::InOrder(bytemuck::cast_slice(elements)),
        // SAFETY: the pointer of an array leads to its first element, and its strides lead from there to all others.
        // They are borrowed as long as the array. `Pod` types have no padding.
        None => Elements::Strided(unsafe {
            Strided::new(array.as_ptr().cast(), size_of::<A>(), array.shape(), array.strides())
        }),
    };
    Some(Array { shape: array.shape(), fixed: D::NDIM.is_some(), number: containers::number::<A>()?, elements })
}

/// The recognised types.
static ARRAYS: Lazy<BTreeMap<TypeId, TakeApart>> = Lazy::new(|| {
    let mut arrays = BTreeMap::new();
    macro_rules! of_elements {
        ($($number:ident: $type:ty,)*) => {$(of_shapes!($type, Ix1, Ix2, Ix3, Ix4, IxDyn);)*};
    }
    macro_rules! of_shapes {
        ($type:ty, $($dimension:ty),*) => {$(
            arrays.extend(owned::<$type, $dimension>());
            arrays.extend(shared::<$type, OwnedArcRepr<$type>, $dimension>());
            arrays.extend(shared::<$type, ViewRepr<&'static $type>, $dimension>());
        )*};
    }
    with_numbers!(of_elements);
    arrays
});

type Entry = (TypeId, TakeApart);

/// Entries for an array that owns its elements, and for smart pointers to it.
fn owned<A: Pod, D: Dimension + 'static>() -> impl Iterator<Item = Entry> {
    type Owned<A, D> = ArrayBase<OwnedRepr<A>, D>;
    shared::<A, OwnedRepr<A>, D>().into_iter().chain([
        entry::<Box<Owned<A, D>>, A, _, D>(),
        entry::<Rc<Owned<A, D>>, A, _, D>(),
        entry::<Arc<Owned<A, D>>, A, _, D>(),
        entry::<&'static Arc<Owned<A, D>>, A, _, D>(),
    ])
}

/// Entries for an array and for references to it, as arguments are.
fn shared<A: Pod, S: Data<Elem = A> + 'static, D: Dimension + 'static>() -> [Entry; 3] {
    [
        entry::<ArrayBase<S, D>, A, S, D>(),
        entry::<&'static ArrayBase<S, D>, A, S, D>(),
        entry::<&'static &'static ArrayBase<S, D>, A, S, D>(),
    ]
}

fn entry<L, A, S, D>() -> Entry
where
    L: Lead<Array = ArrayBase<S, D>> + 'static,
    A: Pod,
    S: Data<Elem = A> + 'static,
    D: Dimension + 'static,
{
    (typeid::of::<L>(), take_apart::<L, A, S, D>)
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Array3, ArrayD, ArrayView, ArrayView1, Axis, s};

    use super::*;

    #[test]
    fn common_array_types_are_recognised() {
        if !AS_IN_MEMORY {
            return;
        }
        let square = Array2::<f64>::ones((2, 2));
        assert!(array(&square).is_some());
        assert!(array(&&&square).is_some());
        assert!(array(&Arc::new(square.clone())).is_some());
        assert!(array(&&Arc::new(square.clone())).is_some());
        assert!(array(&Rc::new(square.clone())).is_some());
        assert!(array(&Box::new(square.clone())).is_some());
        assert!(array(&square.t()).is_some());
        assert!(array::<ArrayView1<'_, u8>>(&ArrayView1::from(&[1])).is_some());
        assert!(array(&ArrayD::<i16>::zeros(vec![1, 2])).is_some());
        assert!(array(&Array2::<bool>::default((2, 2))).is_none());
        assert!(array(&Array2::<f64>::ones((2, 0))).is_none());
    }

    #[track_caller]
    fn in_order<A: Pod, D: Dimension + 'static>(view: &ArrayView<'_, A, D>) {
        let Some(Array { elements: Elements::Strided(strided), .. }) = array(view) else { panic!("not strided") };
        let expected: Vec<A> = view.iter().copied().collect();
        let expected: &[u8] = bytemuck::cast_slice(&expected);
        let width = size_of::<A>();
        for step in [1, 3, 7, 50, 64, 1000, expected.len()] {
            let mut found = vec![0; expected.len()];
            for (index, part) in found.chunks_mut(step * width).enumerate() {
                strided.copy_to(index * step, part);
            }
            assert!(found == expected, "in steps of {step}");
        }
    }

    #[test]
    fn strided_arrays_are_copied_in_logical_order() {
        if !AS_IN_MEMORY {
            return;
        }
        let cube = Array3::from_shape_fn((11, 23, 19), |(i, j, k)| (i * 437 + j * 19 + k) as u64);
        let bytes = cube.mapv(|n| n.to_le_bytes()[0]);
        in_order(&cube.t());
        in_order(&bytes.t());
        in_order(&cube.view().permuted_axes([0, 2, 1]));
        in_order(&cube.view().permuted_axes([1, 0, 2]));
        in_order(&cube.view().permuted_axes([1, 2, 0]));
        in_order(&cube.slice(s![..;2, ..;-3, 1..]));
        in_order(&cube.slice(s![..;-1, 3, ..;-2]));
        in_order(&cube.index_axis(Axis(2), 3));
        in_order(&bytes.index_axis(Axis(2), 3).t());
        in_order(&cube.slice(s![.., 2, 1]));
        in_order(&cube.slice(s![3, 2, ..]).broadcast((17, 19)).unwrap());
        in_order(&cube.view().into_dyn().t());
    }
}
