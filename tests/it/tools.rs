//! Other programs read what larder writes.
//!
//! A test whose program is missing says so and passes; with `TEST_LARDER_ALL` set, it fails.

use std::io::Write;
use std::process::{Command, Stdio};

use larder::{Cache, Compression, dump, dump_into};
use ndarray::Array2;
use serde::Serialize;
use tempfile::tempdir;

/// Whether the program is there; if not, says that `test` is skipped.
pub(crate) fn has(test: &str, program: &str, probe: &[&str]) -> bool {
    let quiet =
        Command::new(program).args(probe).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if quiet.is_ok_and(|status| status.success()) {
        return true;
    }
    let what = format!("{program} {}", probe.join(" "));
    assert!(std::env::var_os("TEST_LARDER_ALL").is_none(), "{test} can't run: `{what}` fails");
    eprintln!("SKIPPED {test}: `{what}` fails");
    false
}

/// What a program makes of its standard input.
pub(crate) fn pipe(program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    writer.join().unwrap().unwrap();
    output.stdout
}

fn value() -> Vec<(String, Vec<f64>)> {
    (0..300).map(|n| (format!("row {n}"), (0..n).map(|x| f64::from(x).sqrt()).collect())).collect()
}

fn decompresses(test: &str, method: &str, program: &str, arguments: &[&str]) {
    if !has(test, program, &["--version"]) {
        return;
    }
    let bytes = |compression| {
        let mut bytes = Vec::new();
        dump_into(&value(), &mut bytes, compression).unwrap();
        bytes
    };
    let plain = bytes(Compression::NONE);
    for level in ["", ":1", ":9"] {
        let Ok(compression) = format!("{method}{level}").parse() else { continue };
        assert_eq!(pipe(program, arguments, &bytes(compression)), plain, "{method}{level}");
    }
    // The value of an entry is the same stream, behind the entry's header.
    let folder = tempdir().unwrap();
    let cache = Cache::builder(folder.path()).compression(method.parse().unwrap()).open().unwrap();
    cache.get_or_compute("f", &(), value);
    let entry = cache.entries().unwrap().next().unwrap();
    let file = std::fs::read(&entry.path).unwrap();
    let from = usize::try_from(entry.payload_at).unwrap();
    assert_eq!(pipe(program, arguments, &file[from..]), plain, "{method}");
}

#[test]
fn zcat_reads_gzip() {
    decompresses("zcat_reads_gzip", "gzip", "zcat", &[]);
}

#[test]
fn bzip2_reads_bz2() {
    decompresses("bzip2_reads_bz2", "bz2", "bzip2", &["-dc"]);
}

#[test]
fn xz_reads_xz() {
    decompresses("xz_reads_xz", "xz", "xz", &["-dc"]);
}

#[test]
fn xz_reads_lzma() {
    decompresses("xz_reads_lzma", "lzma", "xz", &["-dc", "--format=lzma"]);
}

#[test]
fn lz4_reads_lz4() {
    decompresses("lz4_reads_lz4", "lz4", "lz4", &["-dc"]);
}

#[test]
#[cfg(feature = "zstd")]
fn zstd_reads_zstd() {
    decompresses("zstd_reads_zstd", "zstd", "zstd", &["-dc"]);
}

#[test]
fn python_reads_zlib() {
    let program = "import sys, zlib; sys.stdout.buffer.write(zlib.decompress(sys.stdin.buffer.read()))";
    decompresses("python_reads_zlib", "zlib", "python3", &["-c", program]);
}

/// The other way round: what other programs compressed is loaded.
#[test]
fn what_other_programs_compressed_is_loaded() {
    let test = "what_other_programs_compressed_is_loaded";
    let mut plain = Vec::new();
    dump_into(&value(), &mut plain, Compression::NONE).unwrap();
    let mut programs: Vec<(&str, &[&str])> = vec![
        ("gzip", &["-c"]),
        ("bzip2", &["-c"]),
        ("xz", &["-c"]),
        ("xz", &["-c", "--format=lzma"]),
        ("lz4", &["-c"]),
        ("lz4", &["-c", "-B7", "-BD"]),
    ];
    if cfg!(feature = "zstd") {
        programs.push(("zstd", &["-c", "-19"]));
    }
    for (program, arguments) in programs {
        if !has(test, program, &["--version"]) {
            continue;
        }
        let bytes = pipe(program, arguments, &plain);
        let back: Vec<(String, Vec<f64>)> = larder::load_from(bytes.as_slice()).unwrap();
        assert_eq!(back, value(), "{program} {arguments:?}");
    }
}

#[derive(Serialize)]
struct Report {
    title: String,
    matrix: Array2<f64>,
    counts: Vec<u16>,
    small: Vec<i64>,
    letter: char,
    missing: Option<u8>,
    present: Option<u8>,
    large: i128,
}

/// A program that knows nothing of larder but what the CBOR and the typed array RFCs say.
const READER: &str = r#"
import array, cbor2, sys
def numbers(tag):
    codes = {64: "B", 69: "H", 70: "I", 71: "Q", 72: "b", 77: "h", 78: "i", 79: "q", 85: "f", 86: "d"}
    return list(array.array(codes[tag.tag], tag.value))
with open(sys.argv[1], "rb") as file:
    document = cbor2.load(file)
    assert file.read() == b"", "something follows"
assert document["larder"] == 1, document
assert document["type"].endswith("Report"), document["type"]
assert isinstance(document["xxh3"], int)
value = document["value"]
assert value["title"] == "Käse", value
assert list(value["matrix"]["dim"]) == [3, 2], value["matrix"]
assert numbers(value["matrix"]["data"]) == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5], value["matrix"]
assert numbers(value["counts"]) == list(range(1000))
assert numbers(value["small"]) == [-1, 2]
assert value["missing"] is None
assert value["present"].value == 7 and value["letter"].value == "x"
assert value["large"] == -2**100
print("fine")
"#;

#[test]
fn python_reads_an_uncompressed_dump() {
    if !has("python_reads_an_uncompressed_dump", "python3", &["-c", "import cbor2"]) {
        return;
    }
    let folder = tempdir().unwrap();
    let path = folder.path().join("report.larder");
    let report = Report {
        title: "Käse".to_owned(),
        matrix: Array2::from_shape_fn((3, 2), |(i, j)| i as f64 + j as f64 / 2.0),
        counts: (0..1000).collect(),
        small: vec![-1, 2],
        letter: 'x',
        missing: None,
        present: Some(7),
        large: -(1 << 100),
    };
    dump(&report, &path).unwrap();
    let output = Command::new("python3").args(["-c", READER]).arg(&path).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "fine\n", "{}", String::from_utf8_lossy(&output.stderr));
}
