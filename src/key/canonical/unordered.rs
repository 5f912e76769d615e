//! `Unordered`: a value whose maps have no order in its key.

use serde::{Serialize, Serializer};

use crate::key::canonical::encoder::CanonicalEncoder;

/// Wraps a value whose key does not depend on the order of its maps, whatever they are in. As any other serialized value,
/// it is the value itself.
///
/// Larder knows hash maps by the names of their types, or by decoding an argument several times. What it can't tell,
/// it treats as a map whose order counts: the entries that a hash map passes on one by one to another serializer, as
/// behind `#[serde(flatten)]`, in a value that can't be decoded. Then equal values have different keys.
///
/// ```
/// use std::collections::HashMap;
///
/// use larder::Unordered;
/// # static FOLDER: std::sync::LazyLock<tempfile::TempDir> = std::sync::LazyLock::new(|| tempfile::tempdir().unwrap());
/// # static CACHE: std::sync::LazyLock<larder::Cache> =
/// #     std::sync::LazyLock::new(|| larder::Cache::open(FOLDER.path()).unwrap());
///
/// #[derive(serde::Serialize)]
/// struct Query<'a> {
///     table: &'a str,
///     #[serde(flatten)]
///     filters: HashMap<&'a str, u32>,
/// }
///
/// #[larder::memoize(cache = &CACHE, key(query = Unordered(query)))]
/// fn count(query: &Query<'_>) -> usize {
///     query.filters.len()
/// }
///
/// let query = || Query { table: "orders", filters: (0..9).map(|n| (&"abcdefghi"[n..], 1)).collect() };
/// count(&query());
/// assert!(count::call(&query()).is_cached());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unordered<T>(pub T);

impl<T> Unordered<T> {
    /// Name of the newtype struct that is passed to the canonical encoder.
    const NAME: &'static str = "$larder::Unordered";
}

/// Returns whether a newtype struct with this name is an [`Unordered`].
pub(crate) fn is_unordered(name: &str) -> bool {
    name == Unordered::<()>::NAME
}

impl<T: Serialize> Serialize for Unordered<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if typeid::of::<S>() == typeid::of::<&mut CanonicalEncoder<'_>>() {
            return serializer.serialize_newtype_struct(Self::NAME, &self.0);
        }
        self.0.serialize(serializer)
    }
}
