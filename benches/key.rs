//! Compares the computation of keys with BLAKE3 on bytes in memory. Only the ratios within one run are meaningful.
//!
//! `cargo bench --bench key`

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::allow_attributes,
    reason = "it is a benchmark"
)]

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::LazyLock;

use criterion::{Criterion, criterion_group, criterion_main};
use larder::{Cache, key_of, memoize};
use ndarray::{Array2, ShapeBuilder};
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());
static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::open(FOLDER.path().join("cache")).unwrap());

#[memoize(cache = &CACHE)]
fn small(n: u64) -> u64 {
    n + 1
}

/// Measures the key of a call.
fn call(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("key of a call");
    group.bench_function("f(u64)", |b| b.iter(|| small::call(black_box(7)).key()));
    group.bench_function("f(u64), floor: BLAKE3 of as many bytes", |b| {
        b.iter(|| blake3::keyed_hash(black_box(&[7; 32]), black_box(&[7; 12])));
    });
}

/// Measures the keys of 128 MB of floats in several containers.
fn array(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("key of 128 MB of f64");
    group.sample_size(10);
    let standard = Array2::from_shape_fn((4000, 4000), |(i, j)| (i * j) as f64);
    let mut fortran = Array2::zeros((4000, 4000).f());
    fortran.assign(&standard);
    let vector = standard.iter().copied().collect::<Vec<_>>();
    let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
    for threads in [1, 2] {
        larder::set_threads(threads.try_into().unwrap());
        group.bench_function(format!("floor: BLAKE3, before {threads} threads"), |b| {
            b.iter(|| blake3::hash(black_box(&bytes)));
        });
        group.bench_function(format!("Vec, {threads} threads"), |b| b.iter(|| key_of(black_box(&vector))));
        group.bench_function(format!("Array2, {threads} threads"), |b| b.iter(|| key_of(black_box(&standard))));
        group.bench_function(format!("Array2 in Fortran order, {threads} threads"), |b| {
            b.iter(|| key_of(black_box(&fortran)));
        });
    }
}

/// Measures the keys of maps and sets. They have no order, so each entry is hashed and the hashes are sorted.
fn map(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("key of a million entries");
    group.sample_size(10);
    let map: HashMap<String, u64> = (0..1_000_000).map(|n| (format!("key {n}"), n)).collect();
    larder::set_threads(2.try_into().unwrap());
    group.bench_function("HashMap<String, u64>", |b| b.iter(|| key_of(black_box(&map))));
    group.bench_function("HashMap<String, u64>, floor: to go through it", |b| {
        b.iter(|| black_box(&map).iter().fold(0, |sum, (key, value)| sum + value + key.len() as u64));
    });
}

criterion_group!(benches, call, array, map);
criterion_main!(benches);
