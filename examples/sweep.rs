//! One sweep by several processes, which share its work.
//!
//! ```sh
//! cargo run --release --example sweep                    # four processes
//! cargo run --release --example sweep -- --processes 1   # one, to compare
//! ```
//!
//! Or run `cargo run --release --example sweep -- --alone` in several terminals. All have the same list of calls, and each
//! process computes those that no other process is computing.
#![expect(clippy::print_stdout, reason = "it is a program")]

use std::error::Error;
use std::process::Command;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use larder::{Cache, memoize, sweep};

/// Stands for a simulation: it takes longer the further the temperature is from zero.
#[memoize(cache = cache, ignore(cache), track = "body")]
fn simulate(temperature: i32, cache: &Cache) -> f64 {
    let _ = cache;
    std::thread::sleep(time_of(temperature));
    f64::from(temperature).powi(2)
}

fn time_of(temperature: i32) -> Duration {
    Duration::from_millis(100 + 10 * u64::from(temperature.unsigned_abs()))
}

fn temperatures() -> impl Iterator<Item = i32> {
    -20..20
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = std::env::temp_dir().join("larder-sweep");
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--alone"] => run(&Cache::open(folder)?),
        ["--processes", count] => lead(&Cache::open(folder)?, count.parse()?),
        _ => lead(&Cache::open(folder)?, 4),
    }
}

/// Runs the sweep in this process. Others may run it at the same time.
fn run(cache: &Cache) -> Result<(), Box<dyn Error>> {
    let calls: Vec<_> = temperatures().map(|temperature| simulate::call(temperature, cache)).collect();
    let bar = ProgressBar::new(calls.len() as u64);
    // In the order in which they are done: `sweep(calls)` by itself keeps the order of the calls.
    let sum: f64 = bar.wrap_iter(sweep(calls).unordered()).map(|(_, result)| result).sum();
    println!("sum {sum}");
    Ok(())
}

/// Starts processes, and shows their progress, which the cache tells.
fn lead(cache: &Cache, processes: usize) -> Result<(), Box<dyn Error>> {
    cache.clear()?;
    let start = Instant::now();
    let program = std::env::current_exe()?;
    let start_one = |_| Command::new(&program).arg("--alone").stdout(std::process::Stdio::null()).spawn();
    let mut running = (0..processes).map(start_one).collect::<Result<Vec<_>, _>>()?;

    let bars = MultiProgress::new();
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} after {elapsed}")?;
    let bar = bars.add(ProgressBar::new(temperatures().count() as u64).with_style(style));
    while !running.is_empty() {
        bar.set_position(cache.stats()?.entries);
        std::thread::sleep(Duration::from_millis(10));
        running.retain_mut(|process| matches!(process.try_wait(), Ok(None)));
    }
    bar.finish_and_clear();

    let took = start.elapsed();
    let work: Duration = temperatures().map(time_of).sum();
    let longest = temperatures().map(time_of).max().unwrap_or_default();
    let computed = cache.stats()?.misses;
    let ideal = work.as_secs_f64() / processes as f64 + longest.as_secs_f64();
    println!(
        "{processes} processes: {computed} calls computed in {:.2} s, work {:.2} s; work / {processes} + longest call = \
         {ideal:.2} s, ratio {:.2}",
        took.as_secs_f64(),
        work.as_secs_f64(),
        took.as_secs_f64() / ideal,
    );
    Ok(())
}
