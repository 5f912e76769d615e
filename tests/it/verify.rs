//! Tests `LARDER=verify`: hits are computed again and compared, but the program gets the stored values.
//!
//! The second process of a test verifies what the first one stored.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use larder::{Cache, Outcome, Reason, Stats, memoize};
use serde::{Deserialize, Serialize};
use tempfile::tempdir;

use crate::child;
#[cfg(feature = "async")]
use crate::removal::remove_in_use;

fn is_second() -> bool {
    std::env::var_os("SECOND").is_some()
}

#[memoize(cache = cache, ignore(cache), track = "none")]
fn fails_later(n: u32, cache: &Cache) -> Result<u32, String> {
    let _ = cache;
    if is_second() { Err(format!("{n} is gone")) } else { Ok(n) }
}

#[memoize(cache = cache, ignore(cache), track = "none")]
fn panics_later(n: u32, cache: &Cache) -> u32 {
    let _ = cache;
    assert!(!is_second(), "it is the second time");
    n
}

#[memoize(cache = cache, ignore(cache), track = "none")]
fn finds_nothing_later(n: u32, cache: &Cache) -> Option<u32> {
    let _ = cache;
    (!is_second()).then_some(n)
}

#[memoize(cache = cache, ignore(cache), track = "none")]
fn finds_something_later(n: u32, cache: &Cache) -> Option<u32> {
    let _ = cache;
    is_second().then_some(n)
}

#[memoize(cache = cache, ignore(cache), track = "none", store_if = |n| *n < 10)]
fn grows_later(n: u32, cache: &Cache) -> u32 {
    let _ = cache;
    if is_second() { n + 10 } else { n }
}

#[memoize(cache = cache, ignore(cache), track = "none", valid = |stored: &u32| *stored == 0 || !is_second())]
fn is_rejected_later(n: u32, cache: &Cache) -> u32 {
    let _ = cache;
    if is_second() { n + 10 } else { n }
}

#[memoize(cache = cache, ignore(cache), track = "none")]
fn stays(n: u32, cache: &Cache) -> Result<u32, String> {
    let _ = cache;
    Ok(n)
}

/// Returns in one word how the call ended.
fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Hit { .. } => "hit",
        Outcome::Computed { reason: Reason::Verified { same: true, .. }, size: None, .. } => "same",
        Outcome::Computed { reason: Reason::Verified { same: false, .. }, size: None, .. } => "unequal",
        Outcome::Computed { reason: Reason::Rejected, .. } => "rejected",
        Outcome::Computed { .. } => "computed",
        _ => "other",
    }
}

#[test]
fn calls_each() {
    let Some(root) = child::root() else { return };
    let cache = &Cache::open(root.join("cache")).unwrap();
    let before = cache.stats().unwrap();
    macro_rules! say {
        ($($function:ident($n:literal)),+) => {$(
            // The values by `call` and by a plain call are equal.
            let value = $function($n, cache);
            let (again, outcome) = $function::call($n, cache).outcome();
            assert_eq!(value, again);
            eprintln!("{}: {:?}, {};", stringify!($function), value, word(&outcome));
        )+};
    }
    say!(fails_later(1), panics_later(1), finds_nothing_later(1), finds_something_later(1), grows_later(1));
    say!(is_rejected_later(0), is_rejected_later(1), stays(1));
    let Stats { misses, unequal, entries, .. } = cache.stats().unwrap();
    eprintln!("computed {}, unequal {}, entries {entries}", misses - before.misses, unequal - before.unequal);
}

#[test]
fn the_program_gets_the_stored_value() {
    let root = tempdir().unwrap();
    let run = |variables: &[(&str, &str)]| child::run("verify::calls_each", root.path(), variables);
    assert!(run(&[]).contains("entries 8"));
    let verified = run(&[("SECOND", "1"), ("LARDER", "verify:1")]);
    let normal = run(&[("SECOND", "1")]);
    for (value, word) in [
        ("fails_later: Ok(1)", "unequal"),
        ("panics_later: 1", "unequal"),
        ("finds_nothing_later: Some(1)", "unequal"),
        ("finds_something_later: None", "unequal"),
        ("grows_later: 1", "unequal"),
        ("is_rejected_later: 0", "unequal"),
        ("stays: Ok(1)", "same"),
    ] {
        assert!(verified.contains(&format!("{value}, {word};")), "{value}: {verified}");
        assert!(normal.contains(&format!("{value}, hit;")), "{value}: {normal}");
    }
    // A result that `valid` rejects is recomputed, with `verify` or without.
    assert!(verified.contains("is_rejected_later: 11, rejected;"), "{verified}");
    assert!(verified.contains("computed 16, unequal 12, entries 8"), "{verified}");
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Lossy {
    kept: u32,
    #[serde(skip)]
    skipped: u32,
    /// Longer than what is read back for the check without `verify`.
    filler: Vec<u8>,
}

#[memoize(cache = cache, ignore(cache), lossy)]
fn lossy(filler: usize, cache: &Cache) -> Lossy {
    let _ = cache;
    Lossy { kept: 1, skipped: 2, filler: vec![3; filler] }
}

#[memoize(cache = cache, ignore(cache), store_if = |_| false)]
fn never_stored(n: u32, cache: &Cache) -> Lossy {
    let _ = cache;
    Lossy { kept: n, skipped: 2, filler: Vec::new() }
}

#[test]
fn calls_lossy_functions() {
    let Some(root) = child::root() else { return };
    let cache = &Cache::open(root.join("cache")).unwrap();
    let skipped: Vec<_> = [0, 6 << 20].iter().map(|filler| lossy(*filler, cache).skipped).collect();
    let runs = AtomicU32::new(0);
    let closure = cache.get_or_compute("lossy", &(), || {
        runs.fetch_add(1, Ordering::Relaxed);
        Lossy { kept: 1, skipped: 2, filler: Vec::new() }
    });
    let kept = [closure.kept, lossy(0, cache).kept];
    eprintln!("skipped {skipped:?} {} {}, kept {kept:?}", closure.skipped, never_stored(1, cache).skipped);
    let share = (0..400).filter(|n| lossy(1000 + n, cache).skipped == 0).count();
    eprintln!("share {share}");
}

#[test]
fn verify_shows_losses_of_serde_at_the_first_call() {
    let run = |mode| {
        let root = tempdir().unwrap();
        let first = child::run("verify::calls_lossy_functions", root.path(), &[("LARDER", mode)]);
        (first, child::run("verify::calls_lossy_functions", root.path(), &[("LARDER", mode)]))
    };
    let share =
        |text: &str| -> u32 { text.lines().find_map(|line| line.strip_prefix("share ")).unwrap().parse().unwrap() };
    let (cold, warm) = run("on");
    assert!(cold.contains("skipped [2, 2] 2 2, kept [1, 1]") && share(&cold) == 0, "{cold}");
    assert!(warm.contains("skipped [0, 0] 0 2, kept [1, 1]") && share(&warm) == 400, "{warm}");
    // A result that is not stored is never a hit, so it does not change.
    let (cold, warm) = run("verify:1");
    assert!(cold.contains("skipped [0, 0] 0 2, kept [1, 1]") && share(&cold) == 400, "{cold}");
    assert!(warm.contains("skipped [0, 0] 0 2, kept [1, 1]") && share(&warm) == 400, "{warm}");
    // With a share of 0.5, about half of the calls are verified.
    let (cold, _) = run("verify:0.5");
    assert!((100..300).contains(&share(&cold)), "{cold}");
}

#[memoize(cache = cache, ignore(cache, during), key(path = larder::FileDigest::of(path)), track = "none")]
fn length(path: &std::path::Path, during: &dyn Fn(), cache: &Cache) -> usize {
    let _ = cache;
    during();
    std::fs::read(path).unwrap().len()
}

#[test]
fn a_file_that_changes_during_verification_is_not_a_difference() {
    let Some(root) = child::root() else {
        let root = tempdir().unwrap();
        let test = "verify::a_file_that_changes_during_verification_is_not_a_difference";
        child::run(test, root.path(), &[("LARDER", "verify:1")]);
        return;
    };
    let cache = Cache::open(root.join("cache")).unwrap();
    let path = root.join("data");
    std::fs::write(&path, "one").unwrap();
    assert_eq!(length(&path, &|| {}, &cache), 3);
    assert_eq!(length(&path, &|| std::fs::write(&path, "longer").unwrap(), &cache), 3);
    let stats = cache.stats().unwrap();
    assert_eq!((stats.unequal, stats.errors), (0, 1));
}

/// The function panics while it holds a lock.
#[test]
fn a_panic_during_verification_poisons_locks() {
    static LAST: Mutex<u32> = Mutex::new(0);
    let Some(root) = child::root() else {
        let root = tempdir().unwrap();
        let test = "verify::a_panic_during_verification_poisons_locks";
        child::run(test, root.path(), &[("LARDER", "verify:1")]);
        return;
    };
    let cache = Cache::open(root.join("cache")).unwrap();
    let call = |panics: bool| {
        cache.get_or_try_compute("last", &(), || {
            let mut last = LAST.lock().unwrap();
            *last += 1;
            assert!(!panics, "intended panic");
            Ok::<u32, String>(*last)
        })
    };
    assert_eq!((call(false), call(true)), (Ok(1), Ok(1)));
    assert!(LAST.is_poisoned());
    assert_eq!(cache.stats().unwrap().unequal, 1);
}

#[cfg(feature = "async")]
mod tasks {
    use super::*;

    #[memoize(cache = cache(), track = "none")]
    async fn fails_later(n: u32) -> Result<u32, String> {
        tokio::task::yield_now().await;
        if is_second() { Err(format!("{n} is gone")) } else { Ok(n) }
    }

    #[memoize(cache = cache(), track = "none")]
    async fn panics_later(n: u32) -> u32 {
        tokio::task::yield_now().await;
        assert!(!is_second(), "it is the second time");
        n
    }

    #[memoize(cache = cache(), track = "none", lossy)]
    async fn lossy(n: u32) -> Lossy {
        tokio::task::yield_now().await;
        Lossy { kept: n, skipped: 2, filler: Vec::new() }
    }

    fn cache() -> &'static Cache {
        static CACHE: std::sync::LazyLock<Cache> =
            std::sync::LazyLock::new(|| Cache::open(child::root().unwrap().join("cache")).unwrap());
        &CACHE
    }

    #[tokio::test]
    async fn call_each() {
        if child::root().is_none() {
            return;
        }
        let (fails, failed) = fails_later::call(1).outcome().await;
        let (panics, panicked) = panics_later::call(1).outcome().await;
        assert_eq!((&fails, panics), (&fails_later(1).await, panics_later(1).await));
        eprintln!("{fails:?} {}, {panics} {}, {}", word(&failed), word(&panicked), lossy(1).await.skipped);
        eprintln!("unequal {}", cache().stats().unwrap().unequal);
    }

    #[test]
    fn tasks_get_the_stored_value_too() {
        let root = tempdir().unwrap();
        let run = |variables: &[(&str, &str)]| child::run("verify::tasks::call_each", root.path(), variables);
        assert!(run(&[]).contains("Ok(1) computed, 1 computed, 2"));
        let verified = run(&[("SECOND", "1"), ("LARDER", "verify:1")]);
        assert!(verified.contains("Ok(1) unequal, 1 unequal, 0") && verified.contains("unequal 4"), "{verified}");
        remove_in_use(&root.path().join("cache"));
        assert!(run(&[("LARDER", "verify:1")]).contains("Ok(1) computed, 1 computed, 0"));
    }
}
