//! Tests hostile content: it is an error, in bounded time, memory (`tests/memory.rs`) and stack.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::fs;
use std::io::{BufReader, Read};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use larder::{Cache, ErrorKind, dump, dump_into, load, load_from, map};
use ndarray::{Array2, ArrayD, Ix2};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use tempfile::tempdir;

use crate::craft::{before, checksum, compress, compressors, document, head, shaped, text};
use crate::persist::{Sample, methods, sample};
use crate::readers::{Blob, Chain, Flat, ForType, Strict, Tagged, Tree, Untagged, deep, shallow};

/// Reads a value from a document in which everything but the value is valid.
fn read<T: DeserializeOwned>(value: &[u8]) -> Result<T, larder::Error> {
    let content = document(value);
    let result = load_from::<T>(content.as_slice());
    let streamed = load_from::<T>(BufReader::with_capacity(3, content.as_slice()));
    assert_eq!(result.is_ok(), streamed.is_ok(), "a stream of {value:02x?} gives another result");
    result
}

#[track_caller]
fn refused<T: DeserializeOwned>(value: &[u8]) -> ErrorKind {
    match read::<T>(value) {
        Ok(_) => panic!("{value:02x?} was accepted as {}", std::any::type_name::<T>()),
        Err(error) => error.kind(),
    }
}

#[track_caller]
fn accepted<T: DeserializeOwned + Debug + PartialEq>(value: &[u8], expected: &T) {
    assert_eq!(read::<T>(value).unwrap(), *expected, "{value:02x?}");
}

#[test]
fn a_cut_or_changed_file_is_an_error_or_gives_the_same_value() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("file");
    let loads = |what: &str| match load::<Sample>(&path) {
        Ok(value) => {
            assert_eq!(value, sample(3), "{what}: a wrong value");
            true
        }
        Err(error) => {
            assert_eq!(error.path(), Some(path.as_path()), "{what}");
            false
        }
    };
    for (method, _) in methods() {
        let mut whole = Vec::new();
        dump_into(&sample(3), &mut whole, method.parse().unwrap()).unwrap();
        for len in 0..whole.len() {
            fs::write(&path, &whole[..len]).unwrap();
            assert!(!loads("cut"), "{method} cut to {len}");
            assert!(map::<Sample>(&path).is_err(), "{method} cut to {len}");
        }
        for bit in 0..whole.len() * 8 {
            // `damage.rs` reads compressed data with every bit flipped, from memory.
            if method != "none" && bit % 8 != bit / 8 % 8 {
                continue;
            }
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &bytes).unwrap();
            let same = loads(method);
            assert!(!same || method != "none", "bit {bit} of an uncompressed file went unnoticed");
            if let Ok(mapped) = map::<Sample>(&path) {
                assert!(mapped.verify().is_err(), "{method}, bit {bit}");
                // These may return anything, but must not crash.
                let _ = mapped.array_at::<u16>("counts");
                let _ = mapped.view_at::<f64, Ix2>("matrix");
            }
        }
    }
}

#[test]
fn verify_finds_changed_numbers_in_a_map() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("file");
    let array = Array2::from_shape_fn((3, 4), |(i, j)| (i * j) as f64);
    dump(&array, &path).unwrap();
    let whole = fs::read(&path).unwrap();
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &bytes).unwrap();
        if let Ok(mapped) = map::<Array2<f64>>(&path) {
            assert!(mapped.verify().is_err(), "bit {bit}");
            let _ = (mapped.sum(), mapped.array_at::<f64>("data").map(|data| data.iter().sum::<f64>()));
        }
    }
}

/// Returns the heads of many nested levels without their ends, with a name for each.
fn levels(count: usize) -> Vec<(&'static str, Vec<u8>)> {
    let of = |level: &[u8]| [&level.repeat(count)[..], b"\0"].concat();
    vec![
        ("arrays", of(b"\x81")),
        ("arrays without a length", of(b"\x9f")),
        ("maps", of(b"\xa1\x00")),
        ("maps of texts", of(b"\xa1\x61a")),
        ("maps without a length", of(b"\xbf\x61a")),
        ("maps as keys", of(b"\xa1")),
        ("options", of(b"\xd9\x4c\x53")),
        ("options of arrays", of(b"\xd9\x4c\x53\x81")),
        ("structs", of(b"\xa1\x66_inner\x81")),
        ("unknown tags", of(b"\xd8\x20")),
        ("tags of arrays of numbers", of(b"\xd8\x56")),
        ("tags of complex numbers", of(b"\xd9\x4c\x5a")),
        ("tags of documents", of(b"\xd9\xd9\xf7")),
        ("newtype variants", of(b"\xa1\x63New")),
        ("tuple variants", of(b"\xa1\x65Tuple\x82")),
        ("struct variants", of(b"\xa1\x66Struct\xa1\x61a")),
        ("tagged variants", of(b"\xa2\x64kind\x64Node\x64next")),
        ("byte strings", of(b"\x5f")),
    ]
}

/// Reads content as types of every kind, in every way.
struct Everywhere<'a> {
    content: &'a [u8],
    path: &'a Path,
    values: usize,
}

impl ForType for Everywhere<'_> {
    fn of<T: DeserializeOwned>(&mut self) {
        self.values += usize::from(load_from::<T>(self.content).is_ok());
        self.values += usize::from(load::<T>(self.path).is_ok());
        if let Ok(mapped) = map::<T>(self.path) {
            self.values += 1;
            let _ = mapped.verify();
            for path in ["0", "0.0.0.0.0", "1", "a.a", "a.1", &"0.".repeat(300), &"a.".repeat(300), "New.New.Leaf"] {
                let _ = mapped.array_at::<f64>(path);
                let _ = mapped.view_at::<f64, Ix2>(path);
            }
        }
    }
}

#[test]
fn deep_nesting_is_an_error_before_the_stack_overflows() {
    let stack = if cfg!(debug_assertions) { 2 << 20 } else { 512 << 10 };
    let run = || {
        let folder = tempdir().unwrap();
        let path = folder.path().join("file");
        let everywhere = |value: &[u8]| {
            let content = document(value);
            fs::write(&path, &content).unwrap();
            let mut reader = Everywhere { content: &content, path: &path, values: 0 };
            shallow(&mut reader);
            deep(&mut reader);
            reader.values
        };
        for (name, value) in levels(100_000) {
            assert_eq!(everywhere(&value), 0, "{name}");
            let compressed = compress("lz4", document(&value).as_slice());
            assert!(load_from::<serde_json::Value>(compressed.as_slice()).is_err());
            assert!(load_from::<IgnoredAny>(compressed.as_slice()).is_err());
        }
        // Levels around the limits.
        for count in [1, 30, 62, 63, 64, 65, 100, 126, 127, 128, 129, 255, 256, 257, 258] {
            for (_, value) in levels(count) {
                everywhere(&value);
            }
        }
        let arrays = |count: usize| [vec![0x81; count], vec![0]].concat();
        assert!(read::<serde_json::Value>(&arrays(128)).is_ok());
        assert_eq!(refused::<serde_json::Value>(&arrays(129)), ErrorKind::LimitExceeded);
        assert!(read::<IgnoredAny>(&arrays(256)).is_ok());
        assert_eq!(refused::<IgnoredAny>(&arrays(257)), ErrorKind::LimitExceeded);
        let chain = |count: usize| [b"\xd9\x4c\x53".repeat(count), vec![0xf6]].concat();
        assert!(read::<Chain>(&chain(100)).is_ok());
        assert_eq!(refused::<Chain>(&chain(129)), ErrorKind::LimitExceeded);
        let variants = |count: usize| [&b"\xa1\x63New".repeat(count)[..], b"\x64Leaf"].concat();
        assert!(read::<Tree>(&variants(128)).is_ok());
        assert_eq!(refused::<Tree>(&variants(129)), ErrorKind::LimitExceeded);
        let tagged =
            |count: usize| [&b"\xa2\x64kind\x64Node\x64next".repeat(count)[..], b"\xa1\x64kind\x64Leaf"].concat();
        assert!(read::<Tagged>(&tagged(127)).is_ok());
        assert_eq!(refused::<Tagged>(&tagged(128)), ErrorKind::LimitExceeded);
    };
    thread::Builder::new().stack_size(stack).spawn(run).unwrap().join().unwrap();
}

/// Tests every first byte with many second bytes: reserved heads, simple values that larder never writes, breaks and
/// missing lengths.
#[test]
fn every_pair_of_leading_bytes_is_a_value_or_an_error() {
    // More zeros than a length of one byte can claim.
    let zeros = [0; 301];
    for initial in 0..=0xff_u8 {
        let value = [&[initial], &zeros[..]].concat();
        let bare = read::<IgnoredAny>(&value[..1]).is_ok();
        let expected = matches!(initial, 0..=0x17 | 0x20..=0x37 | 0x40 | 0x60 | 0x80 | 0xa0 | 0xf4..=0xf7);
        assert_eq!(bare, expected, "{initial:#04x}");
        for second in 0..=0xff_u8 {
            let value = [&[initial, second], &zeros[..]].concat();
            let content = document(&value);
            assert!(load_from::<u64>(content.as_slice()).is_err());
            assert!(load_from::<IgnoredAny>(content.as_slice()).is_err(), "{initial:#04x} {second:#04x}");
            assert!(load_from::<serde_json::Value>(content.as_slice()).is_err(), "{initial:#04x} {second:#04x}");
        }
        if initial & 31 > 27 && !matches!(initial, 0x9f | 0xbf) {
            // 28 to 30 are reserved. 31 is valid for arrays and maps, and for byte strings after the tag of an array
            // of numbers.
            struct Refusing<'a>(&'a [u8]);
            impl ForType for Refusing<'_> {
                fn of<T: DeserializeOwned>(&mut self) {
                    refused::<T>(self.0);
                }
            }
            shallow(&mut Refusing(&value));
            deep(&mut Refusing(&value));
        }
    }
    for simple in (0xe0..=0xf3).chain([0xf8, 0xf9, 0xfc, 0xfd, 0xfe, 0xff]) {
        assert_eq!(refused::<IgnoredAny>(&[simple, 0, 0]), ErrorKind::Damaged);
        assert_eq!(refused::<serde_json::Value>(&[simple, 0, 0]), ErrorKind::Damaged);
        assert_eq!(refused::<bool>(&[simple, 0, 0]), ErrorKind::Damaged);
    }
}

#[test]
fn only_arrays_and_maps_may_have_no_length() {
    accepted(b"\x9f\x01\x02\xff", &vec![1, 2]);
    accepted(b"\x9f\x01\x02\xff", &(1, 2));
    accepted(b"\x9f\xff", &Vec::<f64>::new());
    accepted(b"\x9f\xf4\xf5\xff", &vec![false, true]);
    accepted(b"\xbf\x01\x02\xff", &BTreeMap::from([(1, 2)]));
    accepted(b"\xbf\x61a\x9f\x01\xff\xff", &HashMap::from([("a".to_owned(), vec![1])]));
    // Too many elements, too few, and half a pair.
    assert_eq!(refused::<(u8, u8)>(b"\x9f\x01\x02\x03\xff"), ErrorKind::WrongType);
    assert_eq!(refused::<(u8, u8)>(b"\x9f\x01\xff"), ErrorKind::WrongType);
    for half in [&b"\xbf\x61a\xff"[..], b"\xbf\x61a\x01\x61b\xff"] {
        assert_eq!(refused::<BTreeMap<String, u8>>(half), ErrorKind::Damaged);
        assert_eq!(refused::<IgnoredAny>(half), ErrorKind::Damaged);
    }
    // A break in a wrong position.
    for value in [&b"\xff"[..], b"\x82\x01\xff", b"\x81\xff", b"\xa1\x01\xff", b"\xd9\x4c\x53\xff", b"\xa1\xff\x01"] {
        refused::<Vec<u8>>(value);
        refused::<BTreeMap<u8, u8>>(value);
        refused::<Option<u8>>(value);
        refused::<serde_json::Value>(value);
        refused::<IgnoredAny>(value);
    }
    // Strings must come in one piece. A variant is a map with one entry.
    refused::<String>(b"\x7f\x61a\xff");
    refused::<Blob>(b"\x5f\x41\x00\xff");
    refused::<IgnoredAny>(b"\x7f\x61a\xff");
    refused::<IgnoredAny>(b"\x5f\x41\x00\xff");
    refused::<Tree>(b"\xbf\x63New\x64Leaf\xff");
    for pairs in [&b"\xa0"[..], b"\xa2\x63New\x64Leaf\x63New\x64Leaf"] {
        refused::<Tree>(pairs);
    }
}

/// A head may be longer than necessary without changing the value. larder writes the shortest.
#[test]
fn long_heads_do_not_change_the_value() {
    for five in [&b"\x18\x05"[..], b"\x19\0\x05", b"\x1a\0\0\0\x05", b"\x1b\0\0\0\0\0\0\0\x05"] {
        accepted(five, &5_u8);
        accepted(five, &5_i64);
        accepted(five, &5_u128);
    }
    accepted(b"\x78\x01a", &"a".to_owned());
    accepted(b"\x98\x01\x18\x01", &vec![1_u8]);
    accepted(b"\xb8\x01\x01\x02", &BTreeMap::from([(1, 2)]));
    accepted(b"\xd9\x00\x56\x58\x08\0\0\0\0\0\0\xf8\x3f", &vec![1.5]);
    // larder's own tags must have exactly these three bytes.
    accepted(b"\xd9\x4c\x53\x01", &Some(1));
    refused::<Option<u8>>(b"\xda\0\0\x4c\x53\x01");
    // Large integers may have leading zeros, and may be small.
    accepted(b"\xc2\x40", &0_u128);
    accepted(b"\xc2\x50\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x07", &7_u128);
    accepted(b"\xc3\x41\x07", &-8_i128);
    refused::<u128>(b"\xc2\x51\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x07");
    refused::<i128>(b"\xc3\x50\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff");
    refused::<u128>(b"\xc3\x41\x07");
    refused::<u128>(b"\xc2\x61a");
}

#[derive(Debug, PartialEq, Deserialize)]
struct Pair {
    a: u8,
    #[serde(default)]
    b: u8,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Flattened {
    a: u8,
    #[serde(flatten)]
    rest: BTreeMap<String, u8>,
}

/// A field that occurs twice is an error. Of a map key that occurs twice, the last value counts, as everywhere in
/// serde.
#[test]
fn repeated_fields_are_errors_and_the_last_repeated_key_counts() {
    assert_eq!(refused::<Pair>(b"\xa2\x61a\x01\x61a\x01"), ErrorKind::WrongType);
    assert_eq!(refused::<Pair>(b"\xa3\x61a\x01\x61b\x01\x61b\x01"), ErrorKind::WrongType);
    assert_eq!(refused::<Flattened>(b"\xa2\x61a\x01\x61a\x01"), ErrorKind::WrongType);
    refused::<Tagged>(b"\xa2\x64kind\x64Leaf\x64kind\x64Leaf");
    accepted(b"\xa2\x61a\x01\x61a\x02", &BTreeMap::from([("a".to_owned(), 2)]));
    accepted(b"\xa2\x61a\x01\x61a\x02", &HashMap::from([("a".to_owned(), 2)]));
    accepted(b"\xa2\x61a\x01\x61a\x02", &serde_json::json!({"a": 2}));
    accepted(b"\xa3\x61a\x01\x61x\x02\x61x\x03", &Flattened { a: 1, rest: BTreeMap::from([("x".to_owned(), 3)]) });
    // Unknown fields are skipped, whatever they contain, unless the struct denies them.
    accepted(b"\xa2\x61a\x01\x61x\xd8\x20\x9f\x01\xff", &Pair { a: 1, b: 0 });
    assert_eq!(refused::<Strict>(b"\xa2\x62_a\x01\x61x\x01"), ErrorKind::WrongType);
    refused::<Flat>(b"\xa1\x80\x01");
    // `map` finds the first field and reads no further.
    let folder = tempdir().unwrap();
    let path = folder.path().join("file");
    let array = |byte: u8| [&b"\x61a\xd8\x40\x41"[..], &[byte]].concat();
    fs::write(&path, document(&[&b"\xa2"[..], &array(1), &array(2)].concat())).unwrap();
    assert_eq!(map::<IgnoredAny>(&path).unwrap().array_at::<u8>("a").unwrap(), [1]);
}

#[test]
fn texts_that_are_not_utf8_are_errors() {
    for bad in [&b"\xff"[..], b"\xc3", b"\xed\xa0\x80", b"\xc0\x80", b"a\x80", b"\xf4\x90\x80\x80"] {
        let value = [head(3, bad.len() as u64), bad.to_vec()].concat();
        assert_eq!(refused::<String>(&value), ErrorKind::Damaged);
        assert_eq!(refused::<IgnoredAny>(&value), ErrorKind::Damaged);
        assert_eq!(refused::<serde_json::Value>(&value), ErrorKind::Damaged);
        assert_eq!(refused::<Tree>(&value), ErrorKind::Damaged);
        let key = [b"\xa1", &value[..], b"\x01"].concat();
        assert_eq!(refused::<Pair>(&key), ErrorKind::Damaged);
        assert_eq!(refused::<BTreeMap<String, u8>>(&key), ErrorKind::Damaged);
        assert_eq!(refused::<Tree>(&key), ErrorKind::Damaged);
        assert_eq!(refused::<char>(&[b"\xd9\x4c\x43", &value[..]].concat()), ErrorKind::Damaged);
    }
    for not_one in [&b"\xd9\x4c\x43\x60"[..], b"\xd9\x4c\x43\x62ab", b"\xd9\x4c\x43\x65abcde", b"\xd9\x4c\x43\x41a"] {
        assert_eq!(refused::<char>(not_one), ErrorKind::Damaged);
    }
    // A text that is skipped is checked in pieces, whose borders may be within a character.
    for len in [1020, 1021, 1022, 1023, 1024, 1025, 2047, 2048, 2049, 5000, 70_000] {
        for filling in ["x", "é", "€", "🥫"] {
            let mut text = "-".repeat(len % 4);
            while text.len() < len {
                text.push_str(filling);
            }
            assert!(read::<IgnoredAny>(&[head(3, text.len() as u64), text.clone().into()].concat()).is_ok());
            accepted(&[head(3, text.len() as u64), text.clone().into()].concat(), &text);
            for (at, byte) in [(text.len() - 1, 0xc3), (text.len() / 2, 0xff), (1000, 0x80), (1010, 0xe2)] {
                let mut bytes = text.clone().into_bytes();
                bytes[at] = byte;
                if std::str::from_utf8(&bytes).is_err() {
                    let value = [head(3, bytes.len() as u64), bytes].concat();
                    assert_eq!(refused::<IgnoredAny>(&value), ErrorKind::Damaged);
                    assert_eq!(refused::<String>(&value), ErrorKind::Damaged);
                }
            }
        }
    }
}

#[test]
fn arrays_of_numbers_must_be_in_one_piece() {
    let one = b"\x48\0\0\0\0\0\0\xf8\x3f";
    let array = |parts: &[&[u8]]| [b"\xd8\x56", &parts.concat()[..]].concat();
    for good in [array(&[one]), array(&[b"\x5f", one, b"\xff"]), array(&[b"\x5f", &[0x40; 64], one, b"\xff"])] {
        accepted(&good, &vec![1.5]);
        accepted(&good, &(1.5,));
        assert!(read::<IgnoredAny>(&good).is_ok());
    }
    accepted(&array(&[b"\x40"]), &Vec::<f64>::new());
    for bad in [
        array(&[b"\x5f", one, one, b"\xff"]),
        array(&[b"\x5f", one, b"\x40\xff"]),
        array(&[b"\x5f\x5f", one, b"\xff\xff"]),
        array(&[b"\x5f", &[0x40; 65], one, b"\xff"]),
        array(&[b"\x5f", &[0x40; 100_000], one, b"\xff"]),
        array(&[b"\x5f\xff"]),
        array(&[b"\x5f\x40\xff"]),
        array(&[b"\x5f\x60", one, b"\xff"]),
        array(&[b"\x5f", one, b"\x00"]),
        array(&[b"\x47\0\0\0\0\0\0\0"]),
        array(&[b"\x68abcdefgh"]),
        array(&[b"\x80"]),
        array(&[b"\xd8\x56", one]),
        array(&[b"\xd9\x4c\x53", one]),
        [b"\xd9\xd9\xf7", &array(&[one])[..]].concat(),
        b"\xd9\x4c\x5a\xd8\x56\x48\0\0\0\0\0\0\xf8\x3f".to_vec(),
        b"\xd9\x4c\x5a\xd8\x40\x41\0".to_vec(),
        b"\xd9\x4c\x5a\x00".to_vec(),
    ] {
        refused::<Vec<f64>>(&bad);
        refused::<(f64,)>(&bad);
        refused::<serde_json::Value>(&bad);
        refused::<Untagged>(&bad);
        if !bad.starts_with(b"\xd9\xd9\xf7") {
            refused::<IgnoredAny>(&bad);
        }
    }
    // `Some` in `Some` is read as just that.
    accepted(b"\xd9\x4c\x53\xd9\x4c\x53\x01", &Some(Some(1)));
    refused::<Option<u8>>(b"\xd9\x4c\x53\xd9\x4c\x53\x01");
    refused::<u8>(b"\xd9\x4c\x53\x01");
    // A tag that larder does not write is an error, except in skipped content.
    refused::<u8>(b"\xc1\x01");
    refused::<serde_json::Value>(b"\xc1\x01");
    assert!(read::<IgnoredAny>(b"\xc1\x01").is_ok());
}

#[test]
fn shapes_that_do_not_match_the_data_are_errors() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("file");
    let data = |count: usize| [head(6, 85), head(2, 4 * count as u64), vec![0; 4 * count]].concat();
    for (dim, count) in [
        (vec![2, 3], 5),
        (vec![0, 3], 1),
        (vec![1 << 63, 2], 0),
        (vec![1 << 32, 1 << 32], 0),
        (vec![u64::MAX, u64::MAX], 1),
        (vec![u64::MAX, 0, 2], 0),
        (vec![0, 1 << 40, 1 << 40], 0),
        (vec![1 << 63, 0], 0),
        (vec![], 0),
        (vec![1; 65], 2),
        (vec![1; 5000], 2),
    ] {
        let value = shaped(&dim, &data(count));
        refused::<ArrayD<f32>>(&value);
        refused::<Array2<f32>>(&value);
        fs::write(&path, document(&value)).unwrap();
        assert!(map::<ArrayD<f32>>(&path).is_err(), "{dim:?}");
        assert!(map::<Array2<f32>>(&path).is_err(), "{dim:?}");
        let mapped = map::<IgnoredAny>(&path).unwrap();
        assert!(mapped.view_at::<f32, ndarray::IxDyn>("").is_err(), "{dim:?}");
        assert!(mapped.view_at::<f32, Ix2>("").is_err(), "{dim:?}");
    }
}

/// Returns a document of these parts with a correct checksum.
fn of_parts(parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = parts.concat();
    bytes.extend([&text("xxh3")[..], b"\x1b"].concat());
    let sum = checksum(&[&bytes]);
    bytes.extend(sum.to_be_bytes());
    bytes
}

#[test]
fn envelopes_must_have_the_written_form() {
    let kind = |bytes: &[u8]| load_from::<u8>(bytes).map_err(|error| error.kind());
    let magic = b"\xd9\xd9\xf7\xa4\x66larder".as_slice();
    let named = [text("type"), text("u8")].concat();
    let valued = [&text("value")[..], b"\x07"].concat();
    assert_eq!(kind(&of_parts(&[magic, b"\x01", &named, &valued])), Ok(7));
    assert_eq!(kind(&of_parts(&[magic, b"\x18\x01", &named, &valued])), Ok(7));
    // A wrong order, other keys, and more or fewer keys.
    assert_eq!(kind(&of_parts(&[magic, b"\x01", &valued, &named])), Err(ErrorKind::Damaged));
    assert_eq!(kind(&of_parts(&[magic, b"\x01", &named, &named, &valued])), Err(ErrorKind::Damaged));
    assert_eq!(kind(&of_parts(&[magic, b"\x01", &valued])), Err(ErrorKind::Damaged));
    assert_eq!(kind(&of_parts(&[magic, b"\x01", &named])), Err(ErrorKind::Damaged));
    assert_eq!(kind(&of_parts(&[magic, b"\x01", &named, &valued, &valued])), Err(ErrorKind::Damaged));
    assert_eq!(kind(&of_parts(&[magic, b"\x01", &text("type"), b"\x07", &valued])), Err(ErrorKind::Damaged));
    let long = [text("type"), text(&"x".repeat(513))].concat();
    assert_eq!(kind(&of_parts(&[magic, b"\x01", &long, &valued])), Err(ErrorKind::Damaged));
    let endless = [&text("type")[..], b"\x7b\x7f\xff\xff\xff\xff\xff\xff\xff"].concat();
    assert_eq!(kind(&of_parts(&[magic, b"\x01", &endless, &valued])), Err(ErrorKind::Damaged));
    for size in [0xa0, 0xa3, 0xa5, 0xbf, 0xb8] {
        let other = [&b"\xd9\xd9\xf7"[..], &[size], b"\x66larder"].concat();
        assert_eq!(kind(&of_parts(&[&other, b"\x01", &named, &valued])), Err(ErrorKind::NotLarder));
    }
    // Without larder's tag, or with another one around it.
    assert_eq!(kind(&of_parts(&[&magic[3..], b"\x01", &named, &valued])), Err(ErrorKind::NotLarder));
    assert_eq!(kind(&of_parts(&[b"\xd9\xd9\xf7", magic, b"\x01", &named, &valued])), Err(ErrorKind::NotLarder));
    // Later versions, and versions that never existed.
    for newer in [&b"\x02"[..], b"\x18\xff", b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff"] {
        assert_eq!(kind(&of_parts(&[magic, newer, b"whatever comes"])), Err(ErrorKind::NewerFormat));
    }
    for never in [&b"\x00"[..], b"\x20", b"\xf6", b"\x61\x31", b"\x1f", b"\x1c"] {
        assert_eq!(kind(&of_parts(&[magic, never, &named, &valued])), Err(ErrorKind::Damaged));
    }
}

#[test]
fn checksums_must_be_eight_bytes_and_correct() {
    let whole = document(b"\x07");
    let end = whole.len() - 9;
    assert_eq!(load_from::<u8>(whole.as_slice()).unwrap(), 7);
    let folder = tempdir().unwrap();
    let path = folder.path().join("file");
    let sum = u64::from_be_bytes(whole[end + 1..].try_into().unwrap());
    for tail in [
        Vec::new(),
        b"\x00".to_vec(),
        b"\x1a\x00\x00\x00\x00".to_vec(),
        b"\x3b\x00\x00\x00\x00\x00\x00\x00\x00".to_vec(),
        b"\x48\x00\x00\x00\x00\x00\x00\x00\x00".to_vec(),
        b"\xf6".to_vec(),
        [&[0x1b][..], &sum.wrapping_add(1).to_be_bytes()].concat(),
        [&[0x1b][..], &sum.to_le_bytes()].concat(),
        [&[0x1b][..], &sum.to_be_bytes()[..7]].concat(),
        [&[0x3b][..], &sum.to_be_bytes()].concat(),
    ] {
        let bytes = [&whole[..end], &tail].concat();
        let kind = load_from::<u8>(bytes.as_slice()).unwrap_err().kind();
        assert!([ErrorKind::Damaged, ErrorKind::Truncated].contains(&kind), "{tail:02x?}: {kind:?}");
        fs::write(&path, &bytes).unwrap();
        assert!(load::<u8>(&path).is_err());
        assert!(map::<u8>(&path).and_then(|mapped| mapped.verify()).is_err(), "{tail:02x?}");
    }
    // Without a checksum, and with another key in its place.
    let without = &whole[..end - 5];
    assert_eq!(load_from::<u8>(without).unwrap_err().kind(), ErrorKind::Truncated);
    let other = [without, &text("xxh4"), &whole[end..]].concat();
    assert_eq!(load_from::<u8>(other.as_slice()).unwrap_err().kind(), ErrorKind::Damaged);
}

#[test]
fn nothing_may_follow_a_value() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("file");
    let whole = document(b"\x07");
    // Extra bytes after the document in the file.
    for more in [&b"\x00"[..], b"\xff", &whole, &[0; 100_000]] {
        fs::write(&path, [&whole, more].concat()).unwrap();
        assert_eq!(load::<u8>(&path).unwrap_err().kind(), ErrorKind::Damaged);
        assert_eq!(map::<u8>(&path).map(drop).unwrap_err().kind(), ErrorKind::Damaged);
        for method in compressors() {
            // Extra bytes within the stream.
            let within = compress(method, [&whole, more].concat().as_slice());
            assert_eq!(load_from::<u8>(within.as_slice()).unwrap_err().kind(), ErrorKind::Damaged, "{method}");
            // Extra bytes after the stream: a second value, or anything else but zeros.
            let stream = compress(method, whole.as_slice());
            for after in [[more, b"x"].concat(), compress(method, more), stream.clone()] {
                let bytes = [stream.clone(), after.clone()].concat();
                fs::write(&path, &bytes).unwrap();
                assert_eq!(load::<u8>(&path).unwrap_err().kind(), ErrorKind::Damaged, "{method}");
                let mut rest = bytes.as_slice();
                assert_eq!(load_from::<u8>(&mut rest).unwrap(), 7, "{method}");
                assert_eq!(rest, after, "{method}");
            }
        }
    }
    // Extra bytes after another value.
    refused::<u8>(b"\x07\x07");
    refused::<Vec<u8>>(b"\x81\x07\x07");
    // A value that is compressed twice can't be read.
    for method in compressors() {
        let twice = compress(method, compress(method, whole.as_slice()).as_slice());
        assert_eq!(load_from::<u8>(twice.as_slice()).unwrap_err().kind(), ErrorKind::NotLarder, "{method}");
        assert_eq!(load_from::<u8>(compress(method, &b""[..]).as_slice()).unwrap_err().kind(), ErrorKind::Truncated);
    }
}

#[test]
fn a_bomb_is_not_decompressed_beyond_the_value() {
    // A number, a text and a short array. The stream contains far more than any of them needs.
    let filling = || std::io::repeat(b'x').take(64 << 20);
    let short = [head(6, 64), head(2, 100)].concat();
    for method in ["lz4", "zlib", "gzip"] {
        for value in [&b"\x07"[..], &head(3, 1 << 30), &short] {
            let start = before();
            let bytes = compress(method, start.as_slice().chain(value).chain(filling()));
            let mut rest = bytes.as_slice();
            assert!(load_from::<u8>(&mut rest).is_err());
            assert!(rest.len() > bytes.len() * 3 / 4, "{method}: {} of {} are left", rest.len(), bytes.len());
            assert!(load_from::<Vec<u8>>(bytes.as_slice()).is_err());
        }
    }
}

/// File of an entry whose parts can be changed, with correct lengths and checksums.
struct EntryParts {
    details: Vec<u8>,
    payload: Vec<u8>,
}

impl EntryParts {
    fn of(file: &[u8]) -> Self {
        let len = u32::from_le_bytes(file[12..16].try_into().unwrap()) as usize;
        let payload = (64 + len).next_multiple_of(64);
        EntryParts { details: file[64..64 + len].to_vec(), payload: file[payload..].to_vec() }
    }

    fn file(&self, change: impl FnOnce(&mut [u8])) -> Vec<u8> {
        let mut bytes = vec![0; 64];
        bytes[..12].copy_from_slice(b"\x89LARDER\n\x01\0\0\0");
        bytes[12..16].copy_from_slice(&(self.details.len() as u32).to_le_bytes());
        bytes[16..24].copy_from_slice(&(self.payload.len() as u64).to_le_bytes());
        bytes[24..32].copy_from_slice(&(self.payload.len() as u64).to_le_bytes());
        // A document ends with its checksum, big-endian.
        for (byte, sum) in bytes[32..40].iter_mut().zip(self.payload.iter().rev()) {
            *byte = *sum;
        }
        change(&mut bytes);
        bytes.extend(&self.details);
        bytes.resize(bytes.len().next_multiple_of(64), 0);
        let sum = checksum(&[&bytes[..56], &bytes[64..]]);
        bytes[56..64].copy_from_slice(&sum.to_le_bytes());
        bytes.extend(&self.payload);
        bytes
    }
}

#[test]
fn a_crafted_entry_is_a_correct_hit_or_a_miss() {
    let folder = tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    let call = || cache.get_or_compute("f", &1, || "computed".to_owned());
    cache.get_or_compute("f", &1, || "stored".to_owned());
    let path = cache.entries().unwrap().next().unwrap().path;
    let whole = fs::read(&path).unwrap();
    let parts = EntryParts::of(&whole);
    assert_eq!(parts.file(|_| {}), whole);
    let tried = |file: &[u8], what: &str| {
        fs::write(&path, file).unwrap();
        let fault = cache.entries().unwrap().next().unwrap().fault;
        assert_eq!(call(), "computed", "{what}");
        fault
    };
    let set = |at: usize, value: &[u8]| {
        let value = value.to_vec();
        parts.file(move |bytes| bytes[at..at + value.len()].copy_from_slice(&value))
    };
    for version in [2, 3, u32::MAX] {
        let fault = tried(&set(8, &version.to_le_bytes()), "a newer version").unwrap();
        assert!(fault.contains(&format!("format version {version}")), "{fault}");
    }
    assert!(tried(&set(8, &[0; 4]), "version 0").unwrap().contains("version 0"));
    for len in [0, 1, parts.details.len() as u32 - 1, parts.details.len() as u32 + 1, 1 << 20, (1 << 20) + 1, u32::MAX]
    {
        tried(&set(12, &len.to_le_bytes()), "a length of the details").unwrap();
    }
    for len in [0, parts.payload.len() as u64 - 1, parts.payload.len() as u64 + 1, 1 << 40, 1 << 63, u64::MAX] {
        tried(&set(16, &len.to_le_bytes()), "a length of the payload").unwrap();
    }
    tried(&set(32, &[0; 8]), "a checksum of the payload");
    for len in (0..whole.len()).step_by(3) {
        tried(&whole[..len], "cut").unwrap();
    }
    let details = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut details = parts.details.clone();
        change(&mut details);
        EntryParts { details, payload: parts.payload.clone() }.file(|_| {})
    };
    for (what, file) in [
        ("more keys", details(&|bytes| bytes[0] = 0xab)),
        ("fewer keys", details(&|bytes| bytes[0] = 0xa9)),
        ("keys without a length", details(&|bytes| bytes[0] = 0xbf)),
        ("a key that comes twice", details(&|bytes| bytes.splice(1..1, b"\x63key\x60".to_vec()).for_each(drop))),
        ("another key", details(&|bytes| bytes[7] ^= 1)),
        ("something behind them", details(&|bytes| bytes.push(0))),
        ("nothing", details(&|bytes| bytes.clear())),
        ("depth", details(&|bytes| *bytes = vec![0x81; 10_000])),
        ("a lie", details(&|bytes| *bytes = head(5, u64::MAX))),
    ] {
        tried(&file, what).unwrap();
    }
    // A complete payload of another type, an invalid one, one that is not compressed, and an empty one.
    for payload in [document(b"\x07"), document(&[0x81; 10_000]), b"nothing of ours".to_vec(), Vec::new()] {
        tried(&EntryParts { details: parts.details.clone(), payload }.file(|_| {}), "another payload");
    }
    let mut compressed = details(&|bytes| {
        let at = bytes.windows(5).position(|window| window == b"\x64none").unwrap();
        bytes[at..at + 5].copy_from_slice(b"\x64gzip");
    });
    tried(&compressed, "a checksum of what is not compressed");
    let sum = checksum(&[&parts.payload]);
    let header = compressed.len() - parts.payload.len();
    compressed[32..40].copy_from_slice(&sum.to_le_bytes());
    let sum = checksum(&[&compressed[..56], &compressed[64..header]]);
    compressed[56..64].copy_from_slice(&sum.to_le_bytes());
    fs::write(&path, &compressed).unwrap();
    assert_eq!(call(), "stored", "the content determines the compressor");
}

#[cfg(unix)]
#[test]
fn paths_that_are_not_files_are_errors_at_once() {
    let folder = tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // `run` would wait for a writer that never comes if it opened the pipe as a file.
    fn in_time<R: Send + 'static>(run: impl FnOnce() -> R + Send + 'static) -> R {
        let running = thread::spawn(run);
        let begun = Instant::now();
        while !running.is_finished() {
            assert!(begun.elapsed() < Duration::from_secs(20), "it waits");
            thread::sleep(Duration::from_millis(1));
        }
        running.join().unwrap()
    }
    let mapped = pipe.clone();
    assert_eq!(in_time(|| map::<u8>(mapped)).unwrap_err().kind(), ErrorKind::NotMappable);
    // `load` reads a pipe once, also if its content has another type.
    for (value, expected) in [(b"\x07", Ok(7)), (b"\xf5", Err(ErrorKind::WrongType))] {
        let (reader, writer) = (pipe.clone(), pipe.clone());
        let loading = thread::spawn(move || in_time(|| load::<u8>(reader)).map_err(|error| error.kind()));
        fs::write(writer, document(value)).unwrap();
        assert_eq!(loading.join().unwrap(), expected);
    }
    assert!(load::<u8>(folder.path()).is_err());
    assert_eq!(load::<u8>("/dev/null").unwrap_err().kind(), ErrorKind::Truncated);
    assert_eq!(map::<u8>("/dev/null").unwrap_err().kind(), ErrorKind::NotMappable);
    if Path::new("/dev/zero").exists() {
        assert_eq!(load::<u8>("/dev/zero").unwrap_err().kind(), ErrorKind::NotLarder);
        assert_eq!(map::<u8>("/dev/zero").unwrap_err().kind(), ErrorKind::NotMappable);
    }

    // At the path of an entry.
    let cache = Cache::open(folder.path().join("cache")).unwrap();
    cache.get_or_compute("f", &1, || 1);
    let entry = cache.entries().unwrap().next().unwrap().path;
    for target in ["/dev/zero", "/dev/null", "/no/such/file", "."] {
        fs::remove_file(&entry).unwrap();
        std::os::unix::fs::symlink(target, &entry).unwrap();
        assert_eq!(cache.entries().unwrap().count(), 0, "{target}");
        assert_eq!(cache.get_or_compute("f", &1, || 2), 2, "{target}");
        assert_eq!(cache.get_or_compute("f", &1, || 3), 2, "{target}");
    }
    fs::remove_file(&entry).unwrap();
    fs::rename(&pipe, &entry).unwrap();
    let called = cache.clone();
    assert_eq!(in_time(move || called.get_or_compute("f", &1, || 2)), 2);
    assert_eq!(cache.get_or_compute("f", &1, || 3), 2);
    let description = entry.with_file_name("function.json");
    fs::remove_file(&description).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&description).status().unwrap().success());
    let listed = cache.clone();
    assert_eq!(in_time(move || listed.functions()).unwrap().len(), 1);
}

/// The link may point anywhere.
#[test]
#[cfg(unix)]
fn a_link_at_the_path_of_a_cache_folder_is_not_followed() {
    use std::os::unix::fs::symlink;
    for place in ["v1", "v1/a", "v1/a/f"] {
        let folder = tempdir().unwrap();
        let outside = folder.path().join("outside");
        fs::create_dir(&outside).unwrap();
        let cache = Cache::open(folder.path().join("cache")).unwrap();
        let link = cache.path().join(place);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(&outside, &link).unwrap();
        assert_eq!(cache.get_or_compute("a::f", &1, || 2), 2);
        assert_eq!(cache.get_or_compute("a::f", &1, || 3), 3);
        assert_eq!(cache.stats().unwrap().errors_by_kind[&ErrorKind::InvalidInput], 2, "{place}");
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0, "{place}");
        fs::remove_file(&link).unwrap();
        assert_eq!(cache.get_or_compute("a::f", &1, || 4), 4);
        assert_eq!(cache.get_or_compute("a::f", &1, || 5), 4);
    }
    // Links at the paths of other files of the cache are not followed either.
    for place in ["counters", "marks", "locks"] {
        let folder = tempdir().unwrap();
        let outside = folder.path().join("outside");
        fs::write(&outside, "mine").unwrap();
        fs::create_dir(folder.path().join("cache")).unwrap();
        symlink(&outside, folder.path().join("cache").join(place)).unwrap();
        let cache = Cache::open(folder.path().join("cache")).unwrap();
        assert_eq!(cache.get_or_compute("a::f", &1, || 2), 2);
        assert_eq!(cache.get_or_compute("a::f", &1, || 3), 2);
        drop(cache);
        assert_eq!(fs::read_to_string(&outside).unwrap(), "mine", "{place}");
    }
}

/// An endless source ends with an error when a bound is reached or the source ends.
#[test]
fn an_endless_source_ends_with_an_error() {
    let most = if cfg!(debug_assertions) { 1 << 20 } else { 32 << 20 };
    for byte in [0, 0x9f, 0x81, 0xbf, 0xa1, 0xd9, 0x5f, 0x40, 0x61, 0x7b, 0xff, 0x78, 0x1f] {
        for start in [Vec::new(), before(), [before(), vec![0x9f]].concat(), [before(), head(3, u64::MAX)].concat()] {
            let source = || BufReader::new(start.as_slice().chain(std::io::repeat(byte)).take(most));
            assert!(load_from::<u8>(source()).is_err());
            assert!(load_from::<String>(source()).is_err());
            assert!(load_from::<IgnoredAny>(source()).is_err());
            assert!(load_from::<Vec<Option<u8>>>(source()).is_err());
        }
    }
    for magic in [&b"\x78\x9c"[..], b"BZh9", b"\x04\x22\x4d\x18\x64\x40\xa7"] {
        for byte in [0, 0xff, b'1'] {
            let source = BufReader::new(magic.chain(std::io::repeat(byte)).take(most));
            assert!(load_from::<IgnoredAny>(source).is_err());
        }
    }
    let gzip_with_an_endless_name = b"\x1f\x8b\x08\x08\0\0\0\0\0\xff".chain(std::io::repeat(b'x'));
    assert!(load_from::<u8>(BufReader::new(gzip_with_an_endless_name)).is_err());
    assert_eq!(load_from::<u8>(std::io::empty()).unwrap_err().kind(), ErrorKind::Truncated);
}
