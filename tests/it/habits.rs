//! Tests expectations of users of other caches that no other module covers.

use std::cell::RefCell;
use std::fs;
use std::time::Duration;

use larder::{Cache, Entry, Outcome, Reason, Shelved, memoize};
use ndarray::Array2;
use tempfile::{TempDir, tempdir};

use crate::persist::block_methods;
use crate::removal::remove_in_use;

fn cache(compressor: &str) -> (TempDir, Cache) {
    let folder = tempdir().unwrap();
    let cache = Cache::builder(folder.path()).compression(compressor.parse().unwrap()).open().unwrap();
    (folder, cache)
}

#[memoize(cache = cache, ignore(cache))]
fn table(n: usize, cache: &Cache) -> Array2<f64> {
    let _ = cache;
    Array2::from_elem((n, n), n as f64)
}

fn was_computed(n: usize, cache: &Cache) -> bool {
    let (value, outcome) = table::call(n, cache).outcome();
    assert_eq!(value, Array2::from_elem((n, n), n as f64));
    !outcome.is_hit()
}

#[test]
fn each_argument_is_computed_once_and_again_after_clear_with_any_compressor() {
    for compressor in [vec!["none", "zlib", "gzip:6", "bz2", "xz:1", "lzma:0", "lz4"], block_methods()].concat() {
        let (_folder, cache) = cache(compressor);
        let computed = |cache: &Cache| [3, 30, 3, 30].map(|n| was_computed(n, cache));
        assert_eq!(computed(&cache), [true, true, false, false], "{compressor}");
        cache.clear().unwrap();
        assert_eq!(computed(&cache), [true, true, false, false], "{compressor}");
        // The whole folder is removed.
        remove_in_use(cache.path());
        assert_eq!(computed(&cache), [true, true, false, false], "{compressor}");
    }
}

#[test]
fn a_mapped_result_is_mapped_again_after_its_file_was_damaged() {
    let (_folder, cache) = cache("none");
    let mapped = || table::call(100, &cache).shelve().unwrap().map().unwrap();
    assert_eq!(mapped()[[99, 99]], 100.0);
    assert_eq!(mapped()[[0, 0]], 100.0);
    let path = cache.entries().unwrap().next().unwrap().path;
    fs::write(&path, "nonsense").unwrap();
    assert!(table::call(100, &cache).shelve().unwrap().map().is_ok());
    assert_eq!(mapped()[[99, 99]], 100.0);
}

#[test]
fn an_argument_counts_with_its_value_at_the_call() {
    let (_folder, cache) = cache("none");
    let list = RefCell::new(vec![1, 2]);
    let sum = || cache.get_or_compute("sum", &*list.borrow(), || list.borrow().iter().sum::<i32>());
    assert_eq!(sum(), 3);
    list.borrow_mut().push(3);
    assert_eq!(sum(), 6);
    list.borrow_mut().pop();
    assert_eq!(sum(), 3);
    assert_eq!(cache.stats().unwrap().misses, 2);
}

#[test]
fn a_function_folder_without_the_entry_is_a_miss() {
    let (_folder, cache) = cache("none");
    table(3, &cache);
    let entry = cache.entries().unwrap().next().unwrap();
    fs::remove_file(&entry.path).unwrap();
    assert!(!table::call(3, &cache).is_cached());
    fs::create_dir(&entry.path).unwrap();
    assert!(was_computed(3, &cache));
    fs::remove_dir(&entry.path).unwrap();
    assert!(was_computed(3, &cache) && !was_computed(3, &cache));
}

#[test]
fn valid_can_depend_on_the_duration() {
    #[memoize(cache = cache, ignore(cache), valid = |entry: &Entry| entry.took >= Duration::from_millis(20))]
    fn wait(milliseconds: u64, cache: &Cache) -> u64 {
        let _ = cache;
        std::thread::sleep(Duration::from_millis(milliseconds));
        milliseconds
    }

    let (_folder, cache) = cache("none");
    let computed = |n| !wait::call(n, &cache).outcome().1.is_hit();
    assert!(computed(30) && !computed(30));
    assert!(computed(0) && computed(0));
    assert_eq!(wait::call(0, &cache).explain().reason(), Some(&Reason::Rejected));
}

#[test]
fn a_disabled_cache_stores_nothing() {
    let off = Cache::disabled();
    let call = || table::call(2, &off);
    assert!(was_computed(2, &off) && was_computed(2, &off));
    assert!(!call().is_cached() && !call().forget().unwrap());
    assert_eq!(call().cached().unwrap(), None);
    assert_eq!(call().refresh(), call().run());
    assert!(matches!(call().outcome().1, Outcome::Bypassed { reason: Reason::CacheOff, .. }));
    off.clear().unwrap();
    assert_eq!((off.entries().unwrap().len(), off.functions().unwrap().len()), (0, 0));
    assert_eq!(call().shelve().unwrap().get().unwrap(), call().run());
}

#[test]
fn everything_can_be_printed() {
    let (_folder, cache) = cache("zlib:6");
    table(2, &cache);
    let root = cache.path().display().to_string();
    let shown = format!("Cache {{ path: {root:?}, compression: zlib:6, read_only: false, .. }}");
    assert_eq!(format!("{cache:?}").replace("Compression(zlib:6)", "zlib:6"), shown);
    assert_eq!(format!("{:?}", Cache::disabled()), "Cache(off)");
    assert!(format!("{:?}", table::memo()).starts_with("Memo { name: \"it::habits::table\", cache: Cache"));
    let call = table::call(2, &cache);
    let key = call.key();
    assert_eq!(format!("{call:?}"), format!("Call {{ function: \"it::habits::table\", key: Ok(Key({key})), .. }}"));
    let shelved: Shelved<Array2<f64>> = call.shelve().unwrap();
    let path = shelved.path().unwrap();
    assert_eq!(format!("{shelved:?}"), format!("Shelved {{ key: Key({key}), path: Some({path:?}), .. }}"));
}

#[test]
fn git_ignores_the_folder() {
    let (_folder, cache) = cache("none");
    let content = fs::read_to_string(cache.path().join(".gitignore")).unwrap();
    assert_eq!(content, "# Created by larder automatically.\n*\n");
}
