//! Measures one function with many entries: the cost of a call, and of listing, counting and trimming.
//!
//! `cargo bench --bench scale --features full`, or with another number of entries than 100,000:
//! `BENCH_LARDER_SCALE=1000000 cargo bench --bench scale --features full`

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::allow_attributes,
    reason = "it is a benchmark"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use larder::{Cache, Limits, memoize};
use tempfile::{TempDir, tempdir};

#[memoize(cache = cache, ignore(cache))]
fn number(n: u64, cache: &Cache) -> u64 {
    let _ = cache;
    n + 1
}

const FEW: u64 = 1000;

/// Number of calls whose median is taken.
const CALLS: u64 = 2000;

fn filled(entries: u64) -> (TempDir, Cache) {
    let folder = tempdir().unwrap();
    // The memory tier would answer the measured calls.
    let cache = Cache::builder(folder.path().join("cache")).hot_bytes(0).open().unwrap();
    (0..entries).for_each(|n| _ = number(n, &cache));
    (folder, cache)
}

fn median(mut work: impl FnMut(u64)) -> Duration {
    let mut times: Vec<_> = (0..CALLS)
        .map(|index| {
            let started = Instant::now();
            work(index);
            started.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[times.len() / 2]
}

fn once<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let started = Instant::now();
    let result = work();
    (started.elapsed(), result)
}

/// Measures hits and misses alternately, with few entries and with many.
fn calls(few: &Cache, many: &Cache, entries: u64) {
    // The calls are spread over all entries in an order that the disk can't predict.
    let spread = |index: u64| index.wrapping_mul(0x9e37_79b9_7f4a_7c15) % entries;
    // Both use the same number of different calls. Only the number of other entries differs.
    let hit =
        |cache: &Cache, which: &dyn Fn(u64) -> u64| median(|index| _ = black_box(number(which(index % FEW), cache)));
    let hits: Vec<_> = (0..5).map(|_| (hit(few, &|n| n), hit(many, &spread))).collect();
    let mut first = FEW;
    let once: Vec<_> = (0..5)
        .map(|_| {
            first += CALLS;
            (hit(few, &|n| n), median(|index| _ = black_box(number(spread(first + index), many))))
        })
        .collect();
    let mut next = 1 << 40;
    let mut miss = |cache: &Cache| {
        median(|_| {
            next += 1;
            number(next, cache);
        })
    };
    let misses: Vec<_> = (0..3).map(|_| (miss(few), miss(many))).collect();
    for (what, mut pairs) in [("hit", hits), ("hit of one that was not looked at for long", once), ("miss", misses)] {
        pairs.sort_by_key(|(few, many)| many.as_nanos() * 1000 / few.as_nanos().max(1));
        let (few, many) = pairs[pairs.len() / 2];
        let ratio = many.as_secs_f64() / few.as_secs_f64();
        println!("| {what} | {few:.2?} with {FEW} | {many:.2?} | {ratio:.2}, at most 1.5 |");
    }
}

/// Measures calls after the limit was lowered, so that a tenth of the entries has to be evicted. The background
/// thread does most of this work.
fn lowered(many: &Cache, entries: u64) {
    let most = entries / 10 * 9;
    let cache = Cache::builder(many.path()).hot_bytes(0).max_entries(most).open().unwrap();
    let started = Instant::now();
    let mut times = Vec::new();
    while cache.stats().unwrap().entries > most {
        times.push(once(|| number((1 << 50) + times.len() as u64, &cache)).0);
        std::thread::sleep(Duration::from_millis(1));
    }
    times.sort_unstable();
    let (median, longest) = (times[times.len() / 2], times[times.len() - 1]);
    println!("| a miss while a tenth is evicted, median | | {median:.2?} | |");
    println!("| the same, the longest of {} in {:.1?} | | {longest:.2?} | 50 ms |", times.len(), started.elapsed());
}

fn main() {
    let entries = std::env::var("BENCH_LARDER_SCALE").ok().and_then(|text| text.parse().ok()).unwrap_or(100_000);
    let (filling, (_folder, many)) = once(|| filled(entries));
    let (_few_folder, few) = filled(FEW);
    println!("| {entries} entries | compared with | time | target |");
    println!("|---|---|--:|---|");
    println!("| filling, for each entry | | {:.2?} | |", filling / u32::try_from(entries).unwrap());
    calls(&few, &many, entries);
    let (took, stats) = once(|| many.stats().unwrap());
    println!("| `stats()` | | {took:.2?} | no scan |");
    let (took, functions) = once(|| many.functions().unwrap());
    println!("| `functions()` | | {took:.2?} | no scan |");
    assert_eq!(functions[0].entries, stats.entries);
    assert!(stats.entries >= entries);
    let (took, _) = once(|| many.entries().unwrap().next().unwrap());
    println!("| the first of `entries()` | | {took:.2?} | streams |");
    let (took, last) = once(|| many.recently_used(100).unwrap());
    assert_eq!(last.len(), 100);
    println!("| `recently_used(100)`, the first page of `larder ls` | | {took:.2?} | 200 ms of 100,000 |");
    lowered(&many, entries);
    let entries = entries / 100 * 85;
    let (took, trimmed) = once(|| many.trim_to(&Limits { max_entries: Some(entries), ..Limits::default() }).unwrap());
    println!("| `trim_to`, {} of {} | | {took:.2?} | |", trimmed.removed, trimmed.removed + trimmed.kept);
    let (took, _) = once(|| many.clear().unwrap());
    println!("| `clear` | | {took:.2?} | |");
    let (_trim_folder, two_thousand) = filled(2000);
    let (took, trimmed) =
        once(|| two_thousand.trim_to(&Limits { max_entries: Some(500), ..Limits::default() }).unwrap());
    assert_eq!(trimmed.removed, 1500);
    println!("| `trim_to`, 1500 of 2000 | | {took:.2?} | 100 ms |");
}
