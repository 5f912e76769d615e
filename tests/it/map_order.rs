//! Tests maps whose container larder does not know: the order of a hash map never counts, that of other maps does.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Debug;
use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicUsize, Ordering};

use larder::{Cache, Unordered, key_of, memoize};
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A map that keeps the order of insertion, as `IndexMap` does.
#[derive(Debug, Clone, PartialEq)]
struct Kept<K, V>(Vec<(K, V)>);

impl<K: Serialize, V: Serialize> Serialize for Kept<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl<'de, K: Deserialize<'de>, V: Deserialize<'de>> Deserialize<'de> for Kept<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        entries(deserializer).map(Kept)
    }
}

/// A hash map that serializes its entries by hand.
#[derive(Debug, Clone, PartialEq, Default)]
struct Shuffled<K: Eq + Hash, V>(HashMap<K, V>);

impl<K: Eq + Hash + Serialize, V: Serialize> Serialize for Shuffled<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'de, K: Eq + Hash + Deserialize<'de>, V: Deserialize<'de>> Deserialize<'de> for Shuffled<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        entries(deserializer).map(|entries| Shuffled(entries.into_iter().collect()))
    }
}

/// Decodes the entries of a map in their order.
fn entries<'de, D: Deserializer<'de>, K: Deserialize<'de>, V: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<(K, V)>, D::Error> {
    struct Entries<K, V>(PhantomData<(K, V)>);

    impl<'de, K: Deserialize<'de>, V: Deserialize<'de>> Visitor<'de> for Entries<K, V> {
        type Value = Vec<(K, V)>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a map")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut entries = Vec::new();
            while let Some(entry) = map.next_entry()? {
                entries.push(entry);
            }
            Ok(entries)
        }
    }

    deserializer.deserialize_map(Entries(PhantomData))
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Flat<M> {
    id: u32,
    #[serde(flatten)]
    rest: M,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Wide {
    a: u8,
    b: u8,
    c: u8,
    d: u8,
    e: u8,
    f: u8,
    #[serde(flatten)]
    rest: HashMap<String, u32>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
enum Tagged {
    Map(HashMap<String, u32>),
    Nested { inner: Flat<HashMap<String, u32>> },
}

/// Returns what is inserted, in two orders.
fn numbers(count: usize) -> Vec<(String, u32)> {
    (0..count).map(|n| (format!("key {n}"), n as u32)).collect()
}

fn hash_map(count: usize) -> HashMap<String, u32> {
    numbers(count).into_iter().collect()
}

/// Calls a memoized function with values that `build` returns, and returns how many of the calls were computed.
fn computed<T: Serialize + for<'de> Deserialize<'de> + Debug>(build: impl Fn(usize) -> T, calls: usize) -> usize {
    static COUNT: AtomicUsize = AtomicUsize::new(0);

    #[memoize(cache = cache, ignore(cache))]
    fn show<T: Serialize + for<'de> Deserialize<'de> + Debug>(cache: &Cache, value: &T) -> String {
        COUNT.fetch_add(1, Ordering::Relaxed);
        format!("{value:?}")
    }

    // The functions of one test at a time.
    static LOCK: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one = LOCK.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    COUNT.store(0, Ordering::Relaxed);
    (0..calls).for_each(|n| drop(show(&cache, &build(n))));
    COUNT.load(Ordering::Relaxed)
}

#[test]
fn a_hash_map_has_one_key_wherever_it_is() {
    for count in [0, 1, 2, 3, 5, 20, 300] {
        let of = |what: &str, computed: usize| assert_eq!(computed, 1, "{what} of {count}");
        let map = || hash_map(count);
        of("by hand", computed(|_| Shuffled(map()), 20));
        of("flatten", computed(|_| Flat { id: 7, rest: map() }, 20));
        of("flatten by hand", computed(|_| Flat { id: 7, rest: Shuffled(map()) }, 20));
        of("internally tagged", computed(|_| Tagged::Map(map()), 20));
        of("nested", computed(|_| Tagged::Nested { inner: Flat { id: 1, rest: map() } }, 20));
        of("list", computed(|_| vec![Flat { id: 1, rest: map() }, Flat { id: 1, rest: map() }], 20));
        of("in an order", computed(|_| Flat { id: 1, rest: Kept(vec![("m".to_owned(), Shuffled(map()))]) }, 20));
        of("with a key of numbers", computed(|_| Shuffled((0..count as u64).map(|n| (n * 99, n)).collect()), 20));
        of(
            "with a key of letters",
            computed(|_| Shuffled((0..count.min(20) as u8).map(|n| ((b'a' + n) as char, n)).collect()), 20),
        );
        of("in a hash map", computed(|_| HashMap::from([(1, Shuffled(map())), (2, Shuffled(HashMap::new()))]), 20));
    }
    // Many fields and few random entries.
    let few =
        || Wide { a: 1, b: 2, c: 3, d: 4, e: 5, f: 6, rest: HashMap::from([("x".to_owned(), 1), ("y".to_owned(), 2)]) };
    assert_eq!(computed(|_| few(), 200), 1);
    // The content still counts.
    assert_eq!(computed(|n| Flat { id: 7, rest: hash_map(n) }, 10), 10);
    assert_eq!(computed(|n| Shuffled(HashMap::from([(n % 5, 1), (50 + n % 2, 2)])), 40), 10);
}

#[test]
fn the_order_of_other_maps_counts() {
    let in_order = |n: usize| {
        let mut entries = numbers(3);
        if n % 2 == 1 {
            entries.reverse();
        }
        Kept(entries)
    };
    assert_eq!(computed(in_order, 20), 2);
    assert_eq!(computed(|n| Flat { id: 7, rest: in_order(n) }, 20), 2);
    assert_eq!(computed(|n| vec![Flat { id: 7, rest: in_order(n) }, Flat { id: 7, rest: in_order(0) }], 20), 2);
    // Beside a hash map with the same content, and in one.
    let beside = |n| (Shuffled(hash_map(3)), in_order(n), Shuffled(numbers(3).into_iter().collect()));
    assert_eq!(computed(beside, 20), 2);
    assert_eq!(
        computed(
            |n| Shuffled(HashMap::from([("a", in_order(n)), ("b", in_order(0))].map(|(k, v)| (k.to_owned(), v)))),
            20
        ),
        2
    );
    // All orders of a few.
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let any = |n: usize| Flat { id: 7, rest: Kept(orders[n % 6].iter().map(|n| (n.to_string(), n + 1)).collect()) };
    assert_eq!(computed(any, 60), 6);
    // Sorted maps have one order.
    assert_eq!(computed(|_| Flat { id: 7, rest: numbers(9).into_iter().collect::<BTreeMap<_, _>>() }, 20), 1);
}

#[derive(Serialize)]
struct Fields {
    z: u32,
    #[serde(flatten)]
    inner: Inner,
}

#[derive(Serialize)]
struct Inner {
    b: u32,
    a: &'static str,
}

/// A value that can't be decoded keeps the order of its maps in the key: at worst, a call is computed again.
#[test]
fn what_cannot_be_decoded_keeps_its_order() {
    let fields = || key_of(&Fields { z: 1, inner: Inner { b: 2, a: "a" } }).unwrap();
    assert_eq!(fields(), fields());
    let two = |entries: [(&str, u32); 2]| key_of(&Flat { id: 1, rest: Kept(entries.to_vec()) }).unwrap();
    assert_ne!(two([("a", 1), ("b", 2)]), two([("b", 2), ("a", 1)]));
    assert_eq!(two([("b", 2), ("a", 1)]), two([("b", 2), ("a", 1)]));
}

#[test]
fn unordered_values_have_no_order() {
    let flat = || Flat { id: 1, rest: hash_map(20) };
    assert_eq!(key_of(&Unordered(flat())).unwrap(), key_of(&Unordered(&flat())).unwrap());
    assert_eq!(key_of(&[(1, Unordered(flat()))]).unwrap(), key_of(&[(1, Unordered(flat()))]).unwrap());
    assert_ne!(key_of(&Unordered(Flat { id: 2, ..flat() })).unwrap(), key_of(&Unordered(flat())).unwrap());
    // Only of maps: a list has its order.
    assert_ne!(key_of(&Unordered([1, 2])).unwrap(), key_of(&Unordered([2, 1])).unwrap());
    assert_eq!(serde_json::to_string(&Unordered(numbers(2))).unwrap(), serde_json::to_string(&numbers(2)).unwrap());
}

/// Its fields can't be decoded, so the order of its maps counts.
#[derive(Serialize)]
struct OnlyWritten {
    name: &'static str,
    #[serde(flatten)]
    rest: HashMap<String, u32>,
}

#[memoize(cache = cache, ignore(cache))]
fn written(cache: &Cache, limit: u32, settings: &OnlyWritten) -> usize {
    settings.rest.len() + limit as usize
}

#[test]
fn a_difference_in_the_order_of_a_map_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    let settings = |name| OnlyWritten { name, rest: hash_map(30) };
    written(&cache, 1, &settings("a"));
    written(&cache, 1, &settings("b"));
    let why = || written::call(&cache, 1, &settings("a")).explain().to_string();
    let expected = "argument `settings` differs from the nearest stored call in the order of a map only; if that order has \
                    no meaning, write `key(settings = larder::Unordered(settings))`";
    assert!(why().contains(expected), "{}", why());
    #[cfg(target_os = "linux")]
    {
        let (_, messages) = crate::log::logged(|| written(&cache, 1, &settings("a")));
        assert!(messages.contains("the order of a map differs"), "{messages}");
    }
    // Another difference is not explained by the order.
    let other = written::call(&cache, 2, &settings("a")).explain().to_string();
    assert!(other.contains("1 there, 2 here"), "{other}");
    let other = written::call(&cache, 1, &settings("c")).explain().to_string();
    assert!(!other.contains("order of a map"), "{other}");
}

/// Iterators over hash maps and sets that are passed to `collect_map` and `collect_seq`.
struct Collected(HashMap<String, u32>, HashSet<u64>);

impl Serialize for Collected {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Map<'a>(&'a HashMap<String, u32>);
        struct Set<'a>(&'a HashSet<u64>);

        impl Serialize for Map<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map(self.0.iter().map(|(key, value)| (key, value + 1)))
            }
        }

        impl Serialize for Set<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq(self.0.iter().filter(|n| **n > 0))
            }
        }

        (Map(&self.0), Set(&self.1)).serialize(serializer)
    }
}

#[test]
fn iterators_over_hash_containers_have_no_order() {
    let build = || Collected(hash_map(30), (0..30).collect());
    for _ in 0..10 {
        assert_eq!(key_of(&build()).unwrap(), key_of(&build()).unwrap());
    }
    let other = Collected(hash_map(30), (0..31).collect());
    assert_ne!(key_of(&build()).unwrap(), key_of(&other).unwrap());
}

mod forms {
    use super::*;

    type Settings = Flat<HashMap<String, u32>>;

    #[memoize(cache = cache, ignore(cache))]
    fn by_value(cache: &Cache, settings: Settings) -> u32 {
        settings.rest.values().sum()
    }

    #[memoize(cache = cache, ignore(cache))]
    fn by_slice(cache: &Cache, settings: &[Settings]) -> usize {
        settings.len()
    }

    #[memoize(cache = cache, ignore(cache))]
    fn borrowed(cache: &Cache, name: &str, pair: Borrowed<'_>, settings: &Settings) -> usize {
        name.len() + pair.a.len() + settings.rest.len()
    }

    /// It can be decoded only from input that lives as long as it does.
    #[derive(Serialize, Deserialize)]
    struct Borrowed<'a> {
        a: &'a str,
        b: Option<&'a str>,
    }

    #[memoize(cache = cache, ignore(cache), key(settings = &settings.rest))]
    fn by_expression(cache: &Cache, settings: &Settings) -> usize {
        settings.rest.len()
    }

    #[test]
    fn every_form_of_a_function_finds_the_same_entry() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let settings = || Settings { id: 1, rest: hash_map(10) };
        by_value(&cache, settings());
        by_slice(&cache, &[settings(), settings()]);
        let text = "text".to_owned();
        borrowed(&cache, &text, Borrowed { a: &text, b: None }, &settings());
        by_expression(&cache, &settings());
        for _ in 0..10 {
            assert!(by_value::call(&cache, settings()).is_cached());
            assert!(by_slice::call(&cache, &[settings(), settings()]).is_cached());
            assert!(borrowed::call(&cache, &text, Borrowed { a: &text, b: None }, &settings()).is_cached());
            assert!(by_expression::call(&cache, &settings()).is_cached());
        }
        assert!(!borrowed::call(&cache, &text, Borrowed { a: "", b: None }, &settings()).is_cached());
        let call = by_value::call(&cache, settings());
        let entry = by_value::memo().entries_in(&cache).unwrap().next().unwrap();
        assert_eq!(call.key(), entry.key);
        assert_eq!(entry.arguments[0].unordered, None);
    }
}
