//! `larder report`: the page, as text.

use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use larder::Cache;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program;

/// Names and arguments that do harm unless the page escapes them.
const SCRIPT_NAME: &str = "evil::<script>document.documentElement.dataset.hacked='1'</script>::fit";
const IMAGE: &str = "\"'><img src=x onerror=\"document.documentElement.dataset.hacked='1'\"></script><!--<script>";
const CONTROLS: &str = "evil::bell\u{7}\u{1b}[31m\u{9b}\r\n\0::ring";

fn larder(root: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let run = program::larder(root, args);
    (run.code, run.stdout, run.stderr)
}

/// Returns the JSON on stdout of a run that wrote nothing to stderr.
#[track_caller]
pub(crate) fn json_of(root: &Path, args: &[&str]) -> Value {
    let (code, stdout, stderr) = larder(root, args);
    assert_eq!((code, &*stderr), (Some(0), ""), "{stdout}");
    serde_json::from_str(&stdout).unwrap()
}

/// Returns the page of a cache. Its file is outside of the cache.
pub(crate) fn page_of(root: &Path) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out.html");
    let (code, stdout, stderr) = larder(root, &["report", file.to_str().unwrap()]);
    assert_eq!((code, &*stdout), (Some(0), ""), "{stderr}");
    fs::read_to_string(file).unwrap()
}

fn opened(root: &Path, compression: &str) -> Cache {
    Cache::builder(root).compression(compression.parse().unwrap()).open().unwrap()
}

/// Returns a cache of functions in modules, with hits, several compressors, and entries of two codes.
pub(crate) fn stocked() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let functions = [
        ("weather::models::fit", "none", 3_000),
        ("weather::models::gradient::step", "lz4", 1_000),
        ("weather::load_station", "gzip:6", 800),
        ("weather", "none", 300),
        ("stats::bootstrap", "none", 500),
    ];
    for (name, compression, length) in functions {
        let cache = opened(folder.path(), compression);
        for station in 0..6 {
            for _ in 0..4 {
                let compute = || {
                    std::thread::sleep(Duration::from_millis(2));
                    vec![f64::from(station) / 3.0; length]
                };
                cache.get_or_compute(name, &(station, "hourly"), compute);
            }
        }
    }
    // The type of its result is what a closure's code is known by.
    let cache = opened(folder.path(), "none");
    cache.get_or_compute("stats::bootstrap", &"later", || 7_u8);
    folder
}

pub(crate) fn hostile() -> TempDir {
    let folder = stocked();
    let cache = opened(folder.path(), "none");
    cache.get_or_compute(SCRIPT_NAME, &IMAGE, || vec![1.5_f64; 4_000]);
    cache.get_or_compute(CONTROLS, &(IMAGE, CONTROLS), || vec![2.5_f64; 4_000]);
    cache.get_or_compute(&"long".repeat(200), &"argument".repeat(50), || vec![3.5_f64; 4_000]);
    folder
}

/// The values of an attribute, in the order of the page.
fn attributes<'p>(page: &'p str, name: &str) -> Vec<&'p str> {
    page.split(&format!(" {name}=\"")).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

/// The data in the page, as a program would read it.
fn data(page: &str) -> Value {
    let block = page.split("<script type=\"application/json\" id=\"larder-data\">").nth(1).unwrap();
    serde_json::from_str(block.split("</script>").next().unwrap()).unwrap()
}

/// A duration in seconds.
fn seconds(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

/// Each number of `stats --json` is in the page, once and equal.
#[track_caller]
pub(crate) fn assert_tells(page: &str, stats: &Value) {
    let mut expected = Vec::new();
    for (name, value) in stats.as_object().unwrap() {
        match &**name {
            "errors_by_kind" => {
                let kinds = value.as_object().unwrap().iter();
                expected.extend(kinds.map(|(kind, count)| (format!("errors_by_kind.{kind}"), count.as_f64().unwrap())));
            }
            _ => expected.push((name.clone(), seconds(value))),
        }
    }
    let numbers = page.split(" data-stat=\"").skip(1).map(|rest| {
        let (name, rest) = rest.split_once("\" data-value=\"").unwrap();
        (name.to_owned(), rest.split('"').next().unwrap().parse::<f64>().unwrap())
    });
    let mut numbers: Vec<_> = numbers.collect();
    numbers.sort_by(|a, b| a.0.cmp(&b.0));
    expected.sort_by(|a, b| a.0.cmp(&b.0));
    assert!(expected.len() >= 12);
    let names = |of: &[(String, f64)]| of.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&numbers), names(&expected));
    for ((name, number), (_, expected)) in numbers.iter().zip(&expected) {
        assert!((number - expected).abs() <= expected.abs() * 1e-12, "{name}: {number} and {expected}");
    }
    assert_eq!(&data(page)["stats"], stats);
}

#[test]
fn the_page_tells_what_stats_tells() {
    let folder = stocked();
    let out = tempfile::tempdir().unwrap();
    let file = out.path().join("out.html");
    let (code, stdout, stderr) = larder(folder.path(), &["report", file.to_str().unwrap()]);
    assert_eq!((code, &*stdout), (Some(0), ""));
    assert_eq!(stderr, format!("wrote {}: 5 functions, 31 entries\n", file.display()));
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 1, "a draft is left");
    let page = fs::read_to_string(&file).unwrap();
    let stats = json_of(folder.path(), &["stats", "--json"]);
    assert_eq!((&stats["hits"], &stats["misses"]), (&json!(90), &json!(31)));
    assert_tells(&page, &stats);
    assert!(page.contains(">74.3 %<"), "the hit rate");
    for name in ["fit", "step", "load_station", "weather", "bootstrap"] {
        assert!(page.contains(&format!("<span class=\"own\">{name}</span>")), "{name}");
    }
    for address in ["http:", "https:", "url(", "@import", "src="] {
        assert!(!page.contains(address), "{address}");
    }
}

#[test]
fn json_and_page_have_the_same_data() {
    let folder = stocked();
    let out = tempfile::tempdir().unwrap();
    let file = out.path().join("out.html");
    let mut json = json_of(folder.path(), &["report", file.to_str().unwrap(), "--json"]);
    let mut inside = data(&fs::read_to_string(&file).unwrap());
    assert_eq!(json, inside);
    let functions = json_of(folder.path(), &["ls", "--json"]);
    for (function, listed) in json["functions"].as_array().unwrap().iter().zip(functions.as_array().unwrap()) {
        for field in ["name", "package", "signature", "entries", "bytes", "stats"] {
            assert_eq!(function[field], listed[field], "{field}");
        }
    }
    let sum = |list: &Value, field: &str| list.as_array().unwrap().iter().map(|o| o[field].as_u64().unwrap()).sum();
    let stats = json["stats"].clone();
    for list in ["ages", "functions"] {
        let sums: [u64; 2] = [sum(&json[list], "entries"), sum(&json[list], "bytes")];
        assert_eq!(json!(sums), json!([stats["entries"], stats["bytes"]]), "{list}");
    }
    assert_eq!(json["found"], json!({ "entries": stats["entries"], "bytes": stats["bytes"] }));
    assert_eq!(json["ages"][0]["entries"], 31);

    let compressors: Vec<_> =
        json["compressors"].as_array().unwrap().iter().map(|c| (c["name"].clone(), c["entries"].clone())).collect();
    assert_eq!(json!(compressors), json!([["gzip:6", 6], ["lz4", 6], ["none", 19]]));
    let entries = json_of(folder.path(), &["ls", "--json", "--larger-than", "0", "--sort", "size", "--limit", "20"]);
    let keys = |list: &Value| list.as_array().unwrap().iter().map(|entry| entry["key"].clone()).collect::<Vec<_>>();
    assert_eq!(keys(&json["largest"]), keys(&entries));
    assert_eq!(json["largest"].as_array().unwrap().len(), 20);

    let bootstrap = &json["functions"][0];
    assert_eq!((&bootstrap["codes"], &bootstrap["current"]["entries"]), (&json!(2), &json!(1)));
    assert_eq!((&bootstrap["older"]["entries"], &json["functions"][1]["older"]["entries"]), (&json!(6), &json!(0)));
    let activity = json["activity"].as_array().unwrap();
    assert_eq!(activity.iter().map(|hour| hour["misses"].as_u64().unwrap()).sum::<u64>(), 31);

    // A second page differs in its time only.
    let mut again = data(&page_of(folder.path()));
    for one in [&mut json, &mut inside, &mut again] {
        one["written"] = Value::Null;
    }
    assert_eq!(again, inside);
}

#[test]
fn hostile_names_are_text() {
    let folder = hostile();
    let page = page_of(folder.path());
    assert_eq!(page.matches("<script").count(), 2, "the data, and the script");
    assert_eq!(page.matches("</script>").count(), 2);
    assert!(!page.contains("<img") && !page.contains("<!--"), "{page}");
    let harmful: Vec<_> = page.chars().filter(|c| c.is_control() && *c != '\n').collect();
    assert!(harmful.is_empty(), "{harmful:?}");
    assert!(page.contains("&lt;script&gt;") && page.contains("bell\\u{7}\\u{1b}[31m"), "{page}");
    let data = data(&page);
    let names: Vec<_> = data["functions"].as_array().unwrap().iter().map(|f| f["name"].as_str().unwrap()).collect();
    assert!(names.contains(&SCRIPT_NAME) && names.contains(&CONTROLS), "{names:?}");
    assert!(data["largest"].to_string().contains("onerror"));
}

#[test]
fn an_empty_cache_has_a_page_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere");
    let file = folder.path().join("out.html");
    let (code, _, stderr) = larder(&nowhere, &["report", file.to_str().unwrap()]);
    assert_eq!((code, stderr), (Some(0), format!("wrote {}: 0 functions, 0 entries\n", file.display())));
    assert!(!nowhere.exists());
    let page = fs::read_to_string(&file).unwrap();
    assert!(page.contains("Nothing is cached in <bdi>"), "{page}");
    assert!(!page.contains("<table") && !page.contains("<h2"), "{page}");
    assert_tells(&page, &json_of(&nowhere, &["stats", "--json"]));
}

#[test]
fn unreadable_entries_are_listed() {
    let folder = stocked();
    let cache = Cache::open(folder.path()).unwrap();
    let paths: Vec<_> = cache.entries().unwrap().map(|entry| entry.path).take(2).collect();
    for path in &paths {
        fs::write(path, "no entry, and longer than a header's first bytes").unwrap();
    }
    let page = page_of(folder.path());
    assert!(page.contains("<h2 id=\"unreadable-heading\">"), "{page}");
    assert!(page.contains("2 entries of 96 B can't be read"), "{page}");
    for path in &paths {
        assert!(page.contains(path.to_str().unwrap()), "{page}");
    }
    // The counters are older than the damage, and the page says that they differ.
    assert!(page.contains("In the folder are 31 entries"), "{page}");
    assert_eq!(data(&page)["unreadable"]["some"].as_array().unwrap().len(), 2);
}

#[test]
fn only_a_regular_file_is_replaced() {
    let folder = stocked();
    let out = tempfile::tempdir().unwrap();
    let refused = |file: &Path, why: &str| {
        let (code, stdout, stderr) = larder(folder.path(), &["report", file.to_str().unwrap()]);
        assert_eq!((code, &*stdout), (Some(1), ""), "{stderr}");
        assert!(stderr.starts_with("larder: ") && stderr.contains(why), "{stderr}");
    };
    refused(out.path(), &format!("{}: this is no regular file", out.path().display()));
    // The folder is missing.
    let missing = out.path().join("missing");
    refused(&missing.join("out.html"), &format!("{}: can't create a file: No such file", missing.display()));
    let file = out.path().join("out.html");
    fs::write(&file, "what was there").unwrap();
    #[cfg(unix)]
    {
        refused(Path::new("/dev/null"), "no regular file");
        refused(&file.join("below"), "Not a directory");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "what was there");
    let (code, ..) = larder(folder.path(), &["report", file.to_str().unwrap()]);
    assert_eq!(code, Some(0));
    assert!(fs::read_to_string(&file).unwrap().starts_with("<!DOCTYPE html>"));
}

#[cfg(unix)]
#[test]
fn a_link_to_the_page_and_its_mode_stay() {
    use std::os::unix::fs::PermissionsExt as _;
    let (folder, out) = (stocked(), tempfile::tempdir().unwrap());
    let (file, link) = (out.path().join("out.html"), out.path().join("link.html"));
    fs::write(&file, "what was there").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("out.html", &link).unwrap();
    let (code, _, stderr) = larder(folder.path(), &["report", link.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(link.is_symlink() && fs::read_to_string(&file).unwrap().starts_with("<!DOCTYPE html>"));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn the_page_is_written_to_the_working_directory_by_default() {
    let (folder, out) = (stocked(), tempfile::tempdir().unwrap());
    for (args, name) in [(&["report"][..], "larder.html"), (&["report", "out.html"], "out.html")] {
        let mut command = program::program();
        command.current_dir(out.path()).arg("--root").arg(folder.path()).args(args);
        let output = command.output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && stderr.starts_with(&format!("wrote {name}: ")), "{stderr}");
        assert!(out.path().join(name).is_file());
    }
}

/// Records the calls of an hour, in the format of `src/store/hourly_stats.rs`.
fn note_hour(root: &Path, hour: u64, hits: u64, computed: u64) {
    let mut slot = [0; 128];
    for (place, number) in [(8, hour), (16, hits), (32, computed)] {
        slot[place..place + 8].copy_from_slice(&number.to_le_bytes());
    }
    let checksum = twox_hash::XxHash3_64::oneshot(&slot[8..]);
    slot[..8].copy_from_slice(&checksum.to_le_bytes());
    let path = root.join("activity");
    let mut file = fs::File::options().write(true).create(true).truncate(false).open(path).unwrap();
    file.seek(SeekFrom::Start(hour % (367 * 24) * 128)).unwrap();
    file.write_all(&slot).unwrap();
}

/// Returns the heights of the bars of this kind, from left to right.
fn heights(page: &str, kind: &str) -> Vec<f64> {
    let kind = format!("<rect class=\"{kind}\"");
    page.split(&kind).skip(1).map(|bar| attributes(bar, "height")[0].parse().unwrap()).collect()
}

#[test]
fn activity_is_drawn_by_the_hour_or_by_the_day() {
    let folder = tempfile::tempdir().unwrap();
    opened(folder.path(), "none").get_or_compute("f", &1, || 1);
    fs::remove_file(folder.path().join("activity")).unwrap();
    let page = page_of(folder.path());
    assert!(!page.contains("<svg"), "{page}");

    let now = UNIX_EPOCH.elapsed().unwrap().as_secs() / 3600;
    note_hour(folder.path(), now - 50, 500, 0);
    note_hour(folder.path(), now - 3, 1000, 400);
    note_hour(folder.path(), now, 0, 750);
    // Hours of a wrong clock.
    note_hour(folder.path(), now - 3 * 367 * 24 + 5, 9, 9);
    note_hour(folder.path(), now + 1000, 9, 9);
    let page = page_of(folder.path());
    assert!(page.contains("Calls by the hour, in UTC."), "{page}");
    assert!(page.contains("1,500 hits and 1,150 computed calls in all"), "{page}");
    // The scale ends at 2,000.
    assert_eq!(heights(&page, "hits"), [25.0, 50.0]);
    assert_eq!(heights(&page, "computed"), [20.0, 37.5]);
    assert!(page.contains("viewBox=\"0 0 510 100\""), "{page}");

    note_hour(folder.path(), now - 9 * 24, 0, 6000);
    let page = page_of(folder.path());
    assert!(page.contains("Calls by the day, in UTC."), "{page}");
    assert_eq!(heights(&page, "computed")[0], 100.0);
    let table = page.split("<details>").nth(1).unwrap().split("</details>").next().unwrap();
    let calls: Vec<_> = table.split("<td class=\"number\">").skip(1).map(|td| td.split('<').next().unwrap()).collect();
    assert_eq!(calls[..2], ["0", "6,000"]);
    assert_eq!(data(&page)["activity"].as_array().unwrap().len(), 6);
}

/// Parses a style as four percentages.
fn percentages(style: &str) -> [f64; 4] {
    let mut parts = style.split(';').map(|part| part.split(':').nth(1).unwrap().trim_end_matches('%').parse().unwrap());
    std::array::from_fn(|_| parts.next().unwrap())
}

#[test]
fn areas_in_the_page_are_in_proportion_to_bytes() {
    let folder = stocked();
    let page = page_of(folder.path());
    let bytes: f64 = data(&page)["stats"]["bytes"].as_f64().unwrap();
    for shape in ["wide", "narrow"] {
        let map = page.split(&format!("<div class=\"map {shape}\">")).nth(1).unwrap().split("</ul>").next().unwrap();
        let cells: Vec<_> = map.split("<li style=\"").skip(1).collect();
        assert_eq!(cells.len(), 5);
        let mut sum = 0.0;
        for cell in cells {
            let [left, top, width, height] = percentages(cell.split('"').next().unwrap());
            assert!(left >= 0.0 && top >= 0.0 && left + width <= 100.001 && top + height <= 100.001, "{cell}");
            let part = attributes(cell, "data-bytes")[0].parse::<f64>().unwrap() / bytes;
            assert!((width * height / 10_000.0 - part).abs() < 1e-4, "{cell}");
            sum += width * height;
        }
        assert!((sum - 10_000.0).abs() < 0.1, "{sum}");
    }
}
