//! Tests calls and call handles.

use std::sync::atomic::{AtomicU32, Ordering};

use larder::{Cache, Call, Outcome, memoize};
use ndarray::{Array1, Array2, array};
use serde::{Deserialize, Serialize};

use super::CACHE;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Model {
    weights: Array1<f64>,
    name: Option<String>,
}

#[test]
fn a_function_runs_once() {
    static RUNS: AtomicU32 = AtomicU32::new(0);

    /// Fits.
    #[memoize(cache = &*CACHE)]
    fn fit(data: &Array2<f64>, alpha: f64) -> Model {
        count!(RUNS);
        Model { weights: data.sum_axis(ndarray::Axis(0)) * alpha, name: None }
    }

    let data = array![[1.0, 2.0], [3.0, 4.0]];
    let first = fit(&data, 0.5);
    assert_eq!(fit(&data, 0.5), first);
    // The same elements in another memory layout are the same argument.
    assert_eq!(fit(&data.t().to_owned().reversed_axes(), 0.5), first);
    assert_eq!(runs!(RUNS), 1);
    fit(&data, 0.25);
    assert_eq!(runs!(RUNS), 2);
}

#[test]
fn a_call_handle_does_nothing_until_it_is_used() {
    static RUNS: AtomicU32 = AtomicU32::new(0);

    #[memoize(cache = &CACHE)]
    fn square(n: u64) -> u64 {
        count!(RUNS);
        n * n
    }

    let call: Call<'_, u64> = square::call(12);
    let key = call.key();
    assert_eq!(key.to_string().len(), 64);
    assert!(!call.is_cached());
    assert_eq!(call.cached().unwrap(), None);
    assert!(!call.forget().unwrap());
    assert_eq!(runs!(RUNS), 0);
    assert_eq!(square::memo().entries().unwrap().len(), 0);

    assert_eq!(call.run(), 144);
    assert_eq!(square::call(12).cached().unwrap(), Some(144));
    assert!(square::call(12).is_cached());
    assert_eq!(square::call(12).key(), key);
    let (value, outcome) = square::call(12).outcome();
    assert_eq!(value, 144);
    assert!(matches!(outcome, Outcome::Hit { .. }), "{outcome:?}");
    assert_eq!(runs!(RUNS), 1);

    assert_eq!(square::call(12).refresh(), 144);
    assert_eq!(runs!(RUNS), 2);
    assert!(square::call(12).forget().unwrap());
    let (_, outcome) = square::call(12).outcome();
    assert!(matches!(outcome, Outcome::Computed { size: Some(_), .. }), "{outcome:?}");
    assert_eq!(runs!(RUNS), 3);
}

#[test]
fn a_recursive_function_runs_each_argument_once() {
    static RUNS: AtomicU32 = AtomicU32::new(0);

    #[memoize(cache = &CACHE)]
    fn fibonacci(n: u64) -> u64 {
        count!(RUNS);
        if n < 2 { n } else { fibonacci(n - 1) + fibonacci(n - 2) }
    }

    assert_eq!(fibonacci(50), 12_586_269_025);
    assert_eq!(runs!(RUNS), 51);
}

#[test]
fn an_entry_describes_its_call() {
    #[memoize(cache = &CACHE)]
    fn fit(data: &Array2<f64>, names: Vec<String>) -> usize {
        std::thread::sleep(std::time::Duration::from_millis(2));
        data.len() + names.len()
    }
    fit(&array![[1.0, 2.0]], vec!["a".repeat(1000)]);
    let entry = fit::memo().entries().unwrap().next().unwrap();
    assert_eq!(entry.function, fit::memo().name());
    assert_eq!(entry.package, "larder");
    assert_eq!(entry.key, fit::call(&array![[1.0, 2.0]], vec!["a".repeat(1000)]).key());
    assert_eq!(entry.type_name, "usize");
    assert_eq!(entry.compressor, "none");
    assert_eq!(entry.size, std::fs::metadata(&entry.path).unwrap().len());
    assert!(entry.took.as_millis() >= 2);
    assert!(entry.created.elapsed().unwrap().as_secs() < 60);
    let names: Vec<_> = entry.arguments.iter().map(|a| a.name.as_str()).collect();
    assert_eq!(names, ["data", "names"]);
    assert!(entry.arguments[0].preview.contains("1.0, 2.0"), "{}", entry.arguments[0].preview);
    assert!(entry.arguments[1].preview.len() < 130);
    assert_eq!(entry.arguments[0].digest, larder::key_of(&array![[1.0, 2.0]]).unwrap());
}

#[test]
fn closures_are_stored_under_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::builder(folder.path()).compression("lz4".parse().unwrap()).open().unwrap();
    let mut runs = 0;
    for _ in 0..3 {
        let sum: u64 = cache.get_or_compute("sum", &(1_u64, [2_u64, 3]), || {
            runs += 1;
            6
        });
        assert_eq!(sum, 6);
        let parsed: Result<u8, std::num::ParseIntError> = cache.get_or_try_compute("parse", "x", || "x".parse());
        assert!(parsed.is_err());
    }
    assert_eq!(runs, 1);
    // The same name and arguments with another result type are another function.
    assert_eq!(cache.get_or_compute("sum", &(1_u64, [2_u64, 3]), || "six".to_owned()), "six");
    assert_eq!(cache.get_or_compute("sum", &(1_u64, [2_u64, 3]), || 7_u64), 6);
    assert_eq!(cache.entries().unwrap().len(), 2);
}

#[test]
fn a_panic_of_the_function_is_passed_on() {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    #[memoize(cache = &CACHE)]
    fn fragile(n: u8) -> u8 {
        assert!(count!(RUNS) > 0, "the first run panics");
        n
    }
    assert!(std::panic::catch_unwind(|| fragile(1)).is_err());
    assert_eq!(fragile(1), 1);
    assert_eq!(fragile(1), 1);
    assert_eq!(runs!(RUNS), 2);
}
