//! Authenticates entries with a secret: without the secret, an entry that larder accepts can't be written.
//!
//! The MAC is the first 16 bytes of keyed BLAKE3 over the payload, its length, and the header with zeros for the MAC
//! and the checksum. The key is derived from the secret with `derive_key`. The MAC is verified before anything in the
//! entry is trusted, over the same bytes in memory that are used afterwards.

use std::fmt;

use blake3::Hasher;

/// Context string for BLAKE3's `derive_key`.
const CONTEXT: &str = "larder 2026-11 seal of a cache entry";

/// A MAC.
pub(crate) type Mac = [u8; 16];

/// MAC of an entry that is not authenticated.
pub(crate) const NO_MAC: Mac = [0; 16];

/// Key for MACs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct MacKey([u8; 32]);

/// Computes a MAC step by step.
pub(crate) struct MacWriter {
    hasher: Hasher,
    len: u64,
}

impl MacKey {
    pub(crate) fn new(secret: &[u8; 32]) -> Self {
        MacKey(blake3::derive_key(CONTEXT, secret))
    }

    pub(crate) fn begin(&self) -> MacWriter {
        MacWriter { hasher: Hasher::new_keyed(&self.0), len: 0 }
    }
}

impl MacWriter {
    /// Adds the next bytes of the payload.
    pub(crate) fn update(&mut self, payload: &[u8]) {
        self.hasher.update(payload);
        self.len += payload.len() as u64;
    }

    /// Returns the MAC of an entry with this header, in which the MAC and the checksum are zero.
    pub(crate) fn end(mut self, header: &[u8]) -> Mac {
        self.hasher.update(&self.len.to_le_bytes());
        self.hasher.update(header);
        let mut seal = NO_MAC;
        seal.copy_from_slice(&self.hasher.finalize().as_bytes()[..16]);
        seal
    }
}

/// Compares two MACs in constant time.
pub(crate) fn is_same(one: &Mac, other: &Mac) -> bool {
    one.iter().zip(other).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

/// Hides the key: it must not appear in logs.
impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
