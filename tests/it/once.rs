//! Of all who make the same call at the same time, one computes.

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

/// Ends the process if a test hangs, so that it is seen which one.
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

/// Runs `work` on so many threads, which begin together.
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

/// Who waited for a result that is not kept computes it.
#[test]
fn what_is_not_kept_is_computed_by_each() {
    static RUNS: AtomicU32 = AtomicU32::new(0);

    #[memoize(cache = &CACHE, store_if = |n: &u32| *n > 100)]
    fn small(n: u32) -> u32 {
        RUNS.fetch_add(1, Ordering::SeqCst);
        sleep(MOMENT);
        n + 1
    }

    let _watchdog = Watchdog::of("what_is_not_kept_is_computed_by_each");
    assert_eq!(together(4, |_| small(1)), [2; 4]);
    assert_eq!(RUNS.load(Ordering::SeqCst), 4);
    assert!(!small::call(1).is_cached());
}

/// Two caches in one folder are as two processes.
#[test]
fn one_of_two_caches_in_one_folder_computes() {
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
fn after_a_panic_or_an_error_another_one_computes() {
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
        // Two failed, one after the other, and the third did it for all.
        assert_eq!(RUNS.load(Ordering::SeqCst), 3, "{results:?}");
        assert_eq!(results.iter().filter(|result| **result == Ok(7)).count(), 4, "{results:?}");
    }
}

#[test]
fn nobody_waits_for_a_result_that_is_not_kept() {
    // Each of four would wait for the one before.
    let folder = tempdir().unwrap();
    let cache = Cache::builder(folder.path()).read_only(true).open().unwrap();
    let barrier = Barrier::new(4);
    together(4, |_| {
        cache.get_or_compute("f", &1, || {
            barrier.wait();
        });
    });
}

/// What waits for each other in a circle is computed twice, and does not wait for ever.
#[test]
fn a_circle_is_broken() {
    static MET: Barrier = Barrier::new(2);
    let _watchdog = Watchdog::of("a_circle_is_broken");

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
fn rayon_in_memoized_functions_in_rayon_gets_on() {
    let _watchdog = Watchdog::of("rayon_in_memoized_functions_in_rayon_gets_on");

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

/// Where nothing is stolen below, threads of a pool wait as any others: as long as it takes, if the one
/// who computes gets on.
#[test]
fn threads_of_a_pool_wait_for_one_that_gets_on() {
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
fn calls_what_others_call() {
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
    // Another function in each process, with a part in common.
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
            child::command("once::calls_what_others_call", root.path())
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
fn computes_for_ever() {
    let Some(root) = child::root() else { return };
    let cache = Cache::open(root.join("cache")).unwrap();
    cache.get_or_compute("endless", &1, || {
        tell(&root, "began");
        sleep(Duration::from_secs(600));
    });
}

#[test]
fn when_the_process_that_computes_is_killed_another_takes_over() {
    let _watchdog = Watchdog::of("when_the_process_that_computes_is_killed_another_takes_over");
    let root = tempdir().unwrap();
    let mut child = child::command("once::computes_for_ever", root.path()).stdout(Stdio::null()).spawn().unwrap();
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
    assert!(began.unwrap() >= killer.join().unwrap(), "it did not wait for the other process");
}

#[test]
fn without_locks_everybody_computes_and_nobody_fails() {
    let folder = tempdir().unwrap();
    drop(Cache::open(folder.path()).unwrap());
    let _ = fs::remove_file(folder.path().join("locks"));
    // What can't be opened can't be locked.
    fs::create_dir_all(folder.path().join("locks/full")).unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    assert_eq!(cache.path(), folder.path());
    let started = Instant::now();
    for n in 0..30 {
        assert_eq!(cache.get_or_compute("f", &n, || n + 2), n + 2);
        assert_eq!(cache.get_or_compute("f", &n, || 0), n + 2);
    }
    // Nobody waits for what he can't have. (It was a second for each call.)
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
}
