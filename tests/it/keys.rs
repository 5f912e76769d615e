//! Equal values have equal keys, different values different ones.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use larder::{Key, key_of};
use ndarray::{Array1, Array2, Array3, Axis, s};
use proptest::prelude::*;
use serde::Serialize;

use crate::values;

#[track_caller]
fn key<T: Serialize + ?Sized>(value: &T) -> Key {
    key_of(value).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn keys_are_equal_where_values_are(a in values::value(), b in values::value()) {
        prop_assert_eq!(key(&a), key(&a.clone()));
        // NaN is one key and not equal to itself; all other values agree.
        let text = |value: &values::Value| format!("{value:?}");
        if !text(&a).contains("NaN") {
            prop_assert_eq!(key(&a) == key(&b), a == b);
        }
    }

    #[test]
    fn runs_of_numbers_never_run_into_each_other(a: Vec<Vec<u16>>, b: Vec<Vec<u16>>) {
        prop_assert_eq!(key(&a) == key(&b), a == b);
    }

    #[test]
    fn the_order_of_hash_maps_and_sets_means_nothing(pairs: Vec<(i32, String)>) {
        let forward: HashMap<_, _> = pairs.iter().cloned().collect();
        let mut other = HashMap::with_capacity(1000);
        for (key, _) in pairs.iter().rev() {
            other.insert(*key, forward[key].clone());
        }
        prop_assert_eq!(key(&forward), key(&other));
        prop_assert_eq!(key(&Arc::new(vec![Some(Box::new(&forward))])), key(&vec![Some(&other)]));
        let set: HashSet<_> = pairs.iter().collect();
        let other: HashSet<_> = pairs.iter().rev().collect();
        prop_assert_eq!(key(&set), key(&other));
    }
}

/// Values that are near each other and must not be taken for one another.
#[test]
fn near_values_have_keys_of_their_own() {
    #[derive(Serialize)]
    enum E {
        A,
        B(u8),
        C(u8, u8),
        D { a: u8 },
    }
    #[derive(Serialize)]
    struct S {
        a: u8,
        b: u8,
    }
    let mut keys = HashMap::new();
    let mut add = |name: &'static str, key: Key| {
        if let Some(other) = keys.insert(key, name) {
            panic!("{name} has the key of {other}");
        }
    };
    macro_rules! all {
        ($($value:expr),* $(,)?) => {$( add(stringify!($value), key(&$value)); )*};
    }
    all!(
        1_u8,
        1_u16,
        1_u32,
        1_u64,
        1_u128,
        1_i8,
        1_i16,
        1_i32,
        1_i64,
        1_i128,
        1_f32,
        1_f64,
        true,
        '\u{1}',
        "1",
        "\u{1}",
        0_u8,
        -1_i8,
        255_u8,
        0.0,
        -0.0,
        0_f32,
        f64::NAN,
        f64::INFINITY,
        f32::NAN,
        false,
        '1',
        (),
        None::<u8>,
        Some(()),
        Some(1_u8),
        Some(Some(1_u8)),
        Some(None::<u8>),
        "",
        [0_u8; 0],
        Vec::<u8>::new(),
        [1_u8],
        vec![1_u8],
        vec![vec![1_u8]],
        (1_u8, 23_u8),
        (12_u8, 3_u8),
        (123_u8,),
        (1_u8, 2_u8, 3_u8),
        vec![1_u8, 2, 3],
        vec![1_u16, 2, 3],
        (1_u8, (2_u8, 3_u8)),
        ((1_u8, 2_u8), 3_u8),
        ("ab", "c"),
        ("a", "bc"),
        ("abc",),
        ("", "abc"),
        "abc",
        vec!["ab", "c"],
        vec!["abc"],
        vec!["a", "bc"],
        vec![vec!["abc"]],
        vec![Some("abc")],
        E::A,
        E::B(1),
        E::C(1, 2),
        E::D { a: 1 },
        "A",
        ("A", 1_u8),
        S { a: 1, b: 2 },
        S { a: 2, b: 1 },
        BTreeMap::from([("a", 1_u8), ("b", 2)]),
        BTreeMap::from([("a", 2_u8), ("b", 1)]),
        BTreeMap::<u8, u8>::new(),
        HashMap::from([("a", 1_u8), ("b", 2)]),
        HashMap::from([("a", 2_u8), ("b", 1)]),
        HashMap::<u8, u8>::new(),
        BTreeSet::from([1_u8, 2]),
        HashSet::from([1_u8, 2]),
        HashSet::<u8>::new(),
        HashSet::from([[1_u8, 2]]),
        vec![(1_u8, 2_u8)],
        (vec![1_u8], vec![2_u8]),
        (vec![1_u8, 2], Vec::<u8>::new()),
        vec![0_u8; 7],
        vec![0_u8; 8],
        vec![0_u64; 1],
        vec![0_u64; 7],
        vec![0_u8; 1000],
        vec![0_u8; 100_000],
        vec![0_u8; 100_001],
        "x".repeat(100_000),
        "x".repeat(100_001),
        serde_json::json!({"a": 1}),
        serde_json::json!({"a": 1.0}),
        serde_json::json!({"a": "1"}),
        serde_json::json!({"a": null}),
        std::time::Duration::from_secs(1),
        std::net::IpAddr::from([127, 0, 0, 1]),
        "127.0.0.1 ",
    );
}

#[test]
fn equal_values_have_equal_keys_whatever_holds_them() {
    assert_eq!(key("text"), key(&String::from("text")));
    assert_eq!(key("text"), key(&Rc::<str>::from("text")));
    assert_eq!(key(&[1.5, 2.5][..]), key(&vec![1.5, 2.5]));
    assert_eq!(key(&Box::new(1)), key(&Arc::new(1)));
    assert_eq!(key(&f64::NAN), key(&-f64::NAN));
    assert_eq!(key(&f64::from_bits(0x7ff0_dead_beef_0001)), key(&f64::NAN));
    assert_eq!(key(&vec![f32::NAN, f32::from_bits(0xffc0_0001)]), key(&vec![f32::NAN; 2]));
    assert_eq!(key(&1_usize), key(&1_u64));
}

#[test]
fn arrays_are_their_elements_in_logical_order() {
    let array = Array2::from_shape_fn((30, 40), |(i, j)| (i * 40 + j) as f64);
    let mut fortran = Array2::zeros(ndarray::ShapeBuilder::f((30, 40)));
    fortran.assign(&array);
    assert!(!fortran.is_standard_layout());
    assert_eq!(key(&fortran), key(&array));
    assert_eq!(key(&array.view()), key(&array));
    assert_eq!(key(&array.t().reversed_axes()), key(&array));
    assert_eq!(key(&array.slice(s![..;2, ..;-3])), key(&array.slice(s![..;2, ..;-3]).to_owned()));
    assert_ne!(key(&array.t()), key(&array));
    assert_ne!(key(&array.clone().into_shape_with_order((40, 30)).unwrap()), key(&array));
    assert_ne!(key(&array.clone().into_shape_with_order((1, 1200)).unwrap()), key(&array));
    assert_ne!(key(&Array1::from_elem(1, 0.0)), key(&ndarray::arr0(0.0)));
    let cube = Array3::from_shape_fn((5, 6, 7), |(i, j, k)| (i * j * k) as i32);
    assert_eq!(key(&cube.index_axis(Axis(1), 2)), key(&cube.index_axis(Axis(1), 2).to_owned()));
}

#[test]
fn a_million_near_values_don_t_collide() {
    let mut keys = HashSet::with_capacity(1_000_000);
    for n in 0..250_000_u32 {
        assert!(keys.insert(key(&n)));
        assert!(keys.insert(key(&n.to_string())));
        assert!(keys.insert(key(&Some(n))));
        assert!(keys.insert(key(&(n / 1000, n % 1000))));
    }
    assert_eq!(keys.len(), 1_000_000);
}

#[test]
fn a_value_that_can_not_be_serialised_has_no_key() {
    #[derive(Serialize)]
    struct Socket(#[serde(serialize_with = "refuse")] u8);
    fn refuse<S: serde::Serializer>(_: &u8, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("a socket can't be stored"))
    }
    let error = key_of(&vec![Socket(1)]).unwrap_err();
    assert_eq!(error.kind(), larder::ErrorKind::NotRepresentable);
    assert!(error.to_string().contains("a socket"), "{error}");
}

#[test]
fn keys_are_text() {
    let pantry = key("pantry");
    assert_eq!(pantry.to_string().parse::<Key>().unwrap(), pantry);
    assert_eq!(serde_json::from_str::<Key>(&serde_json::to_string(&pantry).unwrap()).unwrap(), pantry);
    for text in ["", "12", &"x".repeat(64), &"é".repeat(32), &"0".repeat(65)] {
        assert_eq!(text.parse::<Key>().unwrap_err().kind(), larder::ErrorKind::InvalidInput);
    }
}
