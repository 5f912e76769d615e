//! Tests panics in code that larder calls for its own purposes. They are not passed to the caller.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use larder::{Cache, ErrorKind, Outcome, Reason, key_of, memoize};
use serde::ser::{SerializeSeq as _, Serializer};
use serde::{Deserialize, Serialize};
use tempfile::{TempDir, tempdir};

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempdir().unwrap());
static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::open(FOLDER.path()).unwrap());

/// Argument whose `Serialize` panics after a number of uses.
struct Bad<'a> {
    good_for: &'a AtomicU32,
}

impl Serialize for Bad<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(2))?;
        seq.serialize_element(&1)?;
        let left = self.good_for.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        assert!(left.is_ok(), "it is bad");
        seq.serialize_element(&2)?;
        seq.end()
    }
}

#[memoize(cache = &CACHE, track = "none")]
fn plain(bad: &Bad<'_>, n: u32) -> u32 {
    let _ = bad;
    n + 1
}

/// The call bypasses the cache, which is counted and logged, in every way of calling.
#[test]
fn an_argument_that_panics_has_no_key() {
    let never = AtomicU32::new(0);
    let bad = Bad { good_for: &never };
    assert_eq!(plain(&bad, 1), 2);
    assert_eq!(plain(&bad, 1), 2);
    let stats = plain::memo().stats().unwrap();
    assert_eq!((stats.bypasses, stats.misses, stats.hits, stats.entries), (2, 0, 0, 0), "{stats:?}");
    assert_eq!(stats.errors_by_kind[&ErrorKind::NotRepresentable], 2);

    let (value, outcome) = plain::call(&bad, 2).outcome();
    assert_eq!(value, 3);
    let Outcome::Bypassed { reason: Reason::NoKey { what, .. }, .. } = outcome else { panic!("{outcome:?}") };
    assert!(what.contains("`bad`") && what.contains("it is bad"), "{what}");
    assert!(!plain::call(&bad, 2).is_cached());
    assert!(plain::call(&bad, 2).cached().is_err() && plain::call(&bad, 2).forget().is_err());
    assert!(plain::call(&bad, 2).explain().to_string().contains("it is bad"));
    assert_eq!(plain::call(&bad, 2).refresh(), 3);
    assert!(plain::call(&bad, 2).shelve().is_err());
    // Later arguments have their keys as usual.
    let always = AtomicU32::new(u32::MAX);
    assert_eq!(plain(&Bad { good_for: &always }, 1), 2);
    assert!(plain::call(&Bad { good_for: &always }, 1).is_cached());
}

#[test]
fn panicking_arguments_of_closures_and_values_have_no_key() {
    let never = AtomicU32::new(0);
    let bad = Bad { good_for: &never };
    assert_eq!(CACHE.get_or_compute("closure", &(1, &bad), || 7), 7);
    assert_eq!(CACHE.get_or_try_compute("closure", &(1, &bad), || Err::<u32, _>(7)), Err(7));
    let error = key_of(&bad).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotRepresentable);
    assert!(error.to_string().contains("it is bad"), "{error}");
    // The panic occurs deep in a value that several threads hash.
    let many: HashMap<u32, Option<&Bad<'_>>> = (0..100_000).map(|n| (n, (n == 77_777).then_some(&bad))).collect();
    assert!(key_of(&many).unwrap_err().to_string().contains("it is bad"));
}

/// The expression in `key(..)` is evaluated only for the cache.
#[test]
fn a_panicking_key_expression_gives_no_key() {
    #[memoize(cache = &CACHE, track = "none", key(list = list[0]))]
    fn first(list: &[u32]) -> Option<u32> {
        list.first().copied()
    }

    assert_eq!(first(&[]), None);
    let stats = first::memo().stats().unwrap();
    assert_eq!((stats.bypasses, stats.errors), (1, 1), "{stats:?}");
    assert!(first::call(&[]).explain().to_string().contains("index out of bounds"));
    assert_eq!((first(&[5, 6]), first(&[5])), (Some(5), Some(5)));
    assert_eq!(first::memo().stats().unwrap().hits, 1);
}

/// The entry shows what it can of an argument that panics when it is serialised again.
#[test]
fn an_argument_that_panics_later_is_shown_as_far_as_possible() {
    // Serialising for the key works; then for the key and the digest; then for all but the preview.
    for good_for in 1..4 {
        let times = AtomicU32::new(good_for);
        let runs = AtomicU32::new(0);
        let name = format!("later {good_for}");
        let value = CACHE.get_or_compute(&name, &Bad { good_for: &times }, || runs.fetch_add(1, Ordering::Relaxed) + 5);
        assert_eq!(value, 5);
        let always = AtomicU32::new(u32::MAX);
        assert_eq!(CACHE.get_or_compute(&name, &Bad { good_for: &always }, || 0_u32), 5);
    }
}

#[test]
fn predicates_that_panic_are_faults() {
    #[memoize(cache = &CACHE, track = "none", store_if = |n: &u32| 10 / *n > 0)]
    fn stored(n: u32) -> u32 {
        n
    }

    #[memoize(cache = &CACHE, track = "none", valid = |n: &u32| 10 / *n > 0)]
    fn used(n: u32) -> u32 {
        n
    }

    assert_eq!((stored(0), stored(0), stored(1), stored(1)), (0, 0, 1, 1));
    let stats = stored::memo().stats().unwrap();
    assert_eq!((stats.misses, stats.hits, stats.errors), (3, 1, 2), "{stats:?}");
    assert_eq!((used(0), used(0), used(1), used(1)), (0, 0, 1, 1));
    let stats = used::memo().stats().unwrap();
    assert_eq!((stats.misses, stats.hits), (3, 1), "{stats:?}");
    assert!(stats.errors >= 1, "{stats:?}");
}

/// A panic in the result's `Deserialize` is an error. A panic of the function itself is passed on.
#[test]
fn the_panic_of_the_function_is_passed_on() {
    #[derive(Debug, Serialize, Deserialize)]
    struct Fine;

    let panic = std::panic::catch_unwind(|| CACHE.get_or_compute("panics", &1, || -> Fine { panic!("its own") }));
    assert_eq!(panic.unwrap_err().downcast_ref::<&str>(), Some(&"its own"));
}

/// The same for async functions.
#[cfg(feature = "async")]
#[test]
fn an_async_argument_that_panics_has_no_key() {
    #[memoize(cache = &CACHE, track = "none")]
    async fn later(bad: Bad<'_>, n: u32) -> u32 {
        let _ = bad;
        n + 1
    }

    let never = AtomicU32::new(0);
    assert_eq!(smol::block_on(later(Bad { good_for: &never }, 1)), 2);
    let (value, outcome) = smol::block_on(later::call(Bad { good_for: &never }, 1).outcome());
    assert!(value == 2 && matches!(outcome, Outcome::Bypassed { .. }), "{outcome:?}");
    assert_eq!(later::memo().stats().unwrap().bypasses, 2);
}
