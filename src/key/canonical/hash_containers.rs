//! Recognises hash maps and hash sets, whose order has no meaning.

use std::any::type_name;
use std::collections::{HashMap, HashSet};

/// Returns whether `I`, the type of an iterator argument of a serializer, is a hash set.
pub(crate) fn is_set<I>() -> bool {
    let name = bare_type_name::<I>();
    name == bare_type_name::<HashSet<(), ()>>() || name == "hashbrown::set::HashSet"
}

/// Returns whether `I`, the type of an iterator argument of a serializer, is a hash map.
pub(crate) fn is_map<I>() -> bool {
    let name = bare_type_name::<I>();
    name == bare_type_name::<HashMap<(), (), ()>>() || name == "hashbrown::map::HashMap"
}

/// Returns the name of a type without references and generic arguments. The names of std's types are not spelled out
/// here, so a compiler that prints them differently changes nothing.
pub(crate) fn bare_type_name<T>() -> &'static str {
    let name = type_name::<T>().trim_start_matches('&');
    name.split_once('<').map_or(name, |(name, _)| name)
}
