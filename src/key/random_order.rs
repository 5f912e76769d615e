//! Finds out which maps of a value come in a random order.
//!
//! serde does not tell whether the order of a map has a meaning. It can be found out if the value can be decoded: a hash
//! map comes in another order each time that it is built. So the value is encoded once and decoded several times. A map
//! whose entries come in different orders, although the bytes are the same, has an order without a meaning. An
//! `IndexMap` keeps the order of the bytes, and a `BTreeMap` or the fields of a struct have an order of their own.

use std::cell::RefCell;
use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::format::document;
use crate::format::target::Limited;
use crate::key::canonical::encode::encode;
use crate::key::canonical::hash_buffer::HashBuffer;
use crate::key::canonical::map_order::{MapOrder, SeenMap};
use crate::key::digest::{Digest, Key};
use crate::sys::catch_panic::guarded;

/// Decodes a value, and encodes it again for its key.
pub(crate) type EncodeAgain = fn(&[u8], &MapOrder<'_>) -> Result<()>;

/// Longest encoding of a value that is decoded, in bytes.
const LONGEST: usize = 16 << 20;

/// A random order looks like a fixed one with a probability of one in 2 to the power of this. Then the call is computed
/// again.
const CERTAINTY: f64 = 20.0;

/// Number of values that a thread remembers.
const MOST_REMEMBERED: usize = 1 << 10;

thread_local! {
    /// The random maps of values, by the function that decodes them and the digest with every order.
    static REMEMBERED: RefCell<HashMap<(usize, Key), Vec<bool>>> = RefCell::default();
}

/// Decodes a `T`, and encodes it again for its key.
pub(crate) fn encode_again<'de, T>(bytes: &[u8], order: &MapOrder<'_>) -> Result<()>
where
    T: Serialize + Deserialize<'de>,
{
    encode(&document::value_from_slice::<T>(bytes)?, order, &mut HashBuffer::new())
}

/// Returns which of the unknown maps of `value` come in a random order, by their numbers. Of a value that can't be
/// decoded, or is too large, returns none. `digest` is the value's digest if every order counts.
pub(crate) fn random_maps<T: Serialize + ?Sized>(value: &T, digest: Key, again: EncodeAgain) -> Vec<bool> {
    let name = (again as usize, digest);
    if let Ok(Some(known)) = REMEMBERED.try_with(|remembered| remembered.borrow().get(&name).cloned()) {
        return known;
    }
    let found = guarded("its `Deserialize`", || find(value, again)).unwrap_or_else(|error| {
        tracing::debug!(%error, "a value can't be decoded to see which of its maps come in a random order");
        Found { random: Vec::new(), numbers_stay: true }
    });
    if !found.numbers_stay {
        return found.random;
    }
    let random = found.random;
    let _ = REMEMBERED.try_with(|remembered| {
        let mut remembered = remembered.borrow_mut();
        if remembered.len() == MOST_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(name, random.clone());
    });
    random
}

/// The unknown maps of a value.
struct Found {
    /// Which of them come in a random order, by their numbers.
    random: Vec<bool>,
    /// Whether each has the same number in every value with the same digest.
    numbers_stay: bool,
}

fn find<T: Serialize + ?Sized>(value: &T, again: EncodeAgain) -> Result<Found> {
    let mut bytes = Limited::new(LONGEST);
    document::write(value, &mut bytes)?;
    let order = MapOrder::recorded();
    encode(value, &order, &mut HashBuffer::new())?;
    let maps = order.into_seen();

    let mut arrivals: HashMap<Identity, Vec<Vec<Digest>>> = HashMap::new();
    for (number, map) in maps.iter().enumerate().filter(|(_, map)| map.len > 1) {
        arrivals.entry(Identity::of(number, map)).or_default();
    }
    let times = maps.iter().filter(|map| map.len > 1).map(|map| times_to_decode(map.len, map.is_struct)).max();
    for _ in 0..times.unwrap_or(0) {
        let order = MapOrder::recorded();
        again(bytes.bytes(), &order)?;
        let mut now: HashMap<Identity, Vec<Digest>> = HashMap::new();
        for (number, map) in order.into_seen().iter().enumerate() {
            now.entry(Identity::of(number, map)).or_default().push(map.arrival);
        }
        for (identity, arrivals) in &mut arrivals {
            arrivals.extend(now.remove(identity));
        }
        if arrivals.values().all(|arrivals| is_random(arrivals)) {
            break;
        }
    }
    let random = |(number, map): (usize, &SeenMap)| {
        arrivals.get(&Identity::of(number, map)).is_some_and(|arrivals| is_random(arrivals))
    };
    let numbers_stay = !maps.iter().any(|map| map.moves);
    Ok(Found { random: maps.iter().enumerate().map(random).collect(), numbers_stay })
}

/// How a map is found again in another copy of the value: by its number, or only by its content if it moves.
#[derive(PartialEq, Eq, Hash)]
struct Identity {
    number: Option<usize>,
    content: Digest,
}

impl Identity {
    fn of(number: usize, map: &SeenMap) -> Self {
        Identity { number: (!map.moves).then_some(number), content: map.content }
    }
}

/// Returns whether all maps with one identity come in a random order. `copies` has their orders in each copy of the
/// value. A map that keeps its order comes in the same order in each copy, so if no order is in all of them, there is no
/// such map.
fn is_random(copies: &[Vec<Digest>]) -> bool {
    match copies {
        [first, rest @ ..] => !first.iter().any(|order| rest.iter().all(|copy| copy.contains(order))),
        [] => false,
    }
}

/// Returns how often a value is decoded that has a map of `len` entries. One of them may be fixed: the tag of an enum. Of
/// the entries of a struct, all but two may be fixed.
fn times_to_decode(len: usize, is_struct: bool) -> u32 {
    let random = if is_struct { 2 } else { (len - 1).clamp(2, 64) };
    let orders: f64 = (2..=random).map(|n| (n as f64).log2()).sum();
    1 + (1..).find(|times| f64::from(*times) * orders >= CERTAINTY).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_map_is_decoded_more_often() {
        assert_eq!([2, 3, 4, 6, 20, 1000].map(|len| times_to_decode(len, false)), [21, 21, 9, 4, 2, 2]);
        assert_eq!(times_to_decode(1000, true), 21);
    }

    #[test]
    fn an_order_in_all_copies_is_kept() {
        let [a, b, c] = [[1; 32], [2; 32], [3; 32]];
        assert!(is_random(&[vec![a], vec![b], vec![a]]));
        assert!(is_random(&[vec![a, b], vec![b, c], vec![c, a]]));
        // The map with the order `a` may keep it.
        assert!(!is_random(&[vec![a, b], vec![a, c], vec![b, a]]));
        assert!(!is_random(&[vec![a], vec![a]]));
        assert!(!is_random(&[vec![a]]) && !is_random(&[]));
    }
}
