//! Tests what is stored of a result.

use std::sync::atomic::{AtomicU32, Ordering};

use larder::memoize;
use serde::Serialize;

use super::CACHE;

#[test]
fn an_err_is_never_stored_and_need_not_be_serialisable() {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    type Parsed<T> = Result<T, std::num::ParseIntError>;

    #[memoize(cache = &CACHE)]
    fn parse(text: &str) -> Parsed<i64> {
        count!(RUNS);
        text.parse()
    }

    for _ in 0..2 {
        assert!(parse("x").is_err());
        assert_eq!(parse("7"), Ok(7));
    }
    assert_eq!(runs!(RUNS), 3);
    assert_eq!(parse::memo().entries().unwrap().len(), 1);
    assert_eq!(parse::call("7").cached().unwrap(), Some(Ok(7)));
}

#[test]
fn none_is_a_value_and_is_stored() {
    static RUNS: AtomicU32 = AtomicU32::new(0);

    #[memoize(cache = &CACHE)]
    fn find(needle: char, hay: &str) -> Option<usize> {
        count!(RUNS);
        hay.find(needle)
    }

    for _ in 0..2 {
        assert_eq!(find('x', "abc"), None);
        assert_eq!(find('c', "abc"), Some(2));
    }
    assert_eq!(runs!(RUNS), 2);
}

#[test]
fn a_generic_result_that_is_an_err_is_not_stored_either() {
    static RUNS: AtomicU32 = AtomicU32::new(0);

    #[memoize(cache = &CACHE)]
    fn same<T: Serialize + serde::de::DeserializeOwned + Clone>(value: &T) -> T {
        count!(RUNS);
        value.clone()
    }

    for _ in 0..2 {
        assert_eq!(same(&Err::<u8, u8>(1)), Err(1));
        assert_eq!(same(&Ok::<u8, u8>(1)), Ok(1));
        assert_eq!(same(&1), 1);
    }
    assert_eq!(runs!(RUNS), 4);
}

#[test]
fn an_error_can_have_any_type() {
    #[memoize(cache = &CACHE)]
    fn check(n: u8) -> Result<u8, &'static str> {
        if n > 1 { Ok(n) } else { Err("too small") }
    }
    assert_eq!((check(1), check(2), check(2)), (Err("too small"), Ok(2), Ok(2)));
    assert_eq!(check::memo().stats().unwrap().hits, 1);
}

/// The attribute uses traits in the body of the wrapper. Their names must not hide types of the user's.
#[test]
fn types_may_have_the_names_of_traits_that_the_attribute_uses() {
    #[derive(Serialize, serde::Deserialize, PartialEq, Debug)]
    struct Fit {
        slope: f64,
    }
    #[derive(Serialize)]
    struct PlainShape(f64);

    #[memoize(cache = &CACHE)]
    fn fit(KeyedArgument { slope }: KeyedArgument, _: PlainShape) -> Fit {
        Fit { slope }
    }
    #[derive(Serialize)]
    struct KeyedArgument {
        slope: f64,
    }

    for _ in 0..2 {
        assert_eq!(fit(KeyedArgument { slope: 2.0 }, PlainShape(1.0)), Fit { slope: 2.0 });
    }
}
