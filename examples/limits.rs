//! Limits and statistics: how large should a cache be?
//!
//! A viewer walks over a map of the Mandelbrot set, and asks for tiles. Mostly it stays where it was. Three caches with
//! different limits see the same walk; each evicts the tiles that were used least recently.
//!
//! ```sh
//! cargo run --release --example limits     # run it twice
//! ```
#![expect(clippy::print_stdout, reason = "it is a program")]

use std::error::Error;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use larder::{Cache, Limits, memoize, parse_bytes};

/// Pixels on each side of a tile.
const SIDE: i32 = 128;

/// Where a tile is: 2^`zoom` tiles on each side of the whole map.
type Place = (u32, i32, i32);

/// For each pixel, how soon it leaves the set.
#[memoize(cache = cache, ignore(cache))]
fn tile((zoom, column, row): Place, cache: &Cache) -> Vec<u8> {
    let _ = cache;
    let scale = 3.0 / f64::from(SIDE) / f64::from(1 << zoom);
    let escape = |x: i32, y: i32| {
        let (re, im) = (f64::from(column * SIDE + x) * scale - 2.25, f64::from(row * SIDE + y) * scale - 1.5);
        let (mut a, mut b) = (0.0, 0.0);
        // Each grey level is two steps.
        for level in 0..=255_u8 {
            for _ in 0..2 {
                (a, b) = (a * a - b * b + re, 2.0 * a * b + im);
                if a * a + b * b > 4.0 {
                    return level;
                }
            }
        }
        255
    };
    (0..SIDE).flat_map(|y| (0..SIDE).map(move |x| (x, y))).map(|(x, y)| escape(x, y)).collect()
}

/// The tiles that the viewer asks for: nine around each place of its walk.
fn walk(steps: usize) -> Vec<Place> {
    let mut state = 7_u32;
    let mut choose = move |most: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) % most
    };
    let (mut zoom, mut column, mut row) = (4_u32, 5_i32, 8_i32);
    let mut asked = Vec::new();
    for _ in 0..steps {
        match choose(10) {
            0 if zoom < 7 => (zoom, column, row) = (zoom + 1, 2 * column, 2 * row),
            1 if zoom > 3 => (zoom, column, row) = (zoom - 1, column / 2, row / 2),
            2 | 3 => column += 1,
            4 | 5 => column -= 1,
            6 | 7 => row += 1,
            _ => row -= 1,
        }
        let end = 1 << zoom;
        (column, row) = (column.clamp(1, end - 2), row.clamp(1, end - 2));
        asked.extend((-1..=1).flat_map(|x| (-1..=1).map(move |y| (x, y))).map(|(x, y)| (zoom, column + x, row + y)));
    }
    asked
}

fn main() -> Result<(), Box<dyn Error>> {
    let places = walk(120);
    let folder = std::env::temp_dir().join("larder-limits");
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg} after {elapsed}")?;
    let bar = ProgressBar::new(3 * places.len() as u64).with_style(style);

    let mut rows = Vec::new();
    for limit in ["500 KB", "2 MB", "none"] {
        bar.set_message(limit);
        let mut builder = Cache::builder(folder.join(limit.replace(' ', "-")));
        if limit != "none" {
            builder = builder.max_bytes(parse_bytes(limit)?);
        }
        let cache = builder.open()?;
        let (before, start) = (cache.stats()?, Instant::now());
        for place in &places {
            tile(*place, &cache);
            bar.inc(1);
        }
        let stats = cache.stats()?;
        let (hits, misses) = (stats.hits - before.hits, stats.misses - before.misses);
        rows.push((limit, hits, misses, stats.saved - before.saved, start.elapsed(), stats));
        // What a lower limit would remove. Nothing is removed here.
        if limit == "none" {
            let report = cache.trim_dry_run(&Limits::default().max_bytes(1_000_000))?;
            bar.finish_and_clear();
            println!("of {} tiles, a limit of 1 MB would keep {}", report.removed + report.kept, report.kept);
        }
    }

    println!("limit    hits  computed  hit rate     saved      took  stored");
    for (limit, hits, misses, saved, took, stats) in rows {
        let rate = 100.0 * hits as f64 / (hits + misses) as f64;
        let stored = format!("{} tiles, {:.1} MB", stats.entries, stats.bytes as f64 / 1e6);
        println!("{limit:<7} {hits:>5} {misses:>9} {rate:>7.1} % {:>9} {:>9}  {stored}", ms(saved), ms(took));
    }
    println!("the caches are in {}", folder.display());
    Ok(())
}

fn ms(time: Duration) -> String {
    format!("{:.0} ms", time.as_secs_f64() * 1e3)
}
