//! Tests entries with a MAC, in caches with a secret.

use std::cell::Cell;
use std::fs;
use std::path::Path;

use larder::{Cache, Compression, ErrorKind, Shelved, memoize};
use ndarray::Array1;
use tempfile::tempdir;

fn open(root: &Path, secret: u8, method: &str) -> Cache {
    Cache::builder(root).secret([secret; 32]).compression(method.parse().unwrap()).open().unwrap()
}

/// Makes a call and returns whether it computed.
fn computes(cache: &Cache, len: u32) -> bool {
    let computed = Cell::new(false);
    let value: Vec<u32> = cache.get_or_compute("numbers", &len, || {
        computed.set(true);
        (0..len).collect()
    });
    assert_eq!(value, (0..len).collect::<Vec<_>>());
    computed.get()
}

#[test]
fn entries_with_another_secret_or_none_are_misses() {
    // The second value is longer than one read, and the third longer than the buffer for writing.
    for len in [3, 20_000, 900_000] {
        for method in ["none", "lz4", "xz:1"] {
            let root = tempdir().unwrap();
            assert!(computes(&open(root.path(), 1, method), len));
            assert!(!computes(&open(root.path(), 1, method), len), "{method}, {len}");
            let other = open(root.path(), 2, method);
            assert!(computes(&other, len), "{method}, {len}");
            assert_eq!(other.stats().unwrap().errors_by_kind[&ErrorKind::Damaged], 1);
            assert!(!computes(&other, len));
            // A cache without a secret uses entries with a MAC, but not the other way round.
            let without = Cache::builder(root.path()).open().unwrap();
            assert!(!computes(&without, len));
            without.clear().unwrap();
            assert!(computes(&without, len));
            assert!(computes(&open(root.path(), 2, method), len));
        }
    }
}

#[test]
fn a_forged_entry_with_valid_checksums_is_a_miss() {
    let root = tempdir().unwrap();
    let cache = open(root.path(), 1, "none");
    assert!(computes(&cache, 3) && computes(&cache, 4));
    // The attacker knows the format, and lets larder write an entry of the same call without the secret.
    let forged = tempdir().unwrap();
    Cache::open(forged.path()).unwrap().get_or_compute("numbers", &3, || vec![6_u32, 6, 6]);
    let entry = |root: &Path, len: u32| {
        let all = Cache::open(root).unwrap().entries().unwrap();
        all.into_iter().find(|entry| entry.arguments[0].preview == len.to_string()).unwrap().path
    };
    fs::copy(entry(forged.path(), 3), entry(root.path(), 3)).unwrap();
    assert!(computes(&cache, 3));
    // The attacker copies the MAC of another entry.
    let mut bytes = fs::read(entry(forged.path(), 3)).unwrap();
    bytes[40..56].copy_from_slice(&fs::read(entry(root.path(), 4)).unwrap()[40..56]);
    fs::write(entry(root.path(), 3), bytes).unwrap();
    assert!(computes(&cache, 3));
    // The entry of another call is not used, even if its MAC is valid.
    fs::copy(entry(root.path(), 4), entry(root.path(), 3)).unwrap();
    assert!(computes(&cache, 3));
    assert!(!computes(&cache, 4));
    // The MAC also covers the header, with the time and duration of the computation.
    let path = entry(root.path(), 4);
    for at in [16, 24, 32, 40, 55, 60, 70, 100] {
        let mut bytes = fs::read(&path).unwrap();
        bytes[at] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert!(computes(&cache, 4), "byte {at}");
    }
}

#[memoize(cache = cache, ignore(cache))]
fn line(len: usize, cache: &Cache) -> Array1<f64> {
    let _ = cache;
    Array1::linspace(0.0, 1.0, len)
}

#[test]
fn a_reference_into_a_cache_with_a_secret_needs_the_secret() {
    let root = tempdir().unwrap();
    let cache = Cache::builder(root.path()).secret([7; 32]).compression(Compression::NONE).open().unwrap();
    let shelved = line::call(100_000, &cache).shelve().unwrap();
    assert_eq!(shelved.get().unwrap().len(), 100_000);
    assert_eq!(shelved.map().unwrap_err().kind(), ErrorKind::NotMappable);
    let text = serde_json::to_string(&shelved).unwrap();
    assert!(!text.contains("\"secret\":"), "{text}");
    let travelled: Shelved<Array1<f64>> = serde_json::from_str(&text).unwrap();
    assert_eq!(travelled.get().unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!(travelled.map().unwrap_err().kind(), ErrorKind::NotMappable);
    let path = shelved.path().unwrap();
    let mut bytes = fs::read(path).unwrap();
    let last = bytes.len() - 100;
    bytes[last] ^= 1;
    fs::write(path, bytes).unwrap();
    assert_eq!(shelved.get().unwrap_err().kind(), ErrorKind::Damaged);
    assert!(!line::call(100_000, &cache).is_cached());
    // Random names of test folders may contain a single 7, so longer patterns are searched.
    let printed = format!("{:?} {:?}", Cache::builder(root.path()).secret([7; 32]), cache);
    assert!(!["7, 7", "7,7", "0707", "77777777"].iter().any(|secret| printed.contains(secret)), "{printed}");
}
