//! Encodes maps whose pairs arrive one by one.

use std::cmp::Ordering;

use serde::Serialize;
use serde::ser::SerializeMap;

use crate::error::{Error, Result};
use crate::key::canonical::compound::CompoundEncoder;
use crate::key::canonical::encode::encode_nested;
use crate::key::canonical::encoder::CanonicalEncoder;
use crate::key::canonical::hash_buffer::{HashBuffer, Tag};
use crate::key::canonical::map_order::MapOrder;

/// A map whose pairs arrive one by one.
pub(crate) enum MapEncoder<'c, 's> {
    /// The pairs as they come. `last` is the last key as long as the keys ascend, if that matters.
    Ordered { items: CompoundEncoder<'c, 's>, last: Option<Vec<u8>> },
    /// The pairs in the order of their keys. They are encoded exactly as they would be in `Ordered` if they came in that
    /// order: so a map in random order has one encoding, also if it happens to come in the order of its keys.
    Sorted { items: CompoundEncoder<'c, 's>, pairs: Vec<(Vec<u8>, Vec<u8>)> },
    /// The sorted digests of the pairs. An unknown map has a number.
    Unordered {
        canonical: &'c mut CanonicalEncoder<'s>,
        pair: HashBuffer,
        digests: Vec<[u8; 32]>,
        number: Option<usize>,
    },
}

impl<'c, 's> MapEncoder<'c, 's> {
    /// Begins a map whose order counts.
    pub(super) fn ordered(canonical: &'c mut CanonicalEncoder<'s>) -> Result<Self> {
        Ok(MapEncoder::Ordered { items: CompoundEncoder::begin(canonical, Tag::Map, None)?, last: None })
    }

    /// Begins a map whose order does not count.
    pub(super) fn unordered(canonical: &'c mut CanonicalEncoder<'s>) -> Result<Self> {
        canonical.enter()?;
        canonical.order.enter_unordered();
        Ok(MapEncoder::Unordered { canonical, pair: HashBuffer::new(), digests: Vec::new(), number: None })
    }

    /// Begins a map in a container that is not known, which may be a struct with `flatten`.
    pub(super) fn unknown(canonical: &'c mut CanonicalEncoder<'s>, is_struct: bool) -> Result<Self> {
        let order = canonical.order;
        let begun = order.begin_unknown(is_struct);
        if order.is_ignored() {
            let mut map = MapEncoder::unordered(canonical)?;
            if let MapEncoder::Unordered { number, .. } = &mut map {
                *number = Some(begun);
            }
            return Ok(map);
        }
        let items = CompoundEncoder::begin(canonical, Tag::Map, None)?;
        if order.is_random(begun) {
            return Ok(MapEncoder::Sorted { items, pairs: Vec::new() });
        }
        Ok(MapEncoder::Ordered { items, last: (!order.is_doubtful()).then(Vec::new) })
    }
}

impl SerializeMap for MapEncoder<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<()> {
        match self {
            MapEncoder::Ordered { items, last } => {
                if let Some(before) = last {
                    match key_after(before, key, items.canonical.depth)? {
                        Some(key) => *before = key,
                        None => {
                            items.canonical.order.doubt();
                            *last = None;
                        }
                    }
                }
                items.item(key)
            }
            MapEncoder::Sorted { items, pairs } => {
                pairs.push((encoding_of(key, items.canonical.order, items.canonical.depth)?, Vec::new()));
                Ok(())
            }
            MapEncoder::Unordered { canonical, pair, .. } => {
                pair.clear();
                encode_nested(key, pair, canonical.order, canonical.depth)
            }
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        match self {
            MapEncoder::Ordered { items, .. } => items.canonical.value(value),
            MapEncoder::Sorted { items, pairs } => {
                if let Some((_, encoding)) = pairs.last_mut() {
                    *encoding = encoding_of(value, items.canonical.order, items.canonical.depth)?;
                }
                Ok(())
            }
            MapEncoder::Unordered { canonical, pair, digests, .. } => {
                encode_nested(value, pair, canonical.order, canonical.depth)?;
                pair.end(2, Tag::Tuple);
                digests.push(*pair.digest().as_bytes());
                Ok(())
            }
        }
    }

    fn end(self) -> Result<()> {
        match self {
            MapEncoder::Ordered { items, .. } => items.finish(),
            MapEncoder::Sorted { mut items, mut pairs } => {
                pairs.sort_by(|(a, _), (b, _)| compare_keys(a, b));
                pairs.iter().for_each(|(key, value)| items.pair(key, value));
                items.finish()
            }
            MapEncoder::Unordered { canonical, mut digests, number, .. } => {
                let arrival = canonical.order.is_recorded().then(|| *blake3::hash(digests.as_flattened()).as_bytes());
                digests.sort_unstable();
                if let (Some(number), Some(arrival)) = (number, arrival) {
                    canonical.order.record(number, arrival, &digests);
                }
                canonical.order.leave_unordered();
                canonical.leave();
                canonical.unordered(Tag::UnorderedMap, &digests);
                Ok(())
            }
        }
    }
}

/// Returns the encoding of a value, however long it is.
fn encoding_of<T: Serialize + ?Sized>(value: &T, order: &MapOrder<'_>, depth: u32) -> Result<Vec<u8>> {
    let mut buffer = HashBuffer::unlimited();
    encode_nested(value, &mut buffer, order, depth)?;
    Ok(buffer.all().to_vec())
}

/// Returns the encoding of a key; `None` if it does not come after the key with the encoding `before`, or if it is long.
/// The first key comes after the empty encoding.
fn key_after<T: Serialize + ?Sized>(before: &[u8], key: &T, depth: u32) -> Result<Option<Vec<u8>>> {
    /// Longest encoding of a key that is compared, in bytes.
    const LONGEST: usize = 1 << 10;

    let mut buffer = HashBuffer::new();
    encode_nested(key, &mut buffer, &MapOrder::counts(), depth)?;
    let after = |key: &&[u8]| before.is_empty() || compare_keys(before, key).is_lt();
    Ok(buffer.short(LONGEST).filter(after).map(<[u8]>::to_vec))
}

/// Compares two keys by their encodings, in the order of a `BTreeMap` for strings and unsigned integers.
fn compare_keys(a: &[u8], b: &[u8]) -> Ordering {
    let kind = a.last().cmp(&b.last());
    kind.then_with(|| match (a.last().and_then(|tag| content(a, *tag)), b.last().and_then(|tag| content(b, *tag))) {
        (Some(Content::Text(a)), Some(Content::Text(b))) => a.cmp(b),
        (Some(Content::Number(a)), Some(Content::Number(b))) => a.iter().rev().cmp(b.iter().rev()),
        _ => a.cmp(b),
    })
}

/// The content of a key.
enum Content<'e> {
    Text(&'e [u8]),
    /// An unsigned integer, least significant byte first.
    Number(&'e [u8]),
}

fn content(encoding: &[u8], tag: u8) -> Option<Content<'_>> {
    if tag == Tag::Str as u8 {
        // The content, the bytes of its length, their number, the tag.
        let bytes = usize::from(*encoding.get(encoding.len().checked_sub(2)?)?);
        return Some(Content::Text(encoding.get(..encoding.len().checked_sub(2 + bytes)?)?));
    }
    let is_unsigned = (Tag::U8 as u8..=Tag::U128 as u8).contains(&tag);
    // One element, its number as one byte, and the tag.
    is_unsigned.then(|| Some(Content::Number(encoding.get(..encoding.len().checked_sub(3)?)?)))?
}
