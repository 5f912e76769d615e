//! Tests references to stored results (`Shelved`).

use std::cell::Cell;
use std::fs;

use larder::{Cache, ErrorKind, Shelved, memoize};
use ndarray::Array1;
use tempfile::{TempDir, tempdir};

thread_local! {
    /// Counts runs in this thread. Each test has its own thread.
    static RUNS: Cell<u32> = const { Cell::new(0) };
}

#[memoize(cache = cache, ignore(cache))]
fn simulate(steps: u32, cache: &Cache) -> Array1<f64> {
    let _ = cache;
    RUNS.set(RUNS.get() + 1);
    (0..steps).map(f64::from).collect()
}

#[memoize(cache = cache, ignore(cache))]
fn total(data: Shelved<Array1<f64>>, cache: &Cache) -> larder::Result<f64> {
    let _ = cache;
    Ok(data.get()?.sum())
}

fn cache() -> (TempDir, Cache) {
    let folder = tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    (folder, cache)
}

fn damage(cache: &Cache) {
    let path = cache.entries().unwrap().find(|entry| entry.function.ends_with("simulate")).unwrap().path;
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.len() - 100;
    bytes[at] ^= 1;
    fs::write(&path, bytes).unwrap();
}

/// A result that is only passed on by reference is used, and so are the results that a used one refers to.
#[test]
fn results_used_by_reference_are_touched() {
    let (_folder, cache) = cache();
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(100_000);
    let age = || {
        for entry in cache.entries().unwrap() {
            fs::File::options().write(true).open(&entry.path).unwrap().set_modified(old).unwrap();
        }
    };
    let is_touched = |name: &str, cache: &Cache| {
        cache.entries().unwrap().filter(|entry| entry.function.contains(name)).all(|entry| entry.used > old)
    };
    // Each handle has its own memory of what it touched in this minute.
    let opened = || Cache::builder(cache.path()).hot_bytes(0).open().unwrap();
    simulate::call(50, &cache).shelve().unwrap();
    age();
    let shelved = simulate::call(50, &opened()).shelve().unwrap();
    assert!(is_touched("simulate", &cache));
    age();
    shelved.get().unwrap();
    assert!(is_touched("simulate", &cache));
    age();
    let _mapped = shelved.map().unwrap();
    assert!(is_touched("simulate", &cache));

    #[memoize(cache = cache, ignore(cache))]
    fn outer(cache: &Cache) -> Shelved<Array1<f64>> {
        simulate::call(50, cache).shelve().unwrap()
    }
    outer(&cache);
    age();
    outer(&opened());
    assert!(is_touched("outer", &cache) && is_touched("simulate", &cache));
}

#[test]
fn shelving_stores_and_does_not_load() {
    let (_folder, cache) = cache();
    let first = simulate::call(1001, &cache).shelve().unwrap();
    assert_eq!(RUNS.get(), 1);
    assert_eq!(first.get().unwrap().len(), 1001);
    assert_eq!(first.map().unwrap()[7], 7.0);
    assert_eq!(first.key(), simulate::call(1001, &cache).key());
    // The damaged value is not read here.
    damage(&cache);
    let second = simulate::call(1001, &cache).shelve().unwrap();
    assert_eq!(first, second);
    assert_eq!(RUNS.get(), 1);
    let error = second.get().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged);
    assert!(error.path().is_some());
}

#[test]
fn a_reference_to_a_removed_entry_is_an_error() {
    let (_folder, cache) = cache();
    let shelved = simulate::call(10, &cache).shelve().unwrap();
    assert!(shelved.forget().unwrap());
    assert!(!shelved.forget().unwrap());
    let error = shelved.get().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("call the function again"), "{error}");
    assert_eq!(shelved.map().unwrap_err().kind(), ErrorKind::NotFound);
}

/// A module with the name of the folder of all functions.
mod v1 {
    use super::{Cache, memoize};

    #[memoize(cache = cache, ignore(cache))]
    pub(super) fn half(n: f64, cache: &Cache) -> f64 {
        let _ = cache;
        n / 2.0
    }
}

#[test]
fn a_result_is_removed_from_the_cache_that_holds_it() {
    let (folder, cache) = cache();
    let shelved = v1::half::call(3.0, &cache).shelve().unwrap();
    assert!(shelved.path().unwrap().starts_with(folder.path().join("v1")));
    assert!(shelved.forget().unwrap());
    assert_eq!(cache.stats().unwrap().entries, 0);
    // No other cache is made within its folders.
    assert!(cache.functions().unwrap().iter().all(|function| {
        function.path.ancestors().all(|above| above == folder.path() || !above.join("counters").exists())
    }));
}

#[test]
fn references_are_values() {
    let (folder, cache) = cache();
    let shelved = simulate::call(10, &cache).shelve().unwrap();
    let json = serde_json::to_string(&shelved).unwrap();
    let back: Shelved<Array1<f64>> = serde_json::from_str(&json).unwrap();
    assert_eq!(back, shelved);
    assert_eq!(back.clone().get().unwrap(), shelved.get().unwrap());
    assert!(format!("{back:?}").contains(&back.key().to_string()));
    let path = folder.path().join("reference");
    larder::dump(&shelved, &path).unwrap();
    assert_eq!(larder::load::<Shelved<Array1<f64>>>(&path).unwrap().get().unwrap().len(), 10);
    // A reference with another type is refused.
    let other: Shelved<String> = serde_json::from_str(&json).unwrap();
    assert_eq!(other.get().unwrap_err().kind(), ErrorKind::WrongType);
}

#[test]
fn chained_functions_use_the_key_of_the_reference() {
    let (_folder, cache) = cache();
    let data = || simulate::call(20, &cache).shelve().unwrap();
    assert_eq!(total(data(), &cache).unwrap(), 190.0);
    damage(&cache);
    // The value between the functions is neither loaded nor hashed.
    assert!(total::call(data(), &cache).is_cached());
    assert_eq!(total(data(), &cache).unwrap(), 190.0);
    assert_eq!(total::memo().stats().unwrap().misses, 1);
    // In another cache, or without a cache, the value and its key are the same.
    let folder = tempdir().unwrap();
    let elsewhere = Cache::open(folder.path()).unwrap();
    let there = simulate::call(20, &elsewhere).shelve().unwrap();
    let nowhere = simulate::call(20, &Cache::disabled()).shelve().unwrap();
    assert!(total::call(there, &cache).is_cached());
    assert!(total::call(nowhere, &cache).is_cached());
    assert!(!total::call(simulate::call(21, &cache).shelve().unwrap(), &cache).is_cached());
}

#[test]
fn without_a_cache_the_reference_contains_the_value() {
    let shelved = simulate::call(5, &Cache::disabled()).shelve().unwrap();
    assert_eq!(shelved.get().unwrap().len(), 5);
    assert!(shelved.path().is_none());
    assert!(!shelved.forget().unwrap());
    assert_eq!(shelved.map().unwrap_err().kind(), ErrorKind::NotMappable);
    let back: Shelved<Array1<f64>> = serde_json::from_str(&serde_json::to_string(&shelved).unwrap()).unwrap();
    assert_eq!(back.get().unwrap(), shelved.get().unwrap());
}

#[test]
fn the_value_in_ok_is_shelved() {
    #[memoize(cache = cache, ignore(cache))]
    fn checked(n: i32, cache: &Cache) -> Result<Vec<f64>, std::num::TryFromIntError> {
        let _ = cache;
        Ok(vec![1.5; usize::try_from(n)?])
    }

    let (_folder, cache) = cache();
    let shelved = checked::call(3, &cache).shelve().unwrap();
    assert_eq!(shelved.get().unwrap(), Ok(vec![1.5; 3]));
    let shelved = shelved.ok();
    assert_eq!(shelved.get().unwrap(), [1.5; 3]);
    assert_eq!(*shelved.map().unwrap(), [1.5; 3]);
    let error = checked::call(-3, &cache).shelve().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotRepresentable);
    assert!(error.to_string().contains("`Err`"), "{error}");
}

#[test]
fn a_read_only_cache_is_not_changed() {
    let (folder, cache) = cache();
    simulate(5, &cache);
    let cache = Cache::builder(folder.path()).read_only(true).open().unwrap();
    let shelved = simulate::call(5, &cache).shelve().unwrap();
    assert_eq!(shelved.forget().unwrap_err().kind(), ErrorKind::ReadOnly);
    // A result that can't be stored is kept in the reference.
    let shelved = simulate::call(6, &cache).shelve().unwrap();
    assert_eq!((shelved.path(), shelved.get().unwrap().len()), (None, 6));
}

/// A forged reference can only remove an entry with its key.
#[test]
fn a_forged_reference_removes_no_other_file() {
    let (folder, cache) = cache();
    let shelved = simulate::call(7, &cache).shelve().unwrap();
    let victim = folder.path().join("diary.txt");
    fs::write(&victim, "mine").unwrap();
    let path = shelved.path().unwrap().to_str().unwrap();
    let json = serde_json::to_string(&shelved).unwrap().replace(path, victim.to_str().unwrap());
    let forged: Shelved<Array1<f64>> = serde_json::from_str(&json).unwrap();
    assert_eq!(forged.forget().unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(forged.get().unwrap_err().kind(), ErrorKind::NotLarder);
    assert!(victim.exists() && shelved.forget().unwrap());
}

/// Computes the parts that the functions below refer to.
#[memoize(cache = cache, ignore(cache))]
fn series(steps: u32, cache: &Cache) -> Array1<f64> {
    let _ = cache;
    (0..steps).map(f64::from).collect()
}

#[memoize(cache = cache, ignore(cache), name = "shelved::parts")]
fn parts(steps: u32, cache: &Cache) -> (String, Vec<Shelved<Array1<f64>>>) {
    (
        format!("{steps}"),
        vec![series::call(steps, cache).shelve().unwrap(), series::call(steps + 1, cache).shelve().unwrap()],
    )
}

fn sums(steps: u32, cache: &Cache) -> Vec<f64> {
    parts(steps, cache).1.iter().map(|part| part.get().unwrap().sum()).collect()
}

fn move_folder(from: &std::path::Path, to: &std::path::Path) {
    fs::rename(from, to).unwrap();
}

/// The cache is moved.
#[test]
fn references_are_resolved_in_a_moved_cache() {
    let root = tempdir().unwrap();
    // A function's folder may have the name of the top folder.
    let (here, there) = (root.path().join("v1"), root.path().join("there"));
    let cache = Cache::open(&here).unwrap();
    let expected = sums(30, &cache);
    drop(cache);
    move_folder(&here, &there);
    let cache = Cache::open(&there).unwrap();
    for _ in 0..3 {
        assert!(parts::call(30, &cache).is_cached());
        assert!(parts(30, &cache).1.iter().all(|part| part.path().unwrap().starts_with(&there)));
        assert_eq!(sums(30, &cache), expected);
    }
    assert_eq!(cache.summary().unwrap().stats.misses, 0);
    // Removal through a reference applies to the entry in the new place.
    assert!(parts(30, &cache).1[0].forget().unwrap());
    assert!(!parts::call(30, &cache).is_cached());
    // A copy of the cache uses its own entries.
    let copy = root.path().join("copy");
    sums(30, &cache);
    let copied = std::process::Command::new("cp").arg("-R").arg(&there).arg(&copy).status();
    if copied.is_ok_and(|status| status.success()) {
        let copy = Cache::open(&copy).unwrap();
        assert!(parts(30, &copy).1.iter().all(|part| part.path().unwrap().starts_with(copy.path())));
    }
}

/// A reference within a referenced result is missing or damaged.
#[test]
fn a_result_with_missing_indirect_references_is_recomputed() {
    #[memoize(cache = cache, ignore(cache))]
    fn leaf(n: u32, cache: &Cache) -> Vec<u32> {
        let _ = cache;
        vec![n; 100]
    }
    #[memoize(cache = cache, ignore(cache))]
    fn middle(n: u32, cache: &Cache) -> Shelved<Vec<u32>> {
        leaf::call(n, cache).shelve().unwrap()
    }
    #[memoize(cache = cache, ignore(cache))]
    fn outer(n: u32, cache: &Cache) -> Shelved<Shelved<Vec<u32>>> {
        middle::call(n, cache).shelve().unwrap()
    }
    let (_folder, cache) = cache();
    let value = || outer(5, &cache).get().unwrap().get().unwrap();
    assert_eq!(value(), [5; 100]);
    assert!(outer::call(5, &cache).is_cached());
    assert!(leaf::call(5, &cache).forget().unwrap());
    assert!(!outer::call(5, &cache).is_cached());
    assert_eq!(value(), [5; 100]);
    let entry = leaf::memo().entries().unwrap().next().unwrap();
    fs::File::options().write(true).open(&entry.path).unwrap().set_len(entry.size - 10).unwrap();
    assert!(!outer::call(5, &cache).is_cached());
    assert_eq!(value(), [5; 100]);
}

/// A referenced entry is evicted or removed directly.
#[test]
fn a_result_with_missing_references_is_recomputed() {
    let (_folder, cache) = cache();
    let expected = sums(40, &cache);
    // A result with references is not kept in memory, because the removal of its parts would not be noticed there.
    for _ in 0..5 {
        assert_eq!(sums(40, &cache), expected);
    }
    assert!(series::call(41, &cache).forget().unwrap());
    let call = || parts::call(40, &cache);
    assert!(!call().is_cached() && call().cached().unwrap().is_none());
    let explained = call().explain();
    assert!(matches!(explained.reason(), Some(larder::Reason::PartGone { .. })), "{explained}");
    assert!(explained.to_string().contains("refers to another one that was evicted or removed"), "{explained}");
    assert_eq!(sums(40, &cache), expected);
    assert!(call().is_cached());
    // Remove the files directly, without any announcement.
    for entry in cache.entries().unwrap().filter(|entry| entry.function.ends_with("series")) {
        fs::remove_file(entry.path).unwrap();
    }
    let shelved = call().shelve().unwrap();
    assert_eq!(shelved.get().unwrap().1[1].get().unwrap().len(), 41);
    assert_eq!(sums(40, &cache), expected);
    assert_eq!(cache.stats().unwrap().errors, 0);
    // A reference to such a result gives an error that says that its parts are missing.
    series::call(40, &cache).forget().unwrap();
    let error = shelved.get().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("call the function again"), "{error}");
}

/// This also holds for many references, and for a value so large that it is only partly checked before writing.
#[test]
fn any_number_of_references_is_checked() {
    #[memoize(cache = cache, ignore(cache), name = "shelved::many")]
    fn many(padding: usize, count: u32, cache: &Cache) -> (Vec<f64>, Vec<Shelved<Array1<f64>>>) {
        let shelve = |n| series::call(n, cache).shelve().unwrap();
        (vec![0.5; padding], (0..count).map(|n| shelve(n % 300)).collect())
    }

    let (_folder, cache) = cache();
    for (padding, count) in [(0, 300), (1_000_000, 3), (1_000_000, 300)] {
        assert_eq!(many(padding, count, &cache).1.len(), count as usize);
        assert!(many::call(padding, count, &cache).cached().unwrap().is_some());
        series::call(count - 1, &cache).forget().unwrap();
        assert!(many::call(padding, count, &cache).cached().unwrap().is_none(), "{padding}, {count}");
        // A header lists up to 256 references.
        assert_eq!(many::call(padding, count, &cache).is_cached(), count > 256, "{padding}, {count}");
        assert_eq!(many(padding, count, &cache).1[count as usize - 1].get().unwrap().len(), count as usize - 1);
    }
}

/// Parts in another cache are found there.
#[test]
fn references_can_point_to_another_cache() {
    #[memoize(cache = outer, ignore(outer, inner), name = "shelved::across")]
    fn across(steps: u32, outer: &Cache, inner: &Cache) -> Shelved<Array1<f64>> {
        let _ = outer;
        series::call(steps, inner).shelve().unwrap()
    }

    let ((_one, outer), (_other, inner)) = (cache(), cache());
    for _ in 0..2 {
        assert_eq!(across(50, &outer, &inner).get().unwrap().len(), 50);
    }
    assert!(across::call(50, &outer, &inner).is_cached());
    series::call(50, &inner).forget().unwrap();
    assert!(!across::call(50, &outer, &inner).is_cached());
    assert_eq!(across(50, &outer, &inner).get().unwrap().len(), 50);
}

/// A reference that is loaded from a cache with a secret can be followed if the secret is known.
#[test]
fn references_in_a_cache_with_a_secret_can_be_loaded() {
    let folder = tempdir().unwrap();
    let open = || Cache::builder(folder.path()).secret([7; 32]).open().unwrap();
    let expected = sums(60, &open());
    assert_eq!(sums(60, &open()), expected);
}

/// Entries are imported into another cache, with and without their parts.
#[cfg(feature = "archive")]
#[test]
fn references_are_resolved_in_the_importing_cache() {
    let (folder, first) = cache();
    let expected = sums(70, &first);
    let (mut all, mut alone) = (Vec::new(), Vec::new());
    first.export(first.entries().unwrap(), &mut all).unwrap();
    first.export(parts::memo().entries().unwrap(), &mut alone).unwrap();
    drop((first, folder));
    let (_folder, second) = cache();
    second.import(&all[..]).unwrap();
    assert!(parts::call(70, &second).is_cached());
    assert_eq!(sums(70, &second), expected);
    let (_folder, third) = cache();
    third.import(&alone[..]).unwrap();
    assert!(!parts::call(70, &third).is_cached());
    assert_eq!(sums(70, &third), expected);
}
