//! XXH3-128. It guards against accidents only: larder puts a BLAKE3 digest around it.

use std::path::Path;

use twox_hash::XxHash3_128;

/// Returns the digest of bytes.
pub(crate) fn of_bytes(bytes: &[u8]) -> u128 {
    XxHash3_128::oneshot(bytes)
}

/// Returns the digest of a file's bytes. It is zero for a file that can't be read: the code that includes it may be
/// disabled by a `cfg`.
pub(crate) fn of_file(path: &Path) -> u128 {
    std::fs::read(path).map_or(0, |bytes| of_bytes(&bytes))
}
