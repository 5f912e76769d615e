//! Results by reference.

use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};

use larder::{Cache, ErrorKind, Shelved, memoize};
use ndarray::Array1;
use tempfile::{TempDir, tempdir};

static RUNS: AtomicU32 = AtomicU32::new(0);

#[memoize(cache = cache, ignore(cache))]
fn simulate(steps: u32, cache: &Cache) -> Array1<f64> {
    let _ = cache;
    RUNS.fetch_add(1, Ordering::SeqCst);
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

#[test]
fn shelving_stores_and_does_not_load() {
    let (_folder, cache) = cache();
    let before = RUNS.load(Ordering::SeqCst);
    let first = simulate::call(1001, &cache).shelve().unwrap();
    assert_eq!(RUNS.load(Ordering::SeqCst), before + 1);
    assert_eq!(first.get().unwrap().len(), 1001);
    assert_eq!(first.map().unwrap()[7], 7.0);
    assert_eq!(first.key(), simulate::call(1001, &cache).key());
    // The value was harmed, and nobody looked at it.
    damage(&cache);
    let second = simulate::call(1001, &cache).shelve().unwrap();
    assert_eq!(first, second);
    assert_eq!(RUNS.load(Ordering::SeqCst), before + 1);
    let error = second.get().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged);
    assert!(error.path().is_some());
}

#[test]
fn a_reference_may_lead_nowhere() {
    let (_folder, cache) = cache();
    let shelved = simulate::call(10, &cache).shelve().unwrap();
    assert!(shelved.forget().unwrap());
    assert!(!shelved.forget().unwrap());
    let error = shelved.get().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("call the function again"), "{error}");
    assert_eq!(shelved.map().unwrap_err().kind(), ErrorKind::NotFound);
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
    // Another type is not believed.
    let other: Shelved<String> = serde_json::from_str(&json).unwrap();
    assert_eq!(other.get().unwrap_err().kind(), ErrorKind::WrongType);
}

#[test]
fn functions_are_chained_by_the_key() {
    let (_folder, cache) = cache();
    let data = || simulate::call(20, &cache).shelve().unwrap();
    assert_eq!(total(data(), &cache).unwrap(), 190.0);
    damage(&cache);
    // Neither is the value between them loaded, nor is it hashed.
    assert!(total::call(data(), &cache).is_cached());
    assert_eq!(total(data(), &cache).unwrap(), 190.0);
    assert_eq!(total::memo().stats().unwrap().misses, 1);
    // In another cache, or not in a cache at all, it is the same value.
    let folder = tempdir().unwrap();
    let elsewhere = Cache::open(folder.path()).unwrap();
    let there = simulate::call(20, &elsewhere).shelve().unwrap();
    let nowhere = simulate::call(20, &Cache::disabled()).shelve().unwrap();
    assert!(total::call(there, &cache).is_cached());
    assert!(total::call(nowhere, &cache).is_cached());
    assert!(!total::call(simulate::call(21, &cache).shelve().unwrap(), &cache).is_cached());
}

#[test]
fn without_a_cache_the_value_travels_along() {
    let shelved = simulate::call(5, &Cache::disabled()).shelve().unwrap();
    assert_eq!(shelved.get().unwrap().len(), 5);
    assert!(shelved.path().is_none());
    assert!(!shelved.forget().unwrap());
    assert_eq!(shelved.map().unwrap_err().kind(), ErrorKind::NotMappable);
    let back: Shelved<Array1<f64>> = serde_json::from_str(&serde_json::to_string(&shelved).unwrap()).unwrap();
    assert_eq!(back.get().unwrap(), shelved.get().unwrap());
}

#[test]
fn of_a_result_what_ok_holds_is_shelved() {
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
fn a_read_only_cache_is_left_alone() {
    let (folder, cache) = cache();
    simulate(5, &cache);
    let cache = Cache::builder(folder.path()).read_only(true).open().unwrap();
    let shelved = simulate::call(5, &cache).shelve().unwrap();
    assert_eq!(shelved.forget().unwrap_err().kind(), ErrorKind::ReadOnly);
    // What can't be stored there is kept in the reference.
    let shelved = simulate::call(6, &cache).shelve().unwrap();
    assert_eq!((shelved.path(), shelved.get().unwrap().len()), (None, 6));
}

/// What was made by hand removes nothing but an entry of its key.
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
