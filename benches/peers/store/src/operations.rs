//! Defines the operations that are compared, and the peers of each. larder is always the first entrant.

use std::hint::black_box;
use std::ops::Range;

use crate::floor;
use crate::functions::*;
use crate::measure::{Calls, Effort, Entrant, each, median, ratio, rounds, seconds, throughput_of_two, time};
use crate::peers::*;

/// Arguments of calls that are repeated, one for each of two threads.
pub const AGAIN: [u64; 2] = [7, 8];

/// First argument of the calls whose results another process has stored.
const STORED: u64 = 1_000_000;

/// First argument of calls that were never made before.
const NEW: u64 = 1_000_000_000;

/// Returns the numbers of one turn. No other turn has any of them.
pub fn part(base: u64, turn: usize, count: u64) -> Range<u64> {
    let first = base + turn as u64 * count;
    first..first + count
}

pub fn stored(turn: usize, count: u64) -> Calls {
    Calls::each(part(STORED, turn, count))
}

pub fn new(turn: usize, count: u64) -> Calls {
    Calls::each(part(NEW, turn, count))
}

/// Returns all calls of [`stored`] for one turn more than there are rounds. The first turn warms up.
pub fn all_stored(effort: Effort, count: u64) -> Calls {
    Calls::each(STORED..STORED + (effort.rounds as u64 + 1) * count)
}

pub fn large_calls(effort: Effort) -> u64 {
    (effort.calls / 50).max(2)
}

pub fn larder<'a>() -> Entrant<'a> {
    Entrant::new("larder", each(|n| is_right(n, larder_small(n))))
}

pub fn larder_of_large<'a>() -> Entrant<'a> {
    Entrant::new("larder", each(|n| is_right_large(n, &larder_large(n))))
}

fn cached_disk<'a>() -> Entrant<'a> {
    Entrant::new("cached, redb", each(|n| cached_small(n).is_ok_and(|result| is_right(n, result))))
}

fn cacache<'a>() -> Entrant<'a> {
    Entrant::new("cacache", each(|n| is_right(n, cacache_of::small(n))))
}

fn foyer<'a>(name: &'static str) -> Entrant<'a> {
    Entrant::new(name, awaited(foyer_hit))
}

/// Returns all entrants that hit within one process, including those that only have memory.
fn all_again<'a>() -> Vec<Entrant<'a>> {
    for n in AGAIN {
        MOKA.insert(n, compute(n));
        QUICK.insert(n, compute(n));
        cached_in_memory(n);
    }
    vec![
        larder(),
        cached_disk(),
        cacache(),
        foyer("foyer, from memory"),
        Entrant::new("cached, memory only", each(|n| is_right(n, cached_in_memory(n)))),
        Entrant::new("moka, memory only", each(|n| MOKA.get(&n).is_some_and(|result| is_right(n, result)))),
        Entrant::new("quick_cache, memory only", each(|n| QUICK.get(&n).is_some_and(|result| is_right(n, result)))),
    ]
}

pub fn hit_again(effort: Effort) {
    again("hit of f(u64), again", effort, &all_again());
}

pub fn hit_stored(effort: Effort) {
    let floor = Entrant::new("open, read, close (floor)", floor::read_small());
    let entrants = [larder(), floor, cached_disk(), cacache(), foyer("foyer")];
    once("hit of f(u64), stored by another process", effort, effort.calls, 0, stored, &entrants);
}

pub fn miss(effort: Effort) {
    let entrants = [
        larder(),
        Entrant::new("create, write, rename (floor)", floor::write_small()),
        Entrant::new(
            "cached, redb, fsync (default)",
            each(|n| cached_durable(n).is_ok_and(|result| is_right(n, result))),
        ),
        Entrant { name: "cached, redb, no fsync", ..cached_disk() },
        cacache(),
        Entrant::new("foyer, written later", awaited(foyer_miss)),
    ];
    once("miss of f(u64), stored", effort, effort.calls, effort.calls, new, &entrants);
    assert!((0..=effort.rounds).all(|turn| foyer_keeps(new(turn, effort.calls))), "foyer did not store all");
}

fn all_large<'a>(foyer_name: &'static str) -> Vec<Entrant<'a>> {
    vec![
        larder_of_large(),
        Entrant::new("fs::read (floor)", floor::read_large()),
        Entrant::new("cached, redb", each(|n| cached_large(n).is_ok_and(|numbers| is_right_large(n, &numbers)))),
        Entrant::new("cacache", each(|n| is_right_large(n, &cacache_of::large(n)))),
        Entrant::new(
            foyer_name,
            awaited(|n| async move { foyer_large(n).await.is_some_and(|numbers| is_right_large(n, &numbers)) }),
        ),
    ]
}

pub fn large_again(effort: Effort) {
    let [n, _] = AGAIN;
    MOKA_LARGE.insert(n, compute_large(n));
    QUICK_LARGE.insert(n, compute_large(n));
    let mut entrants = all_large("foyer, from memory, cloned");
    entrants.push(Entrant::new(
        "moka, memory only, cloned",
        each(|n| MOKA_LARGE.get(&n).is_some_and(|numbers| is_right_large(n, &numbers))),
    ));
    entrants.push(Entrant::new(
        "quick_cache, memory only, cloned",
        each(|n| QUICK_LARGE.get(&n).is_some_and(|numbers| is_right_large(n, &numbers))),
    ));
    again("hit of 1 MB of f64, again", effort, &entrants);
}

pub fn large_stored(effort: Effort) {
    let count = large_calls(effort);
    once("hit of 1 MB of f64, stored by another process", effort, count, 0, stored, &all_large("foyer"));
}

/// Prints the rows of a call that is repeated.
fn again(operation: &str, effort: Effort, entrants: &[Entrant<'_>]) {
    let [n, _] = AGAIN;
    let counts: Vec<u64> = entrants.iter().map(|entrant| effort.fill(&entrant.run, n)).collect();
    let figures = rounds(effort.rounds, entrants, |_, index, entrant| {
        settled(seconds(entrant, Calls::same(n, counts[index]), 0))
    });
    rows(operation, entrants, &figures);
}

/// Prints the rows of calls that are made once each. `computed` of them are computed in a turn.
fn once(
    operation: &str,
    effort: Effort,
    count: u64,
    computed: u64,
    calls: fn(usize, u64) -> Calls,
    entrants: &[Entrant<'_>],
) {
    for entrant in entrants {
        (entrant.run)(calls(0, count));
        settle();
    }
    let figures = rounds(effort.rounds, entrants, |round, _, entrant| {
        let computed = if entrant.name.ends_with("(floor)") { 0 } else { computed };
        settled(seconds(entrant, calls(round + 1, count), computed))
    });
    rows(operation, entrants, &figures);
}

/// Returns the figures of a turn after background work has ended, so that it does not disturb the next entrant.
fn settled<T>(figures: T) -> T {
    settle();
    figures
}

fn rows(operation: &str, entrants: &[Entrant<'_>], figures: &[Vec<f64>]) {
    let ours = &figures[0];
    for (entrant, theirs) in entrants.iter().zip(figures).skip(1) {
        let (peer, larder) = (time(median(theirs)), time(median(ours)));
        println!("| {operation} | {} | {peer} | {larder} | {} |", entrant.name, ratio(theirs, ours));
    }
}

fn spin(n: u64, step: u64) -> u64 {
    black_box(n | 1).wrapping_mul(6_364_136_223_846_793_005) | step
}

/// Compares two threads with one.
pub fn threads(effort: Effort) {
    let [n, other] = AGAIN;
    let mut entrants = all_again();
    // Shows the real capacity of the machine: less than 2 if other programs use it.
    entrants.push(Entrant::new("no cache, only arithmetic", each(|n| black_box((0..100).fold(n, spin)) != 0)));
    let counts: Vec<u64> = entrants.iter().map(|entrant| effort.fill(&entrant.run, n)).collect();
    let figures = rounds(effort.rounds, &entrants, |_, index, entrant| {
        let calls = |n| Calls::same(n, counts[index]);
        let one = seconds(entrant, calls(n), 0);
        let different = throughput_of_two(entrant, [calls(n), calls(other)]);
        let same = throughput_of_two(entrant, [calls(n), calls(n)]);
        settled([one, different * one, same * one])
    });
    for (entrant, figures) in entrants.iter().zip(figures) {
        let [one, different, same] = [0, 1, 2].map(|i| median(&figures.iter().map(|f| f[i]).collect::<Vec<_>>()));
        println!("| {} | {} | {different:.2} | {same:.2} |", entrant.name, time(one));
    }
}
