//! Tests functions whose names equal names of files beside entries.

use std::fs;

use larder::{Cache, memoize};
use tempfile::{TempDir, tempdir};

fn cache() -> (TempDir, Cache) {
    let folder = tempdir().unwrap();
    let cache = Cache::builder(folder.path()).hot_bytes(0).open().unwrap();
    (folder, cache)
}

fn is_kept(cache: &Cache, name: &str) -> bool {
    cache.get_or_compute(name, &1, || name.to_owned());
    let mut ran = false;
    cache.get_or_compute(name, &1, || {
        ran = true;
        name.to_owned()
    });
    !ran
}

#[test]
fn a_function_can_have_the_name_of_a_file_beside_entries() {
    let digits = "0123456789abcdef";
    let within = [
        "history".to_owned(),
        "History".to_owned(),
        "HISTORY".to_owned(),
        "function.json".to_owned(),
        format!("code-{}.json", digits.repeat(2)),
        format!("{}.larder", digits.repeat(4)),
        "counters".to_owned(),
        "locks".to_owned(),
        "v1".to_owned(),
    ];
    // The outer function is stored first, or last.
    for first in [true, false] {
        let (_folder, cache) = cache();
        if first {
            assert!(is_kept(&cache, "sales"));
        }
        for name in &within {
            assert!(is_kept(&cache, &format!("sales::{name}")), "{name}");
            assert!(is_kept(&cache, name), "{name}");
        }
        assert!(is_kept(&cache, "sales"));
        let all = 2 * within.len() as u64 + 1;
        let stats = cache.stats().unwrap();
        assert_eq!((stats.entries, stats.errors), (all, 0), "{stats:?}");
        assert_eq!(cache.functions().unwrap().len() as u64, all);
        assert!(cache.diagnose().iter().all(|finding| finding.about != "files" || finding.what == "all are larder's"));

        // Clearing one function leaves the others.
        assert!(cache.clear_function("sales").unwrap());
        assert_eq!(cache.stats().unwrap().entries, all - 1);
        assert!(is_kept(&cache, "sales"));
        assert!(cache.clear_function("sales::history").unwrap());
        assert!(is_kept(&cache, "sales") && is_kept(&cache, "sales::History"));
        cache.clear().unwrap();
        assert_eq!(cache.entries().unwrap().len(), 0);
    }
}

/// Tests a function nested in another function.
#[test]
fn a_nested_function_can_be_named_history() {
    #[memoize(cache = cache, ignore(cache))]
    fn sales(year: u32, cache: &Cache) -> u32 {
        #[memoize(cache = cache, ignore(cache))]
        fn history(year: u32, cache: &Cache) -> u32 {
            let _ = cache;
            year - 1
        }
        history(year, cache) + 1
    }

    let (_folder, cache) = cache();
    assert_eq!(sales(2000, &cache), 2000);
    assert_eq!(cache.stats().unwrap().entries, 2);
    assert_eq!(cache.stats().unwrap().errors, 0);
    sales::memo().clear().unwrap();
    assert_eq!(cache.stats().unwrap().entries, 1);
}

/// A file of the user is left alone, and the rest is removed.
#[test]
fn clear_continues_if_a_folder_has_the_name_of_a_file_beside_entries() {
    let (folder, cache) = cache();
    assert!(is_kept(&cache, "sales"));
    let there = folder.path().join("v1/sales");
    fs::remove_file(there.join("history")).unwrap();
    fs::create_dir(there.join("history")).unwrap();
    fs::write(there.join("history/mine"), "mine").unwrap();
    assert!(cache.clear_function("sales").unwrap());
    assert!(there.join("history/mine").exists() && !there.join("function.json").exists());
}

/// Names that become equal when special characters are removed still belong to different functions.
#[test]
fn functions_with_similar_names_are_cleared_separately() {
    let (_folder, cache) = cache();
    let names = ["a/b", "a_b", "a b", "a\\b", "", ".", "_"];
    for name in names {
        cache.get_or_compute(name, &1, || 1);
    }
    assert_eq!(cache.functions().unwrap().len(), names.len());
    for (cleared, name) in (1..).zip(names) {
        assert!(cache.clear_function(name).unwrap(), "{name:?}");
        assert_eq!(cache.entries().unwrap().len(), names.len() - cleared, "{name:?}");
    }
}
