//! Keys of numbers that lie in memory, against those of the same numbers one by one.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use larder::{Key, key_of, set_threads};
use ndarray::{Array1, Array2, Array3, ArrayD, ArrayView, Axis, Dimension, IxDyn, ShapeBuilder, Slice};
use num_complex::Complex;
use proptest::prelude::*;
use serde::ser::SerializeSeq as _;
use serde::{Serialize, Serializer};

#[track_caller]
fn key<T: Serialize + ?Sized>(value: &T) -> Key {
    key_of(value).unwrap()
}

/// Gives its numbers one by one, and says nothing of where they are from.
struct OneByOne<'a, T>(&'a [T]);

impl<T: Serialize> Serialize for OneByOne<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut items = serializer.serialize_seq(Some(self.0.len()))?;
        for item in self.0 {
            items.serialize_element(item)?;
        }
        items.end()
    }
}

/// An array that is not recognised, and takes ndarray's own way.
struct Hidden<'a, A>(&'a A);

impl<A: Serialize> Serialize for Hidden<'_, A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

#[track_caller]
fn same<T: Serialize>(numbers: &[T]) {
    assert_eq!(key(numbers), key(&OneByOne(numbers)));
    // Something before, which the numbers do not follow at a round place, and something behind.
    assert_eq!(key(&("x", 1_u8, numbers, 2_u8)), key(&("x", 1_u8, OneByOne(numbers), 2_u8)));
}

#[test]
fn numbers_in_bulk_have_the_key_of_numbers_one_by_one() {
    for len in [0_i32, 1, 2, 7, 300, 70_000] {
        macro_rules! all {
            ($($type:ty),*) => {$( same(&(0..len).map(|n| n as $type).collect::<Vec<_>>()); )*};
        }
        all!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize, f32, f64);
        same(&(0..len).map(|n| n % 3 == 0).collect::<Vec<_>>());
        same(&(0..len).map(|n| Complex::new(n as f32, -1.0)).collect::<Vec<_>>());
        same(&(0..len).map(|n| Complex::new(n as f64, -1.0)).collect::<Vec<_>>());
        same(&(0..len).map(|n| u128::from(n.unsigned_abs())).collect::<Vec<_>>());
    }
}

/// NaN of any bits.
fn nan_64() -> impl Strategy<Value = f64> {
    (1..1_u64 << 52, any::<bool>()).prop_map(|(bits, sign)| f64::from_bits(u64::from(sign) << 63 | 0x7ff << 52 | bits))
}

fn nan_32() -> impl Strategy<Value = f32> {
    (1..1_u32 << 23, any::<bool>()).prop_map(|(bits, sign)| f32::from_bits(u32::from(sign) << 31 | 0xff << 23 | bits))
}

proptest! {
    #[test]
    fn floats_are_their_bits_but_for_nan(bits: Vec<u64>, nan in nan_64(), short_nan in nan_32(), at: prop::sample::Index) {
        let mut doubles: Vec<f64> = bits.iter().map(|bits| f64::from_bits(*bits)).collect();
        let mut singles: Vec<f32> = bits.iter().map(|bits| f32::from_bits(*bits as u32)).collect();
        same(&doubles);
        same(&singles);
        if !bits.is_empty() {
            doubles[at.index(bits.len())] = nan;
            singles[at.index(bits.len())] = short_nan;
            same(&doubles);
            same(&singles);
            let (first, short_first) = (key(&doubles), key(&singles));
            doubles[at.index(bits.len())] = f64::NAN;
            singles[at.index(bits.len())] = f32::NAN;
            prop_assert_eq!((first, short_first), (key(&doubles), key(&singles)));
        }
    }

    /// Arrays are equal if their shapes and elements are, in whatever order they lie.
    #[test]
    fn arrays_are_equal_in_every_order_and_with_every_stride(
        shape in prop::collection::vec(1..9_usize, 1..5),
        order: [prop::sample::Index; 4],
        steps in prop::collection::vec(prop_oneof![Just(-2_isize), Just(-1), Just(1), Just(2), Just(3)], 4),
        nan in 0..40_usize,
    ) {
        let array = ArrayD::from_shape_fn(IxDyn(&shape), |index| {
            let n = index.slice().iter().fold(0, |n, i| n * 10 + i);
            if n == nan { f64::from_bits(0x7ff0_0000_0000_0007) } else { n as f64 }
        });
        let mut axes: Vec<usize> = (0..shape.len()).collect();
        (0..axes.len()).for_each(|n| axes.swap(n, order[n].index(shape.len())));
        let mut view = array.view().permuted_axes(axes);
        for (axis, step) in steps.iter().enumerate().take(shape.len()) {
            view.slice_axis_inplace(Axis(axis), Slice::new(0, None, *step));
        }
        let standard = view.as_standard_layout();
        let mut fortran = ArrayD::zeros(view.raw_dim().f());
        fortran.assign(&view);
        let expected = key(&Hidden(&view));
        prop_assert_eq!(key(&view), expected);
        prop_assert_eq!(key(&standard), expected);
        prop_assert_eq!(key(&fortran), expected);
        prop_assert_eq!(key(&view.mapv(|x| x as i16)), key(&Hidden(&fortran.mapv(|x| x as i16))));
        // One element, or the shape, makes the difference.
        *fortran.iter_mut().last().unwrap() += 0.5;
        prop_assert_eq!(key(&fortran) == expected, fortran.iter().last().unwrap().is_nan());
        prop_assert_ne!(key(&view.insert_axis(Axis(0))), expected);
    }
}

/// Long enough for other threads, of no round length, with NaN at the ends of what is looked at together.
fn long() -> Vec<f64> {
    let mut numbers: Vec<f64> = (0..1_500_001).map(|n| f64::from(n) * 0.5).collect();
    for at in [0, 8191, 8192, 32_767, 32_768, 65_535, 65_536, 500_000, 1_500_000] {
        numbers[at] = f64::from_bits(0xfff0_dead_beef_0001 + at as u64);
    }
    numbers
}

#[test]
fn the_number_of_threads_means_nothing() {
    let numbers = long();
    let cube = Array3::from_shape_vec((100, 120, 125), numbers[1..].to_vec()).unwrap();
    let transposed = cube.t();
    let map: HashMap<String, u64> = (0..200_000).map(|n| (n.to_string(), n)).collect();
    let short: Vec<_> = numbers.iter().map(|x| *x as f32).collect();
    let long_text = "and so on ".repeat(1 << 20);
    let keys = |threads: usize| {
        set_threads(threads.try_into().unwrap());
        let arrays = (key(&("x", &numbers)), key(&cube), key(&transposed), key(&short));
        (arrays, key(&map), key(&long_text), key(&vec![&map, &map]))
    };
    let expected = keys(1);
    assert_eq!(expected.0.0, key(&("x", OneByOne(&numbers))));
    assert_eq!(expected.0.1, key(&Hidden(&cube)));
    assert_eq!(expected.0.2, key(&Hidden(&transposed)));
    assert_eq!(expected.0.3, key(&OneByOne(&short)));
    for threads in [2, 3, 7] {
        assert!(keys(threads) == expected, "{threads} threads");
    }
}

#[test]
fn keys_of_long_values_are_these_digests() {
    let numbers = long();
    let square = Array2::from_shape_vec((1000, 1500), numbers[1..].to_vec()).unwrap();
    for (name, digest, expected) in [
        ("floats", key(&numbers), "053bf4446036696a89543edabeceb3e2a23304ca3ea2bb6141c19984c49f388d"),
        ("an array", key(&square), "645908d4b25c69f37beccee8c8ea1b75e3d5061660892ce97cbd49fec209bfa8"),
        ("a transposed one", key(&square.t()), "29f6833f826a2cee4b4213486194ef4f4a1c9d0f2677089efd5639cb586d671d"),
        (
            "complex numbers",
            key(&vec![Complex::new(0.5, f64::NAN); 300_000]),
            "1b750f3ffb68bcff4e48087ad61e10af72a91053c00a5b55a737fb3c0f4e8620",
        ),
        ("booleans", key(&vec![true; 5_000_000]), "5de441e447518c7b255e7027c90299ab3b30d4c95e35b249eddd85f7503376e1"),
        (
            "a hash map",
            key(&(0..100_000).map(|n| (n, n / 2)).collect::<HashMap<u32, u32>>()),
            "a62afee49db80b2199cee02ecce3b7bdd7e07c4afa51708117c33918e87d4202",
        ),
    ] {
        assert_eq!(digest.to_string(), expected, "{name}");
    }
}

#[test]
fn an_array_is_the_same_whatever_holds_it() {
    #[track_caller]
    fn check<A: Serialize>(array: A) {
        let expected = key(&Hidden(&array));
        assert_eq!(key(&array), expected);
        assert_eq!(key(&&array), expected);
        assert_eq!(key(&&&array), expected);
        assert_eq!(key(&Some(&array)), key(&Some(Hidden(&array))));
        assert_eq!(key(&vec![&array]), key(&[Hidden(&array)][..]));
        assert_eq!(key(&HashMap::from([(1, &array)])), key(&HashMap::from([(1, Hidden(&array))])));
        let (shared, counted, boxed) = (Arc::new(&array), Rc::new(&array), Box::new(&array));
        assert_eq!((key(&shared), key(&counted), key(&boxed)), (expected, expected, expected));
        let array = Arc::new(array);
        assert_eq!((key(&array), key(&&array)), (expected, expected));
        let array = Rc::new(Arc::into_inner(array).unwrap());
        assert_eq!((key(&array), key(&Box::new(Rc::into_inner(array).unwrap()))), (expected, expected));
    }
    let square = Array2::from_shape_fn((30, 20), |(i, j)| (i * 100 + j) as f64);
    check(square.clone());
    check(square.t());
    check(square.to_shared());
    check(square.mapv(|x| Complex::new(x, -x)).t());
    check(square.mapv(|x| Complex::new(x as f32, f32::NAN)));
    check(square.mapv(|x| x > 500.0));
    check(square.mapv(|x| x.to_string()));
    check(Array1::<u8>::zeros(0));
    check(Array3::<i8>::zeros((2, 0, 3)));
    check(ndarray::arr0(7_u16));
    check(ArrayD::<usize>::ones(IxDyn(&[])));
    check(ArrayD::<isize>::ones(IxDyn(&[1, 2, 1, 2, 1, 2])));
    check(ArrayView::from(&[1, 2, 3]).broadcast((5, 3)).unwrap());
    fn in_any_dimension<D: Dimension + Serialize>(view: ArrayView<'_, f64, D>) {
        check(view.into_dyn().t());
    }
    in_any_dimension(square.view());
}
