//! `key_of`: the key of a value.

use serde::Serialize;

#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::Result;
use crate::key::canonical::encode::encode;
use crate::key::canonical::hash_buffer::HashBuffer;
use crate::key::canonical::map_order::MapOrder;
use crate::key::digest::Key;
use crate::sys::catch_panic::guarded;

/// Returns the digest of a value. Equal values have equal digests, on every platform, in every process and with every
/// compiler. `HashMap` and `HashSet` are equal in any order, and arrays by their elements, whatever their memory
/// layout. `1_u8` and `1_u32` differ, as do `"a"` and `b"a"`, `x` and `Some(x)`, `0.0` and `-0.0`. Every NaN is the
/// same.
///
/// Where serde hides what a map is in, as behind `#[serde(flatten)]`, the order counts. A memoized function whose argument
/// can be decoded finds out that such a map is a hash map. Here, wrap the value in
/// [`Unordered`](crate::Unordered).
///
/// The digest covers the output of the value's `Serialize`. Anything that it omits (fields with `#[serde(skip)]`, or
/// which of two untagged variants with the same content it is) makes no difference.
///
/// # Errors
/// [`NotRepresentable`](ErrorKind::NotRepresentable) if the value's `Serialize` reports an error or panics;
/// [`LimitExceeded`](ErrorKind::LimitExceeded) if the value is nested too deep.
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
    digest(value, &MapOrder::counts())
}

/// Returns a digest like [`key_of`], but ignores the order of every map.
pub(crate) fn digest_of_content<T: Serialize + ?Sized>(value: &T) -> Result<Key> {
    digest(value, &MapOrder::ignored())
}

/// Returns a digest like [`key_of`], but ignores the order of every map and sequence.
pub(crate) fn digest_of_items<T: Serialize + ?Sized>(value: &T) -> Result<Key> {
    digest(value, &MapOrder::none())
}

fn digest<T: Serialize + ?Sized>(value: &T, order: &MapOrder<'_>) -> Result<Key> {
    let mut buffer = HashBuffer::new();
    guarded("its `Serialize`", || encode(value, order, &mut buffer))?;
    Ok(buffer.digest())
}
