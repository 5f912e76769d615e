//! `Key`: a BLAKE3 digest.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, ErrorKind, Result};

/// A BLAKE3 digest of a part of a value.
pub(crate) type Digest = [u8; 32];

/// A BLAKE3 digest of 32 bytes that identifies a value or a call. As text, 64 hexadecimal digits.
/// ```
/// let key = larder::key_of("pantry")?;
/// assert_eq!(key.to_string().len(), 64);
/// assert_eq!(key.to_string().parse::<larder::Key>()?, key);
/// # Ok::<(), larder::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key([u8; 32]);

impl Key {
    /// Returns the 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) const fn from_bytes(bytes: [u8; 32]) -> Self {
        Key(bytes)
    }
}

impl Borrow<[u8; 32]> for Key {
    fn borrow(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

impl FromStr for Key {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match blake3::Hash::from_hex(text) {
            Ok(hash) => Ok(Key(*hash.as_bytes())),
            Err(_) => {
                Err(Error::new(ErrorKind::InvalidInput, format!("{text:?} is no key: a key has 64 hexadecimal digits")))
            }
        }
    }
}

/// Serializes as text in every format, so that JSON and file names show a key alike.
impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
