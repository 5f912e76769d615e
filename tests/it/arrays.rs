//! Tests arrays of numbers: every kind of number, container and layout, at any nesting, at every size where the
//! implementation switches.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt::Debug;
use std::io::BufReader;
use std::sync::Arc;

use larder::{Compression, dump, dump_into, load, load_from};
use ndarray::{ArcArray2, Array, Array0, Array2, Array3, ArrayD, ArrayView2, Axis, Dimension, IxDyn, s};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tempfile::tempdir;

use crate::persist::method_names;

/// Source that returns one byte at a time.
pub(crate) struct OneByOne<'b>(pub(crate) &'b [u8]);

impl std::io::Read for OneByOne<'_> {
    fn read(&mut self, target: &mut [u8]) -> std::io::Result<usize> {
        let count = target.len().min(1);
        self.0.read(&mut target[..count])
    }
}

/// Checks that a value can be read back from a file, from memory, and from a source that returns it in pieces.
#[track_caller]
fn comes_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let folder = tempdir().unwrap();
    let path = folder.path().join("value");
    dump(value, &path).unwrap();
    assert!(load::<T>(&path).unwrap() == *value, "from a file");
    let bytes = std::fs::read(&path).unwrap();
    assert!(load_from::<T>(bytes.as_slice()).unwrap() == *value, "from memory");
    let pieces = BufReader::with_capacity(777, bytes.as_slice());
    assert!(load_from::<T>(pieces).unwrap() == *value, "piece by piece");
    let mut again = Vec::new();
    dump_into(value, &mut again, Compression::NONE).unwrap();
    assert!(bytes == again, "what is written to a file and to memory differs");
}

/// Lengths around which an array's alignment changes, a buffer is full, or a piece of the checksum ends.
const LENGTHS: [usize; 7] = [0, 1, 2, 15, 1000, 8191, 40_000];

#[test]
fn arrays_of_several_pieces_and_thread_shares_round_trip() {
    // Lengths around which one thread's share is full, and around which several threads read and sum.
    for len in [300_001, 700_000, 1_100_000] {
        let numbers: Vec<f64> = (0..len).map(f64::from).collect();
        comes_back(&(vec![1_u8; 100], numbers));
    }
}

#[test]
fn every_kind_of_number_round_trips() {
    macro_rules! check {
        ($($type:ty),*) => {$(
            for len in LENGTHS {
                let numbers: Vec<$type> = (0..len).map(|n| (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) as $type).collect();
                comes_back(&numbers);
                comes_back(&("before".to_owned(), numbers.into_boxed_slice(), Some(7)));
            }
        )*};
    }
    check!(u8, u16, u32, u64, i8, i16, i32, i64, f32, f64, usize, isize);
}

#[test]
fn floats_round_trip_bit_by_bit() {
    let bits: Vec<u64> = (0..50_000_u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
    let floats: Vec<f64> = bits.iter().copied().chain([0x7ff8_0000_dead_beef, 1 << 63]).map(f64::from_bits).collect();
    let mut bytes = Vec::new();
    dump_into(&floats, &mut bytes, Compression::NONE).unwrap();
    let back: Vec<f64> = load_from(bytes.as_slice()).unwrap();
    assert!(floats.iter().map(|x| x.to_bits()).eq(back.iter().map(|x| x.to_bits())));
}

#[test]
fn booleans_round_trip_and_take_one_byte_each() {
    for len in LENGTHS {
        let bools: Vec<bool> = (0..len).map(|n| n % 3 == 0).collect();
        comes_back(&bools);
        let mut bytes = Vec::new();
        dump_into(&bools, &mut bytes, Compression::NONE).unwrap();
        assert!(bytes.len() < len + 100);
        let deque: VecDeque<bool> = load_from(bytes.as_slice()).unwrap();
        assert!(deque == bools);
    }
    let error = {
        let mut bytes = Vec::new();
        dump_into(&vec![Some(true), None], &mut bytes, Compression::NONE).unwrap();
        load_from::<Vec<bool>>(bytes.as_slice()).unwrap_err()
    };
    assert_eq!(error.kind(), larder::ErrorKind::WrongType);
}

#[test]
#[cfg(feature = "num-complex")]
fn complex_numbers_round_trip_and_take_no_more_space_than_in_memory() {
    use num_complex::Complex;
    for len in LENGTHS {
        let numbers: Vec<Complex<f64>> = (0..len).map(|n| Complex::new(n as f64, -0.5)).collect();
        comes_back(&numbers);
        comes_back(&Array::from(numbers.clone()));
        let mut bytes = Vec::new();
        dump_into(&numbers, &mut bytes, Compression::NONE).unwrap();
        assert!(bytes.len() < 16 * len + 250);
        // A reader that does not know complex numbers gets pairs.
        let pairs: Vec<(f64, f64)> = load_from(bytes.as_slice()).unwrap();
        assert!(pairs.iter().zip(&numbers).all(|(pair, number)| *pair == (number.re, number.im)));
        assert_eq!(pairs.len(), len);
        let deque: VecDeque<Complex<f64>> = load_from(bytes.as_slice()).unwrap();
        assert!(deque == numbers);
        let narrow: Vec<Complex<f32>> = (0..len).map(|n| Complex::new(n as f32, 0.5)).collect();
        comes_back(&narrow);
    }
    // ndarray's strided views pass the numbers one by one. Then the same with a different element among them.
    let strided = Array::from_shape_fn((40, 3), |(i, j)| Complex::new(i as f32, j as f32));
    let mut bytes = Vec::new();
    dump_into(&strided.t(), &mut bytes, Compression::NONE).unwrap();
    assert_eq!(load_from::<Array2<Complex<f32>>>(bytes.as_slice()).unwrap(), strided.t());
}

/// Forty numbers and a text: such a sequence is no array of numbers.
struct Mixed;

impl Serialize for Mixed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeSeq as _;
        let mut sequence = serializer.serialize_seq(Some(41))?;
        for n in 0..40_u16 {
            sequence.serialize_element(&n)?;
        }
        sequence.serialize_element("and text")?;
        sequence.end()
    }
}

#[test]
fn numbers_followed_by_another_type_round_trip() {
    let mut bytes = Vec::new();
    dump_into(&(Mixed, vec![1.5; 100_000]), &mut bytes, Compression::NONE).unwrap();
    let (mixed, numbers): (Vec<serde_json::Value>, Vec<f64>) = load_from(bytes.as_slice()).unwrap();
    assert_eq!((mixed.len(), &mixed[39], &mixed[40]), (41, &39.into(), &"and text".into()));
    assert_eq!(numbers, vec![1.5; 100_000]);
}

fn same_elements<D: Dimension + DeserializeOwned + Serialize>(array: &Array<f32, D>) {
    comes_back(array);
    comes_back(&Some(vec![array.clone(), array.clone()]));
}

#[test]
fn arrays_of_every_dimension_round_trip() {
    same_elements(&Array0::from_elem((), 1.5));
    same_elements(&Array::from_iter((0..1000).map(|x| x as f32)));
    same_elements(&Array2::from_shape_fn((1, 0), |_| 0.0));
    same_elements(&Array2::from_shape_fn((33, 1000), |(i, j)| (i * j) as f32));
    same_elements(&Array3::from_shape_fn((3, 50, 70), |(i, j, k)| (i + j * k) as f32));
    same_elements(&Array::from_shape_fn((2, 3, 4, 5), |(i, j, k, l)| (i + j * k + l) as f32));
    same_elements(&Array::from_shape_fn((2, 3, 4, 5, 6), |(i, j, k, l, m)| (i + j * k + l * m) as f32));
    same_elements(&Array::from_shape_fn((2, 1, 2, 1, 2, 2), |(i, _, k, _, m, n)| (i + k + m * n) as f32));
    for axes in 0..9 {
        same_elements(&ArrayD::from_shape_fn(IxDyn(&vec![2; axes]), |index| {
            index.slice().iter().sum::<usize>() as f32
        }));
    }
    comes_back(&Array2::from_shape_fn((700, 900), |(i, j)| i * j));
    comes_back(&Array2::from_shape_fn((70, 90), |(i, j)| i > j));
    comes_back(&Array2::from_shape_fn((7, 9), |(i, j)| format!("{i} {j}")));
    comes_back(&ArcArray2::from_shape_fn((70, 90), |(i, j)| (i * j) as i16));
}

#[test]
fn arrays_in_any_memory_order_are_written_in_logical_order() {
    let array = Array2::from_shape_fn((400, 300), |(i, j)| (i * 1000 + j) as f64);
    let bytes_of = |view: ArrayView2<'_, f64>| {
        let mut bytes = Vec::new();
        dump_into(&view, &mut bytes, Compression::NONE).unwrap();
        bytes
    };
    let fortran = array.t().as_standard_layout().into_owned();
    let mut flipped = array.clone();
    flipped.invert_axis(Axis(0));
    for view in [
        array.view(),
        array.t(),
        fortran.t(),
        flipped.view(),
        array.slice(s![..;3, 10..;2]),
        array.slice(s![5..300, ..]),
        array.slice(s![..;-1, ..;-7]),
        array.slice(s![0..0, ..]),
        array.broadcast((400, 300)).unwrap(),
    ] {
        let bytes = bytes_of(view);
        assert_eq!(load_from::<Array2<f64>>(bytes.as_slice()).unwrap(), view);
        let standard = view.as_standard_layout().into_owned();
        assert!(bytes == bytes_of(standard.view()), "the layout changes the bytes");
    }
}

/// Forms in which users store arrays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Nest {
    Plain(Vec<f32>),
    Named { weights: Array2<f64>, mask: Vec<bool>, shared: Arc<[u16]>, boxed: Box<Array2<i32>> },
    Many(HashMap<String, Vec<i64>>, BTreeMap<u8, Option<Box<[u32]>>>),
    Deep(Box<Nest>, (Vec<u8>, Option<Vec<f64>>), Result<Vec<i8>, String>),
    Array([f64; 20]),
}

#[test]
fn nested_arrays_round_trip() {
    for len in [0, 3, 9_000] {
        let named = Nest::Named {
            weights: Array2::from_shape_fn((len / 3, 3), |(i, j)| (i * j) as f64),
            mask: vec![true; len],
            shared: (0..len).map(|n| n as u16).collect(),
            boxed: Box::new(Array2::from_elem((2, len), -7)),
        };
        let many = Nest::Many(
            HashMap::from([("a".to_owned(), vec![-1; len]), ("b".to_owned(), vec![])]),
            BTreeMap::from([(1, Some(vec![9; len].into_boxed_slice())), (2, None)]),
        );
        let deep = Nest::Deep(Box::new(named.clone()), (vec![1; len], Some(vec![0.5; len])), Ok(vec![-1; len]));
        let all = vec![named, many, deep, Nest::Plain(vec![1.5; len]), Nest::Array([2.5; 20])];
        comes_back(&all);
        for method in method_names() {
            let mut bytes = Vec::new();
            dump_into(&all, &mut bytes, method.parse().unwrap()).unwrap();
            dump_into("after", &mut bytes, Compression::NONE).unwrap();
            let mut source = BufReader::new(OneByOne(&bytes));
            assert!(load_from::<Vec<Nest>>(&mut source).unwrap() == all, "{method}");
            assert_eq!(load_from::<String>(&mut source).unwrap(), "after", "{method}");
        }
    }
}

/// Sequence that doubles its numbers, in the same `Vec` that serde's own visitor makes.
#[derive(Debug, PartialEq)]
struct Doubled(Vec<f64>);

impl<'de> Deserialize<'de> for Doubled {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Vec<f64>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("numbers")
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut sequence: A) -> Result<Vec<f64>, A::Error> {
                let mut doubled = Vec::new();
                while let Some(x) = sequence.next_element::<f64>()? {
                    doubled.push(2.0 * x);
                }
                Ok(doubled)
            }
        }
        deserializer.deserialize_seq(Visitor).map(Doubled)
    }
}

#[test]
fn a_custom_visitor_is_called() {
    let mut bytes = Vec::new();
    dump_into(&vec![1.0, 2.5], &mut bytes, Compression::NONE).unwrap();
    assert_eq!(load_from::<Doubled>(bytes.as_slice()).unwrap(), Doubled(vec![2.0, 5.0]));
}

#[test]
fn numbers_can_be_read_in_another_width_but_not_as_another_kind() {
    let mut bytes = Vec::new();
    dump_into(&vec![1_u16, 300], &mut bytes, Compression::NONE).unwrap();
    assert_eq!(load_from::<Vec<u64>>(bytes.as_slice()).unwrap(), [1, 300]);
    assert_eq!(load_from::<Vec<i128>>(bytes.as_slice()).unwrap(), [1, 300]);
    assert!(load_from::<Vec<u8>>(bytes.as_slice()).is_err());
    assert!(load_from::<Vec<f64>>(bytes.as_slice()).is_err());
    assert!(load_from::<Vec<bool>>(bytes.as_slice()).is_err());
    let mut bytes = Vec::new();
    dump_into(&vec![1.5_f32], &mut bytes, Compression::NONE).unwrap();
    assert!(load_from::<Vec<f64>>(bytes.as_slice()).is_err());
}
