//! Containers whose order means nothing.

use std::any::type_name;
use std::collections::{HashMap, HashSet};

use serde::Serialize;

use super::canonical::{Sink, encode_nested};
use crate::Result;

/// Whether `I`, what a serializer was given to iterate over, is a hash set.
pub(super) fn is_set<I>() -> bool {
    let name = container_name::<I>();
    name == container_name::<HashSet<(), ()>>() || name == "hashbrown::set::HashSet"
}

/// Whether `I`, what a serializer was given to iterate over, is a hash map.
pub(super) fn is_map<I>() -> bool {
    let name = container_name::<I>();
    name == container_name::<HashMap<(), (), ()>>() || name == "hashbrown::map::HashMap"
}

/// The name of a type without references and generic arguments. std's own names are never spelt
/// out here, so a compiler that calls them otherwise changes nothing.
fn container_name<I>() -> &'static str {
    let name = type_name::<I>().trim_start_matches('&');
    name.split_once('<').map_or(name, |(name, _)| name)
}

/// The digest of each item's encoding, sorted.
pub(super) fn digests<T: Serialize>(items: impl IntoIterator<Item = T>, depth: u32) -> Result<Vec<[u8; 32]>> {
    let mut sink = Sink::new();
    let mut digests = Vec::new();
    for item in items {
        sink.clear();
        encode_nested(&item, &mut sink, depth)?;
        digests.push(*sink.digest().as_bytes());
    }
    digests.sort_unstable();
    Ok(digests)
}
