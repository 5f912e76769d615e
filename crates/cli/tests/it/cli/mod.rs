use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use larder::{Cache, Entry, memoize};
use serde::Serialize;
use serde_json::Value;
use tempfile::TempDir;

/// What it lists.
mod listing;

/// What it shows of an entry.
mod showing;

/// What it clears.
mod clearing;

/// What it tells of the cache, and mends in it.
mod tending;

/// What all commands have in common.
mod manners;

/// What the program formats is checked where it is made: entries that took hours are hard to come by.
#[path = "../../../src/bin/larder/format.rs"]
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
