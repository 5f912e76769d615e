//! `larder recompress`, `larder export` and `larder import`.

use std::fs;
use std::path::Path;

use larder::__text::size;
use larder::Cache;
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::model_cache::{assert_counted, computes, entry_of, open};
use crate::program;

/// Stdout, stderr and exit code of a run.
type Run = (String, String, i32);

fn larder(root: &Path, args: &[&str]) -> Run {
    let run = program::larder(root, args);
    (run.stdout, run.stderr, run.code.unwrap())
}

/// Returns the JSON on stdout of a run, and its exit code.
#[track_caller]
fn json_of((stdout, stderr, code): Run) -> (Value, i32) {
    (serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}{stderr}")), code)
}

/// Returns a cache with two large entries of one function, and a small one of another.
fn stocked() -> (TempDir, Cache) {
    let root = tempdir().unwrap();
    let cache = open(root.path(), "none");
    computes(&cache, 1);
    computes(&cache, 2);
    cache.get_or_compute("other::small", &1, || "small".to_owned());
    (root, cache)
}

fn bytes_of(cache: &Cache) -> u64 {
    cache.entries().unwrap().map(|entry| entry.size).sum()
}

#[test]
fn recompress_reports_sizes_before_and_after() {
    let (root, cache) = stocked();
    let before = bytes_of(&cache);
    let (stdout, stderr, code) = larder(root.path(), &["recompress", "gzip:6"]);
    assert_eq!((&*stdout, code), ("", 0), "{stderr}");
    let after = bytes_of(&cache);
    let share = after * 1000 / before;
    let line = format!(
        "recompressed 3 of 3 entries with gzip:6: {} became {} ({}.{} %)\n",
        size(before),
        size(after),
        share / 10,
        share % 10
    );
    assert_eq!(stderr, line);
    assert!(after < before && cache.entries().unwrap().all(|entry| entry.compressor == "gzip:6"));
    assert!(!computes(&cache, 1) && !computes(&cache, 2));
    assert_counted(&cache);

    let again = larder(root.path(), &["recompress", "gzip:6"]);
    assert_eq!(again, (String::new(), "recompressed 0 of 3 entries with gzip:6\n".to_owned(), 0));
}

#[test]
fn recompress_of_one_function_in_json() {
    let (root, cache) = stocked();
    let (done, code) = json_of(larder(root.path(), &["recompress", "lz4", "model", "--json"]));
    assert_eq!(code, 0);
    assert_eq!(done["compression"], "lz4");
    assert_eq!((&done["entries"], &done["recompressed"], &done["unchanged"]), (&json!(2), &json!(2), &json!(0)));
    assert_eq!((&done["passed_over"], &done["faults"]), (&json!(0), &json!([])));
    let models = || cache.entries().unwrap().filter(|entry| entry.function == "carry::model");
    assert_eq!(done["bytes_after"], models().map(|entry| entry.size).sum::<u64>());
    assert!(done["bytes_before"].as_u64() > done["bytes_after"].as_u64());
    assert!(models().all(|entry| entry.compressor == "lz4"));
    assert_eq!(cache.entries().unwrap().filter(|entry| entry.compressor == "none").count(), 1);
    let (done, _) = json_of(larder(root.path(), &["--json", "recompress", "lz4"]));
    assert_eq!((&done["recompressed"], &done["unchanged"]), (&json!(1), &json!(2)));
}

#[test]
fn recompress_keeps_entries_that_it_can_not_read() {
    let (root, cache) = stocked();
    let damaged = entry_of(&cache, 2).path;
    let mut bytes = fs::read(&damaged).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&damaged, &bytes).unwrap();
    let (stdout, stderr, code) = larder(root.path(), &["recompress", "lz4"]);
    assert_eq!((&*stdout, code), ("", 1));
    let lines: Vec<_> = stderr.lines().collect();
    assert!(lines[0].starts_with(damaged.to_str().unwrap()), "{stderr}");
    assert!(lines[1].starts_with("recompressed 2 of 3 entries with lz4: "), "{stderr}");
    assert_eq!(lines[2], "larder: 1 entry can't be recompressed and is unchanged");
    assert!(fs::read(&damaged).unwrap() == bytes);
    let (done, code) = json_of(larder(root.path(), &["recompress", "zlib:1", "--json"]));
    assert_eq!((done["faults"].as_array().unwrap().len(), code), (1, 1));
}

#[test]
fn recompress_reports_the_same_fault_of_many_entries_once() {
    let (root, cache) = stocked();
    for n in 0..50 {
        cache.get_or_compute("many", &n, || vec![n; 100]);
    }
    for entry in cache.entries().unwrap().filter(|entry| entry.function == "many") {
        let mut bytes = fs::read(&entry.path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&entry.path, bytes).unwrap();
    }
    let (_, stderr, code) = larder(root.path(), &["recompress", "lz4"]);
    let lines: Vec<_> = stderr.lines().collect();
    assert_eq!((lines.len(), code), (3, 1), "{stderr}");
    assert!(lines[0].starts_with("50 entries, the first /") && lines[0].contains("checksum"), "{stderr}");
    assert_eq!(lines[2], "larder: 50 entries can't be recompressed and are unchanged");
    let (done, _) = json_of(larder(root.path(), &["recompress", "zlib:1", "--json"]));
    assert_eq!((&done["faults"].as_array().unwrap().len(), &done["faults"][0]["entries"]), (&1, &json!(50)));
}

#[test]
fn recompress_without_entries_creates_no_cache() {
    let folder = tempdir().unwrap();
    let root = folder.path().join("none");
    let run = larder(&root, &["recompress", "lz4"]);
    assert_eq!(run, (String::new(), "recompressed 0 of 0 entries with lz4\n".to_owned(), 0));
    assert!(!root.exists());
    let (_, stderr, code) = larder(&root, &["recompress", "lz4", "never"]);
    assert!(code == 1 && stderr.starts_with("larder: no function is called `never`"), "{stderr}");
    for method in ["never", "gzip:10", "lz4:1"] {
        let (stdout, stderr, code) = larder(&root, &["recompress", method]);
        assert!(code == 2 && stdout.is_empty() && stderr.contains(method), "{stderr}");
    }
}

#[test]
fn export_and_import_with_any_compressor() {
    let (root, cache) = stocked();
    let folder = tempdir().unwrap();
    let mut sizes = Vec::new();
    for extension in ["tar", "tar.gz", "tar.zst", "tar.xz", "tar.bz2", "tar.lz4", "tar.lzma", "tar.z", "TAR.GZ"] {
        let file = folder.path().join(format!("all.{extension}"));
        let path = file.to_str().unwrap();
        let (stdout, stderr, code) = larder(root.path(), &["export", path]);
        let bytes = fs::metadata(&file).unwrap().len();
        assert_eq!((&*stdout, code), ("", 0));
        assert_eq!(stderr, format!("exported 3 entries ({}) to {path}, {}\n", size(bytes_of(&cache)), size(bytes)));
        sizes.push(bytes);

        let there = folder.path().join(format!("there-{extension}"));
        let (stdout, stderr, code) = larder(&there, &["import", path]);
        assert_eq!((&*stdout, code), ("", 0), "{stderr}");
        assert_eq!(stderr, format!("imported 3 entries ({})\n", size(bytes_of(&cache))));
        let other = open(&there, "none");
        assert!(!computes(&other, 1) && !computes(&other, 2));
        assert_counted(&other);
        let again = larder(&there, &["import", path]).1;
        assert_eq!(again, "imported 0 entries (0 B); 3 existed already\n");
    }
    assert!(sizes[1..].iter().all(|size| *size < sizes[0] * 3 / 4), "{sizes:?}");
    // No temp file is left.
    let left = fs::read_dir(folder.path()).unwrap().filter(|item| item.as_ref().unwrap().path().is_file()).count();
    assert_eq!(left, sizes.len());
}

#[test]
fn export_of_one_function_in_json() {
    let (root, cache) = stocked();
    let folder = tempdir().unwrap();
    let file = folder.path().join("models.tar.gz");
    let path = file.to_str().unwrap();
    let (carried, code) = json_of(larder(root.path(), &["export", path, "model", "--json"]));
    let bytes: u64 =
        cache.entries().unwrap().filter(|entry| entry.function == "carry::model").map(|entry| entry.size).sum();
    assert_eq!(code, 0);
    assert_eq!(carried, json!({"entries": 2, "bytes": bytes, "skipped": 0, "refused": 0, "faults": []}));
    let there = folder.path().join("there");
    computes(&open(&there, "none"), 1);
    let (carried, code) = json_of(larder(&there, &["import", path, "--json"]));
    assert_eq!((&carried["entries"], &carried["skipped"], code), (&json!(1), &json!(1), 0));
    assert_eq!(open(&there, "none").entries().unwrap().len(), 2);
}

#[cfg(unix)]
#[test]
fn an_export_that_fails_leaves_the_old_archive() {
    let (root, _cache) = stocked();
    let there = tempdir().unwrap();
    let archive = there.path().join("cache.tar");
    fs::write(&archive, "old").unwrap();
    // The shell limits the size of a file, in blocks of 512 or 1024 bytes, and ignores the signal about it.
    let mut command = std::process::Command::new("sh");
    let script = "trap '' XFSZ; ulimit -f 1; exec \"$@\"";
    command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_larder"), "--root"]);
    let output = command.arg(root.path()).arg("export").arg(&archive).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(fs::read(&archive).unwrap(), b"old");
    assert_eq!(fs::read_dir(there.path()).unwrap().count(), 1);
}

#[cfg(unix)]
#[test]
fn a_link_to_the_archive_and_its_mode_stay() {
    use std::os::unix::fs::PermissionsExt as _;
    let (root, _cache) = stocked();
    let there = tempdir().unwrap();
    let (archive, link) = (there.path().join("cache.tar"), there.path().join("link.tar"));
    fs::write(&archive, "old").unwrap();
    fs::set_permissions(&archive, fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("cache.tar", &link).unwrap();
    let (_, stderr, code) = larder(root.path(), &["export", link.to_str().unwrap()]);
    assert_eq!(code, 0, "{stderr}");
    assert!(link.is_symlink() && fs::metadata(&archive).unwrap().len() > 3);
    assert_eq!(fs::metadata(&archive).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn invalid_archives_are_reported() {
    let (root, cache) = stocked();
    let folder = tempdir().unwrap();
    for name in ["all", "all.zip", "all.tar.rar", "all.gz", "all.target"] {
        let (stdout, stderr, code) = larder(root.path(), &["export", folder.path().join(name).to_str().unwrap()]);
        assert!(code == 2 && stdout.is_empty() && stderr.contains(name), "{stderr}");
        assert!(
            stderr.ends_with("there are .tar, .tar.gz, .tar.zst, .tar.xz, .tar.bz2, .tar.lz4, .tar.lzma, .tar.z\n")
        );
    }
    let nowhere = folder.path().join("none/all.tar");
    let (_, stderr, code) = larder(root.path(), &["export", nowhere.to_str().unwrap()]);
    assert!(code == 1 && stderr.contains(nowhere.parent().unwrap().to_str().unwrap()), "{stderr}");
    let (_, stderr, code) = larder(root.path(), &["import", nowhere.to_str().unwrap()]);
    assert!(code == 1 && stderr.contains(nowhere.to_str().unwrap()), "{stderr}");
    let (_, stderr, code) = larder(root.path(), &["export", folder.path().join("a.tar").to_str().unwrap(), "never"]);
    assert!(code == 1 && stderr.contains("no function is called `never`"), "{stderr}");
    assert!(fs::read_dir(folder.path()).unwrap().next().is_none());

    // An archive without entries.
    let file = folder.path().join("nothing.tar");
    let none = folder.path().join("root");
    let (_, stderr, code) = larder(&none, &["export", file.to_str().unwrap()]);
    assert!(code == 0 && stderr.starts_with("exported 0 entries (0 B) to "), "{stderr}");
    assert!(!none.exists());
    assert_eq!(larder(&none, &["import", file.to_str().unwrap()]).1, "imported 0 entries (0 B)\n");

    // A file that is no archive.
    fs::write(&file, "no archive".repeat(1000)).unwrap();
    let (stdout, stderr, code) = larder(&none, &["import", file.to_str().unwrap()]);
    assert!(code == 1 && stdout.is_empty(), "{stderr}");
    assert!(stderr.contains("0 entries were imported, and no more: this is no tar archive"), "{stderr}");
    assert_counted(&cache);
}

#[test]
fn a_truncated_or_damaged_archive_is_reported() {
    let (root, cache) = stocked();
    let folder = tempdir().unwrap();
    for extension in ["tar", "tar.gz", "tar.xz", "tar.zst", "tar.z"] {
        let file = folder.path().join(format!("all.{extension}"));
        let path = file.to_str().unwrap();
        assert_eq!(larder(root.path(), &["export", path]).2, 0);
        let whole = fs::read(&file).unwrap();
        for cut in [whole.len() / 2, whole.len() * 9 / 10] {
            fs::write(&file, &whole[..cut]).unwrap();
            let there = tempdir().unwrap();
            let (stdout, stderr, code) = larder(there.path(), &["import", path]);
            assert!(code == 1 && stdout.is_empty(), "{extension}, {cut}: {stderr}");
            assert!(
                stderr.contains("imported, and no more: ") && stderr.contains("too early"),
                "{extension}: {stderr}"
            );
            let imported = open(there.path(), "none");
            assert!(imported.verify().unwrap().faulty.is_empty());
            assert_counted(&imported);
        }
    }
    // If one entry is damaged, the others are imported.
    let file = folder.path().join("all.tar");
    larder(root.path(), &["export", file.to_str().unwrap()]);
    let mut bytes = fs::read(&file).unwrap();
    let entry = fs::read(entry_of(&cache, 2).path).unwrap();
    let at = bytes.windows(entry.len()).position(|window| window == entry).unwrap();
    bytes[at + entry.len() - 1] ^= 1;
    fs::write(&file, bytes).unwrap();
    let there = tempdir().unwrap();
    let (stdout, stderr, code) = larder(there.path(), &["import", file.to_str().unwrap()]);
    assert_eq!((&*stdout, code), ("", 1));
    let lines: Vec<_> = stderr.lines().collect();
    assert!(lines[0].starts_with("v1/carry/model/") && lines[0].contains("checksum"), "{stderr}");
    assert!(lines[1].starts_with("imported 2 entries ("), "{stderr}");
    assert_eq!(lines[2], "larder: 1 file was left out because it can't be used");
}

#[test]
fn padding_after_an_archive_is_no_error() {
    let (root, _) = stocked();
    let folder = tempdir().unwrap();
    let frame = [0x5e, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
    let padding: [(&str, &[u8]); 6] = [
        ("tar", &[0; 10_240]),
        ("tar.gz", &[0; 10_240]),
        ("tar.bz2", &[0; 3]),
        ("tar.xz", &[0; 512]),
        ("tar.zst", &frame),
        ("tar.lz4", &frame),
    ];
    for (extension, padding) in padding {
        let file = folder.path().join(format!("all.{extension}"));
        let path = file.to_str().unwrap();
        assert_eq!(larder(root.path(), &["export", path]).2, 0);
        fs::write(&file, [&fs::read(&file).unwrap(), padding].concat()).unwrap();
        let there = tempdir().unwrap();
        let (_, stderr, code) = larder(there.path(), &["import", path]);
        assert!(code == 0 && stderr.starts_with("imported 3 entries ("), "{extension}: {stderr}");
    }
}

#[test]
fn control_characters_of_an_archive_do_not_reach_the_terminal() {
    let folder = tempdir().unwrap();
    let (root, file) = (folder.path().join("root"), folder.path().join("bad\x1b[31m.tar"));
    let escape = b"\x1b]0;title\x07\x1b[2J\n";
    // No header at all, a size that is no number, and a name.
    let no_header: Vec<u8> = escape.repeat(100);
    let mut header = vec![0; 1024];
    header[..escape.len()].copy_from_slice(escape);
    let mut wrong_size = header.clone();
    wrong_size[124..124 + 11].copy_from_slice(&escape[..11]);
    for header in [&mut header, &mut wrong_size] {
        header[156] = b'0';
        header[148..156].fill(b' ');
        let sum: u32 = header[..512].iter().map(|byte| u32::from(*byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    }
    for bytes in [no_header, header, wrong_size] {
        if fs::write(&file, bytes).is_err() {
            // Windows has no such file names.
            return;
        }
        let (stdout, stderr, code) = larder(&root, &["import", file.to_str().unwrap()]);
        assert!(code == 1 && stdout.is_empty() && stderr.contains("larder: "), "{stderr}");
        assert!(!stderr.contains(|c: char| c.is_control() && c != '\n'), "{stderr:?}");
    }
}
