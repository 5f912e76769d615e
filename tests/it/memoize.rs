//! Functions under the attribute, and their companions.

use std::sync::LazyLock;

use larder::Cache;
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());
static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::open(FOLDER.path()).unwrap());

/// Counts the runs of the function that it stands in.
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

/// Calls, and calls in hand.
mod calls;

/// What can be an argument, and which arguments count.
mod arguments;

/// What is stored of a result.
mod results;

/// What a function looks like stays as it was.
mod forms;

/// Functions in `impl` blocks.
mod methods;

/// Methods of traits, and of their `impl`s.
mod traits;

/// When a stored result is used, and when a new one is kept.
mod rules;

/// The option `key`: what stands in the key for an argument.
mod keyed;

/// Two functions are never taken for one.
mod identity;

/// A function's code is a part of its identity.
mod code;

/// What lies on disk, function by function.
mod upkeep;
