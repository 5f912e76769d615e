//! Tests bytes and digests that no version may change.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use larder::{Cache, Compression, dump, dump_into, dump_with, key_of, load, load_from, memoize};
use ndarray::{Array2, ArrayD, IxDyn};
use serde::{Deserialize, Serialize};

use crate::hex;
use crate::persist::{Sample, method_names, methods, sample};
use crate::values::*;

/// Returns a dump of `value` without the envelope and checksum.
fn encoded<T: Serialize + ?Sized>(value: &T) -> String {
    let mut bytes = Vec::new();
    dump_into(value, &mut bytes, Compression::NONE).unwrap();
    let type_name = std::any::type_name::<T>();
    let head = if type_name.len() < 24 { 1 } else { 2 };
    let start = 12 + 5 + head + type_name.len() + 6;
    hex(&bytes[start..bytes.len() - 14])
}

#[derive(Serialize)]
enum E {
    Unit,
    New(u8),
    Tuple(u8, char),
    Struct { a: () },
}

#[derive(Serialize)]
struct S {
    x: f32,
    y: Option<Option<u8>>,
}

#[test]
fn values_have_these_bytes() {
    assert_eq!(encoded(&0_u8), "00");
    assert_eq!(encoded(&23_i64), "17");
    assert_eq!(encoded(&24_u32), "1818");
    assert_eq!(encoded(&-1_i8), "20");
    assert_eq!(encoded(&-500_i32), "3901f3");
    assert_eq!(encoded(&u64::MAX), "1bffffffffffffffff");
    assert_eq!(encoded(&i64::MIN), "3b7fffffffffffffff");
    assert_eq!(encoded(&(1_u128 << 64)), "c249010000000000000000");
    assert_eq!(encoded(&(-(1_i128 << 64) - 1)), "c349010000000000000000");
    assert_eq!(encoded(&1.5_f32), "fa3fc00000");
    assert_eq!(encoded(&-0.0_f64), "fb8000000000000000");
    assert_eq!(encoded(&f64::from_bits(0x7ff4_0000_0000_0001)), "fb7ff4000000000001");
    assert_eq!(encoded(&(true, false)), "82f5f4");
    assert_eq!(encoded(&'é'), "d94c4362c3a9");
    assert_eq!(encoded("larder"), "666c6172646572");
    assert_eq!(encoded(&()), "f7");
    assert_eq!(encoded(&None::<()>), "f6");
    assert_eq!(encoded(&Some(())), "d94c53f7");
    assert_eq!(encoded(&Some(Some(1))), "d94c53d94c5301");
    assert_eq!(encoded(&Some(None::<u8>)), "d94c53f6");
    assert_eq!(
        encoded(&(E::Unit, E::New(1), E::Tuple(2, 'x'), E::Struct { a: () })),
        concat!("84", "64556e6974", "a1634e657701", "a1655475706c658202d94c436178", "a166537472756374a16161f7",)
    );
    assert_eq!(encoded(&S { x: 1.0, y: Some(None) }), "a26178fa3f8000006179d94c53f6");
    assert_eq!(encoded(&BTreeMap::from([(1, "a"), (2, "b")])), "a2016161026162");
    assert_eq!(encoded(&["a", "b"][..]), "8261616162");
    assert_eq!(encoded(&Vec::<f64>::new()), "80");
}

#[test]
fn arrays_of_numbers_are_typed_and_aligned() {
    // Returns the offset of `needle` in the document. The tag comes first.
    let at = |bytes: &[u8], needle: &[u8]| bytes.windows(needle.len()).position(|window| window == needle).unwrap();
    for (count, alignment) in [(1, 16), (7, 16), (8, 64), (1000, 64)] {
        let numbers: Vec<f64> = (0..count).map(|n| f64::from(n) + 0.5).collect();
        for prefix in 0..70 {
            let mut bytes = Vec::new();
            let value = ("x".repeat(prefix), &numbers);
            dump_into(&value, &mut bytes, Compression::NONE).unwrap();
            let raw: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
            let start = at(&bytes, &raw);
            assert_eq!(start % alignment, 0, "{count} numbers after {prefix} letters");
            let back: (String, Vec<f64>) = load_from(bytes.as_slice()).unwrap();
            assert_eq!((back.0.len(), &back.1), (prefix, &numbers));
        }
    }
    // RFC 8746: tag 86 is binary64, little-endian. The padding consists of empty chunks in a byte string of
    // indefinite length.
    let text = encoded(&vec![1.5_f64]);
    let rest = text.strip_prefix("d8565f").unwrap().trim_start_matches("40");
    assert_eq!(rest, "48000000000000f83fff");
    for (tag, text) in [
        (64, encoded(&vec![1_u8, 2])),
        (69, encoded(&vec![1_u16])),
        (70, encoded(&vec![1_u32])),
        (71, encoded(&vec![1_u64])),
        (72, encoded(&vec![1_i8])),
        (77, encoded(&vec![1_i16])),
        (78, encoded(&vec![1_i32])),
        (79, encoded(&vec![1_i64])),
        (85, encoded(&vec![1_f32])),
        (71, encoded(&vec![1_usize])),
    ] {
        assert!(text.starts_with(&format!("d8{tag:02x}")), "{tag}: {text}");
    }
}

#[test]
fn a_document_has_these_bytes() {
    let mut bytes = Vec::new();
    dump_into(&1_u8, &mut bytes, Compression::NONE).unwrap();
    assert_eq!(
        hex(&bytes),
        concat!(
            "d9d9f7",
            "a4",
            "666c6172646572",
            "01",
            "6474797065",
            "627538",
            "6576616c7565",
            "01",
            "6478786833",
            "1b",
            "1348e1f7871965f1",
        )
    );
}

/// Returns the path of a file that a released version wrote. If it is missing, writes it, so that it can be checked
/// in.
fn fixture(name: &str, write: impl FnOnce(&Path)) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1").join(name);
    if !path.exists() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        write(&path);
        panic!("{} was missing and has been written: check it in", path.display());
    }
    path
}

#[test]
fn dumps_of_the_first_version_can_be_read() {
    for (method, extension) in methods() {
        let path = fixture(&format!("sample.{extension}"), |path| dump(&sample(20), path).unwrap());
        assert_eq!(load::<Sample>(path).unwrap(), sample(20), "{method}");
    }
    for method in method_names().into_iter().filter(|name| name.starts_with("blocks")) {
        let write = |path: &Path| dump_with(&sample(2000), path, method.parse().unwrap()).unwrap();
        let path = fixture(&format!("sample.{method}"), write);
        assert_eq!(load::<Sample>(path).unwrap(), sample(2000), "{method}");
    }
}

/// Returns a value that fills more than one segment of every compressor and more than one piece of the checksum, and
/// that compresses well.
fn long() -> (Vec<u16>, String) {
    ((0..5_000_000).map(|n| u16::try_from(n / 50_000).unwrap()).collect(), "and so on ".repeat(1000))
}

#[test]
fn long_dumps_of_the_first_version_can_be_read() {
    for method in method_names().into_iter().filter(|name| *name != "none") {
        let write =
            |path: &Path| dump_with(&long(), path, format!("{method}:9").parse().or(method.parse()).unwrap()).unwrap();
        let path = fixture(&format!("long.{method}"), write);
        assert!(load::<(Vec<u16>, String)>(path).unwrap() == long(), "{method}");
    }
}

type Numbers = (Vec<u16>, Vec<u32>, Vec<u64>, Vec<i8>, Vec<i16>, Vec<i32>, Vec<i64>, Vec<f32>, Vec<f64>);

/// Type with everything that a value can consist of.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Everything {
    values: Vec<Value>,
    bytes: Vec<u8>,
    numbers: Numbers,
    fixed: [f64; 20],
    bools: Vec<bool>,
    complex: Vec<num_complex::Complex<f64>>,
    matrix: Array2<f32>,
    any_axes: ArrayD<i16>,
    words: Vec<String>,
}

fn everything() -> Everything {
    let inner = || Inner { x: -0.0, y: Some(None), address: [127, 0, 0, 1].into() };
    let rest = BTreeMap::from([("more".to_owned(), Untagged::Pair(1, "x".to_owned()))]);
    Everything {
        values: vec![
            Value::Unit,
            Value::Bool(true),
            Value::Char('\u{1F41F}'),
            Value::U8(u8::MAX),
            Value::U64(u64::MAX),
            Value::I64(i64::MIN),
            Value::I128(i128::MIN),
            Value::U128(u128::MAX),
            Value::F32(Bits32(f32::from_bits(0x7f80_0001))),
            Value::F64(Bits64(f64::from_bits(0xfff0_dead_beef_0001))),
            Value::Text("Käse".to_owned()),
            Value::Option(Some(Box::new(Value::Option(None)))),
            Value::OptionOfOption(Some(None)),
            Value::OptionOfUnit(Some(())),
            Value::Tuple(1, Some('x'), ()),
            Value::Seq(vec![Value::Seq(vec![])]),
            Value::TupleKeys(BTreeMap::from([((1, 'a'), Value::Unit)])),
            Value::OptionKeys(BTreeMap::from([(None, true), (Some(-1), false)])),
            Value::Hash(HashMap::from([("key".to_owned(), -1)])),
            Value::Set([1, 2, 3].into()),
            Value::Struct { a: Box::new(Value::Nothing(Nothing)), b: Some(vec![None, Some(7)]) },
            Value::Newtype(Meters(1.5)),
            Value::Empty(Empty {}),
            Value::Flat(Flat { id: 7, inner: inner(), rest }),
            Value::Untagged(Untagged::Struct { left: 0.5, right: () }),
            Value::Internal(Internal::Named(inner())),
            Value::Adjacent(Adjacent::Many { values: vec![1, 2], other: Some(None) }),
            Value::Adjacent(Adjacent::Two('y', -(1 << 100))),
            Value::Json(serde_json::json!({ "a": [1, -2, 0.5, null, "text", true] })),
            Value::Result(Err("why".to_owned())),
        ],
        bytes: (0..=255).collect(),
        numbers: (
            vec![1],
            vec![2; 2],
            vec![3; 3],
            vec![-4; 4],
            vec![5; 5],
            vec![-6; 6],
            vec![7; 7],
            vec![8.5; 8],
            vec![9.5; 9],
        ),
        fixed: std::array::from_fn(|n| n as f64),
        bools: (0..19).map(|n| n % 3 == 0).collect(),
        complex: vec![num_complex::Complex::new(1.0, -2.0); 3],
        matrix: Array2::from_shape_fn((3, 4), |(i, j)| (i * 10 + j) as f32),
        any_axes: ArrayD::from_shape_fn(IxDyn(&[2, 1, 3]), |index| index[2] as i16),
        words: ["flour", "salt"].map(str::to_owned).to_vec(),
    }
}

#[test]
fn every_kind_of_value_of_the_first_version_can_be_read() {
    for extension in ["larder", "gz"] {
        let path = fixture(&format!("everything.{extension}"), |path| dump(&everything(), path).unwrap());
        assert_eq!(load::<Everything>(path).unwrap(), everything(), "{extension}");
    }
}

/// Checks the table in `docs/design/formats.md`, byte by byte.
#[test]
fn an_entry_has_this_layout() {
    let cache = Cache::builder(fixture("cache", |_| {})).read_only(true).open().unwrap();
    let entry = cache.entries().unwrap().next().unwrap();
    let file = std::fs::read(&entry.path).unwrap();
    let u64_at = |at: usize| u64::from_le_bytes(file[at..at + 8].try_into().unwrap());
    let details_len = u32::from_le_bytes(file[12..16].try_into().unwrap()) as usize;
    let payload_at = (64 + details_len).next_multiple_of(64);
    let payload = &file[payload_at..];
    assert_eq!(hex(&file[..12]), "894c41524445520a01000000");
    assert_eq!((u64_at(16), u64_at(24)), (payload.len() as u64, payload.len() as u64));
    assert_eq!(file[32..40].iter().rev().copied().collect::<Vec<_>>(), payload[payload.len() - 8..]);
    assert_eq!(file[40..56], [0; 16]);
    assert!(file[64 + details_len..payload_at].iter().all(|byte| *byte == 0));
    assert_eq!(entry.payload_at, payload_at as u64);
    // The payload equals the output of `dump`.
    let mut dump = Vec::new();
    dump_into(&sample(20).counts, &mut dump, Compression::NONE).unwrap();
    assert_eq!(payload, dump);
    // The details are a map of ten entries. The first one is the key, as CBOR text.
    let key = entry.key.to_string();
    assert_eq!(file[64..64 + 7 + 64], [b"\xaa\x63key\x78\x40", key.as_bytes()].concat());
    assert_eq!(entry.path.file_name().unwrap().to_str().unwrap(), format!("{key}.larder"));
}

#[test]
fn entries_of_the_first_version_hit() {
    let root = fixture("cache", |root| {
        let cache = Cache::open(root).unwrap();
        cache.get_or_compute("sample", "twenty", || sample(20).counts);
        std::fs::remove_dir(root.join("drafts")).unwrap();
        std::fs::remove_file(root.join(".gitignore")).unwrap();
    });
    let cache = Cache::builder(root).read_only(true).open().unwrap();
    assert_eq!(cache.get_or_compute("sample", "twenty", Vec::<u16>::new), sample(20).counts);
    assert_eq!(cache.stats().unwrap().hits, 1);
}

#[derive(Serialize, Deserialize)]
struct Point {
    x: f64,
    y: Vec<u16>,
}

#[test]
fn keys_have_these_digests() {
    let key = |key: Result<larder::Key, larder::Error>| key.unwrap().to_string();
    for (name, digest, expected) in [
        ("()", key(key_of(&())), "00263ca9f57f7177f495e3711f8cdd59967a0a1a4de895b1ebee566cd1883ed4"),
        ("1_u8", key(key_of(&1_u8)), "c189918661be26c99785a0eda0c35c91d845c17a54f5dfb364269da6dbee67b7"),
        ("-1_i64", key(key_of(&-1_i64)), "0e5d8ce4ef70039d05783b989a60dfa8172ba685fc6755b6e26c8debc8158323"),
        ("1.5", key(key_of(&1.5)), "d734d6c30ac8128895414d14907f42a1a88a0ded72ac5de1043f7478fc5cede5"),
        ("NaN", key(key_of(&f32::NAN)), "5cdda42847b75df9d902b3500bfa4d5ca2862f749fcfc4901961f6fb289943eb"),
        ("text", key(key_of("text")), "4114561bcfb03cb3aa86c5a1c811fea8989f40c23a83b2ac92d4130a8282f414"),
        ("some", key(key_of(&Some('x'))), "fb1ac5b72eaccb609b080de6bbc08d7f9b72469ad8d1caef4c28b7d8ce78fffa"),
        (
            "numbers",
            key(key_of(&(0..100_000_u32).collect::<Vec<_>>())),
            "5b9a48ec26ac62b568d21c6e3ffdbbe1bb826fa754849048ccee24c269e5feea",
        ),
        (
            "struct",
            key(key_of(&Point { x: 0.5, y: vec![1, 2, 3] })),
            "3be93bc2248c3d1b0917cef6685c5055410911f7deac4d68fd73daaf944abb05",
        ),
        (
            "enum",
            key(key_of(&(E::Unit, E::New(1), E::Tuple(2, 'x'), E::Struct { a: () }))),
            "665dc488e7c9d6c3b7633fbfbae9ee1f910082395ec8bd2ce24c574220ec9807",
        ),
        (
            "map",
            key(key_of(&BTreeMap::from([(1_u8, "a"), (2, "b")]))),
            "49de8d77aa4b89e0778cf4de008059a56337441da29e8f444570f43ce836011f",
        ),
        (
            "hash map",
            key(key_of(&HashMap::from([(1_u8, "a"), (2, "b")]))),
            "d4a156e3df2a4968dbac8bc27ee2f7c11924c8f237d513d029d2535dd804211d",
        ),
        (
            "array",
            key(key_of(&ndarray::array![[1.0, 2.0], [3.0, 4.0]])),
            "e87140f16cc08dc687dbd7eae39be0b56c684701ce974cd0b7fc3224ffe20361",
        ),
    ] {
        assert_eq!(digest, expected, "{name}");
    }
}

#[test]
fn the_key_of_a_call_is_this_digest() {
    #[memoize(name = "golden", version = 7, track = "body")]
    fn call<T>(a: u32, text: &str, _data: &[f64], _: T) -> u32
    where
        T: Serialize,
    {
        // A comment is not part of the code.
        let numbers = [a, 2];
        if numbers[0] > 1 && !text.is_empty() { a } else { 0 }
    }
    assert_eq!(
        call::call(1, "x", &[1.5; 1000], 2_u8).key().to_string(),
        "58eb79abbbad7324cfd365434ea4af5e2dabfadbefaa93b63ce056784aa05405"
    );
}
