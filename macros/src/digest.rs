//! XXH3-128, which is made against accidents. What makes a key hard to forge is the BLAKE3 around it.

use std::path::Path;

use twox_hash::XxHash3_128;

pub(crate) fn of_bytes(bytes: &[u8]) -> u128 {
    XxHash3_128::oneshot(bytes)
}

/// The digest of a file's bytes; zero if it can't be read, as when the code that includes it is switched off.
pub(crate) fn of_file(path: &Path) -> u128 {
    std::fs::read(path).map_or(0, |bytes| of_bytes(&bytes))
}
