//! Hashing of large keys: by several threads, and with memory prefetched.

pub(crate) mod item_hashes;
pub(crate) mod parallel_blake3;
pub(crate) mod prefetch;
