//! Keys of values.

use serde::Serialize;

#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::Result;
use crate::key::canonical::encode::encode;
use crate::key::canonical::encoder::MapOrder;
use crate::key::canonical::hash_buffer::HashBuffer;
use crate::key::digest::Key;
use crate::sys::catch_panic::guarded;

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
    digest(value, MapOrder::Meant)
}

/// As [`key_of`], without regard to the order of any map.
pub(crate) fn digest_of_content<T: Serialize + ?Sized>(value: &T) -> Result<Key> {
    digest(value, MapOrder::Ignored)
}

fn digest<T: Serialize + ?Sized>(value: &T, order: MapOrder) -> Result<Key> {
    let mut buffer = HashBuffer::new();
    guarded("its `Serialize`", || encode(value, order, &mut buffer))?;
    Ok(buffer.digest())
}
