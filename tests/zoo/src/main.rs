//! Tries types of other crates as arguments and as results of memoized functions, and prints a table.
//!
//! `just zoo` compares it with `TABLE.md`. Each call builds its value again, so a hash map has another order each time.

mod values;

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How often a value is built.
pub const TIMES: usize = 12;

/// One row of the table.
pub struct Row {
    pub krate: &'static str,
    pub what: &'static str,
    /// Number of keys of the same value, built several times.
    pub keys: usize,
    /// Whether the result was stored.
    pub stored: bool,
    /// Whether every hit was equal to the first value; `None` if there was no hit, or they can't be compared.
    pub equal: Option<bool>,
}

fn main() {
    let rows = values::rows();
    let versions = versions();
    let mut table = String::from(
        "| crate | value | as an argument | as a result |\n\
         |---|---|---|---|\n",
    );
    for Row { krate, what, keys, stored, equal } in &rows {
        let version = versions.get(*krate).map_or(String::new(), |version| format!(" {version}"));
        let argument = if *keys == 1 { "one key".to_owned() } else { "another key each time".to_owned() };
        let result = match (stored, equal) {
            (false, _) => "not stored, with a warning",
            (true, Some(true)) => "equal",
            (true, Some(false)) => "ANOTHER VALUE",
            (true, None) => "stored",
        };
        writeln!(table, "| {krate}{version} | {what} | {argument} | {result} |").expect("a string");
    }
    print!("{table}");
}

/// Returns the version of each crate in the lock file. Of several, the newest.
fn versions() -> BTreeMap<&'static str, &'static str> {
    let mut lines = include_str!("../Cargo.lock").lines();
    let mut versions = BTreeMap::new();
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("name = ") {
            let version = lines.next().and_then(|line| line.strip_prefix("version = ")).unwrap_or_default();
            versions.insert(name.trim_matches('"'), version.trim_matches('"'));
        }
    }
    versions
}
