//! Tries types of other crates as arguments and as results of memoized functions, and prints a table.
//!
//! `just zoo` compares it with `TABLE.md`. Each call builds its value again, so a hash map has another order each time.
//! The program starts itself once more. The second process uses the caches of the first: it must make the same keys, and
//! it reads the results that the first one stored.

mod values;
mod warnings;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// How often a value is built in a process.
pub const TIMES: usize = 12;

/// Which of the two processes this is.
#[derive(Clone, Copy, PartialEq)]
pub enum Process {
    First,
    Second,
}

/// One row of the table.
pub struct Row {
    pub krate: &'static str,
    pub what: &'static str,
    pub seen: Seen,
}

/// What one process saw of a value.
#[derive(Serialize, Deserialize)]
pub struct Seen {
    /// Number of keys of the same value, built several times in this process and the ones before.
    pub keys: usize,
    /// Whether the result is stored.
    pub stored: bool,
    /// Whether there was a warning when the result was computed.
    pub warned: bool,
    /// Whether every hit was equal to a value that was just built; `None` if there was no hit, or they can't be compared.
    pub equal: Option<bool>,
}

fn main() {
    warnings::count();
    let mut arguments = std::env::args_os().skip(1);
    if let Some(folder) = arguments.next() {
        let seen: Vec<Seen> =
            values::rows(Process::Second, Path::new(&folder)).into_iter().map(|row| row.seen).collect();
        println!("{}", serde_json::to_string(&seen).expect("JSON"));
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let rows = values::rows(Process::First, folder.path());
    let output = Command::new(std::env::current_exe().expect("this program"))
        .arg(folder.path())
        .stderr(std::process::Stdio::inherit())
        .output()
        .expect("a second process");
    let second: Vec<Seen> = serde_json::from_slice(&output.stdout).expect("what the second process saw");
    assert_eq!(rows.len(), second.len());
    print!("{}", table(rows.iter().zip(&second)));
}

fn table<'a>(rows: impl Iterator<Item = (&'a Row, &'a Seen)>) -> String {
    let versions = versions();
    let mut table = String::from(
        "| crate | value | as an argument | as a result |\n\
         |---|---|---|---|\n",
    );
    for (Row { krate, what, seen: first }, second) in rows {
        let version = versions.get(*krate).map_or(String::new(), |version| format!(" {version}"));
        let argument = match (first.keys, second.keys) {
            (1, 1) => "one key",
            (1, _) => "another key in each process",
            (0, _) => "NO KEY",
            _ => "another key each time",
        };
        let result = match (first.stored, second.stored) {
            (false, false) if first.warned => "not stored, with a warning",
            (false, false) => "NOT STORED",
            (true, false) => "NOT FOUND",
            (_, true) if first.equal == Some(false) || second.equal == Some(false) => match first.warned {
                true => "another value, with a warning",
                false => "ANOTHER VALUE",
            },
            (_, true) if first.warned => "stored, with a warning",
            (_, true) if second.equal == Some(true) => "equal",
            (_, true) => "stored",
        };
        writeln!(table, "| {krate}{version} | {what} | {argument} | {result} |").expect("a string");
    }
    table
}

/// Returns the version of each direct dependency, from the lock file. Of several, the one that `Cargo.toml` asks for.
fn versions() -> BTreeMap<&'static str, &'static str> {
    let mut locked: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut direct = BTreeMap::new();
    for package in include_str!("../Cargo.lock").split("[[package]]\n") {
        let field = |name: &str| package.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "));
        let (Some(name), Some(version)) = (field("name"), field("version")) else { continue };
        locked.entry(name.trim_matches('"')).or_default().push(version.trim_matches('"'));
        if name == "\"zoo\"" {
            let (_, list) = package.split_once("dependencies = [\n").expect("a list of dependencies");
            for entry in
                list.lines().map(|line| line.trim_matches([' ', '"', ',', ']'])).filter(|line| !line.is_empty())
            {
                // With a version only if there are several.
                let (name, version) = entry.split_once(' ').unwrap_or((entry, ""));
                direct.insert(name, version);
            }
        }
    }
    for (name, version) in &mut direct {
        if version.is_empty() {
            *version = locked[name][0];
        }
    }
    direct
}
