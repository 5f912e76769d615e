//! Entries that are sealed with a secret.

use std::cell::Cell;
use std::fs;
use std::path::Path;

use larder::{Cache, Compression, ErrorKind, Shelved, memoize};
use ndarray::Array1;
use tempfile::tempdir;

fn open(root: &Path, secret: u8, method: &str) -> Cache {
    Cache::builder(root).secret([secret; 32]).compression(method.parse().unwrap()).open().unwrap()
}

/// Calls, and tells whether that computed.
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
fn what_another_secret_or_none_has_sealed_is_a_miss() {
    // The second is longer than what is read at once, the third than what is kept in memory when it is written.
    for len in [3, 20_000, 900_000] {
        for method in ["none", "lz4", "xz:1"] {
            let root = tempdir().unwrap();
            assert!(computes(&open(root.path(), 1, method), len));
            assert!(!computes(&open(root.path(), 1, method), len), "{method}, {len}");
            let other = open(root.path(), 2, method);
            assert!(computes(&other, len), "{method}, {len}");
            assert_eq!(other.stats().unwrap().errors_by_kind[&ErrorKind::Damaged], 1);
            assert!(!computes(&other, len));
            // What is not sealed is used by those who ask for no seal, and the other way round it is not.
            let without = Cache::builder(root.path()).open().unwrap();
            assert!(!computes(&without, len));
            without.clear().unwrap();
            assert!(computes(&without, len));
            assert!(computes(&open(root.path(), 2, method), len));
        }
    }
}

#[test]
fn what_is_changed_with_all_its_checksums_is_a_miss() {
    let root = tempdir().unwrap();
    let cache = open(root.path(), 1, "none");
    assert!(computes(&cache, 3) && computes(&cache, 4));
    // The forger knows the format, and lets larder itself write an entry of the same call, without the secret.
    let forged = tempdir().unwrap();
    Cache::open(forged.path()).unwrap().get_or_compute("numbers", &3, || vec![6_u32, 6, 6]);
    let entry = |root: &Path, len: u32| {
        let all = Cache::open(root).unwrap().entries().unwrap();
        all.into_iter().find(|entry| entry.arguments[0].preview == len.to_string()).unwrap().path
    };
    fs::copy(entry(forged.path(), 3), entry(root.path(), 3)).unwrap();
    assert!(computes(&cache, 3));
    // Or takes the seal of another entry.
    let mut bytes = fs::read(entry(forged.path(), 3)).unwrap();
    bytes[40..56].copy_from_slice(&fs::read(entry(root.path(), 4)).unwrap()[40..56]);
    fs::write(entry(root.path(), 3), bytes).unwrap();
    assert!(computes(&cache, 3));
    // Another call's entry is the other call's, sealed or not.
    fs::copy(entry(root.path(), 4), entry(root.path(), 3)).unwrap();
    assert!(computes(&cache, 3));
    assert!(!computes(&cache, 4));
    // The header is under the seal as well: when it was computed, and how long that took.
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
fn a_reference_into_a_sealed_cache_is_for_those_who_know_the_secret() {
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
    // Folders of tests have random names, in which there may be a 7.
    let printed = format!("{:?} {:?}", Cache::builder(root.path()).secret([7; 32]), cache);
    assert!(!["7, 7", "7,7", "0707", "77777777"].iter().any(|secret| printed.contains(secret)), "{printed}");
}
