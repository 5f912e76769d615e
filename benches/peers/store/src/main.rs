//! Compares calls through larder with calls through other caches, and with the file operations that they need.
//!
//! ```sh
//! cargo run --release                 # prints a table; creates a temporary folder beside the program
//! cargo run --release -- /some/disk   # creates the temporary folder there
//! cargo run --release -- --quick      # only checks that it works
//! ```
//!
//! `--serve` is for `store.py`: it reads a command a line and answers with the seconds of each call.

#![allow(clippy::disallowed_methods, clippy::cast_possible_truncation, reason = "it is a benchmark")]

mod floor;
mod functions;
mod measure;
mod operations;
mod peers;
mod serve;

use std::error::Error;
use std::path::PathBuf;
use std::process::Command;
use std::{env, thread};

use functions::{FOLDER, cached_large, cached_small, compute, compute_large, larder_large, larder_small};
use measure::{Calls, Effort};
use operations::{AGAIN, all_stored, large_calls};

fn main() -> Result<(), Box<dyn Error>> {
    let (mut effort, mut serves, mut fills, mut place) = (Effort::FULL, false, false, None);
    for argument in env::args_os().skip(1) {
        match argument.to_str() {
            Some("--quick") => effort = Effort::QUICK,
            Some("--serve") => serves = true,
            // The program starts itself with this option.
            Some("--fill") => fills = true,
            Some(option) if option.starts_with("--") => return Err(format!("there is no option {option}").into()),
            _ => place = Some(PathBuf::from(argument)),
        }
    }
    if fills {
        FOLDER.set(place.ok_or("no folder to fill")?).expect("it is set once");
        fill(effort);
        return Ok(());
    }

    let program = env::current_exe()?;
    // `/tmp` may be in memory.
    let place = place.unwrap_or_else(|| program.with_file_name(""));
    let folder = tempfile::Builder::new().prefix("larder-store-").tempdir_in(place)?;
    let mut filler = Command::new(program);
    filler.arg("--fill").arg(folder.path()).args((effort.rounds == Effort::QUICK.rounds).then_some("--quick"));
    if !filler.status()?.success() {
        return Err("the process that stores results failed".into());
    }
    // Sync now, so that the writes don't disturb the measurements.
    drop(Command::new("sync").status());
    FOLDER.set(folder.path().to_owned()).expect("it is set once");
    if serves {
        serve::serve(effort)?;
    } else {
        compare(effort);
    }
    peers::close_foyer();
    Ok(())
}

/// Stores the results that the measured calls find.
fn fill(effort: Effort) {
    for calls in [Calls::each(AGAIN[0]..AGAIN[1] + 1), all_stored(effort, effort.calls)] {
        for (place, n) in calls.enumerate() {
            larder_small(n);
            cached_small(n).expect("cached stores");
            peers::cacache_of::small(n);
            peers::FOYER.insert(n, compute(n));
            // foyer drops entries if it can't write them fast enough.
            if place % 100 == 0 {
                peers::foyer_written();
            }
        }
        floor::fill("small", calls);
    }
    for calls in [Calls::each(AGAIN[0]..AGAIN[1] + 1), all_stored(effort, large_calls(effort))] {
        for n in calls {
            larder_large(n);
            cached_large(n).expect("cached stores");
            peers::cacache_of::large(n);
            peers::FOYER_LARGE.insert(n, peers::Numbers(compute_large(n)));
            peers::foyer_written();
        }
        floor::fill("large", calls);
    }
    functions::flush_cached().expect("cached stores");
    peers::close_foyer();
}

fn compare(effort: Effort) {
    println!("| operation | peer | peer's time | larder's time | ratio: median (min–max) |");
    println!("|---|---|--:|--:|--:|");
    operations::hit_again(effort);
    operations::hit_stored(effort);
    operations::miss(effort);
    operations::large_again(effort);
    operations::large_stored(effort);
    println!();
    println!("| hits of f(u64), again | one thread | two threads / one, other arguments | the same argument |");
    println!("|---|--:|--:|--:|");
    operations::threads(effort);
    println!();
    println!("- Crates: {}, built by {}", versions(), env!("COMPILER"));
    println!("- Cores: {}", thread::available_parallelism().map_or(1, usize::from));
}

/// Returns the versions of the peers, as recorded in `Cargo.lock`.
fn versions() -> String {
    let lock = include_str!("../Cargo.lock");
    let version = |name: &str| {
        let (_, rest) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
        Some(format!("{name} {}", rest.split_once('"')?.0))
    };
    let names = ["larder", "cached", "redb", "cacache", "foyer", "moka", "quick_cache"];
    names.into_iter().filter_map(version).collect::<Vec<_>>().join(", ")
}
