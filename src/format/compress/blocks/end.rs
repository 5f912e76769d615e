//! The block that ends a stream.

use twox_hash::XxHash3_64;

use crate::format::compress::blocks::header::HEADER_LEN;

/// Zeros in place of the raw length, the total length, and the hash of both, seeded with how many
/// blocks came before.
pub(super) fn end(blocks: u64, total: u64) -> [u8; HEADER_LEN] {
    let mut bytes = [0; HEADER_LEN];
    bytes[4..12].copy_from_slice(&total.to_le_bytes());
    let hash = XxHash3_64::oneshot_with_seed(blocks, &bytes[..12]);
    bytes[12..].copy_from_slice(&hash.to_le_bytes());
    bytes
}
