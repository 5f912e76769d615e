//! Keys: the digest of a canonical, injective encoding of what a call depends on.

pub(crate) mod call_key;
pub(crate) mod canonical;
pub(crate) mod code_version;
pub(crate) mod crate_names;
pub(crate) mod file_digest;
pub(crate) mod function_key;
pub(crate) mod hashing;
pub(crate) mod trait_path;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, ErrorKind, Result};
use crate::key::canonical::Order;
use crate::key::canonical::hash_buffer::Sink;
use crate::sys::catch_panic::guarded;

/// 32 bytes that stand for a value, or for a call: a BLAKE3 digest. As text, 64 hexadecimal digits.
///
/// ```
/// let key = larder::key_of("pantry")?;
/// assert_eq!(key.to_string().len(), 64);
/// assert_eq!(key.to_string().parse::<larder::Key>()?, key);
/// # Ok::<(), larder::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key([u8; 32]);

impl Key {
    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) const fn from_bytes(bytes: [u8; 32]) -> Self {
        Key(bytes)
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

/// As text, so that it reads alike in JSON and in the file names.
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

/// The digest of a value: equal for equal values, on every platform, in every process, built by
/// every compiler. `HashMap` and `HashSet` count as equal in any order, arrays by their elements
/// whatever their layout; `1_u8` and `1_u32` differ, as do `"a"` and `b"a"`, `x` and `Some(x)`, `0.0`
/// and `-0.0`. Every NaN is the same.
///
/// A value is what its `Serialize` makes of it. What that leaves out (`#[serde(skip)]`, or which of
/// two untagged variants with the same content it is) makes no difference.
///
/// # Errors
/// [`NotRepresentable`](ErrorKind::NotRepresentable) if the value's `Serialize` reports an error or panics;
/// [`LimitExceeded`](ErrorKind::LimitExceeded) if it is nested too deep.
///
/// ```
/// use std::collections::HashMap;
///
/// let stock = HashMap::from([("flour", 2), ("salt", 1)]);
/// let same = HashMap::from([("salt", 1), ("flour", 2)]);
/// assert_eq!(larder::key_of(&stock)?, larder::key_of(&same)?);
/// assert_ne!(larder::key_of(&1_u8)?, larder::key_of(&1_u32)?);
/// # Ok::<(), larder::Error>(())
/// ```
pub fn key_of<T: Serialize + ?Sized>(value: &T) -> Result<Key> {
    digest(value, Order::Meant)
}

/// As [`key_of`], without regard to the order of any map.
pub(crate) fn digest_of_content<T: Serialize + ?Sized>(value: &T) -> Result<Key> {
    digest(value, Order::Ignored)
}

fn digest<T: Serialize + ?Sized>(value: &T, order: Order) -> Result<Key> {
    let mut sink = Sink::new();
    guarded("its `Serialize`", || canonical::encode(value, order, &mut sink))?;
    Ok(sink.digest())
}
