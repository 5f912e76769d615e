//! Helpers that the fuzz targets share.

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use larder::{Compression, ErrorKind, dump_into, load_from};
use ndarray::{Array2, ArrayD};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

#[path = "../../tests/it/craft.rs"]
pub mod craft;

/// Allocator that ends the process if it takes more memory than an input of kilobytes may need. The decompressors in
/// C have their own allocator, which libFuzzer's `-rss_limit_mb` watches.
struct Bounded;

/// Largest single allocation, in bytes. `MOST` limits the sum of all.
const MOST_AT_ONCE: usize = 32 << 20;
const MOST: usize = 96 << 20;

static NOW: AtomicUsize = AtomicUsize::new(0);

fn grow(bytes: usize) {
    if bytes > MOST_AT_ONCE || NOW.fetch_add(bytes, Relaxed) + bytes > MOST {
        std::process::abort();
    }
}

// SAFETY: all calls are forwarded to the system's allocator.
unsafe impl GlobalAlloc for Bounded {
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

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: `pointer` was allocated by `System` with this layout, since all allocations are forwarded to it.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Bounded = Bounded;

/// Type with a field of every kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Everything {
    pub number: i64,
    pub wide: u128,
    pub character: char,
    pub text: Option<String>,
    pub twice: Option<Option<u8>>,
    pub unit: (),
    pub kinds: Vec<Kind>,
    pub either: Either,
    pub pairs: BTreeMap<(u8, String), Option<f32>>,
    pub floats: Vec<f64>,
    pub flags: Vec<bool>,
    pub complex: Vec<num_complex::Complex<f64>>,
    pub matrix: Array2<f32>,
    pub tensor: ArrayD<u16>,
    #[serde(flatten)]
    pub rest: BTreeMap<String, u64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Kind {
    Unit,
    Newtype(Box<Kind>),
    Tuple(u8, char),
    Struct { a: Vec<i16>, b: Option<bool> },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Either {
    Number(u64),
    Text(String),
    Many(Vec<Either>),
    Tagged(Tagged),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum Tagged {
    Leaf,
    Node { next: Box<Either> },
}

/// Returns a value with all fields filled.
pub fn everything() -> Everything {
    Everything {
        number: -70_000,
        wide: 1 << 100,
        character: 'é',
        text: Some("larder".to_owned()),
        twice: Some(None),
        unit: (),
        kinds: vec![
            Kind::Unit,
            Kind::Newtype(Box::new(Kind::Tuple(3, 'x'))),
            Kind::Struct { a: vec![-1, 300], b: Some(true) },
        ],
        either: Either::Many(vec![
            Either::Number(24),
            Either::Text("b".to_owned()),
            Either::Tagged(Tagged::Node { next: Box::new(Either::Tagged(Tagged::Leaf)) }),
        ]),
        pairs: BTreeMap::from([((1, "one".to_owned()), Some(1.5)), ((2, "two".to_owned()), None)]),
        floats: vec![0.5, f64::NAN, -0.0],
        flags: vec![true, false],
        complex: vec![num_complex::Complex::new(1.0, -1.0)],
        matrix: Array2::from_shape_fn((2, 3), |(i, j)| (i + 10 * j) as f32),
        tensor: ArrayD::from_elem(vec![2, 1, 2, 1, 1], 7),
        rest: BTreeMap::from([("more".to_owned(), 1)]),
    }
}

/// Returns the bytes of a dump.
pub fn dumped<T: Serialize + ?Sized>(value: &T, compression: Compression) -> Vec<u8> {
    let mut bytes = Vec::new();
    dump_into(value, &mut bytes, compression).expect("what was read can be written");
    bytes
}

/// Reads a value. If that succeeds, writes it, reads it again and checks that it is written with the same bytes.
pub fn read_and_repeat<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let value = match load_from::<T>(bytes) {
        Ok(value) => value,
        Err(error) => {
            assert!(error.to_string().len() < 10_000, "a message of {} bytes", error.to_string().len());
            return None;
        }
    };
    let mut first = Vec::new();
    match dump_into(&value, &mut first, Compression::NONE) {
        Ok(()) => {}
        // A level of nesting in the value may have no level in the encoding, for example the payload of a struct
        // variant.
        Err(error) if error.kind() == ErrorKind::LimitExceeded => return Some(value),
        Err(error) => panic!("what was read can't be written: {error}"),
    }
    let again = load_from::<T>(first.as_slice()).expect("what was written can be read");
    assert!(dumped(&again, Compression::NONE) == first, "a different value was read");
    Some(value)
}

/// Reads compressed content that starts with `magic`, then reads the used part of the stream again: it must be
/// complete.
pub fn decompress(magic: &[u8], data: &[u8]) {
    let bytes = if data.starts_with(magic) { data.to_vec() } else { [magic, data].concat() };
    let mut rest = bytes.as_slice();
    if load_from::<IgnoredAny>(&mut rest).is_ok() {
        let used = &bytes[..bytes.len() - rest.len()];
        load_from::<IgnoredAny>(used).expect("the stream ends where the reader stopped");
        load_from::<IgnoredAny>(&used[..used.len() - 1]).expect_err("a stream that was cut");
    }
    let _ = load_from::<u8>(bytes.as_slice());
    let _ = load_from::<Vec<f64>>(bytes.as_slice());
    let _ = load_from::<String>(std::io::BufReader::with_capacity(7, bytes.as_slice()));
}

/// Makes a file as other tools write it, of pieces. Two bytes select each piece: its kind, and a number. Together, the
/// members hold at most one document.
pub fn pieces(data: &[u8]) -> Vec<u8> {
    let document = dumped("a text of fifty bytes, which several members contain", Compression::NONE);
    let (mut rest, mut file) = (document.as_slice(), Vec::new());
    for (kind, number) in data.chunks_exact(2).map(|piece| (usize::from(piece[0] & 15), usize::from(piece[1]))) {
        let compressors = craft::compressors();
        match kind {
            8 => file.extend(vec![0; number]),
            9 => file.extend([&[0x5a, 0x2a, 0x4d, 0x18, number as u8, 0, 0, 0][..], &vec![7; number]].concat()),
            10 => file.push(number as u8),
            11 => file.truncate(file.len().saturating_sub(number)),
            _ => {
                let member;
                (member, rest) = rest.split_at(number.min(rest.len()));
                file.extend(craft::compress(compressors[kind % compressors.len()], member));
            }
        }
    }
    file
}
