//! Tests types of arguments, and which arguments count.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};

use larder::{Outcome, memoize};
use ndarray::{Array1, ArrayView1, array};
use serde::Serialize;

use super::CACHE;

#[test]
fn references_slices_views_and_maps_are_arguments() {
    static RUNS: AtomicU32 = AtomicU32::new(0);

    #[memoize(cache = &CACHE)]
    #[allow(elided_lifetimes_in_paths, reason = "as most people write it")]
    fn total(
        a: &[f64],
        b: ArrayView1<f64>,
        text: &str,
        names: Cow<str>,
        map: &HashMap<String, u32>,
        n: Option<&u8>,
    ) -> f64 {
        count!(RUNS);
        a.iter().sum::<f64>()
            + b.sum()
            + (text.len() + names.len() + map.len()) as f64
            + n.map_or(0.0, |n| f64::from(*n))
    }

    let b = Array1::from(vec![1.0, 5.0, 2.0, 5.0]);
    let map: HashMap<_, _> = (0..100).map(|n| (n.to_string(), n)).collect();
    let other_order: HashMap<_, _> = (0..100).rev().map(|n| (n.to_string(), n)).collect();
    let first = total(&[1.0, 2.0], b.slice(ndarray::s![..;2]), "x", "yz".into(), &map, Some(&1));
    assert_eq!(first, 110.0);
    let view = array![1.0, 2.0];
    assert_eq!(
        total(
            &Vec::from([1.0, 2.0]),
            view.view(),
            &String::from("x"),
            String::from("yz").into(),
            &other_order,
            Some(&1)
        ),
        first
    );
    assert!(total::call(&[1.0, 2.0], view.view(), "x", "yz".into(), &map, Some(&1)).is_cached());
    assert_eq!(runs!(RUNS), 1);
    total(&[1.0, 2.0], view.view(), "x", "yz".into(), &map, None);
    assert_eq!(runs!(RUNS), 2);
}

#[test]
fn arguments_need_nothing_but_serialize() {
    // The type has neither `Clone`, `Hash`, `Eq` nor `Debug`, and is moved into the function.
    #[derive(Serialize)]
    struct Input {
        weight: f64,
        label: String,
    }

    #[memoize(cache = &CACHE)]
    fn describe(mut input: Input, (a, b): (u8, u8), _unused: &dyn_free::Unit) -> String {
        input.label.push('!');
        format!("{} {} {}", input.label, input.weight, a + b)
    }

    mod dyn_free {
        #[derive(serde::Serialize)]
        pub(super) struct Unit;
    }

    for _ in 0..2 {
        let input = Input { weight: f64::NAN, label: "x".to_owned() };
        assert_eq!(describe(input, (1, 2), &dyn_free::Unit), "x! NaN 3");
    }
    assert_eq!(describe::memo().stats().unwrap().hits, 1);
}

#[test]
fn an_ignored_argument_does_not_change_the_key() {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    struct NotSerializable;

    #[memoize(cache = &CACHE, ignore(verbose, log))]
    fn work(n: u32, verbose: bool, log: &mut Vec<NotSerializable>) -> u32 {
        count!(RUNS);
        if verbose {
            log.push(NotSerializable);
        }
        n + 1
    }

    let mut log = Vec::new();
    assert_eq!(work(1, true, &mut log), 2);
    assert_eq!(work(1, false, &mut Vec::new()), 2);
    assert_eq!(log.len(), 1);
    assert_eq!(runs!(RUNS), 1);
}

#[test]
fn an_argument_without_a_key_bypasses_the_cache() {
    struct Unserializable;
    impl Serialize for Unserializable {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("it is a socket"))
        }
    }
    #[memoize(cache = &CACHE)]
    fn send(_socket: &Unserializable, n: u8) -> u8 {
        n
    }
    let call = send::call(&Unserializable, 3);
    assert!(!call.is_cached());
    let error = call.cached().unwrap_err();
    assert!(error.to_string().contains("`_socket`") && error.to_string().contains("it is a socket"), "{error}");
    let (value, outcome) = call.outcome();
    assert!(matches!(outcome, Outcome::Bypassed { .. }));
    assert_eq!(value, 3);
    assert_eq!(send::memo().stats().unwrap().errors, 1);
}

/// `impl Trait` is a type parameter without a name, anywhere in a parameter's type.
#[test]
fn an_impl_trait_within_a_type_is_part_of_the_key() {
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
    #[memoize(cache = &CACHE)]
    fn in_vec(t: Vec<impl Warm>) -> bool {
        t[0].is_warm()
    }
    #[memoize(cache = &CACHE)]
    fn behind_reference(t: &impl Warm, f: &(impl Warm + Sync)) -> (bool, bool) {
        (t.is_warm(), f.is_warm())
    }
    assert_eq!((in_vec(vec![Celsius(30.0)]), in_vec(vec![Kelvin(30.0)])), (true, false));
    assert_eq!(behind_reference(&Celsius(30.0), &Kelvin(30.0)), (true, false));
    assert_eq!(behind_reference(&Kelvin(30.0), &Celsius(30.0)), (false, true));
    assert!(behind_reference::call(&Kelvin(30.0), &Celsius(30.0)).is_cached());
}
