//! Tests single-flight: of equal calls at the same time, only one computes.

use std::fs;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Barrier, LazyLock, mpsc};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use larder::{Cache, memoize};
use rayon::prelude::*;
use tempfile::{TempDir, tempdir};

use crate::child::{self, tell, told};

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempdir().unwrap());
static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::open(FOLDER.path()).unwrap());

const MOMENT: Duration = Duration::from_millis(100);

/// Ends the process if a test hangs, and prints which one.
pub(crate) struct Watchdog {
    _alive: mpsc::Sender<()>,
}

impl Watchdog {
    pub(crate) fn of(test: &'static str) -> Self {
        let (sender, receiver) = mpsc::channel::<()>();
        thread::spawn(move || {
            if receiver.recv_timeout(Duration::from_secs(120)) == Err(mpsc::RecvTimeoutError::Timeout) {
                eprintln!("{test} hangs");
                std::process::abort();
            }
        });
        Watchdog { _alive: sender }
    }
}

/// Runs `work` on several threads that begin at the same time.
fn together<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(count);
    thread::scope(|scope| {
        let (work, barrier) = (&work, &barrier);
        let threads: Vec<_> = (0..count)
            .map(|index| {
                scope.spawn(move || {
                    barrier.wait();
                    work(index)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn one_of_many_threads_computes() {
    static RUNS: AtomicU32 = AtomicU32::new(0);

    #[memoize(cache = &CACHE)]
    fn slow(n: u32) -> u32 {
        RUNS.fetch_add(1, Ordering::SeqCst);
        sleep(MOMENT);
        n + 1
    }

    let values = together(8, |index| slow(if index % 2 == 0 { 1 } else { 10 }));
    assert_eq!(values, [2, 11, 2, 11, 2, 11, 2, 11]);
    assert_eq!(RUNS.load(Ordering::SeqCst), 2);
    let stats = slow::memo().stats().unwrap();
    assert_eq!((stats.misses, stats.hits), (2, 6));
}

/// A waiter for a result that is not stored computes it.
#[test]
fn results_that_are_not_stored_are_computed_by_each_call() {
    static RUNS: AtomicU32 = AtomicU32::new(0);

    #[memoize(cache = &CACHE, store_if = |n: &u32| *n > 100)]
    fn small(n: u32) -> u32 {
        RUNS.fetch_add(1, Ordering::SeqCst);
        sleep(MOMENT);
        n + 1
    }

    let _watchdog = Watchdog::of("results_that_are_not_stored_are_computed_by_each_call");
    assert_eq!(together(4, |_| small(1)), [2; 4]);
    assert_eq!(RUNS.load(Ordering::SeqCst), 4);
    assert!(!small::call(1).is_cached());
}

/// Two handles of one folder act like two processes.
#[test]
fn one_of_two_handles_of_a_folder_computes() {
    let folder = tempdir().unwrap();
    let runs = AtomicU32::new(0);
    together(4, |_| {
        let cache = Cache::open(folder.path()).unwrap();
        cache.get_or_compute("slow", &1, || {
            runs.fetch_add(1, Ordering::SeqCst);
            sleep(MOMENT);
        });
    });
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

#[test]
fn after_a_panic_or_an_error_another_call_computes() {
    static RUNS: AtomicU32 = AtomicU32::new(0);

    #[memoize(cache = &CACHE)]
    fn moody(way_to_fail: u8) -> Result<u32, String> {
        let run = RUNS.fetch_add(1, Ordering::SeqCst);
        sleep(MOMENT);
        match way_to_fail {
            _ if run > 1 => Ok(7),
            0 => Err("not now".to_owned()),
            _ => panic!("not now"),
        }
    }

    for way_to_fail in [0, 1] {
        RUNS.store(0, Ordering::SeqCst);
        let results =
            together(6, |_| std::panic::catch_unwind(|| moody(way_to_fail)).unwrap_or(Err("a panic".to_owned())));
        // Two calls failed, one after the other. The third computed for all others.
        assert_eq!(RUNS.load(Ordering::SeqCst), 3, "{results:?}");
        assert_eq!(results.iter().filter(|result| **result == Ok(7)).count(), 4, "{results:?}");
    }
}

#[test]
fn calls_do_not_wait_for_results_that_are_not_stored() {
    // Otherwise, each of the four calls would wait for the one before.
    let folder = tempdir().unwrap();
    let cache = Cache::builder(folder.path()).read_only(true).open().unwrap();
    let barrier = Barrier::new(4);
    together(4, |_| {
        cache.get_or_compute("f", &1, || {
            barrier.wait();
        });
    });
}

/// Calls that wait for each other in a cycle are computed twice instead of waiting forever.
#[test]
fn a_cycle_is_broken() {
    static MET: Barrier = Barrier::new(2);
    let _watchdog = Watchdog::of("a_cycle_is_broken");

    #[memoize(cache = &CACHE, ignore(depth))]
    fn ping(n: u32, depth: u32) -> u32 {
        if depth == 0 {
            MET.wait();
        }
        if depth < 2 { pong(n, depth + 1) + 1 } else { n }
    }

    #[memoize(cache = &CACHE, ignore(depth))]
    fn pong(n: u32, depth: u32) -> u32 {
        if depth == 0 {
            MET.wait();
        }
        if depth < 2 { ping(n, depth + 1) + 1 } else { n }
    }

    together(2, |index| if index == 0 { ping(1, 0) } else { pong(1, 0) });
}

#[test]
fn nested_rayon_in_memoized_functions_does_not_deadlock() {
    let _watchdog = Watchdog::of("nested_rayon_in_memoized_functions_does_not_deadlock");

    #[memoize(cache = cache, ignore(cache))]
    fn outer(n: u64, cache: &Cache) -> u64 {
        (0..8_u64).into_par_iter().map(|m| middle((n + m) % 5, cache)).sum()
    }

    #[memoize(cache = cache, ignore(cache))]
    fn middle(n: u64, cache: &Cache) -> u64 {
        (0..4_u64).into_par_iter().map(|m| leaf((n * m) % 7, cache) + n).sum()
    }

    #[memoize(cache = cache, ignore(cache))]
    fn leaf(n: u64, cache: &Cache) -> u64 {
        let _ = cache;
        thread::yield_now();
        n * n
    }

    let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
    for _ in 0..5 {
        let folder = tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let sums: Vec<_> = pool.install(|| (0..20_u64).into_par_iter().map(|n| outer(n % 4, &cache)).collect());
        let plain = |n: u64| -> u64 {
            (0..8).map(|m| (n + m) % 5).map(|n| (0..4).map(|m| ((n * m) % 7).pow(2) + n).sum::<u64>()).sum()
        };
        assert_eq!(sums, (0..20).map(|n| plain(n % 4)).collect::<Vec<_>>());
        assert_eq!(cache.entries().unwrap().len(), 4 + 5 + 7);
    }
}

/// Threads of a pool that steal no work while they wait behave like other threads: they wait as long as the leader
/// makes progress.
#[test]
fn threads_of_a_pool_wait_for_a_leader_that_makes_progress() {
    static RUNS: AtomicU32 = AtomicU32::new(0);

    #[memoize(cache = &CACHE)]
    fn busy(seconds: f64) -> u64 {
        RUNS.fetch_add(1, Ordering::SeqCst);
        let (started, mut sum) = (Instant::now(), 0_u64);
        while started.elapsed().as_secs_f64() < seconds {
            sum = std::hint::black_box((0..1000).fold(sum, u64::wrapping_add));
        }
        sum
    }

    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let sums: Vec<_> = pool.install(|| (0..2).into_par_iter().map(|_| busy(2.5)).collect());
    assert_eq!(sums[0], sums[1]);
    assert_eq!(RUNS.load(Ordering::SeqCst), if cfg!(target_os = "linux") { 1 } else { 2 });
}

#[test]
fn makes_a_shared_call() {
    let Some(root) = child::root() else { return };
    let cache = Cache::open(root.join("cache")).unwrap();
    let who = std::env::var("WHO").unwrap();
    let inner = || {
        cache.get_or_compute("inner", &1, || {
            tell(&root, "inner");
            sleep(3 * MOMENT);
            3
        })
    };
    // The processes call three different functions, which share an inner call.
    let outer = cache.get_or_compute(&format!("outer::{who}"), &1, || {
        tell(&root, "outer");
        inner() + 1
    });
    assert_eq!(outer, 4);
}

#[test]
fn one_of_several_processes_computes_also_within_other_calls() {
    let root = tempdir().unwrap();
    let children: Vec<_> = ["a", "b", "c", "b"]
        .into_iter()
        .map(|who| {
            child::command("once::makes_a_shared_call", root.path())
                .env("WHO", who)
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(told(root.path()), ["inner", "outer", "outer", "outer"]);
}

#[test]
fn computes_endlessly() {
    let Some(root) = child::root() else { return };
    let cache = Cache::open(root.join("cache")).unwrap();
    cache.get_or_compute("endless", &1, || {
        tell(&root, "began");
        sleep(Duration::from_secs(600));
    });
}

#[test]
fn another_process_takes_over_after_the_leader_is_killed() {
    let _watchdog = Watchdog::of("another_process_takes_over_after_the_leader_is_killed");
    let root = tempdir().unwrap();
    let mut child = child::command("once::computes_endlessly", root.path()).stdout(Stdio::null()).spawn().unwrap();
    while told(root.path()).is_empty() {
        sleep(Duration::from_millis(5));
    }
    let cache = Cache::open(root.path().join("cache")).unwrap();
    let killer = thread::spawn(move || {
        sleep(MOMENT);
        child.kill().unwrap();
        let when = Instant::now();
        child.wait().unwrap();
        when
    });
    let mut began = None;
    cache.get_or_compute("endless", &1, || began = Some(Instant::now()));
    assert!(began.unwrap() >= killer.join().unwrap(), "the call did not wait for the other process");
}

#[test]
fn calls_work_without_locks() {
    let folder = tempdir().unwrap();
    drop(Cache::open(folder.path()).unwrap());
    let _ = fs::remove_file(folder.path().join("locks"));
    // The lock file can't be opened, so locking fails.
    fs::create_dir_all(folder.path().join("locks/full")).unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    assert_eq!(cache.path(), folder.path());
    let started = Instant::now();
    for n in 0..30 {
        assert_eq!(cache.get_or_compute("f", &n, || n + 2), n + 2);
        assert_eq!(cache.get_or_compute("f", &n, || 0), n + 2);
    }
    // No call waits for a lock that it can't get. (Each call used to wait for a second.)
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
}
