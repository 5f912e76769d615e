//! Containers whose order means nothing.

use std::any::type_name;
use std::collections::{HashMap, HashSet};

/// Whether `I`, what a serializer was given to iterate over, is a hash set.
pub(crate) fn is_set<I>() -> bool {
    let name = bare_type_name::<I>();
    name == bare_type_name::<HashSet<(), ()>>() || name == "hashbrown::set::HashSet"
}

/// Whether `I`, what a serializer was given to iterate over, is a hash map.
pub(crate) fn is_map<I>() -> bool {
    let name = bare_type_name::<I>();
    name == bare_type_name::<HashMap<(), (), ()>>() || name == "hashbrown::map::HashMap"
}

/// The name of a type without references and generic arguments. std's own names are never spelt
/// out here, so a compiler that calls them otherwise changes nothing.
pub(crate) fn bare_type_name<T>() -> &'static str {
    let name = type_name::<T>().trim_start_matches('&');
    name.split_once('<').map_or(name, |(name, _)| name)
}
