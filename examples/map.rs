//! Maps of large arrays: to use a part of a result without loading it.
//!
//! A terrain of 4000 × 4000 heights is computed once: 128 MB. Then one row and one window of it are wanted. A map of the
//! stored result reads only the pages that are touched.
//!
//! ```sh
//! cargo run --release --example map     # run it twice
//! ```
#![expect(clippy::print_stdout, reason = "it is a program")]

use std::error::Error;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use larder::{Cache, memoize};
use ndarray::{Array2, Ix2, s};
use serde::{Deserialize, Serialize};

static CACHE: LazyLock<Cache> =
    LazyLock::new(|| Cache::open(std::env::temp_dir().join("larder-map")).expect("the cache can be opened"));

/// Heights in metres, as a sum of smooth noise at several scales.
#[memoize(cache = &CACHE)]
fn terrain(side: usize, seed: u64) -> Array2<f64> {
    let bar = ProgressBar::new(side as u64);
    let mut heights = Array2::zeros((side, side));
    for (y, mut row) in heights.rows_mut().into_iter().enumerate() {
        for (x, height) in row.iter_mut().enumerate() {
            *height = (1..=6).map(|octave| noise(x, y, 2048 >> octave, seed) * f64::from(1 << (10 - octave))).sum();
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    heights
}

/// Noise between 0 and 1, smooth between the points of a grid with these cells.
fn noise(x: usize, y: usize, cell: usize, seed: u64) -> f64 {
    let at = |x: usize, y: usize| {
        let mixed =
            (x as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (y as u64).wrapping_mul(0xc2b2_ae3d_27d4_eb4f) ^ seed;
        let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((mixed ^ (mixed >> 32)) & 0xffff) as f64 / 65_536.0
    };
    let smooth = |position: usize| {
        let share = (position % cell) as f64 / cell as f64;
        share * share * (3.0 - 2.0 * share)
    };
    let (column, row, right, down) = (x / cell, y / cell, smooth(x), smooth(y));
    let between = |one: f64, other: f64, share: f64| one + (other - one) * share;
    let above = between(at(column, row), at(column + 1, row), right);
    let below = between(at(column, row + 1), at(column + 1, row + 1), right);
    between(above, below, down)
}

/// A file with an array beside other things.
#[derive(Serialize)]
struct Map<'m> {
    name: &'m str,
    heights: &'m Array2<f64>,
}

/// The same without the array, which stays in the file.
#[derive(Deserialize)]
struct Name {
    name: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let is_stored = terrain::call(4000, 1).is_cached();
    let stored = terrain::call(4000, 1).shelve()?;
    println!("{} in {}", if is_stored { "stored before: found" } else { "computed and stored" }, ms(start.elapsed()));

    let start = Instant::now();
    let highest = stored.get()?.iter().copied().fold(0.0, f64::max);
    println!("loaded all of it, 128 MB: the highest point has {highest:.0} m; {}", ms(start.elapsed()));

    let start = Instant::now();
    let heights = stored.map()?;
    let opened = start.elapsed();
    let climb: f64 = heights.row(2000).windows(2).into_iter().map(|w| (w[1] - w[0]).max(0.0)).sum();
    println!("mapped it in {}: a walk along row 2000 climbs {climb:.0} m; {}", ms(opened), ms(start.elapsed()));

    let start = Instant::now();
    let window = heights.slice(s![1000..1100, 3000..3100]);
    println!("a window of 100 × 100 has a mean of {:.0} m; {}", window.mean().unwrap_or(0.0), ms(start.elapsed()));

    // The same with a file of your own.
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("island.larder");
    larder::dump(&Map { name: "the island", heights: &heights }, &path)?;
    let start = Instant::now();
    let map = larder::map::<Name>(&path)?;
    let corner = map.view_at::<f64, Ix2>("heights")?[[0, 0]];
    println!("{} from a file: the corner is at {corner:.0} m; {}", map.name, ms(start.elapsed()));
    println!("the cache is in {}", CACHE.path().display());
    Ok(())
}

fn ms(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1e3)
}
