//! Record batches of arrow as arguments and results, in two processes, and their times beside those of arrow's own files.

mod ipc;

use std::collections::HashMap;
use std::fs::File;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, DictionaryArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_ipc::reader::FileReader;
use arrow_ipc::writer::FileWriter;
use arrow_schema::{Field, Schema};
use larder::{Cache, memoize};
use support::Process;

use crate::ipc::Ipc;

fn main() {
    support::main(steps, speed);
}

/// A batch as a result.
#[memoize(cache = cache, ignore(cache))]
fn simulate(rows: u32, cache: &Cache) -> Ipc {
    Ipc(readings(rows))
}

/// A batch as an argument.
#[memoize(cache = cache, ignore(cache))]
fn mean(batch: &Ipc, cache: &Cache) -> f64 {
    mean_of(&batch.0)
}

/// A batch as an argument of a function that knows nothing of [`Ipc`].
#[memoize(cache = cache, ignore(cache), key(batch = Ipc(batch)))]
fn mean_of_plain(batch: &RecordBatch, cache: &Cache) -> f64 {
    mean_of(batch)
}

fn mean_of(batch: &RecordBatch) -> f64 {
    let values =
        batch.column_by_name("value").expect("a column").as_any().downcast_ref::<Float64Array>().expect("floats");
    values.iter().flatten().sum::<f64>() / (values.len() - values.null_count()) as f64
}

/// Returns rows with numbers, text, a dictionary, missing values, and metadata in a hash map.
fn readings(rows: u32) -> RecordBatch {
    let id = Int64Array::from_iter_values((0..rows).map(i64::from));
    let value: Float64Array = (0..rows).map(|n| (n % 100 != 7).then(|| f64::from(n).sqrt())).collect();
    let note = StringArray::from_iter_values((0..rows).map(|n| format!("reading {n}")));
    let station: DictionaryArray<Int32Type> = (0..rows).map(|n| ["Ulm", "Oslo", "Bern"][n as usize % 3]).collect();
    let columns: [(&str, ArrayRef); 4] =
        [("id", Arc::new(id)), ("value", Arc::new(value)), ("note", Arc::new(note)), ("station", Arc::new(station))];
    let fields: Vec<Field> =
        columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), true)).collect();
    let metadata: HashMap<String, String> = (0..20).map(|n| (format!("key {n}"), n.to_string())).collect();
    let schema = Schema::new_with_metadata(fields, metadata);
    RecordBatch::try_new(Arc::new(schema), columns.map(|(_, column)| column).to_vec()).expect("a batch")
}

fn steps(process: Process, cache: &Cache) {
    let (batch, outcome) = simulate::call(1000, cache).outcome();
    process.expect("a batch as a result", &outcome);
    assert_eq!(batch.0, readings(1000));
    assert_eq!(simulate(1000, cache).0, batch.0, "a second call");

    let (expected, outcome) = mean::call(&batch, cache).outcome();
    process.expect("a batch as an argument", &outcome);
    let (plain, outcome) = mean_of_plain::call(&batch.0, cache).outcome();
    process.expect("a batch as a plain argument", &outcome);
    assert_eq!(plain, expected);

    // Equal rows are one key, wherever they are in memory …
    assert!(mean::call(&Ipc(readings(1000)), cache).is_cached());
    assert!(mean_of_plain::call(&readings(1000), cache).is_cached());
    assert!(mean_of_plain::call(&readings(3000).slice(0, 1000), cache).is_cached(), "a part of a larger batch");
    assert!(!mean_of_plain::call(&readings(3000).slice(1, 1000), cache).is_cached(), "another part");
    // … except that what is stored in place of a missing value is written as well.
    let hidden = |value: f64| {
        let values = Float64Array::new(vec![1.0, value].into(), Some(vec![true, false].into()));
        RecordBatch::try_from_iter([("value", Arc::new(values) as ArrayRef)]).expect("a batch")
    };
    assert_eq!(hidden(2.0), hidden(3.0));
    assert_eq!(mean_of_plain(&hidden(2.0), cache), mean_of_plain(&hidden(2.0), cache));
    assert!(!mean_of_plain::call(&hidden(3.0), cache).is_cached(), "another value behind a missing one");
}

fn speed(folder: &Path) {
    let rows = 1_000_000;
    let batch = readings(rows);
    let bytes = batch.get_array_memory_size();
    let file = folder.join("own.arrow");
    let cache = support::cache_on_disk(folder);

    #[memoize(cache = cache, ignore(cache, batch))]
    fn keep(batch: &RecordBatch, cache: &Cache) -> Ipc {
        Ipc(batch.clone())
    }

    let write = || {
        let mut writer =
            FileWriter::try_new_buffered(File::create(&file).expect("a file"), &batch.schema()).expect("a writer");
        writer.write(&batch).expect("written");
        writer.finish().expect("finished");
    };
    let read = || FileReader::try_new_buffered(File::open(&file).expect("a file"), None).expect("a reader").next();
    support::print_head();
    support::compare("RecordBatch, stored", bytes, write, || drop(keep::call(&batch, &cache).refresh()));
    support::compare(
        "RecordBatch, read",
        bytes,
        || drop(black_box(read())),
        || {
            let (value, outcome) = keep::call(&batch, &cache).outcome();
            assert!(outcome.is_hit());
            drop(black_box(value));
        },
    );
    assert_eq!(keep(&batch, &cache).0, batch);
}
