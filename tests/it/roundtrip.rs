//! Tests that a value is read exactly as it was stored.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::rc::Rc;
use std::sync::Arc;

use larder::{Cache, Compression, memoize};
use proptest::prelude::*;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize};

use crate::persist::block_methods;
use crate::values::{self, Value};

fn dumped<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    larder::dump_into(value, &mut bytes, Compression::NONE).unwrap();
    bytes
}

fn through_dump<T: Serialize + DeserializeOwned>(value: &T) -> T {
    larder::load_from(dumped(value).as_slice()).unwrap()
}

fn through_cache<T: Serialize + DeserializeOwned>(cache: &Cache, value: T) -> T {
    let key = larder::key_of(&value).unwrap();
    cache.get_or_compute("value", &key, || value);
    cache.get_or_compute("value", &key, || panic!("it should have been stored"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn any_value_round_trips_through_a_dump(value in values::value()) {
        prop_assert_eq!(through_dump(&value), value);
    }

    #[test]
    fn several_values_round_trip_through_a_stream(list in prop::collection::vec(values::value(), 0..4)) {
        let mut methods = vec!["none", "gzip", "zlib", "bz2", "xz", "lzma", "lz4"];
        methods.extend(block_methods());
        let mut bytes = Vec::new();
        for (value, method) in list.iter().zip(methods.iter().cycle()) {
            larder::dump_into(value, &mut bytes, method.parse().unwrap()).unwrap();
        }
        let mut stream = bytes.as_slice();
        for value in &list {
            prop_assert_eq!(&larder::load_from::<Value>(&mut stream).unwrap(), value);
        }
        prop_assert!(stream.is_empty());
    }
}

/// Returns its argument through the cache.
#[memoize(cache = cache, ignore(cache))]
fn stored(value: &Value, cache: &Cache) -> Option<Value> {
    let _ = cache;
    Some(value.clone())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_value_round_trips_through_a_memoized_function(
        value in values::value(),
        method in prop::sample::select([vec!["none", "gzip", "lz4", "xz"], block_methods()].concat()),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::builder(folder.path()).compression(method.parse().unwrap()).open().unwrap();
        let first = stored(&value, &cache);
        prop_assert_eq!(first.as_ref(), Some(&value));
        let (back, outcome) = stored::call(&value, &cache).outcome();
        prop_assert!(outcome.is_hit());
        prop_assert_eq!(back, Some(value));
    }
}

#[track_caller]
fn check<T: Serialize + DeserializeOwned + PartialEq + Debug + Clone>(value: T) {
    assert_eq!(through_dump(&value), value);
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    assert_eq!(through_cache(&cache, value.clone()), value);
    assert_eq!(cache.stats().unwrap().errors, 0);
}

#[test]
fn values_that_other_formats_lose_round_trip() {
    check(Some(None::<u8>));
    check(None::<Option<u8>>);
    check(Some(Some(Some(()))));
    check(Some(()));
    check(());
    check(vec![Some(()), None]);
    check((i128::MIN, i128::MAX, u128::MAX, i128::from(i64::MIN) - 1, -(1_i128 << 64), -(1_i128 << 64) - 1));
    check((u64::MAX, i64::MIN, 0_u8, -1_i8));
    check('🦀');
    check(BTreeMap::from([((1, 'a'), "x".to_owned()), ((1, 'b'), String::new())]));
    check(HashMap::from([(Some(1), vec![1.5]), (None, vec![])]));
    check(BTreeMap::from([(vec![1_u8, 2], ()), (vec![], ())]));
    check(serde_json::json!({"null": null, "n": [1, -1, 1.0, 18_446_744_073_709_551_615_u64], "o": {}}));
    check([1.5_f64; 32].to_vec());
    check((Arc::new(1), Rc::new("two".to_owned()), Box::new([3_u8, 4])));
    check("x".repeat(1_000_000));
    check((0..300_000).map(|n| n as f32).collect::<Vec<_>>());
    check((0..70_000_u32).map(|n| n.to_string()).collect::<Vec<_>>());
    check(std::time::Duration::from_nanos(1));
    check(std::net::IpAddr::from([127, 0, 0, 1]));
    check(Ok::<u8, String>(1));
    check(vec![Err::<u8, String>("no".to_owned()), Ok(1)]);
}

#[test]
fn bits_of_floats_are_preserved() {
    for bits in [0x7ff8_0000_0000_0000, 0x7ff0_0000_0000_0001, 0xfff8_dead_beef_0001, 0x8000_0000_0000_0000_u64] {
        let value = f64::from_bits(bits);
        assert_eq!(through_dump(&value).to_bits(), bits);
        assert_eq!(through_dump(&vec![value; 3])[2].to_bits(), bits);
    }
    assert_eq!(through_dump(&f32::from_bits(0x7fa0_0001)).to_bits(), 0x7fa0_0001);
}

#[test]
fn arrays_of_any_dimension_and_order_round_trip() {
    use ndarray::{Array0, Array2, Array3, ArrayD, s};
    check(Array0::from_elem((), 7_u16));
    check(Array2::<f64>::zeros((0, 5)));
    let cube = Array3::from_shape_fn((4, 5, 6), |(i, j, k)| (i * 100 + j * 10 + k) as f64);
    check(cube.clone());
    check(cube.clone().into_dyn());
    let strided = cube.slice(s![..;2, 1.., ..;-1]);
    let mut bytes = Vec::new();
    larder::dump_into(&strided, &mut bytes, Compression::NONE).unwrap();
    assert_eq!(larder::load_from::<ArrayD<f64>>(bytes.as_slice()).unwrap(), strided.into_dyn());
    check(cube.reversed_axes());
}

/// Sequence with different element types that a manual `Serialize` passes one by one.
struct Mixed(usize);

impl Serialize for Mixed {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeSeq as _;
        let mut seq = serializer.serialize_seq(Some(self.0 + 1))?;
        for n in 0..self.0 {
            seq.serialize_element(&(n as u16))?;
        }
        seq.serialize_element("end")?;
        seq.end()
    }
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Number(u16),
    Text(String),
}

#[test]
fn a_mixed_sequence_is_not_written_as_numbers() {
    for count in [0, 1, 2, 100, 10_000] {
        let mut bytes = Vec::new();
        larder::dump_into(&Mixed(count), &mut bytes, Compression::NONE).unwrap();
        let list: Vec<NumberOrText> = larder::load_from(bytes.as_slice()).unwrap();
        assert_eq!(list.len(), count + 1);
        assert_eq!(list[count], NumberOrText::Text("end".to_owned()));
        for (n, item) in list[..count].iter().enumerate() {
            assert_eq!(*item, NumberOrText::Number(n as u16));
        }
    }
    // The encoder can't undo so long a sequence. The value is refused instead of being stored wrongly.
    let error = larder::dump_into(&Mixed(1_000_000), Vec::new(), Compression::NONE).unwrap_err();
    assert_eq!(error.kind(), larder::ErrorKind::NotRepresentable);
}

/// Type whose `Serialize` claims a wrong length.
struct Liar(usize);

impl Serialize for Liar {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeSeq as _;
        let mut seq = serializer.serialize_seq(Some(self.0))?;
        seq.serialize_element(&1.5)?;
        seq.serialize_element(&2.5)?;
        seq.end()
    }
}

#[test]
fn a_wrong_length_is_refused_when_writing() {
    for len in [0, 1, 3, 1 << 40] {
        let error = larder::dump_into(&Liar(len), Vec::new(), Compression::NONE).unwrap_err();
        assert_eq!(error.kind(), larder::ErrorKind::NotRepresentable, "{len}");
    }
    larder::dump_into(&Liar(2), Vec::new(), Compression::NONE).unwrap();
}

/// Both variants read the same content, so serde takes the first one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Ambiguous {
    Small(u8),
    Large(u64),
}

/// serde buffers flattened fields, and its buffer does not support 128-bit integers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Buffered {
    #[serde(flatten)]
    inner: Wide,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Wide {
    wide: i128,
}

#[test]
fn values_changed_by_serde_are_not_stored() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    for _ in 0..2 {
        assert_eq!(cache.get_or_compute("f", &1, || Ambiguous::Large(5)), Ambiguous::Large(5));
        assert_eq!(cache.get_or_compute("f", &2, || Ambiguous::Small(5)), Ambiguous::Small(5));
        assert_eq!(cache.get_or_compute("f", &3, || Ambiguous::Large(500)), Ambiguous::Large(500));
        let buffered = Buffered { inner: Wide { wide: 1 } };
        assert_eq!(cache.get_or_compute("f", &4, || buffered.clone()), buffered);
    }
    // The second and third values are stored. The first and fourth are computed each time.
    let stats = cache.stats().unwrap();
    assert_eq!((stats.hits, stats.misses, stats.errors), (2, 6, 4));
}

/// Written as a struct with a private name, and read as a newtype of that name whose visitor accepts a map: what
/// `RawValue` of serde_json does.
#[derive(Debug, PartialEq)]
struct Raw(String);

const PRIVATE: &str = "$raw::private::Raw";

impl Serialize for Raw {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct(PRIVATE, 1)?;
        fields.serialize_field(PRIVATE, &self.0)?;
        fields.end()
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Content;

        impl<'de> Visitor<'de> for Content {
            type Value = Raw;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("raw content")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
                let (name, content): (String, String) = map.next_entry()?.unwrap();
                assert_eq!(name, PRIVATE);
                Ok(Raw(content))
            }
        }

        deserializer.deserialize_newtype_struct(PRIVATE, Content)
    }
}

/// Reads borrowed text and borrowed bytes, but owns its content: as fixedbitset does.
#[derive(Debug, PartialEq)]
struct Owned(String);

impl Serialize for Owned {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Owned {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&str>::deserialize(deserializer).map(|text| Owned(text.to_owned()))
    }
}

#[test]
fn types_that_borrow_or_use_a_private_name_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    let raw = || vec![Raw("[1, 2]".into()), Raw(String::new())];
    assert_eq!(through_dump(&raw()), raw());
    assert_eq!(through_cache(&cache, raw()), raw());
    // Longer than what is buffered of a file.
    let owned = || vec![Owned("short".into()), Owned("long".repeat(100_000)), Owned(String::new())];
    assert_eq!(through_dump(&owned()), owned());
    assert_eq!(through_cache(&cache, owned()), owned());
    let path = folder.path().join("owned.gz");
    larder::dump(&owned(), &path).unwrap();
    assert_eq!(larder::load::<Vec<Owned>>(&path).unwrap(), owned());
    let error = larder::load_from::<Owned>(dumped(&7).as_slice()).unwrap_err();
    assert_eq!(error.kind(), larder::ErrorKind::WrongType);
}

#[test]
fn nesting_is_limited_when_writing() {
    #[derive(Serialize, Deserialize)]
    struct Node(Option<Box<Node>>);
    let chain = |length| (0..length).fold(Node(None), |node, _| Node(Some(Box::new(node))));
    larder::dump_into(&chain(60), Vec::new(), Compression::NONE).unwrap();
    let error = larder::dump_into(&chain(1000), Vec::new(), Compression::NONE).unwrap_err();
    assert_eq!(error.kind(), larder::ErrorKind::LimitExceeded);
    assert_eq!(larder::key_of(&chain(1000)).unwrap_err().kind(), larder::ErrorKind::LimitExceeded);
}

/// Their keys are in `map_order`.
#[test]
fn hash_maps_in_flattened_and_tagged_types_round_trip() {
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Flat {
        id: u32,
        #[serde(flatten)]
        rest: HashMap<String, u32>,
    }
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "t")]
    enum Tagged {
        Map(HashMap<String, u32>),
    }
    let map = || (0..20).map(|n| (n.to_string(), n)).collect::<HashMap<_, _>>();
    let flat = || Flat { id: 1, rest: map() };
    check(flat());
    check(Tagged::Map(map()));
}

#[test]
fn flattened_maps_can_have_any_keys() {
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Flat<K: Ord> {
        id: u32,
        #[serde(flatten)]
        rest: BTreeMap<K, u32>,
    }
    check(Flat { id: 1, rest: BTreeMap::from([(-1, 2), (1, 3)]) });
    check(Flat { id: 1, rest: BTreeMap::from([('x', 2)]) });
}

/// Many types read null as the default.
#[test]
fn an_option_can_be_read_from_a_value() {
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Defaults {
        #[serde(deserialize_with = "default_for_null")]
        text: String,
        #[serde(deserialize_with = "default_for_null")]
        letter: char,
        #[serde(deserialize_with = "default_for_null")]
        numbers: Vec<f64>,
    }
    fn default_for_null<'de, T: Default + Deserialize<'de>, D: serde::Deserializer<'de>>(d: D) -> Result<T, D::Error> {
        Ok(Option::<T>::deserialize(d)?.unwrap_or_default())
    }
    check(Defaults { text: "x".to_owned(), letter: 'y', numbers: vec![1.5; 100] });
}

/// This also holds for a value that is too large to be checked completely.
#[test]
fn large_values_changed_by_serde_are_not_stored() {
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Number {
        Float(f64),
        Int(i64),
    }
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    for count in [10, 1_000_000] {
        let value = vec![Number::Int((1 << 53) + 1); count];
        for _ in 0..2 {
            assert!(cache.get_or_compute("f", &count, || value.clone()) == value);
        }
    }
    assert_eq!((cache.stats().unwrap().hits, cache.stats().unwrap().errors), (0, 4));
}

/// Type whose `Serialize` and `Deserialize` don't match.
#[derive(Debug, Clone, PartialEq)]
struct Misfit(u64);

impl Serialize for Misfit {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl<'de> Deserialize<'de> for Misfit {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u64::deserialize(deserializer)?;
        assert!(number != 13, "an unlucky number");
        Ok(Misfit(number * 1000))
    }
}

#[test]
fn mismatched_serialize_and_deserialize_are_detected() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    for number in [0, 5, 13] {
        for _ in 0..2 {
            assert_eq!(cache.get_or_compute("f", &number, || Misfit(number)), Misfit(number));
        }
    }
    let stats = cache.stats().unwrap();
    assert_eq!((stats.hits, stats.misses, stats.errors), (1, 5, 4));
}

/// Anything that can be written can be read, up to the deepest level and on a small stack.
#[test]
fn values_that_can_be_written_can_be_read_at_any_depth() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum List {
        Nil,
        Tuple(u8, Box<List>),
        Struct { head: u8, tail: Box<List> },
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Tree {
        Leaf(u8),
        Branch(Vec<Tree>),
    }
    let list = |depth, of: fn(Box<List>) -> List| (0..depth).fold(List::Nil, |list, _| of(Box::new(list)));
    let tree = |depth| (0..depth).fold(Tree::Leaf(1), |tree, _| Tree::Branch(vec![tree]));
    for depth in 1..300 {
        for of in [|tail| List::Tuple(1, tail), |tail| List::Struct { head: 1, tail }] as [fn(Box<List>) -> List; 2] {
            let mut bytes = Vec::new();
            if larder::dump_into(&list(depth, of), &mut bytes, Compression::NONE).is_ok() {
                assert_eq!(larder::load_from::<List>(bytes.as_slice()).unwrap(), list(depth, of));
                assert_eq!(larder::load_from::<u8>(bytes.as_slice()).unwrap_err().kind(), larder::ErrorKind::WrongType);
            } else {
                assert!(depth > 100);
            }
        }
        let mut bytes = Vec::new();
        if larder::dump_into(&tree(depth), &mut bytes, Compression::NONE).is_ok() {
            assert_eq!(larder::load_from::<Tree>(bytes.as_slice()).unwrap(), tree(depth));
        } else {
            assert!(depth > 100);
        }
    }
}
