//! Maps in the canonical encoding.

use serde::Serialize;
use serde::ser::SerializeMap;

use crate::error::{Error, Result};
use crate::key::canonical::compound::CompoundEncoder;
use crate::key::canonical::encode::encode_nested;
use crate::key::canonical::encoder::CanonicalEncoder;
use crate::key::canonical::hash_buffer::{HashBuffer, Tag};

/// A map whose pairs are coming one by one, without a container whose type could be looked at.
pub(crate) enum MapEncoder<'c, 's> {
    Ordered(CompoundEncoder<'c, 's>),
    /// `flatten` gives the entries of a hash map in the order that they happen to have.
    Unordered {
        canonical: &'c mut CanonicalEncoder<'s>,
        pair: HashBuffer,
        digests: Vec<[u8; 32]>,
    },
}

impl SerializeMap for MapEncoder<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<()> {
        match self {
            MapEncoder::Ordered(items) => items.item(key),
            MapEncoder::Unordered { canonical, pair, .. } => {
                pair.clear();
                encode_nested(key, pair, canonical.order, canonical.depth)
            }
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        match self {
            MapEncoder::Ordered(items) => items.canonical.value(value),
            MapEncoder::Unordered { canonical, pair, digests } => {
                encode_nested(value, pair, canonical.order, canonical.depth)?;
                pair.end(2, Tag::Tuple);
                digests.push(*pair.digest().as_bytes());
                Ok(())
            }
        }
    }

    fn end(self) -> Result<()> {
        match self {
            MapEncoder::Ordered(items) => items.finish(),
            MapEncoder::Unordered { canonical, mut digests, .. } => {
                digests.sort_unstable();
                canonical.leave();
                canonical.unordered(Tag::UnorderedMap, &digests);
                Ok(())
            }
        }
    }
}
