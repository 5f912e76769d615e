use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use larder::{Cache, Entry, memoize};
use serde::Serialize;
use serde_json::Value;
use tempfile::TempDir;

/// What the program formats is checked where it is made: entries that took hours are hard to come by.
#[path = "../../src/bin/larder/format.rs"]
mod format;

/// What a run of the program gave.
#[derive(Debug)]
struct Run {
    stdout: String,
    stderr: String,
    code: Option<i32>,
}

impl Run {
    fn of(output: Output) -> Run {
        Run {
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            code: output.status.code(),
        }
    }

    /// The JSON on stdout of a run that succeeded, in silence.
    #[track_caller]
    fn json(&self) -> Value {
        assert_eq!((self.code, &*self.stderr), (Some(0), ""), "{self:?}");
        serde_json::from_str(&self.stdout).unwrap()
    }

    /// What stderr says of a run that failed, and wrote nothing to stdout.
    #[track_caller]
    fn error(&self, code: i32) -> &str {
        assert_eq!((self.code, &*self.stdout), (Some(code), ""), "{self:?}");
        &self.stderr
    }
}

/// The program, run as from a script: without a terminal.
fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    command.env_remove("LARDER").env_remove("LARDER_DIR").env_remove("LARDER_COMPRESSION").stdin(Stdio::null());
    command
}

fn larder(root: &Path, args: &[&str]) -> Run {
    Run::of(program().arg("--root").arg(root).args(args).output().unwrap())
}

/// A cache with two entries of `demo::models::fit`, one of `demo::other::fit`, and one of `area`.
fn stocked() -> (TempDir, Cache) {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::builder(folder.path()).open().unwrap();
    cache.get_or_compute("demo::models::fit", &(1, "first"), || vec![0.5_f64; 1000]);
    cache.get_or_compute("demo::models::fit", &(2, "second"), || vec![0.5_f64; 1000]);
    cache.get_or_compute("demo::other::fit", &3, || 3);
    let compressing = Cache::builder(folder.path()).compression("gzip:6".parse().unwrap()).open().unwrap();
    compressing.get_or_compute("area", &(2.0, 3.0), || {
        std::thread::sleep(Duration::from_millis(15));
        "six".repeat(100)
    });
    (folder, cache)
}

fn entries_of(cache: &Cache, function: &str) -> Vec<Entry> {
    cache.entries().unwrap().filter(|entry| entry.function == function).collect()
}

fn one_entry(cache: &Cache, function: &str) -> Entry {
    let mut entries = entries_of(cache, function);
    assert_eq!(entries.len(), 1);
    entries.remove(0)
}

/// What becomes of a value that goes through JSON text, where numbers may lose their last bit.
fn as_json(value: &(impl Serialize + ?Sized)) -> Value {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

/// Changes a byte in the middle of the header.
fn damage(entry: &Entry) {
    let mut bytes = fs::read(&entry.path).unwrap();
    bytes[80] ^= 1;
    fs::write(&entry.path, bytes).unwrap();
}

#[test]
fn functions_are_listed_by_name() {
    let (folder, cache) = stocked();
    let run = larder(folder.path(), &["ls"]);
    let rows: Vec<Vec<&str>> = run.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    let sizes: Vec<_> = cache.functions().unwrap().iter().map(|function| format::size(function.bytes)).collect();
    let [area, models, other] = [0, 1, 2].map(|i| sizes[i].split(' ').collect::<Vec<_>>());
    assert_eq!(rows[0], ["FUNCTION", "ENTRIES", "SIZE"]);
    assert_eq!(rows[1], [&["area", "1"], &area[..]].concat());
    assert_eq!(rows[2], [&["demo::models::fit", "2"], &models[..]].concat());
    assert_eq!(rows[3], [&["demo::other::fit", "1"], &other[..]].concat());
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
    // A global option may stand anywhere.
    assert_eq!(larder(folder.path(), &["--json", "ls"]).json(), json);
}

#[test]
fn entries_of_one_function_are_listed() {
    let (folder, cache) = stocked();
    let run = larder(folder.path(), &["ls", "area"]);
    assert_eq!((run.code, &*run.stderr), (Some(0), ""));
    let lines: Vec<_> = run.stdout.lines().collect();
    let header: Vec<_> = lines[0].split_whitespace().collect();
    assert_eq!(header, ["KEY", "AGE", "TOOK", "SIZE", "COMPRESSOR", "ARGUMENTS"]);
    let entry = one_entry(&cache, "area");
    assert_eq!(lines.len(), 2);
    assert!(lines[1].starts_with(&format!("{}  ", &entry.key.to_string()[..12])), "{run:?}");
    assert!(lines[1].contains("just now") || lines[1].contains(" s ago"), "{run:?}");
    for cell in [format::duration(entry.took), format::size(entry.size), "gzip:6".into(), "args = (2.0, 3.0)".into()] {
        assert!(lines[1].contains(&cell), "{cell}: {run:?}");
    }
}

#[test]
fn entries_are_listed_newest_first_as_json() {
    let (folder, cache) = stocked();
    let json = larder(folder.path(), &["ls", "models::fit", "--json"]).json();
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
    assert!(arguments.chars().count() == 60 && arguments.ends_with('…'), "{arguments}");
    let key = one_entry(&cache, scale::memo().name()).key.to_string();
    let run = larder(folder.path(), &["show", &key]);
    assert!(run.stdout.contains("\narguments   numbers = [1.0, 2.0]  ("), "{run:?}");
    assert!(run.stdout.contains("\n            by = 0.5  ("), "{run:?}");
}

#[test]
fn a_cache_that_is_empty_or_missing_has_nothing_and_stays_missing() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    for root in [folder.path(), &missing] {
        let nothing = format!("nothing is cached in {}\n", root.display());
        for args in [&["ls"][..], &["clear", "--yes"]] {
            let run = larder(root, args);
            assert_eq!((run.code, &*run.stdout, &run.stderr), (Some(0), "", &nothing), "{args:?}");
        }
        assert_eq!(larder(root, &["ls", "--json"]).json(), serde_json::json!([]));
        let json = larder(root, &["clear", "--yes", "--json"]).json();
        assert_eq!(json, serde_json::json!({"functions": [], "entries": 0, "bytes": 0}));
        assert!(larder(root, &["ls", "fit"]).error(1).ends_with(&nothing));
        assert!(larder(root, &["clear", "fit", "--yes"]).error(1).ends_with(&nothing));
        assert!(larder(root, &["show", "0000"]).error(1).ends_with(&nothing));
    }
    assert!(!missing.exists());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[cfg(unix)]
#[test]
fn a_root_that_is_a_file_is_an_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let run = larder(file.path(), &["ls"]);
    assert!(run.error(1).starts_with("larder: "), "{run:?}");
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
    // Half a name is not a name.
    assert_eq!(list("it").code, Some(1));
}

#[test]
fn an_entry_is_shown_with_all_that_is_known_of_it() {
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
        format!("took        {}", format::duration(entry.took)),
        format!("type        {}", entry.type_name),
        "compressor  gzip:6".to_owned(),
        format!("value       {} B of CBOR, stored from byte {} of the file", entry.document_size, entry.payload_at),
        format!("extract     tail -c +{} '{}' | gzip -dc", entry.payload_at + 1, entry.path.display()),
        format!("arguments   args = (2.0, 3.0)  ({})", entry.arguments[0].digest),
    ];
    let lines: Vec<_> = run.stdout.lines().collect();
    assert_eq!(lines.len(), expected.len(), "{run:?}");
    for (line, expected) in lines.iter().zip(&expected) {
        assert!(line.starts_with(expected.trim_end()) && line.trim_end() == *line, "{line:?} {expected:?}");
    }

    let json = larder(folder.path(), &["show", &key, "--json"]).json();
    assert_eq!(json, as_json(&entry));
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
    // Nobody can choose the keys of results, but anybody can copy a file.
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
    assert_eq!(larder(folder.path(), &["show", &key, "--json"]).json(), json[0]);
}

#[test]
fn clear_removes_one_function() {
    let (folder, cache) = stocked();
    let size = format::size(cache.functions().unwrap()[1].bytes);
    let run = larder(folder.path(), &["clear", "models::fit", "--yes"]);
    assert_eq!((run.code, &*run.stdout), (Some(0), ""));
    assert_eq!(run.stderr, format!("removed 2 entries ({size}) of demo::models::fit\n"));
    let names: Vec<_> = cache.functions().unwrap().into_iter().map(|function| function.name).collect();
    assert_eq!(names, ["area", "demo::other::fit"]);

    let bytes = cache.functions().unwrap()[0].bytes;
    let json = larder(folder.path(), &["clear", "area", "--yes", "--json"]).json();
    assert_eq!(json, serde_json::json!({"functions": ["area"], "entries": 1, "bytes": bytes}));
    assert_eq!(larder(folder.path(), &["clear", "area", "-y"]).code, Some(1));
    assert_eq!(cache.entries().unwrap().len(), 1);
}

#[test]
fn clear_removes_all_and_leaves_what_is_not_ours() {
    let (folder, cache) = stocked();
    damage(&one_entry(&cache, "area"));
    fs::write(folder.path().join("notes"), "mine").unwrap();
    let bytes: u64 = cache.functions().unwrap().iter().map(|function| function.bytes).sum();
    let run = larder(folder.path(), &["clear", "--yes"]);
    assert_eq!((run.code, &*run.stdout), (Some(0), ""));
    assert_eq!(run.stderr, format!("removed 4 entries ({}) of 3 functions\n", format::size(bytes)));
    assert_eq!(cache.functions().unwrap(), []);
    assert!(folder.path().join("notes").exists());
}

#[test]
fn clear_wants_a_yes_where_nobody_can_be_asked() {
    let (folder, cache) = stocked();
    for args in [&["clear"][..], &["clear", "area"], &["clear", "--json"], &["clear", "no such function"]] {
        let run = larder(folder.path(), args);
        assert!(run.error(2).starts_with("larder: ") && run.stderr.contains("--yes"), "{run:?}");
    }
    // An answer that comes through a pipe is none.
    let mut child = program()
        .arg("--root")
        .arg(folder.path())
        .arg("clear")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(b"y\n");
    assert_eq!(Run::of(child.wait_with_output().unwrap()).code, Some(2));
    assert_eq!(cache.entries().unwrap().len(), 4);
}

#[test]
fn an_unknown_function_clears_nothing() {
    let (folder, cache) = stocked();
    assert!(larder(folder.path(), &["clear", "fit", "--yes"]).error(1).contains("ambiguous"));
    assert!(larder(folder.path(), &["clear", "Area", "--yes"]).error(1).ends_with("similar names are\n  area\n"));
    assert_eq!(cache.entries().unwrap().len(), 4);
}

#[test]
fn the_variables_choose_the_folder_and_never_the_view() {
    let (folder, cache) = stocked();
    for mode in ["off", "refresh", "readonly"] {
        let run = Run::of(program().arg("ls").env("LARDER_DIR", folder.path()).env("LARDER", mode).output().unwrap());
        assert_eq!(run.stdout.lines().count(), 4, "{mode}: {run:?}");
        // What was typed goes before what was set.
        let elsewhere = tempfile::tempdir().unwrap();
        let mut typed = program();
        typed.args(["ls", "--json", "--root"]).arg(elsewhere.path()).env("LARDER_DIR", folder.path());
        assert_eq!(Run::of(typed.output().unwrap()).json(), serde_json::json!([]));
    }
    let run = program().args(["clear", "--yes"]).env("LARDER_DIR", folder.path()).env("LARDER", "readonly").output();
    assert_eq!(Run::of(run.unwrap()).code, Some(0));
    assert_eq!(cache.entries().unwrap().len(), 0);
}

#[test]
fn nobody_reading_is_no_error() {
    let (folder, _) = stocked();
    for args in [&["ls"][..], &["ls", "area"], &["ls", "--json"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let run = program().arg("--root").arg(folder.path()).args(args).stdout(writer).output().unwrap();
        let run = Run::of(run);
        assert_eq!((run.code, &*run.stderr), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn names_do_nothing_to_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    cache.get_or_compute("red\u{1b}[31m\nname", &(), || 1);
    let run = larder(folder.path(), &["ls"]);
    assert!(run.stdout.contains(r"red\u{1b}[31m\nname"), "{run:?}");
    let key = cache.entries().unwrap().next().unwrap().key.to_string();
    let run = larder(folder.path(), &["show", &key]);
    assert!(run.stdout.contains(r"function    red\u{1b}[31m\nname"), "{run:?}");
}

#[test]
fn help_documents_the_exit_codes_and_typing_errors_have_theirs() {
    let run = Run::of(program().arg("--help").output().unwrap());
    assert_eq!(run.code, Some(0));
    assert!(run.stdout.contains("Exit codes:") && run.stdout.contains("--json"), "{run:?}");
    let run = Run::of(program().arg("--version").output().unwrap());
    assert_eq!(run.stdout, format!("larder {}\n", env!("CARGO_PKG_VERSION")));
    for args in [&[][..], &["lst"], &["show"], &["ls", "--jsn"], &["ls", "--root", ""]] {
        let run = Run::of(program().args(args).output().unwrap());
        assert!(!run.error(2).is_empty(), "{args:?}");
    }
}

#[test]
fn sizes_and_times_are_readable() {
    let sizes = [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1_258_291, "1.1 MiB"),
        (1_258_292, "1.2 MiB"),
        ((1 << 20) - 1, "1023.9 KiB"),
        (1 << 30, "1.0 GiB"),
        (u64::MAX, "15.9 EiB"),
    ];
    for (bytes, text) in sizes {
        assert_eq!(format::size(bytes), text);
    }
    let durations = [
        (Duration::ZERO, "0 ns"),
        (Duration::from_nanos(999), "999 ns"),
        (Duration::from_nanos(15_300), "15 µs"),
        (Duration::from_micros(999_999), "999 ms"),
        (Duration::from_millis(1_290), "1.2 s"),
        (Duration::from_millis(59_999), "59.9 s"),
        (Duration::from_secs(180), "3 min"),
        (Duration::from_secs(185), "3 min 5 s"),
        (Duration::from_secs(2 * 3600 + 14 * 60 + 9), "2 h 14 min"),
        (Duration::from_secs(86_400), "1 d"),
        (Duration::from_secs(3 * 86_400 + 7_200), "3 d 2 h"),
    ];
    for (duration, text) in durations {
        assert_eq!(format::duration(duration), text);
    }
    let ages = [(0, "just now"), (59, "59 s ago"), (300, "5 min ago"), (7_199, "1 h ago"), (172_800, "2 d ago")];
    for (seconds, text) in ages {
        assert_eq!(format::age(Duration::from_secs(seconds)), text);
    }
    assert_eq!(format::count(1, "entry", "entries"), "1 entry");
    assert_eq!(format::cut("jam", 3), "jam");
    assert_eq!(format::cut("jams", 3), "ja…");

    let fairly =
        |texts: &[&str], limit| format::cut_fairly(texts.iter().map(|text| (*text).to_owned()).collect(), limit);
    assert_eq!(fairly(&["a long text", "b", "c"], 100), ["a long text", "b", "c"]);
    assert_eq!(fairly(&["a long text", "b", "c"], 12), ["a lon…", "b", "c"]);
    assert_eq!(fairly(&["a long text", "b", "another one"], 13), ["a l…", "b", "ano…"]);
    assert!(fairly(&[], 10).is_empty());
    assert_eq!(format::one_line("a\tb"), r"a\tb");
}
