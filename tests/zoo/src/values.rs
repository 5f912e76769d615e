//! The values.

use std::collections::{BinaryHeap, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use larder::{Cache, memoize};
use serde::{Deserialize, Serialize};
use serde_with::{DisplayFromStr, DurationSeconds, Seq, serde_as};

use crate::{Process, Row, Seen, TIMES, warnings};

/// Defines rows: the crate, what the value is, its type, and how it is built. Before the type, `==` says that a hit is
/// compared by `PartialEq`, `debug` that it is compared by its text.
macro_rules! rows {
    ($($krate:literal, $what:literal, $how:tt $type:ty = $value:expr;)*) => {
        /// Tries all values, each with a cache of its own in `folder`.
        pub fn rows(process: Process, folder: &Path) -> Vec<Row> {
            let mut rows = Vec::new();
            $(rows.push(Row {
                krate: $krate,
                what: $what,
                seen: seen!(process, &folder.join(rows.len().to_string()), $how $type = $value),
            });)*
            rows
        }
    };
}

macro_rules! seen {
    ($process:ident, $folder:expr, $how:tt $type:ty = $value:expr) => {{
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
        let cache = &Cache::open($folder).expect("a cache");
        for _ in 0..TIMES {
            let value: $type = $value;
            argument(cache, &value);
        }
        let keys = argument::memo().entries_in(cache).map_or(0, Iterator::count);
        let warnings = warnings::counted();
        if $process == Process::First {
            result(cache);
        }
        let warned = warnings::counted() > warnings;
        let stored = result::call(cache).is_cached();
        let built: $type = $value;
        let equal = if stored { compare!($how built, (0..TIMES).map(|_| result(cache))) } else { None };
        Seen { keys, stored, warned, equal }
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

/// Returns the values in another order at each call.
fn turned<T>(values: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
    static TURNS: AtomicUsize = AtomicUsize::new(0);
    let mut values: Vec<T> = values.collect();
    let length = values.len();
    values.rotate_left(TURNS.fetch_add(7, Ordering::Relaxed) % length);
    values.into_iter()
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

bitflags::bitflags! {
    #[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
    struct Access: u8 {
        const READ = 1;
        const WRITE = 2;
    }
}

#[derive(enum_map::Enum, Serialize, Deserialize)]
enum Colour {
    Red,
    Green,
    Blue,
}

#[derive(Debug, enumset::EnumSetType)]
enum Side {
    Left,
    Right,
}

flagset::flags! {
    #[derive(Serialize, Deserialize)]
    enum Permission: u8 {
        Read,
        Write,
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Pattern {
    #[serde(with = "serde_regex")]
    regex: regex::Regex,
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
    "arc-swap", "ArcSwap of a HashMap", none arc_swap::ArcSwap<HashMap<String, u32>> = arc_swap::ArcSwap::from_pointee(numbers().collect());
    "arcstr", "ArcStr", == arcstr::ArcStr = "text".into();
    "array2d", "Array2D", == array2d::Array2D<f64> = array2d::Array2D::from_row_major(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2, 3).unwrap();
    "arrayvec", "ArrayVec", == arrayvec::ArrayVec<u32, 32> = (0..20).collect();
    "arrayvec", "ArrayString", == arrayvec::ArrayString<8> = "text".try_into().unwrap();
    "bigdecimal", "1E+5", == bigdecimal::BigDecimal = "1E+5".parse().unwrap();
    "bimap", "BiHashMap", == bimap::BiHashMap<String, u32> = numbers().collect();
    "bimap", "BiBTreeMap", == bimap::BiBTreeMap<String, u32> = numbers().collect();
    "bit-set", "BitSet", == bit_set::BitSet = [1, 5, 70].into_iter().collect();
    "bit-vec", "BitVec", == bit_vec::BitVec = (0..70).map(|n| n % 3 == 0).collect();
    "bitflags", "flags", == Access = Access::READ | Access::WRITE;
    "bitflags", "flags with an unknown bit", == Access = Access::from_bits_retain(0b1001);
    "bitvec", "BitVec", == bitvec::vec::BitVec<u8> = [true, false, true].into_iter().collect();
    "blake3", "Hash", == blake3::Hash = blake3::hash(b"text");
    "bnum", "256 bits", == bnum::types::U256 = "115792089237316195423570985008687907853269984665640564039457584007913129639935".parse().unwrap();
    "bytesize", "ByteSize", == bytesize::ByteSize = bytesize::ByteSize::kib(3);
    "bytesize", "ByteSize of an odd number", == bytesize::ByteSize = bytesize::ByteSize::b(1_234_567);
    "bytestring", "ByteString", == bytestring::ByteString = "text".into();
    "camino", "Utf8PathBuf", == camino::Utf8PathBuf = "a/b".into();
    "cgmath", "Vector3", == cgmath::Vector3<f32> = cgmath::Vector3::new(1.0, 2.0, 3.0);
    "chrono", "DateTime<FixedOffset>, whole minutes", == chrono::DateTime<chrono::FixedOffset> = "2024-05-06T07:08:09+02:00".parse().unwrap();
    "chrono", "DateTime<FixedOffset>, seconds in the offset", == chrono::DateTime<chrono::FixedOffset> =
        chrono::DateTime::<chrono::Utc>::from_timestamp(1, 0).unwrap().with_timezone(&chrono::FixedOffset::east_opt(3605).unwrap());
    "chrono", "NaiveDate", == chrono::NaiveDate = chrono::NaiveDate::from_ymd_opt(2024, 2, 29).unwrap();
    "chrono-tz", "Tz", == chrono_tz::Tz = chrono_tz::Europe::Berlin;
    "cidr", "IpCidr", == cidr::IpCidr = "10.0.0.0/8".parse().unwrap();
    "compact_str", "CompactString", == compact_str::CompactString = "text".into();
    "counter", "Counter", == counter::Counter<String> = words().chain(words().take(5)).collect();
    "dary_heap", "QuaternaryHeap", debug dary_heap::QuaternaryHeap<u32> = (0..20).collect();
    "dashmap", "DashMap", none dashmap::DashMap<String, u32> = numbers().collect();
    "dashmap", "DashSet", none dashmap::DashSet<String> = words().collect();
    "dashmap", "DashMap behind flatten", none Flat<dashmap::DashMap<String, u32>> = Flat { id: 1, rest: numbers().collect() };
    "ecow", "EcoVec", == ecow::EcoVec<u32> = (0..20).collect();
    "ecow", "EcoString", == ecow::EcoString = "text".into();
    "ego-tree", "Tree", == ego_tree::Tree<u32> = { let mut tree = ego_tree::Tree::new(1); tree.root_mut().append(2).append(3); tree };
    "email_address", "EmailAddress", == email_address::EmailAddress = "someone@example.org".parse().unwrap();
    "enum-map", "EnumMap", == enum_map::EnumMap<Colour, u32> = enum_map::enum_map! { Colour::Red => 1, Colour::Green => 2, Colour::Blue => 3 };
    "enumset", "EnumSet", == enumset::EnumSet<Side> = Side::Left | Side::Right;
    "ethnum", "U256", == ethnum::U256 = ethnum::U256::MAX;
    "euclid", "Point2D", == euclid::default::Point2D<f64> = euclid::default::Point2D::new(1.0, 2.0);
    "fastbloom", "BloomFilter with a seed", == fastbloom::BloomFilter =
        fastbloom::BloomFilter::with_num_bits(1024).seed(&7).items(words().collect::<Vec<_>>().iter());
    "fixed", "I16F16", == fixed::types::I16F16 = fixed::types::I16F16::from_num(1.5);
    "fixedbitset", "FixedBitSet", == fixedbitset::FixedBitSet = fixedbitset::FixedBitSet::with_capacity_and_blocks(70, [5, 1]);
    "flagset", "FlagSet", == flagset::FlagSet<Permission> = Permission::Read | Permission::Write;
    "flurry", "HashMap", == flurry::HashMap<String, u32> = numbers().collect();
    "flurry", "HashSet", == flurry::HashSet<String> = words().collect();
    "fnv", "FnvHashMap", == fnv::FnvHashMap<String, u32> = numbers().collect();
    "fnv", "FnvHashMap filled in another order", == fnv::FnvHashMap<String, u32> = turned(numbers()).collect();
    "fraction", "Fraction", == fraction::Fraction = fraction::Fraction::new(1_u64, 3_u64);
    "generational-arena", "Arena", debug generational_arena::Arena<u32> =
        { let mut arena = generational_arena::Arena::new(); let first = arena.insert(1); arena.insert(2); arena.remove(first); arena.insert(3); arena };
    "generic-array", "GenericArray", == generic_array::GenericArray<f64, generic_array::typenum::U3> = generic_array::arr![1.0, 2.0, 3.0];
    "grid", "Grid", == grid::Grid<u8> = grid::grid![[1, 2, 3] [4, 5, 6]];
    "grid", "Grid by columns", == grid::Grid<u8> = grid::Grid::from_vec_with_order(vec![1, 2, 3, 4, 5, 6], 3, grid::Order::ColumnMajor);
    "h3o", "CellIndex", == h3o::CellIndex = "8a1fb46622dffff".parse().unwrap();
    "h3o", "LatLng", == h3o::LatLng = h3o::LatLng::new(48.85, 2.35).unwrap();
    "hashbag", "HashBag", == hashbag::HashBag<String> = words().chain(words().take(5)).collect();
    "hashbrown", "HashMap", == hashbrown::HashMap<String, u32> = numbers().collect();
    "hashbrown", "HashSet", == hashbrown::HashSet<String> = words().collect();
    "hashbrown", "HashMap behind flatten", == Flat<hashbrown::HashMap<String, u32>> = Flat { id: 1, rest: numbers().collect() };
    "hashlink", "LinkedHashMap", == hashlink::LinkedHashMap<String, u32> = numbers().collect();
    "heapless", "Vec", == heapless::Vec<u8, 8> = heapless::Vec::from_slice(&[1, 2, 3]).unwrap();
    "hipstr", "HipStr", == hipstr::HipStr<'static> = "text".into();
    "hipstr", "HipByt", == hipstr::HipByt<'static> = vec![1, 2, 255].into();
    "hybrid-array", "Array", == hybrid_array::Array<u8, hybrid_array::sizes::U3> = hybrid_array::Array([1, 2, 3]);
    "ibig", "IBig", == ibig::IBig = "-123456789012345678901234567890".parse().unwrap();
    "ijson", "IValue", == ijson::IValue = ijson::ijson!({ "z": 1, "a": [1, null, { "y": -2, "b": 0.5 }] });
    "ijson", "IObject filled in another order", == ijson::IObject = turned(numbers()).collect();
    "im", "HashMap", == im::HashMap<String, u32> = numbers().collect();
    "im", "HashSet", == im::HashSet<String> = words().collect();
    "im", "OrdMap", == im::OrdMap<String, u32> = numbers().collect();
    "im", "Vector", == im::Vector<u32> = (0..20).collect();
    "im-rc", "HashMap", == im_rc::HashMap<String, u32> = numbers().collect();
    "im-rc", "Vector", == im_rc::Vector<u32> = (0..20).collect();
    "imbl", "HashMap", == imbl::HashMap<String, u32> = numbers().collect();
    "imbl", "HashSet", == imbl::HashSet<String> = words().collect();
    "immutable-chunkmap", "MapM", == immutable_chunkmap::map::MapM<String, u32> = numbers().collect();
    "indexmap", "IndexMap", == indexmap::IndexMap<String, u32> = numbers().collect();
    "indexmap", "IndexSet", == indexmap::IndexSet<String> = words().collect();
    "indexmap", "IndexMap behind flatten", == Flat<indexmap::IndexMap<String, u32>> = Flat { id: 1, rest: numbers().collect() };
    "intmap", "IntMap", == intmap::IntMap<u32, String> = numbers().map(|(text, n)| (n, text)).collect();
    "ipnet", "IpNet", == ipnet::IpNet = "10.0.0.0/8".parse().unwrap();
    "ipnetwork", "IpNetwork", == ipnetwork::IpNetwork = "10.0.0.1/8".parse().unwrap();
    "iri-string", "IriString", == iri_string::types::IriString = "https://example.org/ä".parse().unwrap();
    "iset", "IntervalMap", debug iset::IntervalMap<u32, String> = numbers().map(|(text, n)| (n..n + 3, text)).collect();
    "iso_currency", "Currency", == iso_currency::Currency = iso_currency::Currency::EUR;
    "isocountry", "CountryCode", == isocountry::CountryCode = isocountry::CountryCode::DEU;
    "jiff", "Span of milliseconds", debug jiff::Span = jiff::Span::new().milliseconds(1500);
    "jiff", "Timestamp", == jiff::Timestamp = jiff::Timestamp::UNIX_EPOCH;
    "jiff", "Zoned", == jiff::Zoned = jiff::civil::date(2024, 5, 6).to_zoned(jiff::tz::TimeZone::UTC).unwrap();
    "json-patch", "Patch", == json_patch::Patch = serde_json::from_str(r#"[{"op": "replace", "path": "/a/0", "value": null}, {"op": "remove", "path": "/b"}]"#).unwrap();
    "kstring", "KString", == kstring::KString = "text".into();
    "kurbo", "BezPath", == kurbo::BezPath = kurbo::BezPath::from_svg("M0 0 L1 2 C3 4 5 6 7 8 Z").unwrap();
    "lasso", "Rodeo", == lasso::Rodeo = words().collect();
    "lasso", "ThreadedRodeo", == lasso::ThreadedRodeo = words().collect();
    "linear-map", "LinearMap", == linear_map::LinearMap<String, u32> = numbers().collect();
    "linked-hash-map", "LinkedHashMap", == linked_hash_map::LinkedHashMap<String, u32> = numbers().collect();
    "litemap", "LiteMap", == litemap::LiteMap<String, u32> = numbers().collect();
    "macaddr", "MacAddr6", == macaddr::MacAddr6 = macaddr::MacAddr6::new(1, 2, 3, 4, 5, 255);
    "micromap", "Map", == micromap::Map<String, u32, 20> = numbers().collect();
    "min-max-heap", "MinMaxHeap", debug min_max_heap::MinMaxHeap<u32> = (0..20).collect();
    "mint", "Vector3", == mint::Vector3<f64> = mint::Vector3 { x: 1.0, y: 2.0, z: 3.0 };
    "multimap", "MultiMap", == multimap::MultiMap<String, u32> = numbers().chain(numbers()).collect();
    "noisy_float", "R64", == noisy_float::types::R64 = noisy_float::types::r64(1.5);
    "nonempty", "NonEmpty", == nonempty::NonEmpty<u32> = nonempty::nonempty![1, 2, 3];
    "nonmax", "NonMaxU32", == nonmax::NonMaxU32 = nonmax::NonMaxU32::new(7).unwrap();
    "ordered-float", "OrderedFloat", == ordered_float::OrderedFloat<f64> = ordered_float::OrderedFloat(1.5);
    "ordermap", "OrderMap", == ordermap::OrderMap<String, u32> = numbers().collect();
    "palette", "Srgb", == palette::Srgb<f32> = palette::Srgb::new(0.1, 0.5, 1.0);
    "palette", "Oklcha", == palette::Oklcha<f64> = palette::Oklcha::new(0.5, 0.1, 120.0, 0.5);
    "papaya", "HashMap", == papaya::HashMap<String, u32> = numbers().collect();
    "papaya", "HashSet", == papaya::HashSet<String> = words().collect();
    "parking_lot", "Mutex of a HashMap", none parking_lot::Mutex<HashMap<String, u32>> = parking_lot::Mutex::new(numbers().collect());
    "patricia_tree", "StringPatriciaMap", debug patricia_tree::StringPatriciaMap<u32> = numbers().collect();
    "plist", "Value with a date and a UID", == plist::Value = plist::Value::Array(vec![
        plist::Value::Date(std::time::SystemTime::UNIX_EPOCH.into()),
        plist::Value::Uid(plist::Uid::new(7)),
        plist::Value::Integer((-1).into()),
    ]);
    "plist", "Dictionary", == plist::Dictionary = numbers().map(|(text, n)| (text, plist::Value::from(u64::from(n)))).collect();
    "priority-queue", "PriorityQueue", == priority_queue::PriorityQueue<String, u32> = numbers().collect();
    "radix_trie", "Trie", == radix_trie::Trie<String, u32> = numbers().collect();
    "rand_chacha", "ChaCha8Rng", == rand_chacha::ChaCha8Rng = rand_chacha::rand_core::SeedableRng::seed_from_u64(7);
    "rangemap", "RangeMap", == rangemap::RangeMap<u32, String> = numbers().map(|(text, n)| (2 * n..2 * n + 1, text)).collect();
    "rangemap", "RangeInclusiveSet", == rangemap::RangeInclusiveSet<u32> = (0..20).map(|n| 3 * n..=3 * n + 1).collect();
    "rgb", "RGBA8", == rgb::RGBA8 = rgb::RGBA8::new(1, 2, 3, 255);
    "roaring", "RoaringBitmap", == roaring::RoaringBitmap = (0..1000).collect();
    "rpds", "HashTrieMap", == rpds::HashTrieMap<String, u32> = numbers().collect();
    "rpds", "HashTrieSet", == rpds::HashTrieSet<String> = words().collect();
    "rpds", "RedBlackTreeMap", == rpds::RedBlackTreeMap<String, u32> = numbers().collect();
    "rust_decimal", "Decimal", == rust_decimal::Decimal = "1.10".parse().unwrap();
    "rustc-hash", "FxHashMap", == rustc_hash::FxHashMap<String, u32> = numbers().collect();
    "rustc-hash", "FxHashSet filled in another order", == rustc_hash::FxHashSet<String> = turned(words()).collect();
    "scc", "HashMap", none scc::HashMap<String, u32> = numbers().collect();
    "scc", "HashSet", none scc::HashSet<String> = words().collect();
    "serde_json", "Value with preserve_order", == serde_json::Value = serde_json::json!({ "z": 1, "a": [1, null, { "y": 2, "b": 0.5 }] });
    "serde_json", "Map behind flatten", == Flat<serde_json::Map<String, serde_json::Value>> =
        Flat { id: 1, rest: [("z".to_owned(), 1.into()), ("a".to_owned(), 2.into())].into_iter().collect() };
    "serde_json", "Box<RawValue>", debug Box<serde_json::value::RawValue> = serde_json::value::RawValue::from_string("[1, 2]".to_owned()).unwrap();
    "serde_regex", "Regex", debug Pattern = Pattern { regex: regex::Regex::new("^a+[b-d]").unwrap() };
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
    "sketches-ddsketch", "DDSketch", none sketches_ddsketch::DDSketch =
        { let mut sketch = sketches_ddsketch::DDSketch::default(); (1..=100).for_each(|n| sketch.add(n.into())); sketch };
    "slab", "Slab with a vacant place", debug slab::Slab<u32> =
        { let mut slab = slab::Slab::new(); let first = slab.insert(1); slab.insert(2); slab.insert(3); slab.remove(first); slab };
    "slotmap", "SlotMap", debug slotmap::SlotMap<slotmap::DefaultKey, u32> = { let mut map = slotmap::SlotMap::new(); map.insert(1); map.insert(2); map };
    "smartstring", "SmartString", == smartstring::alias::String = "text".into();
    "smol_str", "SmolStr", == smol_str::SmolStr = "text".into();
    "sorted-vec", "SortedSet", == sorted_vec::SortedSet<String> = sorted_vec::SortedSet::from_unsorted(words().collect());
    "string-interner", "StringInterner", == string_interner::DefaultStringInterner = words().collect();
    "tdigest", "TDigest", == tdigest::TDigest = tdigest::TDigest::new_with_size(20).merge_sorted((0..100).map(f64::from).collect());
    "thin-vec", "ThinVec", == thin_vec::ThinVec<u32> = (0..20).collect();
    "tinystr", "TinyAsciiStr", == tinystr::TinyAsciiStr<8> = "text".parse().unwrap();
    "tinyvec", "TinyVec", == tinyvec::TinyVec<[u32; 4]> = (0..20).collect();
    "toml", "Table", == toml::Table = toml::from_str("z = 1\na = [1, 2]\n[t]\nx = 0.5").unwrap();
    "triomphe", "Arc of a HashMap", == triomphe::Arc<HashMap<String, u32>> = triomphe::Arc::new(numbers().collect());
    "twofloat", "TwoFloat", == twofloat::TwoFloat = twofloat::TwoFloat::new_add(1.0, 1e-20);
    "typed_floats", "PositiveFinite", == typed_floats::PositiveFinite = 1.5.try_into().unwrap();
    "typetag", "trait object with a HashMap", none Box<dyn Shape> = Box::new(Polygon { corners: numbers().collect() });
    "ulid", "Ulid", == ulid::Ulid = ulid::Ulid::from(7_u128);
    "unic-langid", "LanguageIdentifier", == unic_langid::LanguageIdentifier = "de-Latn-AT".parse().unwrap();
    "uom", "Length", == uom::si::f64::Length = uom::si::f64::Length::new::<uom::si::length::kilometer>(1.5);
    "ustr", "Ustr", == ustr::Ustr = "text".into();
    "uuid", "Uuid", == uuid::Uuid = uuid::Uuid::from_u128(7);
    "vec1", "Vec1", == vec1::Vec1<u32> = vec1::vec1![1, 2, 3];
    "vec_map", "VecMap", == vec_map::VecMap<String> = words().enumerate().collect();
    "vek", "Vec3", == vek::Vec3<f32> = vek::Vec3::new(1.0, 2.0, 3.0);
    "vek", "Mat4", == vek::Mat4<f64> = vek::Mat4::translation_3d(vek::Vec3::new(1.0, 2.0, 3.0));
    "vob", "Vob", == vob::Vob = (0..70).map(|n| n % 3 == 0).collect();
}
