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
    // Neither `Clone`, `Hash`, `Eq` nor `Debug`, and moved into the function.
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
fn an_ignored_argument_changes_nothing() {
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

#[derive(Serialize)]
struct Scale {
    factor: f64,
    #[serde(skip)]
    cache: Option<Cache>,
}

static METHOD_RUNS: AtomicU32 = AtomicU32::new(0);
static NEW_RUNS: AtomicU32 = AtomicU32::new(0);

impl Scale {
    #[memoize(cache = self.cache.as_ref().unwrap_or(&CACHE))]
    fn apply(&self, data: &[f64]) -> Vec<f64> {
        count!(METHOD_RUNS);
        data.iter().map(|x| x * self.factor).collect()
    }

    #[memoize(cache = &CACHE)]
    fn consume(self, n: f64) -> f64 {
        self.factor * n
    }

    #[memoize(cache = &CACHE, in_impl)]
    fn unit(n: u8) -> f64 {
        count!(NEW_RUNS);
        f64::from(n)
    }
}

#[test]
fn methods_have_companions_beside_them() {
    let scale = |factor| Scale { factor, cache: None };
    assert_eq!(scale(2.0).apply(&[1.0]), [2.0]);
    assert_eq!(scale(2.0).apply(&[1.0]), [2.0]);
    assert_eq!(scale(3.0).apply(&[1.0]), [3.0]);
    assert_eq!(runs!(METHOD_RUNS), 2);
    assert!(scale(2.0).apply_call(&[1.0]).is_cached());
    assert_eq!(Scale::apply_memo().name(), "it::memoize::Scale::apply");
    assert_eq!(Scale::apply_memo().entries().unwrap().len(), 2);

    assert_eq!(scale(2.0).consume(4.0), 8.0);
    assert_eq!(scale(2.0).consume_call(4.0).cached().unwrap(), Some(8.0));

    assert_eq!((Scale::unit(1), Scale::unit(1)), (1.0, 1.0));
    assert_eq!(runs!(NEW_RUNS), 1);
    assert!(Scale::unit_call(1).forget().unwrap());
}

#[test]
fn the_cache_may_come_with_the_arguments() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    let scale = Scale { factor: 9.0, cache: Some(cache.clone()) };
    assert_eq!(scale.apply(&[1.0]), [9.0]);
    assert_eq!(cache.entries().unwrap().len(), 1);
    assert_eq!(cache.stats().unwrap().misses, 1);

    // A cache is no argument that the result depends on; it can't be serialised either.
    #[memoize(cache = cache, ignore(cache))]
    fn triple(n: u8, cache: &Cache) -> u8 {
        let _ = cache;
        n * 3
    }
    assert_eq!(triple(2, &cache), 6);
    assert_eq!(triple(2, &cache), 6);
    assert_eq!(triple::memo().cache().path(), folder.path());
    assert_eq!(triple::memo().stats().unwrap().hits, 1);
}

struct Wrapper<T>(std::marker::PhantomData<T>);

impl<T> Wrapper<T> {
    #[memoize(cache = &CACHE, in_impl)]
    fn size() -> usize {
        size_of::<T>()
    }
}

#[test]
fn two_functions_are_never_taken_for_one() {
    #[memoize(cache = &CACHE)]
    fn size_of_generic<T, const N: usize, U>() -> usize {
        size_of::<T>() * N + size_of::<U>()
    }
    assert_eq!(size_of_generic::<u8, 1, ()>(), 1);
    assert_eq!(size_of_generic::<u16, 1, ()>(), 2);
    assert_eq!(size_of_generic::<u16, 3, ()>(), 6);
    assert_eq!(size_of_generic::<u8, 1, ()>(), 1);
    assert_eq!(size_of_generic::memo().entries().unwrap().len(), 3);

    assert_eq!(Wrapper::<u8>::size(), 1);
    assert_eq!(Wrapper::<u64>::size(), 8);
    assert_eq!(Wrapper::<u8>::size(), 1);

    // Transparent newtypes serialise alike.
    #[derive(Serialize)]
    struct Celsius(f64);
    #[derive(Serialize)]
    struct Kelvin(f64);
    trait Warm: Serialize {
        fn is_warm(&self) -> bool;
    }
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
    fn is_warm<T: Warm>(temperature: &T) -> bool {
        temperature.is_warm()
    }
    #[memoize(cache = &CACHE)]
    fn is_warm_too(temperature: impl Warm) -> bool {
        temperature.is_warm()
    }
    assert!(is_warm(&Celsius(30.0)));
    assert!(!is_warm(&Kelvin(30.0)));
    assert!(is_warm_too(Celsius(30.0)));
    assert!(!is_warm_too(Kelvin(30.0)));
}

#[test]
fn functions_of_one_name_in_two_functions_are_two() {
    fn first() -> (u8, String) {
        #[memoize(cache = &CACHE)]
        fn inner(n: u8) -> u8 {
            helper(n)
        }
        fn helper(n: u8) -> u8 {
            n + 1
        }
        (inner(1), inner::memo().name().to_owned())
    }
    fn second() -> (u8, String) {
        #[memoize(cache = &CACHE)]
        fn inner(n: u8) -> u8 {
            helper(n)
        }
        fn helper(n: u8) -> u8 {
            n + 2
        }
        (inner(1), inner::memo().name().to_owned())
    }
    let ((a, first), (b, second)) = (first(), second());
    assert_eq!((a, b), (2, 3));
    assert_ne!(first, second);
}

/// Blocks and closures leave no trace in a path.
#[test]
fn functions_of_one_name_and_code_in_two_blocks_are_two() {
    let first = {
        #[memoize(cache = &CACHE)]
        fn inner(n: u8) -> u8 {
            helper(n)
        }
        fn helper(n: u8) -> u8 {
            n + 1
        }
        inner(1)
    };
    let second = || {
        #[memoize(cache = &CACHE)]
        fn inner(n: u8) -> u8 {
            helper(n)
        }
        fn helper(n: u8) -> u8 {
            n + 2
        }
        inner(1)
    };
    let third = {
        #[memoize(cache = &CACHE)]
        fn inner(n: u8) -> u8 {
            helper(n)
        }
        fn helper(n: u8) -> u8 {
            n + 3
        }
        inner(1)
    };
    assert_eq!((first, second(), third), (2, 3, 4));
}

macro_rules! unnamed {
    ($name:ident, $sum:expr) => {
        const _: () = {
            fn helper(n: u8) -> u8 {
                n + $sum
            }
            impl Numbered for [(); $sum] {
                fn run() -> u8 {
                    #[larder::memoize(cache = &CACHE)]
                    fn inner(n: u8) -> u8 {
                        helper(n)
                    }
                    inner(1)
                }
            }
        };
    };
}

trait Numbered {
    fn run() -> u8;
}
unnamed!(one, 1);
unnamed!(two, 2);

#[test]
fn functions_in_unnamed_constants_are_their_own() {
    assert_eq!((<[(); 1]>::run(), <[(); 2]>::run()), (2, 3));
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
fn a_name_and_a_version_replace_the_path_and_leave_old_results_behind() {
    #[memoize(cache = &CACHE, name = "forecast::daily", version = 1)]
    fn one(n: u8) -> u8 {
        n
    }
    mod moved {
        // The same code under the same name elsewhere is the same function.
        #[larder::memoize(cache = &super::CACHE, name = "forecast::daily", version = 1)]
        pub(super) fn one(n: u8) -> u8 {
            n
        }
        #[larder::memoize(cache = &super::CACHE, name = "forecast::daily", version = 2)]
        pub(super) fn two(n: u8) -> u8 {
            n
        }
    }
    one(1);
    assert!(moved::one::call(1).is_cached());
    assert!(!moved::two::call(1).is_cached());
    assert_eq!(one::memo().name(), "forecast::daily");
    let entry = one::memo().entries().unwrap().next().unwrap();
    assert!(entry.path.starts_with(FOLDER.path().join("v1/forecast@larder/daily")), "{}", entry.path.display());
    assert_eq!(entry.version, 1);
}

#[test]
fn a_change_of_the_code_is_a_miss_and_going_back_is_a_hit() {
    // Three functions under one name stand for three versions of the source.
    macro_rules! version {
        ($name:ident, $n:ident => $($body:tt)*) => {
            #[memoize(cache = &CACHE, name = "edited")]
            fn $name($n: u32) -> u32 { $($body)* }
        };
    }
    mod before {
        use super::*;
        version!(f, n => n + 1);
        pub(super) fn run() -> (u32, bool) {
            let hit = f::call(1).is_cached();
            (f(1), hit)
        }
    }
    mod edited {
        use super::*;
        version!(f, n => n + 2);
        pub(super) fn run() -> (u32, bool) {
            let hit = f::call(1).is_cached();
            (f(1), hit)
        }
    }
    mod commented {
        use super::*;
        version!(
            f, n =>
            // Only the form differs from the first one.
            n   +   1
        );
        pub(super) fn run() -> (u32, bool) {
            let hit = f::call(1).is_cached();
            (f(1), hit)
        }
    }
    assert_eq!(before::run(), (2, false));
    assert_eq!(edited::run(), (3, false));
    assert_eq!(commented::run(), (2, true));
}

#[test]
fn each_function_may_have_its_own_compressor() {
    #[memoize(cache = &CACHE, compress = "gzip:9")]
    fn squeezed(n: usize) -> Vec<f64> {
        vec![1.5; n]
    }
    let value = squeezed(10_000);
    let entry = squeezed::memo().entries().unwrap().next().unwrap();
    assert_eq!(entry.compressor, "gzip:9");
    assert!(entry.size < 2000 && entry.document_size > 80_000);
    assert_eq!(squeezed(10_000), value);
    assert_eq!(squeezed::memo().stats().unwrap().hits, 1);
}

#[test]
fn a_function_and_a_cache_are_cleared_by_themselves() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mine.txt"), "not larder's").unwrap();
    let cache = Cache::open(folder.path()).unwrap();

    #[memoize(cache = cache, ignore(cache))]
    fn first(n: u8, cache: &Cache) -> u8 {
        let _ = cache;
        n
    }
    #[memoize(cache = cache, ignore(cache))]
    fn second(n: u8, cache: &Cache) -> u8 {
        let _ = cache;
        n
    }
    for n in 0..5 {
        first(n, &cache);
        second(n, &cache);
    }
    let functions = cache.functions().unwrap();
    assert_eq!(functions.iter().map(|f| f.entries).collect::<Vec<_>>(), [5, 5]);
    assert!(functions[0].name.ends_with("::first") && functions[0].bytes > 0);
    assert!(functions[0].signature.starts_with("fn first(n: u8, cache: &Cache) -> u8"), "{}", functions[0].signature);

    first::memo().clear().unwrap();
    assert_eq!(first::memo().entries().unwrap().len(), 0);
    assert_eq!(cache.entries().unwrap().len(), 5);
    first(1, &cache);
    cache.clear().unwrap();
    assert!(cache.entries().unwrap().is_empty());
    assert!(cache.functions().unwrap().is_empty());
    assert!(folder.path().join("mine.txt").exists());
    first(1, &cache);
    assert_eq!(cache.entries().unwrap().len(), 1);
}

#[test]
fn an_entry_tells_what_it_is() {
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

#[test]
fn closures_are_kept_under_a_name() {
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
    // The same name and arguments with another type of result are another function.
    assert_eq!(cache.get_or_compute("sum", &(1_u64, [2_u64, 3]), || "six".to_owned()), "six");
    assert_eq!(cache.get_or_compute("sum", &(1_u64, [2_u64, 3]), || 7_u64), 6);
    assert_eq!(cache.entries().unwrap().len(), 2);
}

#[test]
fn a_panic_is_the_functions_own() {
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

/// Documentation, visibility and the like stay.
#[allow(unsafe_code, reason = "to see whether unsafe functions stay unsafe")]
mod outer {
    use super::CACHE;
    #[larder::memoize(cache = &CACHE)]
    #[must_use]
    #[inline]
    #[allow(clippy::too_many_arguments, reason = "to see whether it holds for what is made of the function")]
    pub(super) fn many(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8) -> u8 {
        a + b + c + d + e + f + g + h
    }

    /// # Safety
    /// There is nothing to it.
    #[larder::memoize(cache = &CACHE)]
    pub(super) unsafe fn risky<'a, 'b: 'a, T>(a: &'a T, b: &'b [T], n: std::sync::Arc<u8>) -> u8
    where
        T: serde::Serialize + Copy,
    {
        let _ = (a, b);
        *n
    }
}

#[test]
#[allow(unsafe_code, reason = "to see whether unsafe functions stay unsafe")]
fn forms_are_kept() {
    use outer::{many, risky};
    assert_eq!(many(1, 2, 3, 4, 5, 6, 7, 8), 36);
    assert_eq!(many::call(1, 2, 3, 4, 5, 6, 7, 8).run(), 36);
    // SAFETY: it asks for nothing.
    assert_eq!(unsafe { risky(&1, &[2], 3.into()) }, 3);
    // SAFETY: the same.
    assert!(unsafe { risky::call(&1, &[2], 3.into()) }.is_cached());
}

/// `impl Trait` stands for a type without a name, wherever it is in a parameter's type.
#[test]
fn an_impl_trait_within_a_type_is_a_part_of_the_key() {
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

#[test]
fn an_error_may_be_anything() {
    #[memoize(cache = &CACHE)]
    fn check(n: u8) -> Result<u8, &'static str> {
        if n > 1 { Ok(n) } else { Err("too small") }
    }
    assert_eq!((check(1), check(2), check(2)), (Err("too small"), Ok(2), Ok(2)));
    assert_eq!(check::memo().stats().unwrap().hits, 1);
}

/// Two versions of a function's source, under one name: whether they are one code.
macro_rules! same_code {
    ({ $($first:tt)* } { $($second:tt)* }) => {{
        mod first {
            #[larder::memoize(cache = &super::CACHE, name = "same_code")]
            $($first)*
        }
        mod second {
            #[larder::memoize(cache = &super::CACHE, name = "same_code")]
            $($second)*
        }
        first::f::call(1, 2).key() == second::f::call(1, 2).key()
    }};
}

macro_rules! count_commas {
    ($($x:expr),*) => {
        1
    };
    ($($x:expr),*,) => {
        2
    };
}

#[test]
fn formatting_is_no_part_of_the_code_and_meaning_is() {
    assert!(same_code!(
        { pub(crate) fn f(x: u64, y: u64) -> u64 where u64: Copy { x.max(y).max(u64::max(x, y)) + [x, y][0] } }
        {
            /// Documentation.
            pub(crate) fn f(
                x: u64,
                y: u64,
            ) -> u64
            where
                u64: Copy,
            {
                // A comment.
                x.max(y,).max(
                    u64::max(
                        x,
                        y,
                    ),
                ) + [
                    x,
                    y,
                ][0]
            }
        }
    ));
    assert!(
        !same_code!({ pub(crate) fn f(x: u64, y: u64) -> u64 { x - y } } { pub(crate) fn f(x: u64, y: u64) -> u64 { y - x } })
    );
    assert!(!same_code!(
        { pub(crate) fn f(x: u64, y: u64) -> u64 { let _ = (x, y); size_of_val(&(x)) as u64 } }
        { pub(crate) fn f(x: u64, y: u64) -> u64 { let _ = (x, y); size_of_val(&(x,)) as u64 } }
    ));
    assert!(!same_code!(
        { pub(crate) fn f(x: u64, y: u64) -> u64 { let _ = (x, y); count_commas![x, y] } }
        { pub(crate) fn f(x: u64, y: u64) -> u64 { let _ = (x, y); count_commas![x, y,] } }
    ));
    assert!(same_code!(
        { pub(crate) fn f(x: u64, y: u64) -> u64 { vec![x, y][0] } }
        { pub(crate) fn f(x: u64, y: u64) -> u64 { vec![x, y,][0] } }
    ));
    assert!(!same_code!(
        { pub(crate) fn f(x: u64, y: u64) -> u64 { if cfg!(test) { x } else { y } } }
        { pub(crate) fn f(x: u64, y: u64) -> u64 { if cfg!(not(test)) { x } else { y } } }
    ));
}

/// What the attribute must not trip over.
mod surroundings {
    #![allow(non_upper_case_globals, dead_code, reason = "to be in the way")]

    use super::CACHE;

    const memo: u8 = 1;
    static cache: u8 = 2;
    const arguments: u8 = 3;
    const description: u8 = 4;
    pub(super) trait Shaped {
        fn shape(&self) -> u8 {
            0
        }
    }
    impl<T: ?Sized> Shaped for T {}

    #[larder::memoize(cache = &CACHE)]
    pub(super) fn quiet(key: u8, args: u8, value: u8) -> u8 {
        #![allow(unused_variables, reason = "an attribute within the body")]
        let unused = memo + cache + arguments + description;
        key + args + value
    }

    #[larder::memoize(cache = &CACHE)]
    #[allow(clippy::too_many_arguments, reason = "that is the point")]
    pub(super) fn fourteen(
        a: u8,
        b: u8,
        c: u8,
        d: u8,
        e: u8,
        f: u8,
        g: u8,
        h: u8,
        i: u8,
        j: u8,
        k: u8,
        l: u8,
        m: u8,
        n: u8,
    ) -> u8 {
        a + b + c + d + e + f + g + h + i + j + k + l + m + n
    }
}

#[test]
fn names_around_it_do_not_matter() {
    assert_eq!(surroundings::quiet(1, 2, 3), 6);
    assert!(surroundings::quiet::call(1, 2, 3).is_cached());
    assert_eq!(surroundings::fourteen(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), 14);
}

/// Also by a process that has seen to it before.
#[test]
fn the_file_that_says_whose_folder_it_is_is_made_again() {
    #[memoize(cache = &CACHE, name = "described")]
    fn described(n: u8) -> u8 {
        n
    }
    described(1);
    let file = described::memo().entries().unwrap().next().unwrap().path.with_file_name("function.json");
    for n in 2..5 {
        assert!(file.exists());
        std::fs::remove_file(&file).unwrap();
        described(n);
    }
    assert!(file.exists());
    std::fs::remove_dir_all(file.parent().unwrap()).unwrap();
    described(5);
    assert!(file.exists());
    assert_eq!(described::memo().entries().unwrap().len(), 1);
}
