//! Tests `try_run` and sweeps, which postpone calls that others compute.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, sleep};
use std::time::Duration;

use larder::{Cache, memoize, sweep};
use rayon::prelude::*;
use tempfile::tempdir;

use crate::child;
use crate::once::Watchdog;

#[memoize(cache = cache, ignore(cache, runs))]
fn square(n: u64, cache: &Cache, runs: &AtomicU32) -> u64 {
    let _ = cache;
    runs.fetch_add(1, Ordering::SeqCst);
    n * n
}

#[test]
fn a_sweep_returns_the_results_in_the_order_of_the_calls() {
    let folder = tempdir().unwrap();
    let cache = &Cache::open(folder.path()).unwrap();
    let runs = &AtomicU32::new(0);
    square(3, cache, runs);
    let calls = || (0..10).map(|n| square::call(n, cache, runs));
    let squares: Vec<u64> = (0..10).map(|n| n * n).collect();
    assert_eq!(sweep(calls()).len(), 10);
    assert_eq!(sweep(calls()).collect::<Vec<_>>(), squares);
    assert_eq!(sweep(calls()).unordered().map(|(index, value)| (index as u64).pow(2) - value).sum::<u64>(), 0);
    assert_eq!(runs.load(Ordering::SeqCst), 10);
    assert_eq!(sweep(calls().take(0)).next(), None);
    // A sweep computes only the results that are requested.
    cache.clear().unwrap();
    assert_eq!(sweep(calls()).take(2).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(runs.load(Ordering::SeqCst), 12);
}

/// Equal calls in one sweep are computed once.
#[test]
fn a_sweep_can_have_equal_calls() {
    let folder = tempdir().unwrap();
    let cache = &Cache::open(folder.path()).unwrap();
    let runs = &AtomicU32::new(0);
    assert_eq!(sweep([2, 3, 2, 2].map(|n| square::call(n, cache, runs))).sum::<u64>(), 21);
    assert_eq!(runs.load(Ordering::SeqCst), 2);
}

#[test]
fn try_run_does_not_wait_for_a_leader() {
    let folder = tempdir().unwrap();
    let open = || Cache::open(folder.path()).unwrap();
    let (here, elsewhere) = (open(), open());
    let (computing, end) = (Barrier::new(2), Barrier::new(2));

    #[memoize(cache = cache, ignore(cache, meet))]
    fn slow(n: u32, cache: &Cache, meet: Option<(&Barrier, &Barrier)>) -> u32 {
        let _ = cache;
        if let Some((computing, end)) = meet {
            computing.wait();
            end.wait();
        }
        n + 1
    }

    thread::scope(|scope| {
        let computes = scope.spawn(|| slow(1, &here, Some((&computing, &end))));
        computing.wait();
        // The call is being computed in this process, or in another one: a second handle acts like one.
        assert_eq!(slow::call(1, &here, None).try_run(), None);
        assert_eq!(slow::call(1, &elsewhere, None).try_run(), None);
        assert_eq!(slow::call(2, &elsewhere, None).try_run(), Some(3));
        // The first call is postponed, and the calls after it are done.
        let mut ends = sweep([1, 3, 4].map(|n| slow::call(n, &elsewhere, None))).unordered();
        assert_eq!(ends.next(), Some((1, 4)));
        assert_eq!(ends.next(), Some((2, 5)));
        end.wait();
        assert_eq!(ends.next(), Some((0, 2)));
        assert_eq!(ends.next(), None);
        assert_eq!(computes.join().unwrap(), 2);
    });
    assert_eq!(slow::call(1, &here, None).try_run(), Some(2));
}

/// Results are returned as soon as they are available. A call that is no longer computed by another is computed here.
#[test]
fn a_sweep_returns_available_results_first() {
    let folder = tempdir().unwrap();
    let open = || Cache::open(folder.path()).unwrap();
    let (here, elsewhere) = (open(), open());
    let barrier = Barrier::new(3);

    #[memoize(cache = cache, ignore(cache, millis, barrier, fails))]
    fn slow(n: u32, cache: &Cache, millis: u64, barrier: Option<&Barrier>, fails: bool) -> Result<u32, String> {
        let _ = cache;
        if let Some(barrier) = barrier {
            barrier.wait();
        }
        sleep(Duration::from_millis(millis));
        if fails { Err("not now".to_owned()) } else { Ok(n) }
    }

    thread::scope(|scope| {
        let (elsewhere, barrier) = (&elsewhere, &barrier);
        let _ = scope.spawn(move || slow(0, elsewhere, 1500, Some(barrier), false));
        let _ = scope.spawn(move || slow(1, elsewhere, 300, Some(barrier), true));
        barrier.wait();
        let mut ends = sweep([0, 1].map(|n| slow::call(n, &here, 0, None, false))).unordered();
        assert_eq!(ends.next(), Some((1, Ok(1))));
        assert_eq!(ends.next(), Some((0, Ok(0))));
    });
}

/// A call that panics is lost, but the others are not.
#[test]
fn a_sweep_continues_after_a_panic() {
    let folder = tempdir().unwrap();
    let cache = &Cache::open(folder.path()).unwrap();

    #[memoize(cache = cache, ignore(cache))]
    fn picky(n: u32, cache: &Cache) -> u32 {
        let _ = cache;
        assert_ne!(n, 1, "not this one");
        n
    }
    let mut results = sweep((0..4).map(|n| picky::call(n, cache)));
    assert_eq!(results.next(), Some(0));
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| results.next())).is_err());
    assert_eq!((results.len(), results.collect::<Vec<_>>()), (2, vec![2, 3]));
}

/// A call does not wait for itself, so it computes.
#[test]
fn try_run_within_the_same_call_computes() {
    let folder = tempdir().unwrap();
    let cache = &Cache::open(folder.path()).unwrap();

    #[memoize(cache = cache, ignore(cache, depth))]
    fn tries(n: u32, cache: &Cache, depth: u32) -> u32 {
        if depth == 0 { n } else { tries::call(n, cache, depth - 1).try_run().unwrap() + 1 }
    }
    assert_eq!(tries(1, cache, 2), 3);
}

/// Bypassing the cache, the function runs and the cache does not change.
#[test]
fn uncached_calls_load_and_store_nothing() {
    let folder = tempdir().unwrap();
    let cache = &Cache::open(folder.path()).unwrap();
    let runs = &AtomicU32::new(0);
    assert_eq!(square::call(4, cache, runs).uncached(), 16);
    assert!(!square::call(4, cache, runs).is_cached());
    square(4, cache, runs);
    assert_eq!(square::call(4, cache, runs).uncached(), 16);
    assert_eq!(runs.load(Ordering::SeqCst), 3);
    let stats = square::memo().stats().unwrap();
    assert_eq!((stats.bypasses, stats.misses, stats.hits), (2, 1, 0));
}

#[test]
fn threads_of_rayon_share_a_sweep() {
    let folder = tempdir().unwrap();
    let cache = &Cache::open(folder.path()).unwrap();
    let runs = &AtomicU32::new(0);
    let numbers: Vec<u64> = (0..64).map(|n| n % 16).collect();
    let tried: Vec<_> = numbers.par_iter().map(|n| square::call(*n, cache, runs).try_run()).collect();
    let both = tried.into_par_iter().zip(&numbers);
    let values: Vec<u64> = both.map(|(tried, n)| tried.unwrap_or_else(|| square(*n, cache, runs))).collect();
    assert_eq!(values, numbers.iter().map(|n| n * n).collect::<Vec<u64>>());
    assert_eq!(runs.load(Ordering::SeqCst), 16);
}

const CALLS: u32 = 24;

#[test]
fn runs_a_shared_sweep() {
    let Some(root) = child::root() else { return };
    let cache = &Cache::open(root.join("cache")).unwrap();

    #[memoize(cache = cache, ignore(cache, root))]
    fn slow(n: u32, cache: &Cache, root: &Path) -> u32 {
        let _ = cache;
        let mut file = fs::File::options().append(true).create(true).open(root.join("ran")).unwrap();
        file.write_all(format!("{} {n}\n", std::process::id()).as_bytes()).unwrap();
        sleep(Duration::from_millis(60));
        n
    }
    // All processes begin at the same time.
    let mine = root.join(format!("ready-{}", std::process::id()));
    fs::write(mine, "").unwrap();
    let is_ready = |file: &fs::DirEntry| file.file_name().to_string_lossy().starts_with("ready-");
    while fs::read_dir(&root).unwrap().flatten().filter(is_ready).count() < 4 {
        sleep(Duration::from_millis(5));
    }
    assert!(sweep((0..CALLS).map(|n| slow::call(n, cache, &root))).eq(0..CALLS));
}

/// Four processes that run the same sweep in the same order share the work. They don't all wait for the same call.
#[test]
fn processes_share_a_sweep() {
    let root = tempdir().unwrap();
    let start = |_| child::command("sweep::runs_a_shared_sweep", root.path()).stdout(Stdio::null()).spawn().unwrap();
    for mut child in [0; 4].map(start) {
        assert!(child.wait().unwrap().success());
    }
    let ran = fs::read_to_string(root.path().join("ran")).unwrap();
    let mut calls: Vec<u32> = ran.lines().map(|line| line.split_once(' ').unwrap().1.parse().unwrap()).collect();
    calls.sort_unstable();
    assert_eq!(calls, (0..CALLS).collect::<Vec<_>>(), "each is computed once");
    let mut pids: Vec<&str> = ran.lines().map(|line| line.split_once(' ').unwrap().0).collect();
    pids.sort_unstable();
    // A process that waited for each call would compute almost nothing beside the first one. Four that share compute
    // about the same.
    for pids in pids.chunk_by(PartialEq::eq) {
        assert!(pids.len() >= 3, "{ran}");
    }
    pids.dedup();
    assert_eq!(pids.len(), 4, "{ran}");
}

/// A leader without progress for several of these limits is no longer waited for.
const LIMIT: Duration = Duration::from_millis(if cfg!(target_os = "linux") { 600 } else { 60 });

/// Waits for the file `end` before it returns, if `root` is given. Sweeps pass `None`.
#[memoize(cache = cache, ignore(cache, root))]
fn stands_still(n: u32, cache: &Cache, root: Option<&Path>) -> u32 {
    let _ = cache;
    if let Some(root) = root {
        child::tell(root, &format!("began {n}"));
        while !root.join("end").exists() {
            sleep(Duration::from_millis(20));
        }
    }
    n + 1
}

fn open_with_limit(root: &Path, limit: Duration) -> Cache {
    Cache::builder(root.join("cache")).wait_limit(limit).open().unwrap()
}

fn began(root: &Path, calls: usize) {
    while child::told(root).len() < calls {
        sleep(Duration::from_millis(10));
    }
}

/// A sweep that repeatedly tries its calls ends, although no single try is as long as the wait limit.
#[test]
fn a_sweep_does_not_wait_forever_for_threads() {
    let _watchdog = Watchdog::of("a_sweep_does_not_wait_forever_for_threads");
    let root = tempdir().unwrap();
    let root = root.path();
    let cache = &open_with_limit(root, LIMIT);
    thread::scope(|scope| {
        for n in 0..2 {
            scope.spawn(move || stands_still(n, cache, Some(root)));
        }
        began(root, 2);
        assert_eq!(sweep((0..3).map(|n| stands_still::call(n, cache, None))).collect::<Vec<_>>(), [1, 2, 3]);
        fs::write(root.join("end"), "").unwrap();
    });
    assert_eq!(cache.stats().unwrap().errors, 0);
}

/// With a limit of zero, a sweep computes the remaining calls at once.
#[test]
fn with_a_limit_of_zero_a_sweep_does_not_wait() {
    let _watchdog = Watchdog::of("with_a_limit_of_zero_a_sweep_does_not_wait");
    let root = tempdir().unwrap();
    let root = root.path();
    let (here, elsewhere) = (&open_with_limit(root, Duration::ZERO), &open_with_limit(root, Duration::ZERO));
    thread::scope(|scope| {
        scope.spawn(|| stands_still(0, here, Some(root)));
        scope.spawn(|| stands_still(1, elsewhere, Some(root)));
        began(root, 2);
        // `try_run` reports that another thread computes the call.
        assert_eq!(stands_still::call(0, here, None).try_run(), None);
        assert_eq!(stands_still::call(1, here, None).try_run(), None);
        let mut results = sweep((0..3).map(|n| stands_still::call(n, here, None))).unordered();
        assert_eq!(results.next(), Some((2, 3)));
        assert_eq!(results.map(|(_, value)| value).sum::<u32>(), 3);
        fs::write(root.join("end"), "").unwrap();
    });
}

#[test]
fn computes_calls_of_a_sweep() {
    let Some(root) = child::root() else { return };
    let cache = &open_with_limit(&root, LIMIT);
    thread::scope(|scope| {
        for n in 0..3 {
            let root = &root;
            scope.spawn(move || stands_still(n, cache, Some(root)));
        }
    });
}

/// A process that computes several of the calls is stopped.
#[cfg(unix)]
#[test]
fn a_sweep_does_not_wait_forever_for_a_process() {
    use rustix::process::{Pid, Signal, kill_process};

    let _watchdog = Watchdog::of("a_sweep_does_not_wait_forever_for_a_process");
    let root = tempdir().unwrap();
    let root = root.path();
    let mut child = child::command("sweep::computes_calls_of_a_sweep", root).stdout(Stdio::null()).spawn().unwrap();
    began(root, 3);
    let cache = &open_with_limit(root, LIMIT);
    let pid = Pid::from_child(&child);
    kill_process(pid, Signal::STOP).unwrap();
    assert!(sweep((0..4).map(|n| stands_still::call(n, cache, None))).eq(1..5));
    kill_process(pid, Signal::CONT).unwrap();
    fs::write(root.join("end"), "").unwrap();
    assert!(child.wait().unwrap().success());
}
