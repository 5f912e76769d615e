//! Tests that keys of arrays and maps, which are computed in bulk and by several threads, equal the keys of their
//! single elements.

use std::collections::{HashMap, HashSet};

use larder::{Key, key_of};
use ndarray::{Array2, Array3, ShapeBuilder as _, s};
use proptest::prelude::*;
use serde::Serialize;
use serde::ser::{SerializeSeq as _, Serializer};

use crate::child;

fn key<T: Serialize + ?Sized>(value: &T) -> Key {
    key_of(value).unwrap()
}

/// Sequence that passes its elements one by one, so that their container is not recognised.
struct OneByOne<'a, T>(&'a [T]);

impl<T: Serialize> Serialize for OneByOne<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(None)?;
        self.0.iter().try_for_each(|element| seq.serialize_element(element))?;
        seq.end()
    }
}

#[track_caller]
fn is_as_one_by_one<T: Serialize>(elements: &[T]) {
    assert_eq!(key(elements), key(&OneByOne(elements)), "{} of {}", elements.len(), std::any::type_name::<T>());
}

/// Sizes around which the implementation switches: buffers, subtrees of the hash, threads.
const SIZES: [usize; 7] = [0, 1, 8 << 10, 16 << 10, 64 << 10, 512 << 10, 640 << 10];

#[test]
fn arrays_have_the_keys_of_their_elements() {
    for size in SIZES {
        for len in [size.saturating_sub(1), size, size + 1] {
            let numbers = || (0..len as u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            is_as_one_by_one(&numbers().collect::<Vec<u64>>());
            is_as_one_by_one(&numbers().map(|n| (n >> 33) as i32).collect::<Vec<_>>());
            is_as_one_by_one(&numbers().map(|n| (n >> 56) as u8).collect::<Vec<_>>());
            is_as_one_by_one(&numbers().map(|n| n >> 63 == 1).collect::<Vec<_>>());
            // Arbitrary bits, many of them NaN.
            is_as_one_by_one(&numbers().map(f64::from_bits).collect::<Vec<_>>());
            is_as_one_by_one(&numbers().map(|n| f32::from_bits((n >> 32) as u32)).collect::<Vec<_>>());
            let complex = numbers().map(|n| num_complex::Complex::new(f64::from_bits(n), 1.0)).collect::<Vec<_>>();
            is_as_one_by_one(&complex);
        }
    }
}

#[test]
fn all_nans_have_the_same_key() {
    let mut numbers = vec![0.5_f64; 1 << 20];
    for at in [0, 1, 16_383, 16_384, 500_000, (1 << 20) - 1] {
        let plain = key(&numbers);
        numbers[at] = f64::NAN;
        let with = key(&numbers);
        assert_ne!(plain, with);
        numbers[at] = f64::from_bits(0xfff0_0000_0000_0001 | at as u64);
        assert_eq!(key(&numbers), with, "{at}");
        numbers[at] = 0.5;
    }
}

fn layouts_agree<T: Serialize + Clone + Default>(of: impl Fn(usize, usize) -> T) {
    let standard = Array2::from_shape_fn((301, 207), |(i, j)| of(i, j));
    let mut fortran = Array2::from_elem((301, 207).f(), T::default());
    fortran.assign(&standard);
    assert_eq!(key(&fortran), key(&standard));
    assert_eq!(key(&standard.t()), key(&standard.t().as_standard_layout().into_owned()));
    for step in [1, 2, 5] {
        let strided = standard.slice(s![..;step, 3..;-step]);
        let copy = Array2::from_shape_vec(strided.raw_dim(), strided.iter().cloned().collect()).unwrap();
        assert_eq!(key(&strided), key(&copy));
        assert_eq!(key(&fortran.slice(s![..;step, 3..;-step])), key(&copy));
    }
    assert_ne!(key(&standard), key(&standard.t()));
}

#[test]
fn orders_and_strides_make_no_difference() {
    layouts_agree(|i, j| if i % 50 == j { f64::NAN } else { (i * 1000 + j) as f64 });
    layouts_agree(|i, j| (i * 1000 + j) as f32);
    layouts_agree(|i, j| (i * 7 + j) as u8);
    layouts_agree(|i, j| (i * 1000 + j) as i64);
    layouts_agree(|i, j| (i ^ j) % 3 == 0);
    layouts_agree(|i, j| num_complex::Complex::new(i as f32, j as f32));
    let cube = Array3::from_shape_fn((40, 50, 60), |(i, j, k)| (i * 10_000 + j * 100 + k) as f64);
    let swapped = cube.clone().permuted_axes([2, 0, 1]);
    assert_eq!(key(&swapped), key(&swapped.as_standard_layout().into_owned()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Maps and sets have no order at any depth. Vectors have one.
    #[test]
    fn permutations_of_maps_and_sets_have_one_key(entries in prop::collection::vec((".{0,8}", any::<i32>()), 0..60), turn in 0_usize..60) {
        let entries: HashMap<String, i32> = entries.into_iter().collect();
        let mut list: Vec<_> = entries.into_iter().collect();
        let map = |list: &[(String, i32)]| -> HashMap<String, i32> { list.iter().cloned().collect() };
        let nested = |list: &[(String, i32)]| {
            let set: HashSet<i32> = list.iter().map(|(_, n)| *n).collect();
            (vec![Some(map(list))], HashMap::from([("inner", (map(list), set))]))
        };
        let before = (key(&map(&list)), key(&nested(&list)), key(&list));
        let by = turn % list.len().max(1);
        list.rotate_left(by);
        prop_assert_eq!(before.0, key(&map(&list)));
        prop_assert_eq!(before.1, key(&nested(&list)));
        prop_assert_eq!(before.2 == key(&list), by == 0);
    }
}

/// Returns keys of large values of every kind.
fn much() -> Vec<Key> {
    let numbers: Vec<f64> = (0..3_000_000_u64).map(|n| f64::from_bits(n << 40 | n)).collect();
    let array = Array2::from_shape_vec((1500, 2000), numbers.clone()).unwrap();
    let map: HashMap<String, u64> = (0..50_000).map(|n| (format!("entry {n}"), n * n)).collect();
    vec![key(&numbers), key(&array), key(&array.t()), key(&map), key(&"text".repeat(2_000_000))]
}

#[test]
fn prints_many_keys() {
    if child::root().is_some() {
        eprintln!("keys {:?}", much());
    }
}

#[test]
fn threads_and_processes_make_the_same_keys() {
    let root = tempfile::tempdir().unwrap();
    let expected = format!("keys {:?}", much());
    for threads in ["1", "2", "3", "7"] {
        let told = child::run("bulk_keys::prints_many_keys", root.path(), &[("LARDER_THREADS", threads)]);
        assert!(told.contains(&expected), "with {threads} threads: {told}");
    }
}

#[test]
fn similar_values_of_many_types_have_different_keys() {
    let mut keys = HashSet::new();
    for n in 0..40_000_u32 {
        let text = n.to_string();
        let fresh = [
            key(&(n / 100, n % 100)),
            key(&[n / 100, n % 100]),
            key(&vec![n]),
            key(&vec![vec![n]]),
            key(&text),
            key(&vec![text.clone()]),
            key(&Some(&text)),
            key(&(Some(n), None::<u32>)),
            key(&(None::<u32>, Some(n))),
            key(&u64::from(n)),
            key(&f64::from(n)),
            key(&HashSet::from([n])),
            key(&HashMap::from([(n, ())])),
        ];
        for (family, key) in fresh.into_iter().enumerate() {
            // serde cannot distinguish a tuple from an array.
            assert!(keys.insert(key) || family == 1, "{family}: {n}");
        }
    }
}
