//! `larder ls`.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use larder::__text as text;
use larder::{Cache, Entry, memoize};
use ndarray::Array2;
use serde_json::Value;
use tempfile::TempDir;

use crate::program::{as_json, damage, entries_of, larder, one_entry, stocked};

#[test]
fn functions_are_listed_by_name() {
    let (folder, cache) = stocked();
    let sizes: Vec<_> = cache.functions().unwrap().iter().map(|function| text::size(function.bytes)).collect();
    // Closing the cache writes its counters.
    drop(cache);
    let run = larder(folder.path(), &["ls"]);
    let rows: Vec<Vec<&str>> = run.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    let [area, models, other] = [0, 1, 2].map(|i| sizes[i].split(' ').collect::<Vec<_>>());
    assert_eq!(rows[0], ["FUNCTION", "ENTRIES", "SIZE", "HITS", "COMPUTED", "SAVED"]);
    let rest = |computed| ["0", computed, "0", "ns"];
    assert_eq!(rows[1], [&["area", "1"], &area[..], &rest("1")].concat());
    assert_eq!(rows[2], [&["demo::models::fit", "2"], &models[..], &rest("2")].concat());
    assert_eq!(rows[3], [&["demo::other::fit", "1"], &other[..], &rest("1")].concat());
    assert_eq!(rows.len(), 4);
    assert_eq!(models[1], "KiB");
    assert!(run.stdout.lines().all(|line| line.trim_end() == line), "{run:?}");
    assert!(run.stderr.starts_with("4 entries, "), "{run:?}");
    assert!(run.stderr.trim_end().ends_with(folder.path().to_str().unwrap()), "{run:?}");
    assert_eq!(run.code, Some(0));
}

#[test]
fn functions_are_listed_as_json() {
    let (folder, cache) = stocked();
    let json = larder(folder.path(), &["ls", "--json"]).json();
    for (listed, function) in json.as_array().unwrap().iter().zip(cache.functions().unwrap()) {
        for field in ["name", "package", "signature", "entries", "bytes", "path"] {
            assert_eq!(listed[field], as_json(&function)[field], "{field}");
        }
    }
    assert_eq!(json.as_array().unwrap().len(), 3);
    assert_eq!(json[1]["name"], "demo::models::fit");
    assert_eq!(json[1]["entries"], 2);
    assert!(json[1]["bytes"].as_u64().unwrap() > 16_000);
    // A global option may be anywhere.
    assert_eq!(larder(folder.path(), &["--json", "ls"]).json(), json);
}

#[test]
fn entries_of_one_function_are_listed() {
    let (folder, cache) = stocked();
    let run = larder(folder.path(), &["ls", "area"]);
    assert_eq!((run.code, &*run.stderr), (Some(0), ""));
    let lines: Vec<_> = run.stdout.lines().collect();
    let header: Vec<_> = lines[0].split_whitespace().collect();
    assert_eq!(header, ["KEY", "AGE", "USED", "TOOK", "SIZE", "COMPRESSOR", "ARGUMENTS"]);
    let entry = one_entry(&cache, "area");
    assert_eq!(lines.len(), 2);
    assert!(lines[1].starts_with(&format!("{}  ", &entry.key.to_string()[..12])), "{run:?}");
    assert!(lines[1].contains("just now") || lines[1].contains(" s ago"), "{run:?}");
    for cell in [text::duration(entry.took), text::size(entry.size), "gzip:6".into(), "args = (2.0, 3.0)".into()] {
        assert!(lines[1].contains(&cell), "{cell}: {run:?}");
    }
}

#[test]
fn entries_are_listed_as_json() {
    let (folder, cache) = stocked();
    let json = larder(folder.path(), &["ls", "models::fit", "--json", "--sort", "created"]).json();
    let mut entries = entries_of(&cache, "demo::models::fit");
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.created));
    assert_eq!(json, as_json(&entries));
    assert_eq!(json[0]["arguments"][0]["preview"], "(2, \"second\")");
    assert_eq!(json[0]["fault"], Value::Null);
    assert!(json[0]["took"].as_f64().unwrap() < 10.0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    assert!((now - json[0]["created"].as_f64().unwrap()).abs() < 60.0);
}

#[test]
fn memoized_functions_are_listed_with_their_arguments() {
    #[memoize(cache = cache, ignore(cache))]
    fn scale(cache: &Cache, numbers: &[f64], by: f64, note: &str) -> Vec<f64> {
        let _ = (cache, note);
        numbers.iter().map(|number| number * by).collect()
    }

    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    scale(&cache, &[1.0, 2.0], 0.5, &"long\n".repeat(30));
    let run = larder(folder.path(), &["ls", "scale"]);
    let row = run.stdout.lines().nth(1).unwrap();
    let (_, arguments) = row.split_at(row.find("numbers = [1.0, 2.0], by = 0.5, note = \"long").unwrap());
    assert!(arguments.chars().count() == 100 && arguments.ends_with('…'), "{arguments}");
    let key = one_entry(&cache, scale::memo().name()).key.to_string();
    let run = larder(folder.path(), &["show", &key]);
    assert!(run.stdout.contains("\narguments   numbers = [1.0, 2.0]  ("), "{run:?}");
    assert!(run.stdout.contains("\n            by = 0.5  ("), "{run:?}");
}

#[memoize(cache = cache, ignore(cache))]
fn train(cache: &Cache, images: &Array2<f64>, labels: &[u8], rate: f64, epochs: u32, solver: &str, seed: u64) -> u64 {
    let _ = (cache, images, labels, rate, epochs, solver);
    seed
}

/// Returns a cache with one call of six arguments, two of which are large.
fn of_six_arguments() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    train(&cache, &Array2::zeros((1797, 64)), &[7; 1797], 0.25, 1000, "saga", 42);
    folder
}

/// The longest values are shortened first.
#[test]
fn the_values_of_six_arguments_are_listed() {
    let run = larder(of_six_arguments().path(), &["ls", "train"]);
    let row = run.stdout.lines().nth(1).unwrap();
    for shown in ["images = f64 1797×", "labels = u8 ×", "rate = 0.25", "epochs = 1000", "\"saga\"", "seed = 42"] {
        assert!(row.contains(shown), "{shown}: {row}");
    }
}

/// With 80 columns, the arguments have a line of their own.
#[cfg(target_os = "linux")]
#[test]
fn the_values_of_six_arguments_are_listed_in_a_narrow_terminal() {
    let folder = of_six_arguments();
    let listed = |columns| {
        let mut command = crate::program::program();
        command.arg("--root").arg(folder.path()).args(["ls", "train"]);
        let (code, screen, _) = crate::terminal::Terminal::run(command, (columns, 24)).end();
        assert_eq!(code, Some(0));
        screen.contents().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let lines = listed(80);
    assert_eq!(lines.len(), 4, "{lines:#?}");
    assert!(lines[1].trim() == "ARGUMENTS" && lines.iter().all(|line| line.chars().count() <= 80), "{lines:#?}");
    for shown in ["f64 1797", "u8 ×1", "0.25", "1000", "\"saga\"", "42"] {
        assert!(lines[3].contains(shown), "{shown}: {lines:#?}");
    }
    let lines = listed(180);
    assert!(lines.len() == 2 && lines[1].contains("seed = 42"), "{lines:#?}");
}

#[test]
fn functions_are_found_by_the_end_of_their_name() {
    let (folder, _) = stocked();
    let list = |name| larder(folder.path(), &["ls", name]);
    assert_eq!(list("models::fit").stdout.lines().count(), 3);
    assert_eq!(
        list("fit").error(1),
        "larder: `fit` is ambiguous; there are\n  demo::models::fit\n  demo::other::fit\n"
    );
    assert_eq!(
        list("models::fut").error(1),
        "larder: no function is called `models::fut`; similar names are\n  demo::models::fit\n  demo::other::fit\n"
    );
    assert_eq!(
        list("MODELS").error(1),
        "larder: no function is called `MODELS`; similar names are\n  demo::models::fit\n"
    );
    assert_eq!(
        list("oven").error(1),
        "larder: no function is called `oven`; none has a similar name, `larder ls` lists them all\n"
    );
    // The end of a name must begin after a `::`.
    assert_eq!(list("it").code, Some(1));
}

#[test]
fn a_damaged_entry_is_listed_with_its_fault() {
    let (folder, cache) = stocked();
    let entry = one_entry(&cache, "area");
    damage(&entry);
    let key = entry.key.to_string();

    let run = larder(folder.path(), &["ls", "area"]);
    let row = run.stdout.lines().nth(1).unwrap();
    assert_eq!(run.code, Some(0));
    assert!(row.starts_with(&key[..12]) && row.contains("can't be read: the header's checksum"), "{row}");
    assert_eq!(larder(folder.path(), &["ls"]).stdout.lines().count(), 4);

    let run = larder(folder.path(), &["show", &key]);
    assert_eq!(run.code, Some(0));
    assert!(run.stdout.contains("\nfault       "), "{run:?}");
    assert!(!run.stdout.contains("\ncomputed "), "{run:?}");

    let json = larder(folder.path(), &["ls", "area", "--json"]).json();
    assert_eq!(json[0]["key"], key);
    assert!(json[0]["fault"].as_str().unwrap().contains("checksum"));
    let shown = larder(folder.path(), &["show", &key, "--json"]).json();
    assert_eq!((&shown["fault"], &shown["value"]), (&json[0]["fault"], &Value::Null));
}

/// Returns a cache with `count` entries of `square`, each used an hour before the one before it.
fn squares(count: u64) -> (TempDir, Vec<Entry>) {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    let now = SystemTime::now();
    for n in 0..count {
        cache.get_or_compute("square", &n, || "x".repeat(usize::try_from(100 * n).unwrap()));
    }
    let mut entries: Vec<_> = cache.entries().unwrap().collect();
    entries.sort_by_key(|entry| entry.size);
    for (hours, entry) in (0..).zip(&entries) {
        let file = fs::File::options().write(true).open(&entry.path).unwrap();
        file.set_modified(now - Duration::from_secs(3600 * (hours + 1))).unwrap();
    }
    (folder, entries)
}

#[track_caller]
fn keys(root: &Path, args: &[&str]) -> Vec<String> {
    let json = larder(root, &[&["ls", "--json"], args].concat()).json();
    json.as_array().unwrap().iter().map(|entry| entry["key"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn entries_are_sorted_and_filtered() {
    let (folder, entries) = squares(5);
    let root = folder.path();
    let of = |indices: &[usize]| indices.iter().map(|i| entries[*i].key.to_string()).collect::<Vec<_>>();
    assert_eq!(keys(root, &["square"]), of(&[0, 1, 2, 3, 4]));
    assert_eq!(keys(root, &["square", "--limit", "2"]), of(&[0, 1]));
    assert_eq!(keys(root, &["square", "--limit", "0", "--reverse"]), of(&[4, 3, 2, 1, 0]));
    assert_eq!(keys(root, &["--larger-than", "1", "--sort", "size", "--limit", "1"]), of(&[4]));
    assert_eq!(keys(root, &["square", "--sort", "name"]), {
        let mut keys = of(&[0, 1, 2, 3, 4]);
        keys.sort();
        keys
    });
    assert_eq!(keys(root, &["--idle", "200m"]), of(&[3, 4]));
    let size = |index: usize| entries[index].size.to_string();
    assert_eq!(keys(root, &["--larger-than", &size(2)]), of(&[3, 4]));
    assert_eq!(keys(root, &["--smaller-than", &size(2), "--larger-than", &size(0)]), of(&[1]));
    assert_eq!(keys(root, &["--newer-than", "1h"]).len(), 5);
    assert_eq!(keys(root, &["--older-than", "1h"]).len(), 0);
    assert_eq!(keys(root, &["square", "--code", &entries[0].code.to_uppercase()[..8]]).len(), 5);
    assert_eq!(keys(root, &["square", "--code", "ffffffffffff"]).len(), 0);
    damage(&entries[3]);
    assert_eq!(keys(root, &["--faulty"]), of(&[3]));

    let run = larder(root, &["ls", "--faulty"]);
    assert!(run.stdout.lines().nth(1).unwrap().contains("can't be read"), "{run:?}");
    let run = larder(root, &["ls", "--larger-than", "1GB"]);
    assert_eq!(run.stderr, format!("no such entry is cached in {}\n", root.display()));
    let run = larder(root, &["ls", "square", "--limit", "2"]);
    assert_eq!((run.stdout.lines().count(), &*run.stderr), (3, "2 of 5 entries; `--limit 0` lists all\n"));
    assert!(larder(root, &["ls", "square", "--sort", "saved"]).error(2).contains("can't be sorted by this"));
    assert!(larder(root, &["ls", "--idle", "soon"]).error(2).contains("no duration"));
}

#[test]
fn functions_are_sorted() {
    let (folder, cache) = stocked();
    cache.get_or_compute("area", &(2.0, 3.0), String::new);
    // Closing the cache writes its counters.
    drop(cache);
    let names = |args: &[&str]| {
        let json = larder(folder.path(), &[&["ls", "--json"], args].concat()).json();
        json.as_array().unwrap().iter().map(|f| f["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&["--sort", "size", "--limit", "1"]), ["demo::models::fit"]);
    assert_eq!(names(&["--sort", "entries", "--limit", "1"]), ["demo::models::fit"]);
    assert_eq!(names(&["--sort", "saved"])[0], "area");
    assert_eq!(names(&["--reverse"])[0], "demo::other::fit");
    let run = larder(folder.path(), &["ls", "--limit", "1"]);
    assert!(run.stderr.starts_with("1 of 3 functions; 4 entries, "), "{run:?}");
}
