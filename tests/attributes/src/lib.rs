//! Functions that are memoized and have an attribute of another crate. That they compile is half of the test.
//!
//! "Above" and "below" say where the other attribute stands.
#![allow(dead_code)]

use std::sync::LazyLock;

use larder::Cache;

mod builtin;
mod errors;
mod tasks;
mod tests;
mod wrappers;

// Linking them needs Python and Node.
#[cfg(not(test))]
mod bindings;

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::temporary().unwrap());

/// Returns the number of entries of a function.
#[cfg(test)]
fn entries(name: &str) -> u64 {
    let functions = CACHE.functions().unwrap();
    functions.iter().filter(|function| function.name == name).map(|function| function.entries).sum()
}
