//! Compares calls with the file operations that they need. Only the ratios within one run are meaningful.
//!
//! `cargo bench --bench call`

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::allow_attributes,
    clippy::print_stdout,
    reason = "it is a benchmark"
)]

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::sync::{Barrier, LazyLock};
use std::time::{Duration, Instant, SystemTime};

use criterion::{BatchSize, Criterion, criterion_group};
use larder::{Cache, memoize};
use ndarray::Array2;
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());
static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::open(FOLDER.path().join("cache")).unwrap());

#[memoize(cache = &CACHE)]
fn small(n: u64) -> u64 {
    n + 1
}

/// Cache without a memory tier: each hit reads the file.
static COLD: LazyLock<Cache> =
    LazyLock::new(|| Cache::builder(FOLDER.path().join("cold")).hot_bytes(0).open().unwrap());

#[memoize(cache = &COLD)]
fn from_disk(n: u64) -> u64 {
    n + 1
}

#[memoize(cache = &CACHE)]
fn large(n: u64) -> Array2<f64> {
    Array2::from_shape_fn((4000, 4000), |(i, j)| (i * j) as f64 + n as f64)
}

/// Measures a call whose result is stored.
fn hit(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hit");
    small(7);
    group.bench_function("f(u64)", |b| b.iter(|| small(black_box(7))));
    from_disk(7);
    group.bench_function("f(u64) from its file", |b| b.iter(|| from_disk(black_box(7))));
    let path = small::memo().entries().unwrap().next().unwrap().path;
    let mut buffer = vec![0; 16 << 10];
    group.bench_function("f(u64), floor: open, read, close", |b| {
        b.iter(|| File::open(&path).unwrap().read(black_box(&mut buffer)).unwrap());
    });
    large(1);
    let path = large::memo().entries().unwrap().next().unwrap().path;
    group.sample_size(10);
    group.bench_function("128 MB of f64", |b| b.iter(|| large(black_box(1))));
    group.bench_function("128 MB of f64, floor: fs::read", |b| b.iter(|| fs::read(&path).unwrap()));
}

/// Hits in memory by several threads at once, of the same entry and of one entry each. The results that each thread keeps
/// (`engine/memory_tier/thread_cache.rs`) are for the first.
///
/// With them and without, in two runs of each on two processors that did other work as well: 2 threads and the same entry 229
/// and 452 ns, 385 and 554 ns (49 % and 31 % less); 1 thread 91 and 145 ns, 180 and 234 ns (37 % and 23 % less). So they stay;
/// below 10 % they would not be worth their code.
fn contention(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("contention");
    for n in 7..15 {
        (0..3).for_each(|_| _ = small(n));
    }
    for threads in [1, 2, 4, 8] {
        for (what, apart) in [("the same entry", 0), ("an entry each", 1)] {
            group.bench_function(format!("{threads} threads, {what}"), |b| {
                b.iter_custom(|times| {
                    let start = Barrier::new(threads);
                    let took = std::thread::scope(|scope| {
                        let work = |n: u64| {
                            let start = &start;
                            scope.spawn(move || {
                                start.wait();
                                let began = Instant::now();
                                (0..times).for_each(|_| _ = black_box(small(black_box(n))));
                                began.elapsed()
                            })
                        };
                        let running: Vec<_> = (0..threads as u64).map(|thread| work(7 + apart * thread)).collect();
                        running.into_iter().map(|thread| thread.join().unwrap()).max().unwrap()
                    });
                    // More threads than processors take turns.
                    let turns = threads.div_ceil(std::thread::available_parallelism().unwrap().get());
                    took / u32::try_from(turns).unwrap()
                });
            });
        }
    }
}

/// Measures a call that computes and stores its result.
fn miss(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("miss");
    let mut n = 1000;
    group.bench_function("f(u64)", |b| {
        b.iter(|| {
            n += 1;
            small(n)
        });
    });
    let mut n = 0_u64;
    group.bench_function("f(u64), floor: create, write, close, rename", |b| {
        b.iter_batched(
            || {
                n += 1;
                (FOLDER.path().join(format!("{n}.new")), FOLDER.path().join(n.to_string()))
            },
            |(new, name)| {
                File::create_new(&new).unwrap().write_all(&[1; 600]).unwrap();
                fs::rename(new, name).unwrap();
            },
            BatchSize::SmallInput,
        );
    });
}

/// Measures `explain` of a call that would miss, in a cache of 10,000 entries.
fn explain(criterion: &mut Criterion) {
    for n in 0..10_000 {
        small(n);
    }
    let mut group = criterion.benchmark_group("explain");
    group.sample_size(20);
    group.bench_function("f(u64), of 10,000", |b| b.iter(|| small::call(black_box(u64::MAX)).explain()));
}

/// Cache that two processes share. `BENCH_LARDER_ROOT` gives its path to the second process.
static SHARED: LazyLock<Cache> = LazyLock::new(|| {
    let root = std::env::var_os(ROOT).map_or_else(|| FOLDER.path().join("shared"), Into::into);
    Cache::open(root).unwrap()
});

const ROOT: &str = "BENCH_LARDER_ROOT";

/// Names the variable that says how many seconds the second process computes.
const SECONDS: &str = "BENCH_LARDER_SECONDS";

/// Returns the time at which the computation ended, in nanoseconds since 1970.
#[memoize(cache = &SHARED)]
fn slow(n: u64) -> u64 {
    println!("begun {n}");
    std::thread::sleep(Duration::from_millis(20));
    nanoseconds()
}

fn nanoseconds() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos().try_into().unwrap()
}

/// Measures the time from the end of the function in another process until this process has the result. In this time
/// the result is stored, noticed and read.
fn wait(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("wait");
    group.sample_size(10);
    let mut n = 0_u64;
    group.bench_function("for another process", |b| {
        b.iter_custom(|times| {
            let mut waited = 0;
            for _ in 0..times {
                n += 1;
                let mut other = Command::new(std::env::current_exe().unwrap());
                other.env(ROOT, SHARED.path()).arg(n.to_string()).stdout(Stdio::piped());
                let mut other = other.spawn().unwrap();
                let mut begun = String::new();
                BufReader::new(other.stdout.as_mut().unwrap()).read_line(&mut begun).unwrap();
                let done = slow(n);
                waited += nanoseconds() - done;
                assert!(other.wait().unwrap().success());
            }
            Duration::from_nanos(waited)
        });
    });
}

/// Prints what it costs to wait for another process, in thousandths of a processor.
#[cfg(target_os = "linux")]
fn cost_of_waiting(_: &mut Criterion) {
    // User and system time of this process in clock ticks: fields 14 and 15 of `/proc/self/stat`, see proc(5).
    let ticks = || -> u64 {
        let stat = fs::read_to_string("/proc/self/stat").unwrap();
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    };
    const WAITERS: u64 = 16;
    let seconds = 10;
    let mut other = Command::new(std::env::current_exe().unwrap());
    other.env(ROOT, SHARED.path()).env(SECONDS, seconds.to_string()).arg("0").stdout(Stdio::piped());
    let mut other = other.spawn().unwrap();
    let mut begun = String::new();
    BufReader::new(other.stdout.as_mut().unwrap()).read_line(&mut begun).unwrap();
    let before = ticks();
    std::thread::scope(|scope| {
        // Each handle has its own lock, so it acts like another process.
        for _ in 0..WAITERS {
            scope.spawn(|| Cache::open(SHARED.path()).unwrap().get_or_compute("long", &0, || 0_u64));
        }
    });
    let used = (ticks() - before) * 10;
    println!(
        "wait/cost: {:.2} thousandths of a processor for each of {WAITERS} waiters",
        used as f64 / seconds as f64 / WAITERS as f64
    );
    assert!(other.wait().unwrap().success());
}

#[cfg(not(target_os = "linux"))]
fn cost_of_waiting(_: &mut Criterion) {}

criterion_group!(benches, hit, contention, miss, explain, wait, cost_of_waiting);

fn main() {
    if let (Some(root), Ok(seconds)) = (std::env::var_os(ROOT), std::env::var(SECONDS)) {
        Cache::open(root).unwrap().get_or_compute("long", &0, || {
            println!("begun");
            std::thread::sleep(Duration::from_secs(seconds.parse().unwrap()));
            1_u64
        });
        return;
    }
    if std::env::var_os(ROOT).is_some() {
        slow(std::env::args().nth(1).unwrap().parse().unwrap());
        return;
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
}
