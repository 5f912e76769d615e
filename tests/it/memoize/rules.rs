//! Tests when a stored result is used, and when a new one is stored.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use larder::{Entry, memoize};

use super::CACHE;

fn is_small(entry: &Entry) -> bool {
    entry.size < 1000
}

#[test]
fn valid_can_use_the_entry() {
    static RUNS: AtomicU32 = AtomicU32::new(0);

    #[memoize(cache = &CACHE, valid = is_small)]
    fn bytes(n: usize) -> String {
        count!(RUNS);
        "x".repeat(n)
    }

    for _ in 0..2 {
        assert_eq!((bytes(10).len(), bytes(5000).len()), (10, 5000));
    }
    assert_eq!(runs!(RUNS), 3);
    assert!(bytes::call(10).is_cached());
}

fn is_even(value: &u32) -> bool {
    value.is_multiple_of(2)
}

#[test]
fn valid_can_use_the_value_or_both() {
    static RUNS: AtomicU32 = AtomicU32::new(0);

    // For a `Result`, the predicate gets the value in `Ok`.
    #[memoize(cache = &CACHE, valid = is_even)]
    fn by_path(n: u32) -> Result<u32, String> {
        count!(RUNS);
        Ok(n)
    }
    #[memoize(cache = &CACHE, valid = |value: &u32| value.is_multiple_of(2))]
    fn by_closure(n: u32) -> u32 {
        count!(RUNS);
        n
    }
    #[memoize(cache = &CACHE, valid = |entry: &Entry| entry.arguments[0].preview == "2")]
    fn by_entry(n: u32) -> u32 {
        count!(RUNS);
        n
    }
    #[memoize(cache = &CACHE, valid = |value, entry| value % 2 == 0 && entry.took < Duration::MAX)]
    fn by_both(n: u32) -> u32 {
        count!(RUNS);
        n
    }
    fn both<T: PartialEq<u32>>(value: &T, _: &Entry) -> bool {
        *value == 2
    }
    #[memoize(cache = &CACHE, valid = both)]
    fn by_generic(n: u32) -> u32 {
        count!(RUNS);
        n
    }

    for _ in 0..2 {
        assert_eq!((by_path(1), by_path(2)), (Ok(1), Ok(2)));
        assert_eq!((by_closure(1), by_closure(2), by_both(1), by_both(2)), (1, 2, 1, 2));
        assert_eq!((by_entry(1), by_entry(2), by_generic(1), by_generic(2)), (1, 2, 1, 2));
    }
    // Of ten calls, five are computed twice.
    assert_eq!(runs!(RUNS), 15);
}

#[test]
fn only_results_accepted_by_store_if_are_stored() {
    static RUNS: AtomicU32 = AtomicU32::new(0);

    #[memoize(cache = &CACHE, store_if = |x| x.is_finite())]
    fn inverse(n: f64) -> f64 {
        count!(RUNS);
        1.0 / n
    }
    #[memoize(cache = &CACHE, store_if = is_even)]
    fn checked(n: u32) -> Result<u32, std::fmt::Error> {
        count!(RUNS);
        Ok(n)
    }
    // The closure's parameter may have the name of an argument.
    #[memoize(cache = &CACHE, store_if = |n| n.iter().all(|n| *n > 1))]
    fn generic<T: serde::Serialize>(n: u32, t: &T) -> Vec<u32> {
        count!(RUNS);
        let _ = t;
        vec![n]
    }

    for _ in 0..2 {
        assert_eq!((inverse(0.0), inverse(2.0)), (f64::INFINITY, 0.5));
        assert_eq!((checked(1), checked(2)), (Ok(1), Ok(2)));
        assert_eq!((generic(1, &'a'), generic(2, &'a')), (vec![1], vec![2]));
    }
    assert_eq!(runs!(RUNS), 9);
    assert_eq!((inverse::call(0.0).is_cached(), inverse::call(2.0).is_cached()), (false, true));
}

#[test]
fn a_result_older_than_max_age_is_recomputed() {
    static RUNS: AtomicU32 = AtomicU32::new(0);

    #[memoize(cache = &CACHE, max_age = "1ms")]
    fn short(n: u8) -> u8 {
        count!(RUNS);
        n
    }
    #[memoize(cache = &CACHE, max_age = "1w 1d 1h 1min 1s")]
    fn long(n: u8) -> u8 {
        count!(RUNS);
        n
    }

    for _ in 0..2 {
        assert_eq!((short(1), long(1)), (1, 1));
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(runs!(RUNS), 3);
}
