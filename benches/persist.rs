//! Compares operations on files with their floors: the least time that the system needs for the same bytes.
//!
//! Each operation and its floor are measured alternately. The median of their ratios is printed below criterion's
//! figures. Compare this median between machines.
//!
//! `cargo bench --bench persist --features full`

#![allow(
    missing_docs,
    unsafe_code,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::allow_attributes,
    reason = "it is a benchmark"
)]

mod common;

use std::collections::HashMap;
use std::fs;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use common::{Record, Small, read_floor, settle, write_floor};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, criterion_group, criterion_main};
use larder::Compression;
use ndarray::Array2;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::TempDir;

/// Measures 128 MB of numbers.
fn array(criterion: &mut Criterion) {
    let array = Array2::from_shape_fn((4000, 4000), |(i, j)| (i as f64).sin() + (j as f64).cos());
    for threads in [1, 2] {
        file(criterion, "128 MB of f64", threads, &array);
    }
}

/// Measures 128 MB of numbers that are mapped.
fn map(criterion: &mut Criterion) {
    let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = folder.path().join("array");
    larder::dump(&Array2::<f64>::ones((4000, 4000)), &path).unwrap();
    criterion.bench_function("128 MB of f64/map and read one", |b| {
        b.iter(|| larder::map::<Array2<f64>>(&path).unwrap().view()[[7, 7]]);
    });
}

/// Measures a million structs with strings.
fn records(criterion: &mut Criterion) {
    let record = |id: u64| Record {
        id,
        name: format!("Record number {id}"),
        city: ["Amsterdam", "Berlin", "Copenhagen"][(id % 3) as usize].into(),
        score: id as f64 / 8.0,
        tags: vec![format!("tag{}", id % 10), format!("tag{}", id % 7)],
        comment: format!("what is to be said of the record with the number {id}"),
    };
    file(criterion, "10^6 structs", 1, &(0..1_000_000).map(record).collect::<Vec<_>>());
}

/// Measures a map from a million numbers to strings.
fn words(criterion: &mut Criterion) {
    let words: HashMap<u64, String> = (0..1_000_000).map(|n| (n, format!("word number {n}"))).collect();
    file(criterion, "10^6 map entries", 1, &words);
}

/// Measures a small struct in memory.
fn small(criterion: &mut Criterion) {
    let value = Small {
        id: 1_234_567,
        model: "gradient boosting, depth 6".into(),
        accuracy: 0.987_654,
        loss: 0.012_345,
        epochs: 250,
        converged: true,
        parent: Some(1_234_566),
        labels: vec!["digits".into(), "baseline".into(), "run 17".into()],
    };
    let mut buffer = Vec::new();
    let mut group = criterion.benchmark_group("200-byte struct");
    group.bench_function("dump_into a reused Vec", |b| {
        b.iter(|| {
            buffer.clear();
            larder::dump_into(black_box(&value), &mut buffer, Compression::NONE).unwrap();
        });
    });
    buffer.clear();
    larder::dump_into(&value, &mut buffer, Compression::NONE).unwrap();
    group.bench_function("load_from a slice", |b| {
        b.iter(|| larder::load_from::<Small>(black_box(buffer.as_slice())).unwrap());
    });
}

/// Measures writing a value to a file and reading it back, without compression.
fn file<T: Serialize + DeserializeOwned>(criterion: &mut Criterion, name: &str, threads: usize, value: &T) {
    let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let [ours, floor]: [PathBuf; 2] = ["ours", "floor"].map(|name| folder.path().join(name));
    larder::set_threads(threads.try_into().unwrap());
    larder::dump(value, &ours).unwrap();
    let bytes = fs::read(&ours).unwrap();
    fs::write(&floor, &bytes).unwrap();

    let mut group = criterion.benchmark_group(format!("{name}, threads: {threads}"));
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(4));
    against_floor(
        &mut group,
        "dump",
        || {
            fs::remove_file(&floor).unwrap();
            time(|| write_floor(&floor, &bytes).unwrap())
        },
        || {
            fs::remove_file(&ours).unwrap();
            time(|| larder::dump(value, &ours).unwrap())
        },
    );
    against_floor(
        &mut group,
        "load",
        || time(|| read_floor(&floor, threads).unwrap()),
        || time(|| larder::load::<T>(&ours).unwrap()),
    );
}

/// Measures `operation` and its floor alternately.
fn against_floor(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    mut floor: impl FnMut() -> Duration,
    mut operation: impl FnMut() -> Duration,
) {
    let mut ratios = Vec::new();
    let mut pair = || {
        let floor = floor();
        let operation = operation();
        ratios.push(floor.as_secs_f64() / operation.as_secs_f64());
        operation
    };
    group.bench_function(name, |b| b.iter_custom(|pairs| (0..pairs).map(|_| pair()).sum()));
    ratios.sort_by(f64::total_cmp);
    if let [first, .., last] = *ratios {
        let median = ratios[ratios.len() / 2];
        println!("{name}: {median:.2} of the floor's speed ({first:.2}-{last:.2}, {} pairs)\n", ratios.len());
    }
}

/// Returns the duration of `operation`, without the time to drop its result.
fn time<R>(operation: impl FnOnce() -> R) -> Duration {
    let start = Instant::now();
    let result = black_box(operation());
    let took = start.elapsed();
    drop(result);
    settle();
    took
}

criterion_group!(benches, array, map, records, words, small);
criterion_main!(benches);
