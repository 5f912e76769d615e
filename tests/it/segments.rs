//! Tests segments, which hold many small results of a function.

use std::fs;
use std::path::{Path, PathBuf};

use larder::Cache;
use tempfile::tempdir;

const COUNT: u64 = 300;

fn open(root: &Path) -> Cache {
    Cache::builder(root).segments(true).hot_bytes(0).open().unwrap()
}

/// Makes a call. Returns whether it was computed.
fn computes(cache: &Cache, n: u64) -> bool {
    let mut computed = false;
    let value: Vec<u64> = cache.get_or_compute("a::f", &n, || {
        computed = true;
        vec![n; 40]
    });
    assert_eq!(value, vec![n; 40]);
    computed
}

fn count_computed(cache: &Cache) -> usize {
    (0..COUNT).filter(|n| computes(cache, *n)).count()
}

fn segments(root: &Path) -> Vec<PathBuf> {
    fs::read_dir(root.join("v1/a/f.packed")).into_iter().flatten().map(|item| item.unwrap().path()).collect()
}

#[test]
fn many_small_results_are_in_few_files_and_every_cache_reads_them() {
    let root = tempdir().unwrap();
    let cache = open(root.path());
    assert_eq!(count_computed(&cache), COUNT as usize);
    assert_eq!(segments(root.path()).len(), 1);
    // 64 results, `function.json` and the history.
    assert!(fs::read_dir(root.path().join("v1/a/f")).unwrap().count() < 70);
    for other in [open(root.path()), Cache::builder(root.path()).hot_bytes(0).open().unwrap()] {
        assert_eq!(count_computed(&other), 0);
        assert_eq!(other.stats().unwrap().entries, COUNT);
        let entries: Vec<_> = other.entries().unwrap().collect();
        assert_eq!(entries.len(), COUNT as usize);
        for entry in entries {
            assert_eq!(entry.fault, None);
            assert_eq!(entry.folder(), root.path().join("v1/a/f"));
            assert!(entry.value(3).unwrap().to_string().contains(&entry.arguments[0].preview));
        }
        assert!(other.verify().unwrap().faulty.is_empty());
    }
}

#[test]
fn a_removed_result_is_computed_again() {
    let root = tempdir().unwrap();
    let (here, there) = (open(root.path()), open(root.path()));
    count_computed(&here);
    let in_segment: Vec<_> =
        there.entries().unwrap().filter(|entry| entry.path.extension().unwrap() == "segment").collect();
    assert_eq!(in_segment.len(), COUNT as usize - 64);
    for entry in in_segment.iter().take(10) {
        assert!(there.remove(entry).unwrap());
        assert!(!there.remove(entry).unwrap());
    }
    assert_eq!(here.stats().unwrap().entries, COUNT - 10);
    assert_eq!(here.entries().unwrap().count(), COUNT as usize - 10);
    assert_eq!(count_computed(&here), 10);
    assert_eq!(count_computed(&there), 0);
    // Another program removes the files.
    for segment in segments(root.path()) {
        fs::remove_file(segment).unwrap();
    }
    assert_eq!(count_computed(&there), COUNT as usize - 64);
    here.clear().unwrap();
    assert!(!root.path().join("v1").exists());
    assert_eq!(count_computed(&there), COUNT as usize);
}

#[test]
fn damage_costs_only_the_damaged_result() {
    let root = tempdir().unwrap();
    count_computed(&open(root.path()));
    let segment = segments(root.path()).remove(0);
    let bytes = fs::read(&segment).unwrap();
    let computed_with = |bytes: &[u8]| {
        let copy = tempdir().unwrap();
        // Makes the folder a cache.
        assert!(computes(&open(copy.path()), COUNT));
        let folder = copy.path().join("v1/a/f.packed");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(segment.file_name().unwrap()), bytes).unwrap();
        count_computed(&open(copy.path()))
    };
    assert_eq!(computed_with(&bytes), 64);
    // In the header of a record, in an entry's header and in its value.
    for at in [64 + 9, 64 + 20, 64 + 64 + 30, 64 + 64 + 500] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        assert_eq!(computed_with(&damaged), 65, "byte {at}");
    }
    // A cut file lost what was cut off.
    let computed = computed_with(&bytes[..bytes.len() / 2]);
    assert!((64 + 100..64 + 136).contains(&computed), "{computed}");
}
