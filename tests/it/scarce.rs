//! Tests scarce descriptors and threads: larder takes few of them, and calls work without them.

use std::collections::HashMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use larder::{Cache, Compression, FileDigest, key_of, load, memoize};
use rustix::process::{Resource, Rlimit, setrlimit};
use tempfile::tempdir;

use crate::child;
use crate::refused::{folder_for_unprivileged_user, run_as_unprivileged_user};

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Uses a cache as programs do.
fn use_it(cache: &Cache) {
    for function in ["a", "b", "c"] {
        for n in 0..3 {
            assert_eq!(cache.get_or_compute(function, &n, || n + 1), n + 1);
        }
        (0..4).for_each(|_| assert_eq!(cache.get_or_compute(function, &0, || 0), 1));
    }
    cache.clear_function("c").unwrap();
    assert_eq!(cache.stats().unwrap().entries, 6);
}

#[test]
fn opens_many_caches_at_once() {
    const MANY: usize = 60;
    /// Descriptors that the process keeps open for all caches and other purposes.
    const FOR_ALL: usize = 16 + 4;

    let Some(root) = child::root() else { return };
    let before = descriptors();
    let taken = || descriptors() - before;
    let caches: Vec<_> = (0..MANY).map(|n| Cache::open(root.join(n.to_string())).unwrap()).collect();
    assert!(taken() <= MANY + FOR_ALL, "{} when they were opened", taken());
    caches.iter().for_each(use_it);
    assert!(taken() <= 2 * MANY + FOR_ALL, "{} when they were used", taken());
    // Handles of the same folder share descriptors.
    let in_use = taken();
    let again: Vec<_> = (0..MANY).map(|_| Cache::open(root.join("0")).unwrap()).collect();
    again.iter().for_each(|cache| assert_eq!(cache.get_or_compute("a", &1, || 0), 2));
    assert!(taken() <= in_use + 4, "{} for a folder that is open", taken() - in_use);
    // The caches are idle for a while.
    let until = Instant::now() + Duration::from_secs(20);
    while taken() > MANY + FOR_ALL {
        assert!(Instant::now() < until, "{} while nothing is done", taken());
        sleep(Duration::from_millis(100));
    }
    caches.iter().for_each(|cache| assert_eq!(cache.get_or_compute("a", &1, || 0), 2));
    drop((caches, again));
    assert!(taken() <= FOR_ALL, "{} when they were closed", taken());
}

/// An open cache takes one descriptor, and one that is in use takes two.
#[test]
fn an_open_cache_takes_few_descriptors() {
    let root = tempdir().unwrap();
    child::run("scarce::opens_many_caches_at_once", root.path(), &[]);
}

#[test]
fn works_without_threads() {
    #[memoize(cache = cache, ignore(cache), track = "none")]
    fn large(n: usize, cache: &Cache) -> Vec<f64> {
        let _ = cache;
        (0..n).map(|n| n as f64).collect()
    }

    let Some(root) = child::root() else { return };
    larder::set_threads(NonZeroUsize::new(8).unwrap());
    setrlimit(Resource::Nproc, Rlimit { current: Some(1), maximum: Some(1) }).unwrap();
    assert!(thread::Builder::new().spawn(|| ()).is_err(), "there are threads");

    let numbers: Vec<u64> = (0..700_000).map(|n| n * n / 3).collect();
    for compression in ["none", "gzip:1", "bz2:1", "xz:0", "lz4", "zstd:1", "blocks-lz4", "blocks-zstd"] {
        if compression.contains("zstd") && !cfg!(feature = "zstd")
            || compression.contains("blocks") && !cfg!(feature = "blocks")
        {
            continue;
        }
        let compression: Compression = compression.parse().unwrap();
        let path = root.join("dump");
        larder::dump_with(&numbers, &path, compression).unwrap();
        assert!(load::<Vec<u64>>(&path).unwrap() == numbers, "{compression}");
        assert!(FileDigest::of(&path).digest().is_ok());
        let cache = Cache::builder(root.join(format!("cache-{compression}"))).compression(compression).open().unwrap();
        for _ in 0..3 {
            assert_eq!(large(300_000, &cache).len(), 300_000);
        }
        let stats = cache.stats().unwrap();
        assert_eq!((stats.misses, stats.hits, stats.errors), (1, 2, 0), "{compression} {stats:?}");
    }
    let many: HashMap<u64, u64> = (0..150_000).map(|n| (n, n)).collect();
    assert_eq!(key_of(&many).unwrap(), key_of(&many.clone()).unwrap());
    assert_eq!(key_of(&numbers).unwrap(), key_of(&&*numbers).unwrap());

    let cache = Cache::open(root.join("cache")).unwrap();
    (0..4200).for_each(|n| assert_eq!(cache.get_or_compute("square", &n, || n * n), n * n));
    assert_eq!(cache.recently_used(10_000).unwrap().len(), 4200);
    (0..4).for_each(|_| assert_eq!(cache.get_or_compute("square", &3, || 0), 9));
    assert_eq!(cache.stats().unwrap().errors, 0);
    tasks(&root);
}

#[cfg(not(feature = "async"))]
fn tasks(_: &Path) {}

#[cfg(feature = "async")]
fn tasks(root: &Path) {
    static CACHE: std::sync::OnceLock<Cache> = std::sync::OnceLock::new();

    #[memoize(cache = CACHE.get().unwrap(), track = "none")]
    async fn later(n: u32) -> u32 {
        n + 1
    }

    CACHE.get_or_init(|| Cache::open(root.join("tasks")).unwrap());
    for _ in 0..3 {
        assert_eq!(smol::future::block_on(later(1)), 2);
    }
    assert_eq!(later::memo().stats().unwrap().hits, 2);
}

/// If no threads can be started, calls are slower but work.
#[test]
fn a_process_without_threads_is_only_slower() {
    let (root, program) = folder_for_unprivileged_user();
    run_as_unprivileged_user("scarce::works_without_threads", root.path(), &program, &[]);
}
