//! How much memory dumping and loading takes beside the value itself: bytes are counted, by an
//! allocator of this program's own. One test only, as everything counts.
#![allow(
    missing_docs,
    unsafe_code,
    clippy::allow_attributes,
    clippy::unwrap_used,
    reason = "an allocator that counts is unsafe, and this is a test"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use larder::{Cache, Compression, dump_with, load, load_from};
use ndarray::Array2;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::tempdir;

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn grow(bytes: usize) {
    let now = NOW.fetch_add(bytes, Relaxed) + bytes;
    PEAK.fetch_max(now, Relaxed);
}

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: likewise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if size > layout.size() {
            grow(size - layout.size());
        } else {
            NOW.fetch_sub(layout.size() - size, Relaxed);
        }
        // SAFETY: likewise.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: likewise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes that `run` had at its peak above what it began with, and what it gave.
fn peak<R>(run: impl FnOnce() -> R) -> (usize, R) {
    let before = NOW.load(Relaxed);
    PEAK.store(before, Relaxed);
    let result = run();
    (PEAK.load(Relaxed) - before, result)
}

const MIB: usize = 1 << 20;

/// Dumps and loads a value that has `own` bytes in memory; gives the bytes that both took beside it.
#[track_caller]
fn beside<T: Serialize + DeserializeOwned + PartialEq>(value: &T, own: usize, method: &str) -> (usize, usize) {
    let folder = tempdir().unwrap();
    let path = folder.path().join("value");
    let compression: Compression = method.parse().unwrap();
    let (dumping, ()) = peak(|| dump_with(value, &path, compression).unwrap());
    let (loading, back) = peak(|| load::<T>(&path).unwrap());
    assert!(back == *value, "{method}");
    drop(back);
    let bytes = std::fs::read(&path).unwrap();
    let (streaming, back) = peak(|| load_from::<T>(bytes.as_slice()).unwrap());
    assert!(back == *value, "{method}");
    (dumping, loading.max(streaming).saturating_sub(own))
}

#[test]
fn a_value_takes_a_few_mib_beside_itself() {
    let numbers = |len: usize| (0..len).map(|n| (n as f64 * 0.001).sin()).collect::<Vec<_>>();
    let array = Array2::from_shape_vec((2000, 2000), numbers(4_000_000)).unwrap();
    let own = 8 * array.len();
    let strided = array.t().as_standard_layout().into_owned();
    let text = "All happy families are alike. ".repeat(MIB);
    let bytes: Vec<u8> = (0..32 * MIB).map(|n| u8::try_from(n % 251).unwrap()).collect();
    let map: BTreeMap<String, Vec<f64>> = (0..4).map(|n| (n.to_string(), numbers(1_000_000))).collect();
    // What a method's own tables take, for as many threads as there are, is not ours to bound.
    let check = |method: &str, tables: usize, what: &str, (dumping, loading): (usize, usize)| {
        let bound = 12 * MIB + tables;
        assert!(dumping <= bound, "{method}: dumping {what} took {dumping} bytes beside it");
        assert!(loading <= bound, "{method}: loading {what} took {loading} bytes beside it");
    };
    for (method, tables) in [
        ("none", 0),
        ("lz4", 0),
        ("zlib:1", 0),
        ("gzip:1", 0),
        ("bz2:1", 16 * MIB),
        ("xz:0", 16 * MIB),
        #[cfg(feature = "zstd")]
        ("zstd:1", 16 * MIB),
    ] {
        check(method, tables, "an array", beside(&array, own, method));
    }
    for method in ["none", "lz4"] {
        check(method, 0, "a vector of bytes", beside(&bytes, bytes.len(), method));
        check(method, 0, "a text", beside(&text, text.len(), method));
        check(method, 0, "a map of vectors", beside(&map, own, method));
    }
    let folder = tempdir().unwrap();
    let (dumping, ()) = peak(|| dump_with(&strided.t(), folder.path().join("view"), Compression::NONE).unwrap());
    assert!(dumping <= 4 * MIB, "dumping a strided view took {dumping} bytes");

    // The same on the way of a cache, but that a result is at home there while it is computed.
    let cache = Cache::open(folder.path().join("cache")).unwrap();
    let (storing, first) = peak(|| cache.get_or_compute("array", &1, || array.clone()));
    let (hit, second) = peak(|| cache.get_or_compute("array", &1, || array.clone()));
    assert!(first == array && second == array);
    assert_eq!(cache.stats().unwrap().hits, 1);
    assert!(storing <= own + 12 * MIB, "storing took {storing} bytes");
    assert!(hit <= own + 12 * MIB, "a hit took {hit} bytes");
}
