//! Runs the program, and makes caches for it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use larder::{Cache, Entry};
use serde::Serialize;
use serde_json::Value;
use tempfile::TempDir;

/// The output and the exit code of a run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: Option<i32>,
}

impl Run {
    pub(crate) fn of(output: Output) -> Run {
        Run {
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            code: output.status.code(),
        }
    }

    /// Returns the JSON on stdout of a run that succeeded and wrote nothing to stderr.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!((self.code, &*self.stderr), (Some(0), ""), "{self:?}");
        serde_json::from_str(&self.stdout).unwrap()
    }

    /// Returns stderr of a run that failed with this code and wrote nothing to stdout.
    #[track_caller]
    pub(crate) fn error(&self, code: i32) -> &str {
        assert_eq!((self.code, &*self.stdout), (Some(code), ""), "{self:?}");
        &self.stderr
    }
}

/// Returns a command that runs the program without a terminal, as a script does.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder"));
    for variable in ["LARDER", "LARDER_DIR", "LARDER_COMPRESSION", "NO_COLOR"] {
        command.env_remove(variable);
    }
    command.stdin(Stdio::null());
    command
}

pub(crate) fn larder(root: &Path, args: &[&str]) -> Run {
    Run::of(program().arg("--root").arg(root).args(args).output().unwrap())
}

/// Returns a cache with two entries of `demo::models::fit`, one of `demo::other::fit`, and one of `area`.
pub(crate) fn stocked() -> (TempDir, Cache) {
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

pub(crate) fn entries_of(cache: &Cache, function: &str) -> Vec<Entry> {
    cache.entries().unwrap().filter(|entry| entry.function == function).collect()
}

pub(crate) fn one_entry(cache: &Cache, function: &str) -> Entry {
    let mut entries = entries_of(cache, function);
    assert_eq!(entries.len(), 1);
    entries.remove(0)
}

/// Converts a value to JSON text and back, as numbers may lose their last bit in text.
pub(crate) fn as_json(value: &(impl Serialize + ?Sized)) -> Value {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

/// Changes a byte in the middle of the header.
pub(crate) fn damage(entry: &Entry) {
    let mut bytes = fs::read(&entry.path).unwrap();
    bytes[80] ^= 1;
    fs::write(&entry.path, bytes).unwrap();
}
