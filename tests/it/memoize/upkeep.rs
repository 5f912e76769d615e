//! Tests the files of each function in the cache.

use larder::{Cache, memoize};

use super::CACHE;

use crate::removal::remove_in_use;

#[test]
fn each_function_can_have_its_own_compressor() {
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
fn clearing_removes_only_the_function_or_the_cache() {
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

/// This also holds in a process that has written the file before.
#[test]
fn the_description_of_a_function_is_written_again() {
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
    remove_in_use(file.parent().unwrap());
    described(5);
    assert!(file.exists());
    assert_eq!(described::memo().entries().unwrap().len(), 1);
}
