//! A chain of memoized functions that hand on references, so that nothing between them is loaded or hashed.
//!
//! The Lorenz equations are solved for a long time, which gives 96 MB of numbers. Three functions look at them. On the
//! second run, only the three small results are read: compare the bytes that the last line reports.
//!
//! ```sh
//! cargo run --release --example chain     # run it twice
//! ```
#![expect(clippy::print_stdout, reason = "it is a program")]

use std::error::Error;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use larder::{Cache, Shelved, memoize};

static CACHE: LazyLock<Cache> =
    LazyLock::new(|| Cache::open(std::env::temp_dir().join("larder-chain")).expect("the cache can be opened"));

/// The height `z` of the Lorenz system at each step of a Runge-Kutta method of fourth order.
#[memoize(cache = &CACHE)]
fn heights(rho: f64, steps: usize) -> Vec<f64> {
    let slope = |[x, y, z]: [f64; 3]| [10.0 * (y - x), x * (rho - z) - y, x * y - 8.0 / 3.0 * z];
    let step = 0.002;
    let mut at = [1.0, 1.0, 1.0];
    let moved = |from: [f64; 3], by: [f64; 3], times: f64| std::array::from_fn(|i| from[i] + times * by[i]);
    let mut heights = Vec::with_capacity(steps);
    for _ in 0..steps {
        let first = slope(at);
        let second = slope(moved(at, first, step / 2.0));
        let third = slope(moved(at, second, step / 2.0));
        let fourth = slope(moved(at, third, step));
        let mean = std::array::from_fn(|i| (first[i] + 2.0 * second[i] + 2.0 * third[i] + fourth[i]) / 6.0);
        at = moved(at, mean, step);
        heights.push(at[2]);
    }
    heights
}

/// Every local maximum: Lorenz's own way to look at the system.
#[memoize(cache = &CACHE)]
fn maxima(heights: &Shelved<Vec<f64>>) -> larder::Result<Vec<f64>> {
    // The array is used in its file.
    let heights = heights.map()?;
    Ok(heights.windows(3).filter(|w| w[0] < w[1] && w[1] >= w[2]).map(|w| w[1]).collect())
}

/// How strongly neighbouring maxima move apart: above 0, the system is chaotic.
#[memoize(cache = &CACHE)]
fn divergence(maxima: &Shelved<Vec<f64>>) -> larder::Result<f64> {
    let maxima = maxima.get()?;
    // A maximum is mapped to the next one. The slope of that map is measured at neighbours in the order of their heights.
    let mut pairs: Vec<_> = maxima.windows(2).map(|w| (w[0], w[1])).collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let slopes = pairs.windows(12).map(|w| ((w[11].1 - w[0].1) / (w[11].0 - w[0].0).max(1e-12)).abs());
    let logs: Vec<_> = slopes.filter(|slope| *slope > 0.0).map(f64::ln).collect();
    Ok(logs.iter().sum::<f64>() / logs.len().max(1) as f64)
}

/// How often the height is in each of 20 equal intervals from 0 to 50.
#[memoize(cache = &CACHE)]
fn histogram(heights: &Shelved<Vec<f64>>) -> larder::Result<[u64; 20]> {
    let heights = heights.map()?;
    let mut counts = [0; 20];
    for height in heights.iter() {
        let interval = (0..19).find(|i| *height < 2.5 * f64::from(i + 1)).unwrap_or(19);
        counts[usize::try_from(interval).unwrap_or(19)] += 1;
    }
    Ok(counts)
}

fn main() -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let before = CACHE.stats()?;
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg} after {elapsed}")?;
    let bar = ProgressBar::new(4).with_style(style);
    bar.enable_steady_tick(Duration::from_millis(100));

    bar.set_message("heights");
    // Makes sure that the 96 MB are stored, and loads nothing.
    let heights = heights::call(28.0, 12_000_000).shelve()?;
    bar.inc(1);
    bar.set_message("maxima");
    let maxima = maxima::call(&heights).shelve()?.ok();
    bar.inc(1);
    bar.set_message("divergence");
    let divergence = divergence(&maxima)?;
    bar.inc(1);
    bar.set_message("histogram");
    let histogram = histogram(&heights)?;
    bar.finish_and_clear();

    let most = histogram.iter().max().copied().unwrap_or(1).max(1);
    for (interval, count) in histogram.iter().enumerate() {
        let width = usize::try_from(count * 40 / most)?;
        if width == 0 {
            continue;
        }
        println!("{:>5.1} {}", 2.5 * interval as f64, "#".repeat(width));
    }
    let verdict = if divergence > 0.0 { "chaotic" } else { "not chaotic" };
    println!("neighbouring maxima move apart by a factor of {:.2}: {verdict}", divergence.exp());

    let stats = CACHE.stats()?;
    println!(
        "computed {} of 4 results; read {:.1} KB, wrote {:.1} MB; done in {:.1?}",
        stats.misses - before.misses,
        (stats.bytes_read - before.bytes_read) as f64 / 1e3,
        (stats.bytes_written - before.bytes_written) as f64 / 1e6,
        start.elapsed(),
    );
    println!("the cache is in {}", CACHE.path().display());
    Ok(())
}
