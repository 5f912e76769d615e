//! Compares rows of numbers with postcard in memory, and with a plain vector of numbers.
//!
//! `cargo run --release --manifest-path benches/peers/rows/Cargo.toml [TYPE]`
//!
//! Each figure is the best of several runs, which alternate between larder and postcard.

use std::collections::{BTreeMap, HashMap};
use std::env;
use std::hint::black_box;
use std::mem::size_of;
use std::time::Instant;

use larder::Compression;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Bytes of each value, in memory.
const SIZE: usize = 64 << 20;

/// How often each operation is measured.
const RUNS: usize = 9;

#[derive(Serialize, Deserialize, PartialEq, Clone, Copy)]
struct Particle {
    position: [f64; 3],
    mass: f32,
    charge: i32,
}

fn main() {
    let wanted = env::args().nth(1);
    println!("MB/s of memory; in brackets: larder's speed divided by postcard's\n");
    println!("| type | encode | decode | dump | load | key | postcard: encode, decode |");
    println!("|---|--:|--:|--:|--:|--:|--:|");
    let wants = |name: &str| wanted.as_deref().is_none_or(|wanted| name.contains(wanted));
    macro_rules! rows {
        ($($type:ty: $make:expr,)*) => {$(
            let name = stringify!($type);
            if wants(name) {
                let make: fn(usize) -> $type = $make;
                measure(name, SIZE, &(0..SIZE / size_of::<$type>()).map(make).collect::<Vec<$type>>());
            }
        )*};
    }
    rows! {
        f64: |n| n as f64 * 0.1,
        [f64; 3]: |n| [n as f64 * 0.1, 1.0 / (n as f64 + 1.0), -(n as f64)],
        (u32, f32): |n| (n as u32, n as f32 * 0.1),
        glam::Vec3: |n| glam::Vec3::new(n as f32, 0.5, -(n as f32)),
        half::f16: |n| half::f16::from_f32(n as f32 % 1000.0),
        Option<f64>: |n| (n % 5 != 0).then_some(n as f64 * 0.1),
        ordered_float::OrderedFloat<f64>: |n| ordered_float::OrderedFloat(n as f64 * 0.1),
        Particle: |n| Particle { position: [n as f64, 0.1, 0.2], mass: 1.5, charge: n as i32 - 5 },
    }
    if wants("Vec<f64>") {
        let rows: Vec<Vec<f64>> = (0..SIZE / 128).map(|n| vec![n as f64 * 0.1; 16]).collect();
        measure("Vec<f64> of 16", SIZE, &rows);
    }
    if wants("Bytes") {
        let bytes = bytes::Bytes::from((0..SIZE).map(|n| n as u8).collect::<Vec<u8>>());
        measure("bytes::Bytes", SIZE, &bytes);
    }
    let pairs = |n: u64| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15), n);
    if wants("HashMap") {
        measure("HashMap<u64, u64>, 5 million", 80_000_000, &(0..5_000_000).map(pairs).collect::<HashMap<_, _>>());
    }
    if wants("BTreeMap") {
        measure("BTreeMap<u64, u64>, 5 million", 80_000_000, &(0..5_000_000).map(pairs).collect::<BTreeMap<_, _>>());
    }
}

fn measure<T: Serialize + DeserializeOwned + PartialEq>(name: &str, size: usize, value: &T) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("value");
    let mut buffer = Vec::new();
    larder::dump_into(value, &mut buffer, Compression::NONE).expect("larder writes it");
    let theirs = postcard::to_allocvec(value).expect("postcard writes it");
    let mut runs: [Vec<f64>; 7] = Default::default();
    for _ in 0..RUNS {
        let mut time = |index: usize, run: &mut dyn FnMut()| {
            let start = Instant::now();
            run();
            runs[index].push(start.elapsed().as_secs_f64());
        };
        let mut kept = Vec::new();
        time(0, &mut || {
            // Both encode into fresh memory.
            let mut buffer = Vec::new();
            larder::dump_into(black_box(value), &mut buffer, Compression::NONE).expect("larder writes it");
            kept = buffer;
        });
        drop(black_box(std::mem::take(&mut kept)));
        time(5, &mut || kept = postcard::to_allocvec(black_box(value)).expect("postcard writes it"));
        drop(black_box(kept));
        let mut back = None;
        time(1, &mut || back = Some(larder::load_from::<T>(black_box(buffer.as_slice())).expect("larder reads it")));
        assert!(back.take().as_ref() == Some(value), "{name}");
        time(6, &mut || back = Some(postcard::from_bytes::<T>(black_box(&theirs)).expect("postcard reads it")));
        assert!(back.take().as_ref() == Some(value), "{name}");
        let _ = std::fs::remove_file(&path);
        time(2, &mut || {
            larder::dump(black_box(value), &path).expect("larder writes a file");
        });
        time(3, &mut || back = Some(larder::load::<T>(black_box(&path)).expect("larder reads a file")));
        assert!(back.take().as_ref() == Some(value), "{name}");
        time(4, &mut || {
            black_box(larder::key_of(black_box(value)).expect("larder makes a key"));
        });
    }
    let [encode, decode, dump, load, key, their_encode, their_decode] =
        runs.map(|runs| size as f64 / 1e6 / runs.into_iter().fold(f64::INFINITY, f64::min));
    let against = |ours: f64, theirs: f64| format!("{ours:.0} ({:.2})", ours / theirs);
    println!(
        "| {name} | {} | {} | {} | {} | {key:.0} | {their_encode:.0}, {their_decode:.0} |",
        against(encode, their_encode),
        against(decode, their_decode),
        against(dump, their_encode),
        against(load, their_decode)
    );
}
