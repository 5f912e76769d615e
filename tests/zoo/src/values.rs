//! The values.

use std::collections::{BinaryHeap, HashMap, HashSet};
use std::sync::Arc;

use larder::{Cache, memoize};
use serde::{Deserialize, Serialize};
use serde_with::{DisplayFromStr, DurationSeconds, Seq, serde_as};

use crate::{Row, TIMES};

/// Defines rows: the crate, what the value is, its type, and how it is built. Before the type, `==` says that a hit is
/// compared by `PartialEq`, `debug` that it is compared by its text.
macro_rules! rows {
    ($($krate:literal, $what:literal, $how:tt $type:ty = $value:expr;)*) => {
        /// Tries all values.
        pub fn rows() -> Vec<Row> {
            vec![$(row!($krate, $what, $how $type = $value)),*]
        }
    };
}

macro_rules! row {
    ($krate:literal, $what:literal, $how:tt $type:ty = $value:expr) => {{
        #[memoize(cache = cache, ignore(cache), track = "none")]
        fn argument(cache: &Cache, value: &$type) -> u8 {
            let _ = value;
            0
        }

        #[memoize(cache = cache, ignore(cache), track = "none")]
        fn result(cache: &Cache) -> $type {
            $value
        }

        // The functions of all rows have the same name and position, so each row has a cache of its own.
        let folder = tempfile::tempdir().expect("a folder");
        let cache = &Cache::open(folder.path()).expect("a cache");
        for _ in 0..TIMES {
            let value: $type = $value;
            argument(cache, &value);
        }
        let keys = argument::memo().entries_in(cache).map_or(0, Iterator::count);
        let first = result(cache);
        let stored = result::call(cache).is_cached();
        let equal = if stored { compare!($how first, (0..TIMES).map(|_| result(cache))) } else { None };
        Row { krate: $krate, what: $what, keys, stored, equal }
    }};
}

macro_rules! compare {
    (== $first:expr, $others:expr) => {
        Some({ $others }.all(|other| other == $first))
    };
    (debug $first:expr, $others:expr) => {
        Some({ $others }.all(|other| format!("{other:?}") == format!("{:?}", $first)))
    };
    (none $first:expr, $others:expr) => {{
        let _ = (&$first, $others.count());
        None
    }};
}

fn numbers() -> impl Iterator<Item = (String, u32)> {
    (0..20).map(|n| (format!("key {n}"), n))
}

fn words() -> impl Iterator<Item = String> {
    (0..20).map(|n| format!("word {n}"))
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Flat<M> {
    id: u32,
    #[serde(flatten)]
    rest: M,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
enum Tagged {
    Map(HashMap<String, u32>),
}

#[serde_as]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Adapted {
    #[serde_as(as = "HashMap<DisplayFromStr, _>")]
    texts: HashMap<u32, u32>,
    #[serde_as(as = "HashSet<DisplayFromStr>")]
    set: HashSet<u32>,
    #[serde_as(as = "Seq<(_, _)>")]
    pairs: HashMap<u32, u32>,
    #[serde_as(as = "Vec<(_, _)>")]
    list: HashMap<u32, u32>,
    #[serde_as(as = "Option<HashMap<_, DurationSeconds>>")]
    times: Option<HashMap<u32, std::time::Duration>>,
}

#[serde_as]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Rounded(#[serde_as(as = "DurationSeconds")] std::time::Duration);

#[typetag::serde(tag = "shape")]
trait Shape: std::fmt::Debug {}

#[derive(Debug, Serialize, Deserialize)]
struct Polygon {
    corners: HashMap<String, u32>,
}

#[typetag::serde]
impl Shape for Polygon {}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Skips {
    kept: u8,
    #[serde(skip)]
    left_out: u8,
}

fn exhausted() -> std::ops::RangeInclusive<u8> {
    let mut range = 1..=3;
    range.by_ref().for_each(drop);
    range
}

rows! {
    "std", "HashMap", == HashMap<String, u32> = numbers().collect();
    "std", "HashMap behind flatten", == Flat<HashMap<String, u32>> = Flat { id: 1, rest: numbers().collect() };
    "std", "HashMap in an internally tagged enum", == Tagged = Tagged::Map(numbers().collect());
    "std", "BinaryHeap", debug BinaryHeap<u32> = (0..20).collect();
    "std", "exhausted RangeInclusive", == std::ops::RangeInclusive<u8> = exhausted();
    "std", "SocketAddrV6 with a flow label", == std::net::SocketAddrV6 = std::net::SocketAddrV6::new(std::net::Ipv6Addr::LOCALHOST, 80, 5, 0);
    "std", "Arc of a HashMap", == Arc<HashMap<String, u32>> = Arc::new(numbers().collect());
    "serde", "struct with a skipped field", == Skips = Skips { kept: 1, left_out: 2 };
    "ahash", "AHashMap", == ahash::AHashMap<String, u32> = numbers().collect();
    "ahash", "AHashSet", == ahash::AHashSet<String> = words().collect();
    "bigdecimal", "1E+5", == bigdecimal::BigDecimal = "1E+5".parse().unwrap();
    "bimap", "BiHashMap", == bimap::BiHashMap<String, u32> = numbers().collect();
    "bimap", "BiBTreeMap", == bimap::BiBTreeMap<String, u32> = numbers().collect();
    "bit-set", "BitSet", == bit_set::BitSet = [1, 5, 70].into_iter().collect();
    "bitvec", "BitVec", == bitvec::vec::BitVec<u8> = [true, false, true].into_iter().collect();
    "camino", "Utf8PathBuf", == camino::Utf8PathBuf = "a/b".into();
    "cgmath", "Vector3", == cgmath::Vector3<f32> = cgmath::Vector3::new(1.0, 2.0, 3.0);
    "chrono", "DateTime<FixedOffset>, whole minutes", == chrono::DateTime<chrono::FixedOffset> = "2024-05-06T07:08:09+02:00".parse().unwrap();
    "chrono", "DateTime<FixedOffset>, seconds in the offset", == chrono::DateTime<chrono::FixedOffset> =
        chrono::DateTime::<chrono::Utc>::from_timestamp(1, 0).unwrap().with_timezone(&chrono::FixedOffset::east_opt(3605).unwrap());
    "chrono", "NaiveDate", == chrono::NaiveDate = chrono::NaiveDate::from_ymd_opt(2024, 2, 29).unwrap();
    "compact_str", "CompactString", == compact_str::CompactString = "text".into();
    "dashmap", "DashMap", none dashmap::DashMap<String, u32> = numbers().collect();
    "dashmap", "DashSet", none dashmap::DashSet<String> = words().collect();
    "dashmap", "DashMap behind flatten", none Flat<dashmap::DashMap<String, u32>> = Flat { id: 1, rest: numbers().collect() };
    "ecow", "EcoVec", == ecow::EcoVec<u32> = (0..20).collect();
    "ecow", "EcoString", == ecow::EcoString = "text".into();
    "euclid", "Point2D", == euclid::default::Point2D<f64> = euclid::default::Point2D::new(1.0, 2.0);
    "fixedbitset", "FixedBitSet", == fixedbitset::FixedBitSet = fixedbitset::FixedBitSet::with_capacity_and_blocks(70, [5, 1]);
    "fraction", "Fraction", == fraction::Fraction = fraction::Fraction::new(1_u64, 3_u64);
    "hashlink", "LinkedHashMap", == hashlink::LinkedHashMap<String, u32> = numbers().collect();
    "heapless", "Vec", == heapless::Vec<u8, 8> = heapless::Vec::from_slice(&[1, 2, 3]).unwrap();
    "im", "HashMap", == im::HashMap<String, u32> = numbers().collect();
    "im", "HashSet", == im::HashSet<String> = words().collect();
    "im", "OrdMap", == im::OrdMap<String, u32> = numbers().collect();
    "im", "Vector", == im::Vector<u32> = (0..20).collect();
    "imbl", "HashMap", == imbl::HashMap<String, u32> = numbers().collect();
    "imbl", "HashSet", == imbl::HashSet<String> = words().collect();
    "indexmap", "IndexMap", == indexmap::IndexMap<String, u32> = numbers().collect();
    "indexmap", "IndexSet", == indexmap::IndexSet<String> = words().collect();
    "indexmap", "IndexMap behind flatten", == Flat<indexmap::IndexMap<String, u32>> = Flat { id: 1, rest: numbers().collect() };
    "ipnet", "IpNet", == ipnet::IpNet = "10.0.0.0/8".parse().unwrap();
    "jiff", "Span of milliseconds", debug jiff::Span = jiff::Span::new().milliseconds(1500);
    "jiff", "Timestamp", == jiff::Timestamp = jiff::Timestamp::UNIX_EPOCH;
    "jiff", "Zoned", == jiff::Zoned = jiff::civil::date(2024, 5, 6).to_zoned(jiff::tz::TimeZone::UTC).unwrap();
    "mint", "Vector3", == mint::Vector3<f64> = mint::Vector3 { x: 1.0, y: 2.0, z: 3.0 };
    "ordered-float", "OrderedFloat", == ordered_float::OrderedFloat<f64> = ordered_float::OrderedFloat(1.5);
    "ordermap", "OrderMap", == ordermap::OrderMap<String, u32> = numbers().collect();
    "priority-queue", "PriorityQueue", == priority_queue::PriorityQueue<String, u32> = numbers().collect();
    "roaring", "RoaringBitmap", == roaring::RoaringBitmap = (0..1000).collect();
    "rpds", "HashTrieMap", == rpds::HashTrieMap<String, u32> = numbers().collect();
    "rpds", "HashTrieSet", == rpds::HashTrieSet<String> = words().collect();
    "rpds", "RedBlackTreeMap", == rpds::RedBlackTreeMap<String, u32> = numbers().collect();
    "rust_decimal", "Decimal", == rust_decimal::Decimal = "1.10".parse().unwrap();
    "scc", "HashMap", none scc::HashMap<String, u32> = numbers().collect();
    "scc", "HashSet", none scc::HashSet<String> = words().collect();
    "serde_json", "Value with preserve_order", == serde_json::Value = serde_json::json!({ "z": 1, "a": [1, null, { "y": 2, "b": 0.5 }] });
    "serde_json", "Map behind flatten", == Flat<serde_json::Map<String, serde_json::Value>> =
        Flat { id: 1, rest: [("z".to_owned(), 1.into()), ("a".to_owned(), 2.into())].into_iter().collect() };
    "serde_json", "Box<RawValue>", debug Box<serde_json::value::RawValue> = serde_json::value::RawValue::from_string("[1, 2]".to_owned()).unwrap();
    "serde_with", "adapters of hash maps and sets", == Adapted = Adapted {
        texts: (0..20).map(|n| (n, n)).collect(),
        set: (0..20).collect(),
        pairs: (0..20).map(|n| (n, n)).collect(),
        list: (0..20).map(|n| (n, n)).collect(),
        times: Some((0..20).map(|n| (n, std::time::Duration::from_secs(n.into()))).collect()),
    };
    "serde_with", "DurationSeconds of 1.5 s", == Rounded = Rounded(std::time::Duration::from_millis(1500));
    "serde_yaml", "Value with a tag", == serde_yaml::Value = serde_yaml::from_str("!Tag [1, 2]").unwrap();
    "serde_yaml", "Mapping", == serde_yaml::Value = serde_yaml::from_str("{z: 1, a: 2}").unwrap();
    "slotmap", "SlotMap", debug slotmap::SlotMap<slotmap::DefaultKey, u32> = { let mut map = slotmap::SlotMap::new(); map.insert(1); map.insert(2); map };
    "smol_str", "SmolStr", == smol_str::SmolStr = "text".into();
    "thin-vec", "ThinVec", == thin_vec::ThinVec<u32> = (0..20).collect();
    "tinyvec", "TinyVec", == tinyvec::TinyVec<[u32; 4]> = (0..20).collect();
    "toml", "Table", == toml::Table = toml::from_str("z = 1\na = [1, 2]\n[t]\nx = 0.5").unwrap();
    "typetag", "trait object with a HashMap", none Box<dyn Shape> = Box::new(Polygon { corners: numbers().collect() });
    "ulid", "Ulid", == ulid::Ulid = ulid::Ulid::from(7_u128);
    "uuid", "Uuid", == uuid::Uuid = uuid::Uuid::from_u128(7);
}
