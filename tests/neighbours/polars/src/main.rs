//! Frames of polars as arguments and results, in two processes, and their times beside those of polars' own files.

use std::fs::File;
use std::hint::black_box;
use std::path::Path;

use larder::{Cache, memoize};
use polars::prelude::*;
use support::Process;

fn main() {
    support::main(steps, speed);
}

/// A frame as a result.
#[memoize(cache = cache, ignore(cache))]
fn simulate(rows: u32, cache: &Cache) -> DataFrame {
    readings(rows)
}

/// A frame as an argument.
#[memoize(cache = cache, ignore(cache))]
fn mean(frame: &DataFrame, cache: &Cache) -> f64 {
    mean_of(frame)
}

/// A series as an argument and as a result, and an error that is not stored.
#[memoize(cache = cache, ignore(cache))]
fn doubled(series: &Series, cache: &Cache) -> PolarsResult<Series> {
    series + series
}

fn mean_of(frame: &DataFrame) -> f64 {
    frame.column("value").and_then(|column| column.f64()).ok().and_then(|column| column.mean()).expect("a number")
}

/// Returns rows with numbers, text, categories, times and missing values.
fn readings(rows: u32) -> DataFrame {
    let id: Vec<i64> = (0..rows).map(i64::from).collect();
    let value: Vec<Option<f64>> = (0..rows).map(|n| (n % 100 != 7).then(|| f64::from(n).sqrt())).collect();
    let note: Vec<String> = (0..rows).map(|n| format!("reading {n}")).collect();
    let station: Vec<&str> = (0..rows).map(|n| ["Ulm", "Oslo", "Bern"][n as usize % 3]).collect();
    let categories = DataType::from_categories(Categories::global());
    let station = Series::new("station".into(), station).cast(&categories).expect("categories");
    let time = Series::new("time".into(), &id).cast(&DataType::Datetime(TimeUnit::Milliseconds, None)).expect("times");
    DataFrame::new_infer_height(vec![
        Column::new("id".into(), id),
        Column::new("value".into(), value),
        Column::new("note".into(), note),
        station.into_column(),
        time.into_column(),
    ])
    .expect("a frame")
}

fn steps(process: Process, cache: &Cache) {
    let (frame, outcome) = simulate::call(1000, cache).outcome();
    process.expect("a frame as a result", &outcome);
    assert!(frame.equals_missing(&readings(1000)));
    assert_eq!(frame.schema(), readings(1000).schema());
    assert!(simulate(1000, cache).equals_missing(&frame), "a second call");

    let (expected, outcome) = mean::call(&frame, cache).outcome();
    process.expect("a frame as an argument", &outcome);
    assert_eq!(expected, mean_of(&readings(1000)));

    let series = frame.column("id").expect("a column").as_materialized_series();
    let (twice, outcome) = doubled::call(series, cache).outcome();
    process.expect("a series as an argument and a result", &outcome);
    assert!(twice.expect("a series").equals_missing(&(series + series).expect("a series")));

    // Equal rows are one key …
    assert!(mean::call(&readings(1000), cache).is_cached());
    assert!(mean::call(&readings(3000).slice(0, 1000), cache).is_cached(), "a part of a larger frame");
    assert!(!mean::call(&readings(3000).slice(1, 1000), cache).is_cached(), "another part");
    let stacked = readings(1000).slice(0, 400).vstack(&readings(1000).slice(400, 600)).expect("a frame");
    assert!(mean::call(&stacked, cache).is_cached(), "in several chunks");
    // … except that polars writes what it knows about the order of a column.
    let sorted = readings(1000).sort(["id"], SortMultipleOptions::default()).expect("a frame");
    assert!(sorted.equals_missing(&readings(1000)));
    assert!(!mean::call(&sorted, cache).is_cached(), "known to be sorted");
}

fn speed(folder: &Path) {
    let frame = readings(1_000_000);
    let bytes = frame.estimated_size();
    let file = folder.join("own.arrow");
    let cache = support::cache_on_disk(folder);

    #[memoize(cache = cache, ignore(cache, frame))]
    fn keep(frame: &DataFrame, cache: &Cache) -> DataFrame {
        frame.clone()
    }

    let write = || IpcWriter::new(File::create(&file).expect("a file")).finish(&mut frame.clone()).expect("written");
    let read = || IpcReader::new(File::open(&file).expect("a file")).finish().expect("read");
    support::print_head();
    support::compare("DataFrame, stored", bytes, write, || drop(keep::call(&frame, &cache).refresh()));
    support::compare(
        "DataFrame, read",
        bytes,
        || drop(black_box(read())),
        || {
            let (value, outcome) = keep::call(&frame, &cache).outcome();
            assert!(outcome.is_hit());
            drop(black_box(value));
        },
    );
    assert!(keep(&frame, &cache).equals_missing(&frame));
}
