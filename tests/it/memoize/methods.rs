//! Tests memoized functions in `impl` blocks.

use std::sync::atomic::{AtomicU32, Ordering};

use larder::{Cache, memoize};
use serde::Serialize;

use super::CACHE;

#[derive(Serialize)]
struct Scale {
    factor: f64,
}

/// A value that brings its own cache. It is not [`Scale`], as the companions of a function use the cache that its last
/// call used.
#[derive(Serialize)]
struct Offset {
    summand: f64,
    #[serde(skip)]
    cache: Cache,
}

static METHOD_RUNS: AtomicU32 = AtomicU32::new(0);

static NEW_RUNS: AtomicU32 = AtomicU32::new(0);

impl Scale {
    #[memoize(cache = &CACHE)]
    fn apply(&self, data: &[f64]) -> Vec<f64> {
        count!(METHOD_RUNS);
        data.iter().map(|x| x * self.factor).collect()
    }

    #[memoize(cache = &CACHE)]
    fn consume(self, n: f64) -> f64 {
        self.factor * n
    }

    #[memoize(cache = &CACHE, in_impl)]
    fn unit(n: u8) -> f64 {
        count!(NEW_RUNS);
        f64::from(n)
    }
}

impl Offset {
    #[memoize(cache = &self.cache)]
    fn apply(&self, data: &[f64]) -> Vec<f64> {
        data.iter().map(|x| x + self.summand).collect()
    }
}

#[test]
fn methods_have_companion_methods() {
    let scale = |factor| Scale { factor };
    assert_eq!(scale(2.0).apply(&[1.0]), [2.0]);
    assert_eq!(scale(2.0).apply(&[1.0]), [2.0]);
    assert_eq!(scale(3.0).apply(&[1.0]), [3.0]);
    assert_eq!(runs!(METHOD_RUNS), 2);
    assert!(scale(2.0).apply_call(&[1.0]).is_cached());
    assert_eq!(Scale::apply_memo().name(), "it::memoize::methods::Scale::apply");
    assert_eq!(Scale::apply_memo().entries().unwrap().len(), 2);

    assert_eq!(scale(2.0).consume(4.0), 8.0);
    assert_eq!(scale(2.0).consume_call(4.0).cached().unwrap(), Some(8.0));

    assert_eq!((Scale::unit(1), Scale::unit(1)), (1.0, 1.0));
    assert_eq!(runs!(NEW_RUNS), 1);
    assert!(Scale::unit_call(1).forget().unwrap());
}

#[test]
fn the_cache_can_be_an_argument() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    let offset = Offset { summand: 8.0, cache: cache.clone() };
    assert_eq!(offset.apply(&[1.0]), [9.0]);
    assert_eq!(cache.entries().unwrap().len(), 1);
    assert_eq!(cache.stats().unwrap().misses, 1);

    // The cache has no effect on the result, and can't be serialised.
    #[memoize(cache = cache, ignore(cache))]
    fn triple(n: u8, cache: &Cache) -> u8 {
        let _ = cache;
        n * 3
    }
    assert_eq!(triple(2, &cache), 6);
    assert_eq!(triple(2, &cache), 6);
    assert_eq!(triple::memo().cache().path(), folder.path());
    assert_eq!(triple::memo().stats().unwrap().hits, 1);
}
