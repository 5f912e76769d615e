//! Tells from the name of a type whether the order of its items has a meaning.
//!
//! serde says nothing of that order, and another crate's type can't be asked. Its name can: `HashMap`, `DashSet`,
//! `BiHashMap`, or an iterator of the module `hash_map`. Only names that say nothing else are taken for a hash
//! container. A name that also says `Linked` or `Index` is not.

use std::any::type_name;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::iter;
use std::rc::Rc;
use std::slice;
use std::sync::Arc;

/// What the name of a type says about the order of its items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ItemOrder {
    /// A hash container, or an iterator over one.
    Arbitrary,
    /// A map that sorts its entries, or keeps the order of insertion.
    Meant,
    /// Nothing.
    Unknown,
}

/// Words that name a hash container together with a word of [`CONTAINERS`].
const HASH: &[&str] = &["hash", "dash", "ahash", "chash"];

/// Words that name a container.
const CONTAINERS: &[&str] = &["map", "set", "bag", "table", "multimap", "multiset", "bimap"];

/// Words that name a hash container alone.
const HASH_CONTAINERS: &[&str] = &["hashmap", "hashset", "dashmap", "dashset"];

/// Words that a hash container's name may have besides.
const BESIDE: &[&str] = &["trie", "multi", "bi", "fx", "fnv", "generic", "concurrent"];

/// Words of names for which a container is not taken for a hash container.
const ORDERED: &[&str] = &[
    "btree",
    "index",
    "insertion",
    "linear",
    "linked",
    "list",
    "lru",
    "ord",
    "order",
    "ordered",
    "queue",
    "seq",
    "sorted",
    "vec",
];

/// Maps of other crates that are known to sort their entries or to keep the order of insertion. They would be found out
/// as well, but this is faster.
const ORDERED_MAPS: &[&str] = &[
    "indexmap::map::IndexMap",
    "serde_json::map::Map",
    "serde_json::value::Value",
    "toml::map::Map",
    "toml::value::Value",
];

/// Names of the iterators over a container. The module has the name of the container.
const ITERATORS: &[&str] = &["Iter", "IntoIter", "Keys", "IntoKeys", "Values", "IntoValues", "Drain"];

/// Returns what the name of a container or an iterator says about the order of its items.
pub(crate) fn order_by_name(name: &str) -> ItemOrder {
    let path = path_of_inner(name);
    if ORDERED_MAPS.contains(&path) || path == bare_type_name::<BTreeMap<(), ()>>() {
        return ItemOrder::Meant;
    }
    let (module, last) = path.rsplit_once("::").unwrap_or(("", path));
    let names = |name: &str, of: &[&str]| words(name).any(|word| is(word, of));
    let known = |name: &str| {
        words(name).all(|word| [HASH, CONTAINERS, HASH_CONTAINERS, BESIDE].iter().any(|list| is(word, list)))
    };
    let is_hash = |name: &str| known(name) && (names(name, HASH) || names(name, HASH_CONTAINERS));
    let arbitrary = match ITERATORS.contains(&last) {
        // The module may be `hash`, with a module `map` in it.
        true => module.split("::").any(is_hash),
        false => is_hash(last) && (names(last, CONTAINERS) || names(last, HASH_CONTAINERS)),
    };
    if arbitrary && !path.split("::").any(|segment| names(segment, ORDERED)) {
        ItemOrder::Arbitrary
    } else {
        ItemOrder::Unknown
    }
}

fn is(word: &str, of: &[&str]) -> bool {
    of.iter().any(|known| known.eq_ignore_ascii_case(word))
}

/// Returns the words of a name such as `hash_map` or `HashMap`. `BTree` is one word.
fn words(name: &str) -> impl Iterator<Item = &str> {
    let mut rest = name;
    iter::from_fn(move || {
        rest = rest.trim_start_matches('_');
        let bytes = rest.as_bytes();
        let begins = |at: &usize| {
            let (before, here) = (bytes[*at - 1], bytes[*at]);
            here == b'_' || (here.is_ascii_uppercase() && !before.is_ascii_uppercase())
        };
        let end = (1..bytes.len()).find(begins).unwrap_or(bytes.len());
        let (word, after) = rest.split_at_checked(end)?;
        rest = after;
        (!word.is_empty()).then_some(word)
    })
}

/// Returns the path of a type without generic arguments. Of a reference, a smart pointer or an iterator that passes on
/// the items of another one, returns the path of the type behind it.
fn path_of_inner(mut name: &str) -> &str {
    loop {
        name = name.trim_start_matches('&');
        name = name.strip_prefix("mut ").unwrap_or(name);
        let Some((path, arguments)) = name.split_once('<') else { return name };
        if !passes_on(path) {
            return path;
        }
        name = arguments;
    }
}

/// Returns whether a type with this path has the items of its first generic argument, in the same order. The names of
/// std's types are not spelled out, so a compiler that prints them differently changes nothing.
fn passes_on(path: &str) -> bool {
    type Items = slice::Iter<'static, u8>;
    type Function = fn(&'static u8) -> bool;

    // The paths of all of them end in one of these words. A quick look at it saves the comparisons.
    let last = path.rsplit("::").next().unwrap_or(path);
    matches!(last, "Box" | "Rc" | "Arc" | "Cow" | "Map" | "Filter" | "FilterMap" | "Cloned" | "Copied")
        && [
            bare_type_name::<Box<u8>>(),
            bare_type_name::<Rc<u8>>(),
            bare_type_name::<Arc<u8>>(),
            bare_type_name::<Cow<'static, u8>>(),
            bare_type_name::<iter::Map<Items, Function>>(),
            bare_type_name::<iter::Filter<Items, Function>>(),
            bare_type_name::<iter::FilterMap<Items, Function>>(),
            bare_type_name::<iter::Cloned<Items>>(),
            bare_type_name::<iter::Copied<Items>>(),
        ]
        .contains(&path)
}

/// Returns the name of a type without references and generic arguments.
pub(crate) fn bare_type_name<T>() -> &'static str {
    let name = type_name::<T>().trim_start_matches('&');
    name.split_once('<').map_or(name, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

    use super::*;

    fn of<I>(_: &I) -> ItemOrder {
        order_by_name(type_name::<I>())
    }

    #[test]
    fn containers_of_std_are_recognised() {
        let map = HashMap::from([(1, 2)]);
        let set = HashSet::from([1]);
        assert_eq!(of(&map), ItemOrder::Arbitrary);
        assert_eq!(of(&&set), ItemOrder::Arbitrary);
        assert_eq!(of(&Arc::new(Box::new(&map))), ItemOrder::Arbitrary);
        assert_eq!(of(&map.iter()), ItemOrder::Arbitrary);
        assert_eq!(of(&map.keys().copied()), ItemOrder::Arbitrary);
        assert_eq!(of(&set.iter().filter(|n| **n > 1).map(|n| n + 1)), ItemOrder::Arbitrary);
        assert_eq!(of(&BTreeMap::from([(1, map.clone())])), ItemOrder::Meant);
        assert_eq!(of(&vec![map.clone()]), ItemOrder::Unknown);
        assert_eq!(of(&VecDeque::from([set.clone()])), ItemOrder::Unknown);
        // These add something to the items that depends on the order.
        assert_eq!(of(&map.iter().zip(0..)), ItemOrder::Unknown);
        assert_eq!(of(&set.iter().enumerate()), ItemOrder::Unknown);
        assert_eq!(of(&Some(map)), ItemOrder::Unknown);
    }

    #[test]
    fn containers_of_other_crates_are_recognised() {
        for name in [
            "dashmap::DashMap<u8, u8>",
            "dashmap::set::DashSet<u8>",
            "im::hash::map::HashMap<u8, u8>",
            "imbl::hash::set::Iter<u8>",
            "imbl::hash::set::GenericHashSet<u8, RandomState>",
            "rpds::map::hash_trie_map::HashTrieMap<u8, u8>",
            "rpds::set::hash_trie_set::HashTrieSet<u8>",
            "bimap::hash::BiHashMap<u8, u8>",
            "bimap::hash::Iter<u8, u8>",
            "hashbrown::map::HashMap<u8, u8>",
            "&&alloc::sync::Arc<papaya::map::HashMap<u8, u8>>",
        ] {
            assert_eq!(order_by_name(name), ItemOrder::Arbitrary, "{name}");
        }
        assert_eq!(order_by_name("&indexmap::map::IndexMap<u8, u8>"), ItemOrder::Meant);
        for name in [
            "hashlink::linked_hash_map::LinkedHashMap<u8, u8>",
            "hashlink::linked_hash_map::Iter<u8, u8>",
            "ordered::HashMap<u8, u8>",
            "im::ord::map::OrdMap<u8, hash_map::HashMap<u8, u8>>",
            "app::hash::Settings",
            "app::HashMapOfSettings",
            "app::Hash",
            "app::Rehash",
            "(u8, u8)",
            "[u8]",
            "",
        ] {
            assert_eq!(order_by_name(name), ItemOrder::Unknown, "{name}");
        }
    }
}
