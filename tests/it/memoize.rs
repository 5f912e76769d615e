//! Tests memoized functions and their companion items.

use std::sync::LazyLock;

use larder::Cache;
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());
static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::open(FOLDER.path()).unwrap());

/// Counts the runs of the function that contains it.
macro_rules! count {
    ($counter:ident) => {
        $counter.fetch_add(1, Ordering::SeqCst)
    };
}

macro_rules! runs {
    ($counter:ident) => {
        $counter.load(Ordering::SeqCst)
    };
}

/// Calls and call handles.
mod calls;

/// Types of arguments, and which arguments count.
mod arguments;

/// What is stored of a result.
mod results;

/// Forms of functions that the attribute preserves.
mod forms;

/// Functions without companions.
mod alone;

/// Raw identifiers.
mod raw_names;

/// Functions in `impl` blocks.
mod methods;

/// Methods of traits and of their implementations.
mod traits;

/// When a stored result is used, and when a new one is stored.
mod rules;

/// The option `key`, which replaces an argument in the key.
mod keyed;

/// Functions are never confused with each other.
mod identity;

/// The code of a function is a part of its identity.
mod code;

/// Files of each function in the cache.
mod upkeep;
