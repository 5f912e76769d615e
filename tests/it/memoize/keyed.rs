//! Tests the option `key`, which replaces an argument in the key.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use larder::memoize;
use serde::Serialize;

use super::CACHE;

fn content(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_default()
}

#[test]
fn an_expression_can_replace_an_argument_in_the_key() {
    static RUNS: AtomicU32 = AtomicU32::new(0);

    #[memoize(cache = &CACHE, key(path = content(path)))]
    fn length(path: &Path, factor: usize) -> usize {
        count!(RUNS);
        content(path).len() * factor
    }

    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    std::fs::write(&a, "same").unwrap();
    std::fs::write(&b, "same").unwrap();
    assert_eq!((length(&a, 1), length(&b, 1), length(&a, 2)), (4, 4, 8));
    assert_eq!(runs!(RUNS), 2);
    assert!(length::call(&b, 2).is_cached());
    std::fs::write(&b, "other").unwrap();
    assert!(!length::call(&b, 2).is_cached());
    assert_eq!(length(&b, 2), 10);
    let entry = length::memo().entries().unwrap().next().unwrap();
    assert_eq!(entry.arguments[0].name, "path");
}

/// Type that implements neither `Serialize` nor `Clone`.
struct Model {
    id: u32,
    weights: Vec<f64>,
}

#[test]
fn key_expressions_can_use_all_arguments_and_move_none() {
    #[memoize(cache = &CACHE, key(model = (model.id, weight + f64::from(*n)), path = path.file_name()))]
    fn score(model: Model, weight: &f64, path: PathBuf, n: u8) -> f64 {
        model.weights.iter().sum::<f64>() * weight + f64::from(n) + path.as_os_str().len() as f64
    }
    let call = |id, path: &str, weights: &[f64]| {
        score::call(Model { id, weights: weights.to_vec() }, &2.0, PathBuf::from(path), 1)
    };
    assert_eq!(score(Model { id: 1, weights: vec![3.0] }, &2.0, "a/b".into(), 1), 10.0);
    assert!(call(1, "long/b", &[4.0]).is_cached());
    assert!(!call(2, "a/b", &[3.0]).is_cached());
    assert!(!call(1, "a/c", &[3.0]).is_cached());
    assert_eq!(call(1, "long/b", &[4.0]).run(), 10.0);
}

impl Model {
    #[memoize(cache = &CACHE, key(self = self.id))]
    fn rate(&self, n: u32) -> u32 {
        self.id + n
    }

    #[memoize(cache = &CACHE, key(self = self.id, n = n.min(&self.id)))]
    fn consume(self, n: u32) -> u32 {
        self.id + n
    }
}

#[test]
fn an_expression_can_replace_self_in_the_key() {
    let model = |id, weights: &[f64]| Model { id, weights: weights.to_vec() };
    assert_eq!(model(1, &[0.0]).rate(2), 3);
    assert!(model(1, &[1.0]).rate_call(2).is_cached());
    assert!(!model(2, &[0.0]).rate_call(2).is_cached());
    assert_eq!(model(1, &[0.0]).consume(7), 8);
    assert!(model(1, &[]).consume_call(9).is_cached());
}

/// With equal keys, these functions would get each other's results.
#[test]
fn the_ignore_and_key_options_are_part_of_the_code() {
    macro_rules! sum {
        ($name:ident, $a:ident, $b:ident, $($option:tt)*) => {
            #[memoize(cache = &CACHE, name = "chosen", $($option)*)]
            #[allow(dead_code, reason = "only its key is asked for")]
            fn $name($a: (u8, u8), $b: (u8, u8)) -> u8 {
                $a.0 + 10 * $b.0
            }
        };
    }
    sum!(first, a, b, ignore(a));
    sum!(second, a, b, ignore(b));
    sum!(third, a, b, key(a = a.0, b = b.1));
    sum!(fourth, a, b, key(a = a.1, b = b.1));
    sum!(fifth, a, b, key(b = b.1, a = a.0));
    let (a, b) = ((1, 1), (1, 1));
    let keys = [first::call(a, b).key(), second::call(a, b).key(), third::call(a, b).key(), fourth::call(a, b).key()];
    for (index, key) in keys.iter().enumerate() {
        assert!(!keys[index + 1..].contains(key), "{index}");
    }
    assert_eq!(fifth::call(a, b).key(), keys[2]);
}

#[test]
fn types_of_impl_trait_arguments_count() {
    trait Warm: Serialize {
        fn is_warm(&self) -> bool;
    }
    #[derive(Serialize)]
    struct Celsius(f64);
    #[derive(Serialize)]
    struct Kelvin(f64);
    impl Warm for Celsius {
        fn is_warm(&self) -> bool {
            self.0 > 20.0
        }
    }
    impl Warm for Kelvin {
        fn is_warm(&self) -> bool {
            self.0 > 293.15
        }
    }
    #[memoize(cache = &CACHE, key(t = 1))]
    fn is_warm(t: &impl Warm) -> bool {
        t.is_warm()
    }
    assert_eq!((is_warm(&Celsius(30.0)), is_warm(&Kelvin(30.0))), (true, false));
}
