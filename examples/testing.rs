//! How to test code that memoizes: each test has a cache of its own.
//!
//! The program finds the longest Collatz sequences. Its functions take the cache as an argument, so that tests can pass
//! `Cache::temporary()`, which leaves nothing behind.
//!
//! ```sh
//! cargo run --release --example testing     # run it twice
//! cargo test --example testing              # its tests
//! ```
#![expect(clippy::print_stdout, reason = "it is a program")]

use std::error::Error;
use std::time::Instant;

use indicatif::ProgressBar;
use larder::{Cache, memoize};

/// The longest Collatz sequence that begins in a block of a million numbers: where it begins, and its length.
#[memoize(cache = cache, ignore(cache))]
fn longest_in_block(block: u64, cache: &Cache) -> Result<(u64, u32), TooLarge> {
    let _ = cache;
    let first = (block * 1_000_000).max(1);
    let mut longest = (0, 0);
    for start in first..(block + 1) * 1_000_000 {
        let length = length_from(start)?;
        if length > longest.1 {
            longest = (start, length);
        }
    }
    Ok(longest)
}

/// A number of a sequence does not fit into 64 bits.
#[derive(Debug, PartialEq)]
struct TooLarge;

/// How many numbers a Collatz sequence has until it reaches 1.
fn length_from(start: u64) -> Result<u32, TooLarge> {
    let (mut number, mut length) = (start, 1);
    while number != 1 {
        number = if number % 2 == 0 { number / 2 } else { number.checked_mul(3).ok_or(TooLarge)? + 1 };
        length += 1;
    }
    Ok(length)
}

/// The longest sequence in the first blocks.
fn longest(blocks: u64, cache: &Cache, mut progress: impl FnMut()) -> Result<(u64, u32), TooLarge> {
    let mut longest = (0, 0);
    for block in 0..blocks {
        let found = longest_in_block(block, cache)?;
        if found.1 > longest.1 {
            longest = found;
        }
        progress();
    }
    Ok(longest)
}

fn main() -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let cache = Cache::open(std::env::temp_dir().join("larder-testing"))?;
    let before = cache.stats()?;
    let bar = ProgressBar::new(10);
    let (begin, length) = longest(10, &cache, || bar.inc(1)).map_err(|TooLarge| "a number does not fit")?;
    bar.finish_and_clear();
    let stats = cache.stats()?;
    println!("below 10,000,000 the longest Collatz sequence begins with {begin}: {length} numbers");
    let (hits, misses) = (stats.hits - before.hits, stats.misses - before.misses);
    println!("{hits} blocks loaded, {misses} computed; done in {:.1?}", start.elapsed());
    println!("the cache is in {}", cache.path().display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_right() {
        // 6, 3, 10, 5, 16, 8, 4, 2, 1
        assert_eq!(length_from(6), Ok(9));
        assert_eq!(length_from(u64::MAX), Err(TooLarge));
    }

    #[test]
    fn a_block_is_computed_once() {
        let cache = Cache::temporary().unwrap();
        assert_eq!(longest_in_block(0, &cache), Ok((837_799, 525)));
        assert_eq!(longest_in_block(0, &cache), Ok((837_799, 525)));
        let stats = cache.stats().unwrap();
        assert_eq!((stats.misses, stats.hits), (1, 1));
    }

    #[test]
    fn each_test_begins_with_nothing() {
        let cache = Cache::temporary().unwrap();
        let call = longest_in_block::call(0, &cache);
        assert!(!call.is_cached(), "{}", call.explain());
    }

    #[test]
    fn an_error_is_not_stored() {
        let cache = Cache::temporary().unwrap();
        let block = u64::MAX / 1_000_000 - 1;
        assert_eq!(longest_in_block(block, &cache), Err(TooLarge));
        assert_eq!(cache.stats().unwrap().entries, 0);
    }

    #[test]
    fn the_result_is_the_same_without_a_cache() {
        assert_eq!(longest(2, &Cache::disabled(), || ()), longest(2, &Cache::temporary().unwrap(), || ()));
    }
}
