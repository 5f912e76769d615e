//! What larder tells while a program runs, on stderr: which calls hit, which were computed and why, and what was wrong.
//!
//! ```sh
//! cargo run --example events
//! ```

use std::error::Error;
use std::fs::File;

use larder::{Cache, memoize};
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

#[memoize(cache = cache, ignore(cache))]
fn square(cache: &Cache, n: u64) -> u64 {
    let _ = cache;
    n * n
}

fn main() -> Result<(), Box<dyn Error>> {
    // Every level of larder, and of the rest what is worth a warning. `Level::WARN` for larder as well leaves its
    // faults; `Level::DEBUG` adds each call; `Level::TRACE` each step of a call.
    let filter = Targets::new().with_default(Level::WARN).with_target("larder", Level::DEBUG);
    let stderr = tracing_subscriber::fmt::layer().without_time().with_writer(std::io::stderr);
    tracing_subscriber::registry().with(filter).with(stderr).init();

    let folder = tempfile::tempdir()?;
    // No results are kept in memory, so that the damaged file below is read.
    let cache = Cache::builder(folder.path()).hot_bytes(0).open()?;
    square(&cache, 3);
    square(&cache, 4);
    square(&cache, 3);

    // Damage a file. The program continues.
    for entry in cache.entries()? {
        File::options().write(true).open(&entry.path)?.set_len(entry.size / 2)?;
    }
    square(&cache, 3);
    Ok(())
}
