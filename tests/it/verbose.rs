//! `LARDER_VERBOSE`: a line on stderr for each computed call.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::thread;
use std::time::Duration;

use larder::{Cache, memoize};
use tempfile::tempdir;

use crate::child;

/// Runs a test as a child, and returns the lines that larder printed.
fn run(test: &str, root: &Path, variables: &[(&str, &str)]) -> Vec<String> {
    let text = child::run(&format!("verbose::{test}"), root, variables);
    text.lines().filter(|line| line.contains("larder: ")).map(str::to_owned).collect()
}

/// Checks that lines have these parts, in order.
#[track_caller]
fn check(lines: &[String], expected: &[&[&str]]) {
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for (line, parts) in lines.iter().zip(expected) {
        let mut rest = &**line;
        for part in *parts {
            let at = rest.find(part).unwrap_or_else(|| panic!("{part}: {line}"));
            rest = &rest[at + part.len()..];
        }
    }
}

#[memoize(cache = cache, ignore(cache), name = "scale", store_if = |scaled: &f64| *scaled != 0.0)]
fn scale(cache: &Cache, numbers: &[f64], by: f64) -> Result<f64, String> {
    let _ = cache;
    if by < 0.0 { Err("negative".to_owned()) } else { Ok(numbers[0] * by) }
}

#[memoize(cache = cache, ignore(cache), name = "kept", memory_only)]
fn kept(cache: &Cache, n: u32) -> u32 {
    let _ = cache;
    n
}

#[cfg(feature = "async")]
#[memoize(cache = cache, ignore(cache), name = "later")]
async fn later(n: u32, cache: &Cache) -> u32 {
    let _ = cache;
    if n > 9 { std::future::pending().await } else { n }
}

#[test]
fn each_computed_call_is_printed_with_its_reason() {
    const TEST: &str = "each_computed_call_is_printed_with_its_reason";
    if let Some(root) = child::root() {
        let cache = Cache::open(root.join("cache")).unwrap();
        let many = vec![1.5; 1000];
        for by in [2.0, 2.0, 2.0, 2.0, 2.0, 3.0] {
            assert_eq!(scale(&cache, &many, by), Ok(1.5 * by));
        }
        let _ = scale(&cache, &many, 0.0);
        let _ = scale(&cache, &many, -1.0);
        let _ = scale::call(&cache, &many, 2.0).uncached();
        let _ = scale::call(&cache, &many, 2.0).refresh();
        let _ = catch_unwind(AssertUnwindSafe(|| scale(&cache, &[], 4.0)));
        assert_eq!((kept(&cache, 5), kept(&cache, 5)), (5, 5));
        // What the program names may contain anything.
        cache.get_or_compute("bell\x07\nlarder: line", &1, || 1);
        return;
    }
    let root = tempdir().unwrap();
    let computed: [&[&str]; 9] = [
        &["larder: computed scale(numbers = f64 ×1000 [1.5, 1.5, ", "by = 2.0) in ", " B; why: never computed"],
        &["computed scale(", "by = 3.0) in ", " B; why: never computed with these arguments: argument `by` differs"],
        &["by = 0.0) in ", ", and `store_if` said not to keep it; why: "],
        &["by = -1.0) in ", ", returned an `Err`, which is not kept; why: "],
        &["by = 2.0) in ", " without the cache; why: the program asked for it"],
        &["by = 2.0) in ", " B; why: refreshed on request"],
        &["larder: scale(numbers = [], by = 4.0) ended without a result after ", ": it panicked"],
        &["larder: computed kept(n = 5) in ", "s; why: nothing is stored"],
        &["larder: computed bell\\u{7}\\nlarder: line(args = 1) in ", " B; why: never computed"],
    ];
    check(&run(TEST, root.path(), &[("LARDER_VERBOSE", "1")]), &computed);
    // Only what was not stored is computed again.
    let lines = run(TEST, root.path(), &[("LARDER_VERBOSE", "1")]);
    assert!(lines.len() == 6 && lines[0].contains("why: computed "), "{lines:#?}");

    let lines = run(TEST, root.path(), &[("LARDER_VERBOSE", "2")]);
    let loaded: Vec<_> = lines.iter().filter(|line| line.starts_with("larder: loaded ")).cloned().collect();
    assert!(lines.len() == 14 && loaded.len() == 8, "{lines:#?}");
    // Which hit is the first from memory is decided elsewhere.
    check(
        &[loaded[0].clone(), loaded[4].clone(), loaded[5].clone(), loaded[6].clone(), loaded[7].clone()],
        &[
            &["loaded scale(numbers = f64 ×1000 [", "by = 2.0) from the disk, ", " B, computed ", " ago in "],
            &["loaded scale(numbers = f64 ×1000 [", "by = 2.0) from memory, ", " B, computed ", " ago in "],
            &["by = 3.0) from the disk, "],
            &["larder: loaded kept(n = 5) from memory, computed in "],
            &["larder: line(args = 1) from the disk, "],
        ],
    );

    let off = run(TEST, root.path(), &[("LARDER_VERBOSE", "1"), ("LARDER", "off")]);
    assert!(off.len() == 14 && off[0].contains("by = 2.0) in "), "{off:#?}");
    assert!(off[0].ends_with(" without the cache; why: the cache is off"), "{off:#?}");
    assert!(run(TEST, root.path(), &[]).is_empty() && run(TEST, root.path(), &[("LARDER_VERBOSE", "0")]).is_empty());
}

#[cfg(feature = "async")]
#[test]
fn calls_of_async_functions_are_printed() {
    const TEST: &str = "calls_of_async_functions_are_printed";
    if let Some(root) = child::root() {
        let cache = Cache::open(root).unwrap();
        smol::block_on(async {
            assert_eq!((later(1, &cache).await, later(1, &cache).await), (1, 1));
            let _ = later::call(1, &cache).uncached().await;
            let late = smol::Timer::after(Duration::from_secs(2));
            smol::future::or(async { _ = later(10, &cache).await }, async { _ = late.await }).await;
        });
        return;
    }
    let root = tempdir().unwrap();
    check(
        &run(TEST, root.path(), &[("LARDER_VERBOSE", "2")]),
        &[
            &["larder: computed later(n = 1) in ", " B; why: never computed"],
            &["larder: loaded later(n = 1) from "],
            &["larder: computed later(n = 1) in ", " without the cache; why: the program asked for it"],
            &["larder: later(n = 10) ended without a result after ", ": it panicked, or its future was dropped"],
        ],
    );
    let off = run(TEST, root.path(), &[("LARDER_VERBOSE", "2"), ("LARDER", "off")]);
    assert!(off.len() == 4 && off[1].ends_with(" without the cache; why: the cache is off"), "{off:#?}");
}

#[test]
fn lines_of_threads_do_not_mix() {
    const TEST: &str = "lines_of_threads_do_not_mix";
    const CALLS: u32 = 100;
    if let Some(root) = child::root() {
        let cache = Cache::open(root).unwrap();
        thread::scope(|scope| {
            for thread in 0..8_u32 {
                let cache = &cache;
                scope.spawn(move || {
                    for n in 0..CALLS {
                        cache.get_or_compute("f", &(thread, n, "a long text ".repeat(5)), || n);
                    }
                });
            }
        });
        return;
    }
    let root = tempdir().unwrap();
    let lines = run(TEST, root.path(), &[("LARDER_VERBOSE", "1")]);
    assert_eq!(lines.len(), 8 * CALLS as usize);
    for line in lines {
        assert!(line.starts_with("larder: computed f(args = (") && line.matches("; why: ").count() == 1, "{line}");
        assert_eq!(line.matches("larder: ").count(), 1, "{line}");
    }
}

/// Also in a cache that is read-only, and without any other call.
#[test]
fn a_call_that_runs_long_is_printed_while_it_runs_and_so_is_one_that_waits_for_it() {
    const TEST: &str = "a_call_that_runs_long_is_printed_while_it_runs_and_so_is_one_that_waits_for_it";
    let long = |cache: &Cache| cache.get_or_compute("long", &1, || thread::sleep(Duration::from_secs(12)));
    if let Some(root) = child::root() {
        let cache = Cache::open(root.join("cache")).unwrap();
        let read_only = Cache::builder(root.join("cache")).read_only(true).open().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| long(&cache));
            thread::sleep(Duration::from_millis(500));
            scope.spawn(|| long(&cache));
            scope.spawn(|| read_only.get_or_compute("other", &1, || thread::sleep(Duration::from_secs(12))));
        });
        return;
    }
    let root = tempdir().unwrap();
    let mut lines = run(TEST, root.path(), &[("LARDER_VERBOSE", "1")]);
    lines.sort();
    check(
        &lines,
        &[
            &["larder: computed long(args = 1) in 1", " s, ", " B; why: never computed"],
            &["larder: computed other(args = 1) in 1", ", and the cache is read-only, so it was not stored; why: "],
            &["larder: long(args = 1) has waited 1", " s for the same call, computed by this process, for 1"],
            &["larder: still computes long(args = 1), for 1", " s"],
            &["larder: still computes other(args = 1), for 1", " s"],
        ],
    );
}
