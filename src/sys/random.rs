//! Random numbers from the operating system.
//!
//! A generator in memory would give a forked child the numbers of its parent.

use std::hash::{BuildHasher as _, RandomState};
use std::time::SystemTime;

/// Returns a random number.
pub(crate) fn number() -> u64 {
    // At boot, before the system has collected enough randomness, the time and the keys of a hash table must suffice.
    getrandom::u64().unwrap_or_else(|_| RandomState::new().hash_one((SystemTime::now(), std::process::id())))
}

/// Returns a random number from 0 to below 1.
pub(crate) fn fraction() -> f64 {
    // A double holds 53 bits.
    (number() >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_spread_evenly() {
        let below = (0..10_000).filter(|_| fraction() < 0.25).count();
        assert!((2000..3000).contains(&below), "{below}");
    }
}
