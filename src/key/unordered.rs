//! Containers whose order means nothing.

use std::any::type_name;
use std::collections::{HashMap, HashSet};

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
