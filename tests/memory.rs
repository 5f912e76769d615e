//! Measures how much memory dumping and loading take in addition to the value, and how little a hostile file can make
//! larder take. The program's allocator counts bytes. The tests run one at a time, because all allocations count.
#![allow(
    missing_docs,
    unsafe_code,
    clippy::allow_attributes,
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "an allocator that counts is unsafe, and this is a test"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::any::type_name;
use std::collections::{BTreeMap, HashMap};
use std::io::{BufReader, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use larder::{Cache, Compression, FileDigest, Key, Mapped, dump_with, key_of, load, load_from, map};
use ndarray::{Array2, Array3};
use num_complex::Complex;
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use tempfile::{TempDir, tempdir};

#[path = "it/craft.rs"]
mod craft;
#[path = "it/readers.rs"]
mod readers;

use craft::{compress, compressors, document, head, lies};
use readers::{Arrays, ForType, Strict, Tree, Trusting, deep, shallow};

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn grow(bytes: usize) {
    let now = NOW.fetch_add(bytes, Relaxed) + bytes;
    PEAK.fetch_max(now, Relaxed);
}

// SAFETY: all calls are forwarded to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if size > layout.size() {
            grow(size - layout.size());
        } else {
            NOW.fetch_sub(layout.size() - size, Relaxed);
        }
        // SAFETY: `pointer` was allocated by `System` with this layout, since all allocations are forwarded to it.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: `pointer` was allocated by `System` with this layout, since all allocations are forwarded to it.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Waits until no other test counts.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the peak of bytes allocated during `run` above the initial number, and the result of `run`.
fn peak<R>(run: impl FnOnce() -> R) -> (usize, R) {
    let before = NOW.load(Relaxed);
    PEAK.store(before, Relaxed);
    let result = run();
    (PEAK.load(Relaxed) - before, result)
}

const MIB: usize = 1 << 20;

/// Dumps and loads a value that has `own` bytes in memory. Returns the additional bytes that each took.
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
fn dumping_and_loading_take_a_few_mib() {
    let _alone = alone();
    // The number of threads is fixed, because each has its own buffers.
    larder::set_threads(2.try_into().unwrap());
    let numbers = |len: usize| (0..len).map(|n| (n as f64 * 0.001).sin()).collect::<Vec<_>>();
    let array = Array2::from_shape_vec((2000, 2000), numbers(4_000_000)).unwrap();
    let own = 8 * array.len();
    let strided = array.t().as_standard_layout().into_owned();
    let text = "All happy families are alike. ".repeat(MIB);
    let bytes: Vec<u8> = (0..32 * MIB).map(|n| u8::try_from(n % 251).unwrap()).collect();
    let map: BTreeMap<String, Vec<f64>> = (0..4).map(|n| (n.to_string(), numbers(1_000_000))).collect();
    // larder can't limit the tables of the compressors, of which each thread has one set.
    let check = |method: &str, tables: usize, what: &str, (dumping, loading): (usize, usize)| {
        let bound = 12 * MIB + tables;
        assert!(dumping <= bound, "{method}: dumping {what} took {dumping} bytes beside it");
        assert!(loading <= bound, "{method}: loading {what} took {loading} bytes beside it");
    };
    for (method, tables) in [
        ("none", 0),
        ("lz4", 0),
        ("zlib:1", 0),
        ("gzip:1", 6 * MIB),
        ("bz2:1", 16 * MIB),
        #[cfg(feature = "zstd")]
        ("zstd:1", 16 * MIB),
    ] {
        check(method, tables, "an array", beside(&array, own, method));
    }
    // Nine buffers of a segment of 4 MiB. The memory of liblzma is not counted.
    let ones = Array2::<f64>::ones((3000, 4000));
    check("xz:0", 28 * MIB, "an array", beside(&ones, 8 * ones.len(), "xz:0"));
    for method in ["none", "lz4"] {
        check(method, 0, "a vector of bytes", beside(&bytes, bytes.len(), method));
        check(method, 0, "a text", beside(&text, text.len(), method));
        check(method, 0, "a map of vectors", beside(&map, own, method));
    }
    let folder = tempdir().unwrap();
    let (dumping, ()) = peak(|| dump_with(&strided.t(), folder.path().join("view"), Compression::NONE).unwrap());
    assert!(dumping <= 4 * MIB, "dumping a strided view took {dumping} bytes");

    // The same through a cache. It also holds the result itself while it is computed.
    let cache = Cache::open(folder.path().join("cache")).unwrap();
    let (storing, first) = peak(|| cache.get_or_compute("array", &1, || array.clone()));
    let (hit, second) = peak(|| cache.get_or_compute("array", &1, || array.clone()));
    assert!(first == array && second == array);
    assert_eq!(cache.stats().unwrap().hits, 1);
    assert!(storing <= own + 12 * MIB, "storing took {storing} bytes");
    assert!(hit <= own + 12 * MIB, "a hit took {hit} bytes");
}

/// Keys need buffers whose size does not depend on the value. Maps and sets need 32 bytes an entry.
#[test]
fn a_key_takes_little_memory() {
    let _alone = alone();
    let array = Array2::from_shape_fn((2500, 2500), |(i, j)| ((i * j) as f64).sin());
    let mut with_nan = array.clone();
    with_nan.iter_mut().step_by(1000).for_each(|x| *x = -f64::NAN);
    let cube = Array3::from_shape_fn((200, 100, 200), |(i, j, k)| (i * j * k) as f64);
    let ordered: BTreeMap<u32, Vec<f64>> = (0..40_u32).map(|n| (n, vec![n.into(); 100_000])).collect();
    let entries: usize = 200_000;
    let map: HashMap<usize, usize> = (0..entries).map(|n| (n, n)).collect();
    let folder = tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, vec![7; 40 * MIB]).unwrap();
    for n in 0..40_000 {
        std::fs::File::create(folder.path().join(format!("{n} is a name of some length"))).unwrap();
    }
    for threads in [1, 2, 3] {
        larder::set_threads(threads.try_into().unwrap());
        let check = |what: &str, bound: usize, key: &dyn Fn() -> larder::Result<Key>| {
            let (taken, key) = peak(key);
            key.unwrap();
            assert!(taken <= bound, "{what} with {threads} threads took {taken} bytes");
        };
        // A thread has a buffer of 2 MiB, and a second one of almost three times that size for complex numbers.
        let bound = threads * 5 * MIB;
        check("an array", bound, &|| key_of(&array));
        check("a transposed array", bound, &|| key_of(&array.t()));
        check("a transposed array of three axes", bound, &|| key_of(&cube.t()));
        check("an array with NaN", bound, &|| key_of(&with_nan));
        check("a transposed array with NaN", bound, &|| key_of(&with_nan.t()));
        let complex = with_nan.mapv(|x| Complex::new(x as f32, 1.0));
        check("complex numbers", 2 * bound, &|| key_of(&complex));
        check("transposed complex numbers", 2 * bound, &|| key_of(&complex.t()));
        check("a map of vectors", bound, &|| key_of(&ordered));
        check("a file", bound, &|| FileDigest::of(&file).digest());
        check("a folder of many files", bound, &|| FileDigest::of(folder.path()).digest());
        check("a hash map", 32 * 2 * entries + 4 * MIB, &|| key_of(&map));
    }
}

/// Limit of bytes for a reader of a hostile file.
const BOUND: usize = 16 * MIB;

/// Hostile content that is read in every way as types of every kind.
struct Hostile {
    _folder: TempDir,
    path: PathBuf,
    name: String,
    content: Vec<u8>,
    reads: usize,
    faults: Vec<String>,
}

impl Hostile {
    fn new() -> Self {
        let folder = tempdir().unwrap();
        let path = folder.path().join("file");
        Hostile { _folder: folder, path, name: String::new(), content: Vec::new(), reads: 0, faults: Vec::new() }
    }

    /// Switches to other content.
    fn next(&mut self, name: String, content: Vec<u8>) {
        std::fs::write(&self.path, &content).unwrap();
        (self.name, self.content) = (name, content);
    }

    fn check<T>(&mut self, way: &str, read: impl Fn(&Self) -> Result<T, larder::Error>) {
        let (taken, result) = peak(|| catch_unwind(AssertUnwindSafe(|| read(self).map(drop))));
        let fault = match result {
            Err(_) => "it panicked".to_owned(),
            Ok(Ok(())) => "there is no such value".to_owned(),
            Ok(Err(error)) if error.to_string().len() > 10_000 => "the message is too long".to_owned(),
            Ok(Err(error)) if taken > BOUND => format!("{} MiB for {error}", taken >> 20),
            Ok(Err(_)) => String::new(),
        };
        if !fault.is_empty() {
            self.faults.push(format!("{} as {} {way}: {fault}", self.name, type_name::<T>()));
        }
        self.reads += 1;
    }

    fn slice_as<T: DeserializeOwned>(&mut self) {
        self.check::<T>("from a slice", |this| load_from(this.content.as_slice()));
    }

    fn file_as<T: DeserializeOwned>(&mut self) {
        self.check::<T>("from a file", |this| load(&this.path));
    }

    #[track_caller]
    fn end(self) -> usize {
        assert!(self.faults.is_empty(), "{} faults:\n{}", self.faults.len(), self.faults.join("\n"));
        self.reads
    }
}

impl ForType for Hostile {
    fn of<T: DeserializeOwned>(&mut self) {
        self.slice_as::<T>();
        self.check::<T>("from a stream", |this| load_from(BufReader::with_capacity(64, this.content.as_slice())));
        self.file_as::<T>();
        self.check::<Mapped<T>>("from a map", |this| map::<T>(&this.path));
    }
}

#[test]
fn wrong_lengths_take_little_memory() {
    let _alone = alone();
    let mut hostile = Hostile::new();
    for (name, value) in lies() {
        hostile.next(name, document(&value));
        shallow(&mut hostile);
        deep(&mut hostile);
        hostile.check::<()>("to be verified", |this| map::<IgnoredAny>(&this.path)?.verify());
    }
    let reads = hostile.end();
    assert!(reads > 10_000, "{reads} reads");
}

#[test]
fn wrong_lengths_in_compressed_streams_take_little_memory() {
    let _alone = alone();
    let mut hostile = Hostile::new();
    for method in compressors() {
        for (index, (name, value)) in lies().into_iter().enumerate() {
            if !name.starts_with("100") && index % 5 > 0 {
                continue;
            }
            hostile.next(format!("{method} with {name}"), compress(method, document(&value).as_slice()));
            hostile.slice_as::<String>();
            hostile.slice_as::<Vec<f64>>();
            hostile.slice_as::<Arrays>();
            hostile.slice_as::<Array2<f32>>();
            hostile.slice_as::<serde_json::Value>();
            hostile.file_as::<Vec<u8>>();
            hostile.file_as::<String>();
        }
    }
    hostile.end();
}

/// A header may claim more bytes than the file has.
#[test]
fn an_entry_with_a_wrong_length_takes_little_memory() {
    let _alone = alone();
    let folder = tempdir().unwrap();
    for compressor in compressors() {
        let cache = Cache::builder(folder.path()).compression(compressor.parse().unwrap()).open().unwrap();
        for claimed in [1 << 40, 1 << 60, u64::MAX] {
            cache.clear().unwrap();
            assert_eq!(cache.get_or_compute("f", &1, || "first".to_owned()), "first");
            let file = cache.entries().unwrap().next().unwrap();
            let mut bytes = std::fs::read(&file.path).unwrap();
            bytes.truncate(usize::try_from(file.payload_at).unwrap());
            let payload = compress(compressor, document(&head(3, 1 << 38)).as_slice());
            bytes[16..24].copy_from_slice(&claimed.to_le_bytes());
            bytes[24..32].copy_from_slice(&claimed.to_le_bytes());
            bytes[32..40].copy_from_slice(&craft::checksum(&[&payload]).to_le_bytes());
            let checksum = craft::checksum(&[&bytes[..56], &bytes[64..]]);
            bytes[56..64].copy_from_slice(&checksum.to_le_bytes());
            bytes.extend(payload);
            std::fs::write(&file.path, &bytes).unwrap();
            let (taken, value) = peak(|| cache.get_or_compute("f", &1, || "second".to_owned()));
            assert_eq!(value, "second");
            assert!(taken <= BOUND, "{compressor} of {claimed}: {taken} bytes");
        }
    }
}

/// Uncompressed size of a bomb.
const BOMB: u64 = 24 << 20;

/// Size of a bomb that is read element by element, which is slow in a debug build.
const SLOW: u64 = 1 << 18;

/// Returns a document whose value has this beginning, followed by many equal bytes.
fn bomb(method: &str, beginning: &[u8], (filling, count): (u8, u64)) -> Vec<u8> {
    let content = craft::before();
    compress(method, content.chain(beginning).chain(std::io::repeat(filling).take(count)))
}

#[test]
fn bombs_take_little_memory() {
    let _alone = alone();
    let mut hostile = Hostile::new();
    let claimed = 1 << 30;
    for (what, beginning, filling) in [
        ("a text", head(3, claimed), (b'x', BOMB)),
        ("bytes", head(2, claimed), (0, BOMB)),
        ("an array", head(4, claimed), (0, SLOW)),
        ("an array without a length", vec![0x9f], (0, SLOW)),
        ("a map", head(5, claimed), (0, SLOW)),
        ("a short array of numbers", [head(6, 64), head(2, 100)].concat(), (0, BOMB)),
        ("a character", [head(6, 0x4c43), head(3, claimed)].concat(), (b'x', BOMB)),
        ("a large integer", [head(6, 2), head(2, claimed)].concat(), (b'x', BOMB)),
        ("a field's name", [head(5, 1), head(3, claimed)].concat(), (b'x', BOMB)),
        ("floats", [head(6, 86), head(2, claimed)].concat(), (0, BOMB)),
        // The length comes after much content: 0x7b is the head of a text, and its length consists of eight such
        // bytes.
        ("a text after a text", [head(4, 2), head(3, BOMB - 1000)].concat(), (0x7b, BOMB)),
    ] {
        for method in compressors() {
            // The compressor makes little difference, so most content is tried with one only.
            if method != "lz4" && what != "a text" {
                continue;
            }
            let content = bomb(method, &beginning, filling);
            assert!(content.len() < MIB, "{method}: {} bytes", content.len());
            hostile.next(format!("{method} with {what}"), content);
            hostile.slice_as::<u8>();
            hostile.slice_as::<char>();
            hostile.slice_as::<u128>();
            hostile.slice_as::<Vec<u16>>();
            hostile.slice_as::<Option<(u8, u8)>>();
            hostile.slice_as::<Trusting>();
            hostile.slice_as::<IgnoredAny>();
            // A second reading, for the checksum, takes just as little.
            hostile.file_as::<u8>();
            // These types may hold all existing bytes. With `flatten`, a field name may have any length.
            let own = |types: &[&str]| types.contains(&what);
            if !own(&["an array", "an array without a length"]) {
                hostile.slice_as::<Vec<u8>>();
            }
            if !own(&["a text"]) {
                hostile.slice_as::<String>();
            }
            if !own(&["a field's name"]) {
                hostile.slice_as::<Strict>();
                hostile.slice_as::<Tree>();
            }
        }
    }
    hostile.end();
}

/// Entries are recompressed and transported in pieces, also with a MAC.
#[test]
fn recompression_and_transport_take_little_memory() {
    let _alone = alone();
    larder::set_threads(std::num::NonZeroUsize::new(2).unwrap());
    let folder = tempdir().unwrap();
    let open = |name: &str| Cache::builder(folder.path().join(name)).secret([7; 32]).hot_bytes(0).open().unwrap();
    let (cache, other) = (open("here"), open("there"));
    cache.get_or_compute("numbers", &(), || (0..8_000_000_u32).map(|n| f64::from(n).sqrt()).collect::<Vec<_>>());
    let archive = folder.path().join("archive");
    let entry = || cache.entries().unwrap().next().unwrap();
    for method in ["gzip:1", "blocks-lz4", "lz4", "none"] {
        if method.contains("blocks") && !cfg!(feature = "blocks") {
            continue;
        }
        let (taken, size) = peak(|| cache.recompress(&entry(), method.parse().unwrap()).unwrap().unwrap());
        // The memory of the threads that read gzip and write blocks does not grow with the entry.
        assert!(size > 4 << 20 && taken < 32 << 20, "{method}: {taken} bytes");
    }
    #[cfg(feature = "archive")]
    {
        let writer = std::fs::File::create(&archive).unwrap();
        let (taken, carried) = peak(|| cache.export(cache.entries().unwrap(), writer).unwrap());
        assert!(carried.entries == 1 && taken < 2 << 20, "{taken} bytes");
        let (taken, carried) = peak(|| other.import(std::fs::File::open(&archive).unwrap()).unwrap());
        assert!(carried.entries == 1 && carried.bytes > 64_000_000 && taken < 4 << 20, "{taken} bytes");
    }
    drop((archive, other));
}
