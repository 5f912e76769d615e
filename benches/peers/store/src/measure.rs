//! Measures entrants in alternating rounds, and computes figures from their times.

use std::ops::Range;
use std::sync::Barrier;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use crate::functions::COMPUTED;

/// Arguments of a series of calls.
#[derive(Clone, Copy)]
pub struct Calls {
    first: u64,
    stride: u64,
    left: u64,
}

impl Calls {
    pub fn same(n: u64, count: u64) -> Self {
        Self { first: n, stride: 0, left: count }
    }

    pub fn each(numbers: Range<u64>) -> Self {
        Self { first: numbers.start, stride: 1, left: numbers.end - numbers.start }
    }
}

impl Iterator for Calls {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.left = self.left.checked_sub(1)?;
        let n = self.first;
        self.first += self.stride;
        Some(n)
    }
}

/// Function that makes the calls and returns how long they took.
pub type Run<'a> = Box<dyn Fn(Calls) -> Duration + Sync + 'a>;

/// Returns a run that makes each call. `call` returns whether its result is right.
pub fn each<'a>(call: impl Fn(u64) -> bool + Sync + 'a) -> Run<'a> {
    Box::new(move |calls| {
        let start = Instant::now();
        for n in calls {
            assert!(call(n), "a result is wrong");
        }
        start.elapsed()
    })
}

/// One of the caches that are compared.
pub struct Entrant<'a> {
    pub name: &'static str,
    pub run: Run<'a>,
}

impl<'a> Entrant<'a> {
    pub fn new(name: &'static str, run: Run<'a>) -> Self {
        Self { name, run }
    }
}

/// Amount of measuring.
#[derive(Clone, Copy)]
pub struct Effort {
    pub rounds: usize,
    /// Minimum duration of a turn, for calls that can be repeated.
    pub turn: Duration,
    /// Number of calls in a turn, for calls that are made once each. Large results use a twentieth of it.
    pub calls: u64,
}

impl Effort {
    pub const FULL: Self = Self { rounds: 9, turn: Duration::from_millis(30), calls: 400 };
    pub const QUICK: Self = Self { rounds: 3, turn: Duration::from_millis(2), calls: 40 };

    /// Returns how many calls fill a turn. It takes the shortest of three tries, so that an interruption makes no
    /// turn too short.
    pub fn fill(self, run: &Run<'_>, n: u64) -> u64 {
        let mut count = 1;
        loop {
            let tries = [(); 3].map(|()| run(Calls::same(n, count)));
            let took = tries.into_iter().min().unwrap_or_default();
            if took >= self.turn / 8 {
                return (count as f64 * self.turn.as_secs_f64() / took.as_secs_f64()).ceil() as u64;
            }
            count *= 2;
        }
    }
}

/// Gives each entrant a turn in each of `rounds` rounds, and returns the figures of each entrant. The first entrant
/// changes each round, so that none always runs after the same other one.
pub fn rounds<'a, T>(
    rounds: usize,
    entrants: &[Entrant<'a>],
    mut turn: impl FnMut(usize, usize, &Entrant<'a>) -> T,
) -> Vec<Vec<T>> {
    let mut figures: Vec<Vec<T>> = entrants.iter().map(|_| Vec::new()).collect();
    for round in 0..rounds {
        for place in 0..entrants.len() {
            let index = (round + place) % entrants.len();
            figures[index].push(turn(round, index, &entrants[index]));
        }
    }
    figures
}

/// Returns the seconds per call. Panics if the number of computed calls is not `computed`.
pub fn seconds(entrant: &Entrant<'_>, calls: Calls, computed: u64) -> f64 {
    let before = COMPUTED.load(Ordering::Relaxed);
    let took = (entrant.run)(calls);
    let ran = COMPUTED.load(Ordering::Relaxed) - before;
    assert_eq!(ran, computed, "{}: wrong number of computed calls of {}", entrant.name, calls.left);
    took.as_secs_f64() / calls.left as f64
}

/// Returns the calls per second of two threads together.
pub fn throughput_of_two(entrant: &Entrant<'_>, calls: [Calls; 2]) -> f64 {
    let before = COMPUTED.load(Ordering::Relaxed);
    let barrier = Barrier::new(2);
    let spans = thread::scope(|scope| {
        let run = |calls| {
            barrier.wait();
            let start = Instant::now();
            (entrant.run)(calls);
            (start, Instant::now())
        };
        let threads = calls.map(|calls| scope.spawn(move || run(calls)));
        threads.map(|thread| thread.join().expect("a thread of the benchmark"))
    });
    assert_eq!(COMPUTED.load(Ordering::Relaxed), before, "{}: hits were computed", entrant.name);
    let took = spans[0].1.max(spans[1].1) - spans[0].0.min(spans[1].0);
    (calls[0].left + calls[1].left) as f64 / took.as_secs_f64()
}

pub fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

/// Returns the median, least and greatest of the ratios within a round.
pub fn ratio(theirs: &[f64], ours: &[f64]) -> String {
    let ratios: Vec<f64> = theirs.iter().zip(ours).map(|(theirs, ours)| theirs / ours).collect();
    let (least, greatest) = ratios.iter().fold((f64::MAX, 0_f64), |(low, high), r| (low.min(*r), high.max(*r)));
    format!("{} ({}–{})", figure(median(&ratios)), figure(least), figure(greatest))
}

/// Formats a ratio with three significant digits, so that a hundredth does not become 0.01 or 0.00.
fn figure(ratio: f64) -> String {
    match ratio {
        100.0.. => format!("{ratio:.0}"),
        10.0.. => format!("{ratio:.1}"),
        1.0.. => format!("{ratio:.2}"),
        0.1.. => format!("{ratio:.3}"),
        _ => format!("{ratio:.4}"),
    }
}

pub fn time(seconds: f64) -> String {
    let (value, unit) = match seconds {
        1e-3.. => (seconds * 1e3, "ms"),
        1e-6.. => (seconds * 1e6, "µs"),
        _ => (seconds * 1e9, "ns"),
    };
    let digits = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.digits$} {unit}")
}
