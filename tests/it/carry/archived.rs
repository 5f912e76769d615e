//! Tests archives of entries: what they contain, and what an import leaves unchanged.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use larder::{Cache, ErrorKind, memoize};
use tempfile::tempdir;

use crate::model_cache::{assert_counted, computes, entry_of, open};
use crate::tools::has;

#[memoize(cache = cache, ignore(cache))]
fn half(n: u32, cache: &Cache) -> f64 {
    let _ = cache;
    f64::from(n) / 2.0
}

fn exported(cache: &Cache) -> Vec<u8> {
    let mut archive = Vec::new();
    let carried = cache.export(cache.entries().unwrap(), &mut archive).unwrap();
    assert_eq!((carried.refused, carried.skipped, carried.faults.len()), (0, 0, 0));
    let stats = cache.stats().unwrap();
    assert_eq!((carried.entries, carried.bytes), (stats.entries, stats.bytes));
    archive
}

/// Returns the files in the functions' folders by path.
fn files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fn gather(root: &Path, folder: &Path, all: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for item in fs::read_dir(folder).unwrap().map(|item| item.unwrap().path()) {
            if item.is_dir() {
                gather(root, &item, all);
            } else if item.file_name().unwrap() != "history" {
                all.insert(item.strip_prefix(root).unwrap().to_owned(), fs::read(&item).unwrap());
            }
        }
    }
    let mut all = BTreeMap::new();
    gather(root, &root.join("v1"), &mut all);
    all
}

fn stocked(root: &Path) -> Cache {
    let cache = open(root, "none");
    for n in [0, 1, 20] {
        assert!(computes(&cache, n));
    }
    assert!(computes(&open(root, "xz:0"), 2));
    assert_eq!(half(3, &cache), 1.5);
    cache
}

#[test]
fn an_exported_entry_hits_in_another_cache() {
    let (here, there) = (tempdir().unwrap(), tempdir().unwrap());
    let cache = stocked(here.path());
    let archive = exported(&cache);
    let other = open(there.path(), "none");
    let carried = other.import(&*archive).unwrap();
    assert_eq!((carried.entries, carried.skipped, carried.refused), (5, 0, 0), "{carried:?}");
    assert_eq!(carried.bytes, cache.stats().unwrap().bytes);
    for n in [0, 1, 2, 20] {
        assert!(!computes(&other, n));
    }
    assert!(half::call(3, &other).is_cached());
    let there_now = files(there.path());
    assert!(there_now == files(here.path()));
    assert!(there_now.keys().any(|path| path.to_str().unwrap().contains("/code-")));
    assert_eq!(other.functions().unwrap().len(), 2);
    assert_eq!(other.functions().unwrap()[0].name, cache.functions().unwrap()[0].name);
    assert_counted(&other);
    assert!(other.verify().unwrap().faulty.is_empty());
}

#[test]
fn importing_does_not_replace_existing_entries() {
    let (here, there) = (tempdir().unwrap(), tempdir().unwrap());
    let archive = exported(&stocked(here.path()));
    let other = open(there.path(), "gzip:1");
    computes(&other, 1);
    let before = fs::read(entry_of(&other, 1).path).unwrap();
    let note = other.functions().unwrap()[0].path.join("function.json");
    fs::write(&note, "{}").unwrap();
    let carried = other.import(&*archive).unwrap();
    assert_eq!((carried.entries, carried.skipped), (4, 1));
    assert!(fs::read(entry_of(&other, 1).path).unwrap() == before);
    assert_eq!(fs::read_to_string(&note).unwrap(), "{}");
    let again = other.import(&*archive).unwrap();
    assert_eq!((again.entries, again.bytes, again.skipped), (0, 0, 5));
    assert_counted(&other);
}

#[test]
fn selected_entries_are_exported_without_damaged_ones() {
    let (here, there) = (tempdir().unwrap(), tempdir().unwrap());
    let cache = stocked(here.path());
    let damaged = entry_of(&cache, 1).path;
    let mut bytes = fs::read(&damaged).unwrap();
    bytes[70] ^= 1;
    fs::write(&damaged, bytes).unwrap();
    let gone = entry_of(&cache, 0);
    let some: Vec<_> = cache.entries().unwrap().filter(|entry| !entry.function.ends_with("half")).collect();
    cache.remove(&gone).unwrap();
    let mut archive = Vec::new();
    let carried = cache.export(some, &mut archive).unwrap();
    assert_eq!((carried.entries, carried.refused), (2, 1));
    assert!(carried.faults[0].contains(damaged.to_str().unwrap()), "{carried:?}");

    let other = open(there.path(), "none");
    assert_eq!(other.import(&*archive).unwrap().entries, 2);
    assert_eq!(other.functions().unwrap().len(), 1);
    let error = other.export([entry_of(&cache, 2)], Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn an_empty_archive_is_valid() {
    let root = tempdir().unwrap();
    let archive = exported(&open(root.path(), "none"));
    assert_eq!(archive.len(), 1024);
    assert_eq!(open(root.path(), "none").import(&*archive).unwrap().entries, 0);
    let reader = Cache::builder(root.path()).read_only(true).open().unwrap();
    assert_eq!(reader.import(&*archive).unwrap_err().kind(), ErrorKind::ReadOnly);
    assert_eq!(Cache::disabled().import(&*archive).unwrap_err().kind(), ErrorKind::ReadOnly);
}

#[test]
fn an_import_checks_macs() {
    let (here, there) = (tempdir().unwrap(), tempdir().unwrap());
    let sealed = |root: &Path, secret: u8| Cache::builder(root).secret([secret; 32]).hot_bytes(0).open().unwrap();
    let cache = sealed(here.path(), 1);
    computes(&cache, 1);
    computes(&cache, 20);
    let archive = exported(&cache);
    let refused = sealed(there.path(), 2).import(&*archive).unwrap();
    assert_eq!((refused.entries, refused.refused), (0, 2));
    assert!(refused.faults[0].contains("secret"), "{refused:?}");
    assert_counted(&sealed(there.path(), 2));
    let same = sealed(there.path(), 1);
    assert_eq!(same.import(&*archive).unwrap().entries, 2);
    assert!(!computes(&same, 1) && !computes(&same, 20));
    // An entry without a MAC.
    let plain = tempdir().unwrap();
    let archive = exported(&stocked(plain.path()));
    same.clear().unwrap();
    assert_eq!(same.import(&*archive).unwrap().refused, 5);
    assert_eq!(same.entries().unwrap().len(), 0);
}

#[test]
fn tar_reads_and_writes_these_archives() {
    if !has("tar_reads_and_writes_these_archives", "tar", &["--version"]) {
        return;
    }
    let (here, there, folder) = (tempdir().unwrap(), tempdir().unwrap(), tempdir().unwrap());
    let cache = stocked(here.path());
    let tar = |args: &[&str], root: &Path| {
        let output = Command::new("tar").args(args).current_dir(root).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    let path = folder.path().join("archive.tar");
    fs::write(&path, exported(&cache)).unwrap();
    tar(&["-xf", path.to_str().unwrap()], there.path());
    assert!(files(there.path()) == files(here.path()));

    // The archive has folders, the history, and names longer than a header's name field.
    for format in ["gnu", "pax", "ustar"] {
        tar(&["-cf", path.to_str().unwrap(), &format!("--format={format}"), "v1"], here.path());
        let root = tempdir().unwrap();
        let carried = open(root.path(), "none").import(&*fs::read(&path).unwrap()).unwrap();
        assert_eq!((carried.entries, carried.refused), (5, 2), "{format}: {carried:?}");
        assert!(carried.faults.iter().all(|fault| fault.contains("history")), "{carried:?}");
        assert!(files(root.path()) == files(here.path()), "{format}");
    }
}
