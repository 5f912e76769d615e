//! Tests that equal values have equal keys, and different values different ones.

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

fn few_numbers() -> impl Strategy<Value = BTreeSet<u16>> {
    prop::collection::btree_set(any::<u16>(), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn keys_are_equal_where_values_are(a in values::value(), b in values::value()) {
        prop_assert_eq!(key(&a), key(&a.clone()));
        // NaN has one key but does not equal itself. All other values agree.
        let text = |value: &values::Value| format!("{value:?}");
        if !text(&a).contains("NaN") {
            prop_assert_eq!(key(&a) == key(&b), a == b);
        }
    }

    #[test]
    fn pointers_around_a_value_do_not_change_its_key(a in values::value()) {
        let expected = key(&a);
        prop_assert_eq!(key(&&a), expected);
        prop_assert_eq!(key(&Arc::new(&a)), expected);
        prop_assert_eq!(key(&Rc::new(a.clone())), expected);
        prop_assert_eq!(key(&Box::new(Arc::new(a.clone()))), expected);
        prop_assert_eq!(key(&vec![Arc::new(a.clone())]), key(&[&a][..]));
        prop_assert_ne!(key(&Some(&a)), expected);
        prop_assert_ne!(key(&vec![&a]), expected);
        prop_assert_ne!(key(&(&a,)), expected);
        prop_assert_ne!(key(&(&a, &a)), key(&vec![&a, &a]));
    }

    /// Hash maps and sets nested in each other and in other types, filled in another order and with another capacity.
    #[test]
    fn the_order_of_nested_maps_and_sets_does_not_matter(
        outer in prop::collection::vec((any::<u8>(), prop::collection::vec((".{0,3}", few_numbers()), 0..6)), 0..6),
    ) {
        type Pair = (String, BTreeSet<u16>);
        type Nested = Vec<(Option<u8>, Arc<HashMap<u8, HashMap<String, HashSet<u16>>>>)>;
        fn build(outer: &[(u8, Vec<Pair>)], room: usize, reverse: bool) -> Nested {
            let merged: BTreeMap<u8, BTreeMap<String, BTreeSet<u16>>> =
                outer.iter().map(|(key, inner)| (*key, inner.iter().cloned().collect())).collect();
            let mut map = HashMap::with_capacity(room);
            let mut entries: Vec<_> = merged.into_iter().collect();
            if reverse {
                entries.reverse();
            }
            for (key, inner) in entries {
                let mut entries: Vec<_> = inner.into_iter().collect();
                if reverse {
                    entries.reverse();
                }
                let mut inner = HashMap::with_capacity(room / 2);
                for (name, set) in entries {
                    let mut numbers: Vec<_> = set.into_iter().collect();
                    if reverse {
                        numbers.reverse();
                    }
                    inner.insert(name, numbers.into_iter().collect());
                }
                map.insert(key, inner);
            }
            vec![(Some(1), Arc::new(map))]
        }
        let one = build(&outer, 0, false);
        let other = build(&outer, 50, true);
        prop_assert_eq!(key(&one), key(&other));
        let flat = BTreeMap::from([("rest", one)]);
        prop_assert_eq!(key(&flat), key(&BTreeMap::from([("rest", other)])));
    }

    #[test]
    fn exactly_equal_maps_have_equal_keys(a: HashMap<u8, Option<bool>>, b: HashMap<u8, Option<bool>>) {
        prop_assert_eq!(key(&a) == key(&b), a == b);
        let (a, b): (HashSet<_>, HashSet<_>) = (a.into_keys().collect(), b.into_keys().collect());
        prop_assert_eq!(key(&a) == key(&b), a == b);
    }

    #[test]
    fn nested_number_sequences_have_distinct_keys(a: Vec<Vec<u16>>, b: Vec<Vec<u16>>) {
        prop_assert_eq!(key(&a) == key(&b), a == b);
    }

    #[test]
    fn the_order_of_hash_maps_and_sets_does_not_matter(pairs: Vec<(i32, String)>) {
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

/// Similar values that must have different keys.
#[test]
fn similar_values_have_different_keys() {
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
fn equal_values_in_different_containers_have_equal_keys() {
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
fn keys_of_arrays_depend_on_their_elements_in_logical_order() {
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

/// Families of similar values. Each member must differ from all others.
#[test]
fn a_million_similar_values_do_not_collide() {
    let mut keys = HashSet::with_capacity(1_100_000);
    let mut add = |key: Key| assert!(keys.insert(key));
    for n in 0..37_000_u32 {
        // One number in many types, and a text that looks like it.
        add(key(&n));
        add(key(&i64::from(n)));
        add(key(&f64::from(n)));
        add(key(&-f64::from(n)));
        add(key(&n.to_string()));
        add(key(&n.to_string().into_bytes()));
        add(key(&Some(n)));
        add(key(&Some(Some(n))));
        add(key(&[n]));
        add(key(&vec![n]));
        add(key(&vec![vec![n]]));
        add(key(&vec![Some(n), None]));
        add(key(&vec![None, Some(n)]));
        add(key(&(n, ())));
        add(key(&((), n)));
        add(key(&BTreeMap::from([(n, n)])));
        add(key(&HashMap::from([(n, n)])));
        add(key(&BTreeSet::from([n, n + 1])));
        add(key(&HashSet::from([n, n + 1])));
        add(key(&Array1::from_elem(1, n)));
        add(key(&Array2::from_elem((1, 1), n)));
        add(key(&Ok::<_, ()>(n)));
        add(key(&Err::<(), _>(n)));
        // Pairs of texts and numbers split at different points, such as (1, 23) and (12, 3).
        let digits = (n + 100_000).to_string();
        for cut in 0..digits.len() {
            let (a, b) = digits.split_at(cut);
            add(key(&(a, b)));
        }
    }
    // Number sequences split at different points, and every kind of empty value.
    for cut in 0..=1000 {
        let numbers: Vec<u8> = (0..1000).map(|n| (n % 7) as u8).collect();
        let (a, b) = numbers.split_at(cut);
        add(key(&(a, b)));
        add(key(&vec![a.to_vec(), b.to_vec()]));
        add(key(&vec![(); cut]));
        add(key(&vec![None::<u8>; cut + 1]));
        add(key(&"\0".repeat(cut)));
        add(key(&vec![0_u8; cut + 1]));
        add(key(&vec![""; cut + 1]));
        add(key(&vec![0_u64; cut + 1]));
        add(key(&vec![-0.0_f64; cut + 1]));
    }
    assert!(keys.len() > 1_000_000, "{}", keys.len());
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
fn keys_can_be_written_and_parsed_as_text() {
    let pantry = key("pantry");
    assert_eq!(pantry.to_string().parse::<Key>().unwrap(), pantry);
    assert_eq!(serde_json::from_str::<Key>(&serde_json::to_string(&pantry).unwrap()).unwrap(), pantry);
    for text in ["", "12", &"x".repeat(64), &"é".repeat(32), &"0".repeat(65)] {
        assert_eq!(text.parse::<Key>().unwrap_err().kind(), larder::ErrorKind::InvalidInput);
    }
}

/// NaN in a set, times, texts and arrays of other types, as users of joblib have them in arguments.
#[test]
fn unusual_values_have_stable_keys() {
    #[derive(Clone, Copy, Serialize)]
    struct Bits(f64);
    impl PartialEq for Bits {
        fn eq(&self, other: &Self) -> bool {
            self.0.to_bits() == other.0.to_bits()
        }
    }
    impl Eq for Bits {}
    impl std::hash::Hash for Bits {
        fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
            self.0.to_bits().hash(state);
        }
    }
    let sets = [[1.5, f64::NAN, -0.0], [f64::NAN, -0.0, 1.5]].map(|set| HashSet::from(set.map(Bits)));
    assert_eq!(key(&sets[0]), key(&sets[1]));
    assert_ne!(key(&sets[0]), key(&HashSet::from([1.5, f64::NAN, 0.0].map(Bits))));
    let times: Vec<_> = (0..9).map(|n| std::time::UNIX_EPOCH + std::time::Duration::from_millis(n)).collect();
    assert_eq!(key(&times), key(&times.clone()));
    assert_ne!(key(&times[1..]), key(&times[..8]));
    assert_eq!(key(&String::from_utf8(b"same".to_vec()).unwrap()), key("same"));
    let words = Array2::from_shape_fn((3, 4), |(i, j)| format!("{i} {j}"));
    let mut other_order = Array2::from_elem(ndarray::ShapeBuilder::f((3, 4)), String::new());
    other_order.assign(&words);
    assert_eq!(key(&words), key(&other_order));
    assert_ne!(key(&words), key(&words.t()));
    let arrays = |first: f64| HashMap::from([("a", Array1::from_elem(9, first)), ("b", Array1::zeros(9))]);
    assert_eq!(key(&arrays(1.0)), key(&arrays(1.0)));
    assert_ne!(key(&arrays(1.0)), key(&arrays(2.0)));
    assert_ne!(key(&2.0), key(&3.0));
}

#[test]
fn an_array_in_a_file_has_the_key_of_one_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("array");
    let array = Array2::from_shape_fn((70, 80), |(i, j)| (i * j) as f64);
    larder::dump(&array, &path).unwrap();
    let mapped = larder::map::<Array2<f64>>(&path).unwrap();
    assert_eq!(key(&*mapped), key(&array));
}

/// A long argument is read once for the key, and only its beginning is read again for the preview.
#[test]
fn a_long_argument_is_read_once() {
    #[derive(Default)]
    struct Counting(std::sync::atomic::AtomicUsize);
    impl Serialize for Counting {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_seq((0..2000_u32).inspect(|_| {
                self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }))
        }
    }
    #[larder::memoize(cache = _cache, ignore(_cache))]
    fn count(_cache: &larder::Cache, first: &str, _long: &Counting, last: u8) -> usize {
        first.len() + usize::from(last)
    }
    let folder = tempfile::tempdir().unwrap();
    let cache = larder::Cache::open(folder.path()).unwrap();
    let long = Counting::default();
    assert_eq!(count(&cache, "x", &long, 7), 8);
    let read = long.0.into_inner();
    assert!((2000..2100).contains(&read), "{read} elements were read");
    let entry = cache.entries().unwrap().next().unwrap();
    let long = Counting::default();
    assert_eq!(entry.arguments[0].digest, key("x"));
    assert_eq!(entry.arguments[1].digest, key(&long));
    assert_eq!(entry.arguments[2].digest, key(&7_u8));
}
