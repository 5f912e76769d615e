//! hashing.

pub(crate) mod item_hashes;
pub(crate) mod parallel_blake3;
pub(crate) mod prefetch;
pub(crate) mod radix_sort;
