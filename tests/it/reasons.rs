//! Tests the reason that `explain` gives for a result that was not stored.

use std::panic::{AssertUnwindSafe, catch_unwind};

use larder::{Cache, NotKept, Outcome, Reason, memoize};
use tempfile::{TempDir, tempdir};

use crate::child;

fn cache() -> (TempDir, Cache) {
    let folder = tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    (folder, cache)
}

#[memoize(cache = cache, ignore(cache), name = "reasons::parse")]
fn parse(text: &str, cache: &Cache) -> Result<i32, std::num::ParseIntError> {
    let _ = cache;
    text.parse()
}

#[memoize(cache = cache, ignore(cache), name = "reasons::finite", store_if = |x| x.is_finite())]
fn divide(a: f64, b: f64, cache: &Cache) -> f64 {
    let _ = cache;
    a / b
}

#[memoize(cache = cache, ignore(cache), name = "reasons::pick")]
fn pick(index: usize, cache: &Cache) -> u8 {
    let _ = cache;
    [1, 2, 3][index]
}

fn why<'a, T: 'a>(call: &larder::Call<'a, T>) -> NotKept {
    let explained = call.explain();
    match explained.reason() {
        Some(Reason::NotKept { why, .. }) => why.clone(),
        _ => panic!("{explained}"),
    }
}

#[test]
fn an_err_a_rejection_and_a_panic_are_reported() {
    let (_folder, cache) = cache();
    // A similar call, so that `explain` could name a difference.
    assert_eq!(parse("7", &cache), Ok(7));
    assert!(parse("seven", &cache).is_err());
    let text = parse::call("seven", &cache).explain().to_string();
    assert!(
        text.starts_with("`reasons::parse` would miss: computed ")
            && text.ends_with(" ago, returned an `Err`, which is not kept"),
        "{text}"
    );
    let (_, outcome) = parse::call("seven", &cache).outcome();
    let Outcome::Computed { reason: Reason::NotKept { why: NotKept::Err, .. }, .. } = outcome else {
        panic!("{outcome:?}")
    };
    // Nothing is known about another call.
    assert!(parse::call("eight", &cache).explain().to_string().contains("argument `text` differs"));

    assert_eq!(divide(1.0, 0.0, &cache), f64::INFINITY);
    assert_eq!(why(&divide::call(1.0, 0.0, &cache)), NotKept::StoreIf);
    assert!(divide::call(1.0, 0.0, &cache).explain().to_string().contains("`store_if` said not to keep it"));

    catch_unwind(AssertUnwindSafe(|| pick(3, &cache))).unwrap_err();
    assert_eq!(why(&pick::call(3, &cache)), NotKept::Panic);
    assert!(pick::call(3, &cache).explain().to_string().ends_with("ago, and the function panicked"));
    // None of these is a fault, and none is listed as stored.
    assert_eq!(cache.stats().unwrap().errors, 0);
    assert_eq!(cache.recent(10).unwrap().len(), 1);
}

/// A result that can't be stored, and a cache that stores nothing.
#[test]
fn results_that_can_not_be_stored_are_reported() {
    #[derive(Debug, PartialEq)]
    struct Odd(u8);

    impl serde::Serialize for Odd {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_u8(self.0 / 2)
        }
    }

    impl<'de> serde::Deserialize<'de> for Odd {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            u8::deserialize(deserializer).map(Odd)
        }
    }

    #[memoize(cache = cache, ignore(cache), name = "reasons::odd")]
    fn odd(n: u8, cache: &Cache) -> Odd {
        let _ = cache;
        Odd(n)
    }

    let (folder, cache) = cache();
    assert_eq!(odd(7, &cache), Odd(7));
    let NotKept::Fault { what, .. } = why(&odd::call(7, &cache)) else { panic!() };
    assert!(what.contains("Odd") && what.contains("another value"), "{what}");
    let read_only = Cache::builder(folder.path()).read_only(true).open().unwrap();
    assert_eq!(pick(1, &read_only), 2);
    assert_eq!(why(&pick::call(1, &read_only)), NotKept::ReadOnly);
}

/// The last result or removal counts.
#[test]
fn the_last_event_is_reported() {
    let (_folder, cache) = cache();
    #[memoize(cache = cache, ignore(cache, fails), name = "reasons::flaky")]
    fn flaky(n: u32, fails: bool, cache: &Cache) -> Result<u32, String> {
        let _ = cache;
        if fails { Err("no".to_owned()) } else { Ok(n) }
    }
    flaky(1, true, &cache).unwrap_err();
    assert_eq!(why(&flaky::call(1, false, &cache)), NotKept::Err);
    flaky(1, false, &cache).unwrap();
    assert!(flaky::call(1, true, &cache).explain().is_hit());
    flaky::call(1, true, &cache).forget().unwrap();
    assert_eq!(flaky::call(1, true, &cache).explain().reason(), Some(&Reason::Forgotten));
    flaky(1, true, &cache).unwrap_err();
    assert_eq!(why(&flaky::call(1, false, &cache)), NotKept::Err);
}

#[test]
fn fails_in_another_process() {
    let Some(root) = child::root() else { return };
    let cache = Cache::builder(root).max_bytes(1 << 20).open().unwrap();
    parse("seven", &cache).unwrap_err();
    divide(1.0, 0.0, &cache);
    cache.get_or_compute("large", &1, || vec![1_u8; 2 << 20]);
    catch_unwind(AssertUnwindSafe(|| pick(3, &cache))).unwrap_err();
}

/// Other processes see the reason too.
#[test]
fn results_not_stored_by_another_process_are_reported() {
    let (folder, cache) = cache();
    child::run("reasons::fails_in_another_process", folder.path(), &[]);
    assert_eq!(why(&parse::call("seven", &cache)), NotKept::Err);
    assert_eq!(why(&divide::call(1.0, 0.0, &cache)), NotKept::StoreIf);
    assert_eq!(why(&pick::call(3, &cache)), NotKept::Panic);
    assert_eq!(cache.stats().unwrap().entries, 0);
}

/// A call that fails in a loop does not displace other calls in the history.
#[test]
fn a_history_is_not_flooded() {
    let (_folder, cache) = cache();
    parse("7", &cache).unwrap();
    let folder = cache.functions().unwrap()[0].path.clone();
    let len = || std::fs::metadata(folder.join("history")).unwrap().len();
    let (before, started) = (len(), std::time::Instant::now());
    for n in 0..2000 {
        parse(if n % 2 == 0 { "x" } else { "y" }, &cache).unwrap_err();
    }
    let most = 2 * (started.elapsed().as_secs() + 1);
    assert!(len() - before <= most * 100, "{} bytes", len() - before);
}

#[cfg(feature = "async")]
#[test]
fn reasons_of_async_functions_are_reported() {
    #[memoize(cache = &cache, ignore(cache), name = "reasons::later")]
    async fn later(n: u8, cache: Cache) -> Result<u8, String> {
        let _ = cache;
        assert!(n < 9, "too much");
        if n.is_multiple_of(2) { Ok(n) } else { Err("odd".to_owned()) }
    }

    let (_folder, cache) = cache();
    smol::block_on(async {
        later(1, cache.clone()).await.unwrap_err();
        let explained = later::call(1, cache.clone()).explain();
        assert!(explained.to_string().contains("returned an `Err`"), "{explained}");
    });
    catch_unwind(AssertUnwindSafe(|| smol::block_on(later(9, cache.clone())))).unwrap_err();
    let explained = later::call(9, cache.clone()).explain();
    assert!(explained.to_string().contains("the function panicked"), "{explained}");
}
