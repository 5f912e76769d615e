//! What the programs share: the same steps in two processes, and times in pairs.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use larder::{Cache, Outcome};

/// How often the two writers are timed. The median of the ratios is printed.
const PAIRS: usize = 9;

/// Which of the two processes this is.
#[derive(Clone, Copy, PartialEq)]
pub enum Process {
    First,
    Second,
}

impl Process {
    /// Checks that the first process computed a result, and that the second one found it.
    pub fn expect(self, what: &str, outcome: &Outcome) {
        assert_eq!(outcome.is_hit(), self == Process::Second, "{what}: {outcome:?}");
    }
}

/// Runs the steps in two processes with one cache, and then `speed` with a folder.
pub fn main(steps: fn(Process, &Cache), speed: fn(&Path)) {
    let open = |folder: &Path| Cache::open(folder).expect("a cache");
    if let Some(folder) = std::env::args_os().nth(1) {
        return steps(Process::Second, &open(folder.as_ref()));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let caches = folder.path().join("cache");
    steps(Process::First, &open(&caches));
    let this = std::env::current_exe().expect("this program");
    let second = Command::new(this).arg(&caches).status().expect("a second process");
    assert!(second.success(), "the second process fails");
    speed(folder.path());
}

/// Opens a cache that keeps nothing in memory, so that each hit reads a file.
pub fn cache_on_disk(folder: &Path) -> Cache {
    Cache::builder(folder.join("larger")).hot_bytes(0).open().expect("a cache")
}

/// Prints the head of the table of times.
pub fn print_head() {
    println!("| what | MiB | their own | larder | ratio |\n|---|--:|--:|--:|--:|");
}

/// Runs both, one after the other, several times, and prints the medians of the times and of their ratios.
pub fn compare(what: &str, bytes: usize, mut theirs: impl FnMut(), mut ours: impl FnMut()) {
    // Not counted: files are made, memory is fetched.
    theirs();
    ours();
    let mut times = (Vec::new(), Vec::new());
    let mut ratios = Vec::new();
    for pair in 0..PAIRS {
        let (own, larder);
        if pair % 2 == 0 {
            own = time(&mut theirs);
            larder = time(&mut ours);
        } else {
            larder = time(&mut ours);
            own = time(&mut theirs);
        }
        ratios.push(larder.as_secs_f64() / own.as_secs_f64());
        times.0.push(own.as_secs_f64());
        times.1.push(larder.as_secs_f64());
    }
    println!(
        "| {what} | {} | {:.1} ms | {:.1} ms | {:.2} |",
        bytes >> 20,
        1e3 * median(times.0),
        1e3 * median(times.1),
        median(ratios)
    );
}

fn time(run: &mut impl FnMut()) -> Duration {
    let start = Instant::now();
    run();
    start.elapsed()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
