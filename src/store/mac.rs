//! A secret with which entries are sealed: whoever does not know it can't write one that is used.
//!
//! The seal is the first 16 bytes of BLAKE3, keyed with what `derive_key` makes of the secret, over the payload, its
//! length, and the header without the seal and its checksum. It is compared before anything of the entry is believed,
//! and of the same bytes in memory that are used then.

use std::fmt;

use blake3::Hasher;

/// What the key is for, as BLAKE3's `derive_key` wants it.
const CONTEXT: &str = "larder 2026-11 seal of a cache entry";

/// The bytes of a seal.
pub(crate) type Mac = [u8; 16];

/// What an entry has that is not sealed.
pub(crate) const NO_MAC: Mac = [0; 16];

/// The key that seals are made with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct MacKey([u8; 32]);

/// A seal in the making.
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
    /// The next bytes of the payload.
    pub(crate) fn update(&mut self, payload: &[u8]) {
        self.hasher.update(payload);
        self.len += payload.len() as u64;
    }

    /// The seal of an entry with this header, whose seal and checksum are zero.
    pub(crate) fn end(mut self, header: &[u8]) -> Mac {
        self.hasher.update(&self.len.to_le_bytes());
        self.hasher.update(header);
        let mut seal = NO_MAC;
        seal.copy_from_slice(&self.hasher.finalize().as_bytes()[..16]);
        seal
    }
}

/// Whether two seals are one, in a time that does not tell how much of them agrees.
pub(crate) fn is_same(one: &Mac, other: &Mac) -> bool {
    one.iter().zip(other).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

/// A secret is not for logs.
impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
