//! A cache of large values, for the tests of the library and of the program.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use larder::{Cache, Entry};
use serde::{Deserialize, Serialize};

/// A value with fields of many kinds, and with arrays that are large enough for typed arrays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Model {
    name: String,
    weights: Vec<f64>,
    counts: Vec<u32>,
    words: BTreeMap<String, Option<i64>>,
    pairs: Vec<(u8, char)>,
}

fn model(n: u32) -> Model {
    let size = 5_000 * n;
    Model {
        name: "a model ".repeat(n as usize),
        weights: (0..size).map(|i| f64::from(i).sqrt()).collect(),
        counts: (0..size).map(|i| i / 7).collect(),
        words: (0..n).map(|i| (format!("word {i}"), (i % 2 == 0).then_some(-i64::from(i)))).collect(),
        pairs: vec![(1, 'ä'); n as usize],
    }
}

/// Opens a cache that reads each result from its file.
pub(crate) fn open(root: &Path, compression: &str) -> Cache {
    let compression = compression.parse().unwrap();
    Cache::builder(root).hot_bytes(0).compression(compression).open().unwrap()
}

/// Calls a function, and returns whether the call computed the value. Asserts that the value is right.
pub(crate) fn computes(cache: &Cache, n: u32) -> bool {
    let computed = Cell::new(false);
    let value = cache.get_or_compute("carry::model", &n, || {
        computed.set(true);
        model(n)
    });
    assert!(value == model(n));
    computed.get()
}

pub(crate) fn entry_of(cache: &Cache, n: u32) -> Entry {
    cache
        .entries()
        .unwrap()
        .find(|entry| entry.arguments.first().is_some_and(|argument| argument.preview == n.to_string()))
        .unwrap()
}

/// Asserts that the counters match the entries, and that no temporary file is left.
pub(crate) fn assert_counted(cache: &Cache) {
    let (mut entries, mut bytes) = (0, 0);
    for entry in cache.entries().unwrap() {
        entries += 1;
        bytes += fs::metadata(&entry.path).unwrap().len();
    }
    let stats = cache.stats().unwrap();
    assert_eq!((stats.entries, stats.bytes), (entries, bytes));
    assert!(fs::read_dir(cache.path().join("drafts")).unwrap().next().is_none(), "a temp file is left");
}
