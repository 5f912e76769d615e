//! `larder show`.

use std::fs;
use std::process::Command;

use larder::__text as text;
use larder::Cache;
use serde::Serialize;
use serde_json::Value;

use crate::program::{as_json, larder, one_entry, stocked};

#[test]
fn show_prints_the_metadata_and_the_value_of_an_entry() {
    let (folder, cache) = stocked();
    let entry = one_entry(&cache, "area");
    let key = entry.key.to_string();
    let run = larder(folder.path(), &["show", &key[..12].to_uppercase()]);
    assert_eq!((run.code, &*run.stderr), (Some(0), ""));
    let expected = [
        format!("key         {key}"),
        format!("file        {}", entry.path.display()),
        format!("size        {} B", entry.size),
        "function    area".to_owned(),
        "package     ".to_owned(),
        "version     0".to_owned(),
        format!("code        {}", entry.code),
        format!("computed    {} (", humantime::format_rfc3339_seconds(entry.created)),
        format!("used        {} (", humantime::format_rfc3339_seconds(entry.used)),
        format!("took        {}", text::duration(entry.took)),
        "compressor  gzip:6".to_owned(),
        format!("stored      {} B of CBOR, from byte {} of the file", entry.document_size, entry.payload_at),
        format!("extract     tail -c +{} '{}' | gzip -dc", entry.payload_at + 1, entry.path.display()),
        format!("arguments   args = (2.0, 3.0)  ({})", entry.arguments[0].digest),
        format!("type        {}", entry.type_name),
        "value       \"sixsixsixsix\"… 288 more bytes".to_owned(),
    ];
    let lines: Vec<_> = run.stdout.lines().collect();
    assert_eq!(lines.len(), expected.len(), "{run:?}");
    for (line, expected) in lines.iter().zip(&expected) {
        assert!(line.starts_with(expected.trim_end()) && line.trim_end() == *line, "{line:?} {expected:?}");
    }

    let json = larder(folder.path(), &["show", &key, "--json"]).json();
    let mut expected = as_json(&entry);
    expected["value"] = "six".repeat(100).into();
    assert_eq!(json, expected);
}

#[cfg(unix)]
#[test]
fn a_value_is_extracted_as_it_is_shown() {
    let folder = tempfile::Builder::new().prefix("it's a root").tempdir().unwrap();
    for compression in ["none", "gzip:1"] {
        let cache = Cache::builder(folder.path()).compression(compression.parse().unwrap()).open().unwrap();
        let numbers = cache.get_or_compute(compression, &(), || (0..500_u32).collect::<Vec<_>>());
        let key = one_entry(&cache, compression).key.to_string();
        let run = larder(folder.path(), &["show", &key]);
        let command = run.stdout.lines().find_map(|line| line.strip_prefix("extract     ")).unwrap();
        let extracted = Command::new("sh").args(["-c", command]).output().unwrap();
        assert!(extracted.status.success(), "{extracted:?}");
        assert_eq!(larder::load_from::<Vec<u32>>(&mut &extracted.stdout[..]).unwrap(), numbers);
    }
}

#[test]
fn a_key_must_be_one_that_is_there() {
    let (folder, cache) = stocked();
    assert_eq!(
        larder(folder.path(), &["show", &"0".repeat(64)]).error(1),
        format!("larder: no key in {} begins with {}\n", folder.path().display(), "0".repeat(64))
    );
    for no_key in ["abc", "wxyz", "", &"0".repeat(65)] {
        let run = larder(folder.path(), &["show", no_key]);
        assert!(run.error(2).contains("hexadecimal"), "{run:?}");
    }
    // Two keys with the same first digits: a copied file.
    let entry = one_entry(&cache, "area");
    let key = entry.key.to_string();
    let last = if key.ends_with('0') { '1' } else { '0' };
    let copy = entry.path.with_file_name(format!("{}{last}.larder", &key[..63]));
    fs::copy(&entry.path, &copy).unwrap();
    let run = larder(folder.path(), &["show", &key[..20]]);
    let error = run.error(1);
    assert!(error.starts_with(&format!("larder: {} is ambiguous; there are\n  ", &key[..20])), "{error}");
    assert!(error.contains(copy.to_str().unwrap()) && error.contains(entry.path.to_str().unwrap()), "{error}");
    assert_eq!(larder(folder.path(), &["show", &key]).code, Some(0));
}

/// A value with parts of many kinds.
#[derive(Serialize, serde::Deserialize)]
struct Model {
    weights: ndarray::Array2<f64>,
    columns: Vec<u16>,
    kind: Kind,
    tags: std::collections::BTreeMap<String, Option<u32>>,
    pairs: std::collections::BTreeMap<(u8, u8), i128>,
    nothing: (),
    name: String,
    letter: char,
    largest: u128,
}

#[derive(Serialize, serde::Deserialize)]
enum Kind {
    Linear,
    Tree { depth: u8 },
}

fn model(rows: usize) -> Model {
    Model {
        weights: ndarray::Array2::from_shape_fn((rows, 3), |(i, j)| if i == 1 { f64::NAN } else { (i + j) as f64 }),
        columns: vec![1, 2, 3],
        kind: if rows > 2 { Kind::Tree { depth: 3 } } else { Kind::Linear },
        tags: [("a".to_owned(), Some(1)), ("b c".to_owned(), None)].into(),
        pairs: [((1, 2), -5), ((3, 4), i128::MIN)].into(),
        nothing: (),
        name: "ridge\n\u{1b}[31m".to_owned(),
        letter: 'é',
        largest: u128::MAX,
    }
}

#[test]
fn the_value_is_shown_without_the_programs_types() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::builder(folder.path()).compression("zlib:1".parse().unwrap()).open().unwrap();
    cache.get_or_compute("model", &(), || model(100));
    let key = one_entry(&cache, "model").key.to_string();
    let run = larder(folder.path(), &["show", &key]);
    let value = &run.stdout[run.stdout.find("\nvalue ").unwrap() + 1..];
    let expected = r#"value       {
  weights: [
    [0.0, 1.0, 2.0],
    [NaN, NaN, NaN],
    [2.0, 3.0, 4.0],
    … f64 × 100 × 3, from 0.0 to 101.0, mean 50.98989898989899, 3 of them NaN,
  ],
  columns: [1, 2, 3],
  kind: {Tree: {depth: 3}},
  tags: {a: Some(1), "b c": None},
  pairs: {[1, 2]: -5, [3, 4]: -170141183460469231731687303715884105728},
  nothing: (),
  name: "ridge\n\u{1b}[31m",
  letter: 'é',
  largest: 340282366920938463463374607431768211455,
}
"#;
    assert_eq!(value, expected);
    let all = larder(folder.path(), &["show", &key, "--full"]).stdout;
    assert!(all.contains("\n    [99.0, 100.0, 101.0],\n") && !all.contains('…'), "{all}");

    let value = &larder(folder.path(), &["show", &key, "--json"]).json()["value"];
    assert_eq!(value["weights"][2], serde_json::json!([2.0, 3.0, 4.0]));
    assert_eq!(value["weights"][1], serde_json::json!([null, null, null]));
    assert_eq!(value["kind"], serde_json::json!({"Tree": {"depth": 3}}));
    assert_eq!(value["tags"], serde_json::json!({"a": 1, "b c": null}));
    assert_eq!(value["pairs"], serde_json::json!([[[1, 2], -5], [[3, 4], i128::MIN.to_string()]]));
    assert_eq!((&value["nothing"], &value["letter"]), (&Value::Null, &"é".into()));

    cache.get_or_compute("large", &(), || model(5000));
    let key = one_entry(&cache, "large").key.to_string();
    let weights = &larder(folder.path(), &["show", &key, "--json"]).json()["value"]["weights"];
    assert_eq!(weights["shape"], serde_json::json!([5000, 3]));
    assert_eq!((&weights["min"], &weights["max"], &weights["nan"]), (&0.0.into(), &5001.0.into(), &3.into()));
    assert_eq!(weights["corner"][0], serde_json::json!([0.0, 1.0, 2.0]));
    let weights = &larder(folder.path(), &["show", &key, "--json", "--full"]).json()["value"]["weights"];
    assert_eq!(weights.as_array().unwrap().len(), 5000);
}

#[test]
fn a_damaged_value_is_told_and_not_shown() {
    let (folder, cache) = stocked();
    let entry = one_entry(&cache, "demo::other::fit");
    let mut bytes = fs::read(&entry.path).unwrap();
    let last = bytes.len() - 9;
    bytes[last] ^= 1;
    fs::write(&entry.path, bytes).unwrap();
    let key = entry.key.to_string();
    let run = larder(folder.path(), &["show", &key]);
    assert!(run.stdout.contains("\nfunction    demo::other::fit\n"), "{run:?}");
    assert!(run.stdout.lines().last().unwrap().starts_with("fault       "), "{run:?}");
    let json = larder(folder.path(), &["show", &key, "--json"]).json();
    assert!(json["value"].is_null() && json["fault"].is_string(), "{json}");
}
