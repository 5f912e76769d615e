use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use larder::{Cache, Call, Outcome, memoize};
use ndarray::{Array1, Array2, ArrayView1, array};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());
static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::open(FOLDER.path()).unwrap());

/// Counts the runs of the function that it stands in.
macro_rules! count {
    ($counter:ident) => {
        $counter.fetch_add(1, Ordering::SeqCst)
    };
}

macro_rules! runs {
    ($counter:ident) => {
        $counter.load(Ordering::SeqCst)
    };
}

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
    // The same elements in another layout are the same argument.
    assert_eq!(fit(&data.t().to_owned().reversed_axes(), 0.5), first);
    assert_eq!(runs!(RUNS), 1);
    fit(&data, 0.25);
    assert_eq!(runs!(RUNS), 2);
}

#[test]
fn a_call_in_hand_does_nothing_by_itself() {
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
