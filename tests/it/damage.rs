//! Tests that damaged data is an error or a miss, never another value.

use std::fs;
use std::panic::catch_unwind;

use larder::{Cache, Compression, Error, ErrorKind, Outcome, dump_into, load_from};
use proptest::prelude::*;
use tempfile::tempdir;

use crate::persist::{Sample, method_names, sample};
use crate::removal::remove_in_use;

/// Checks that reading does not panic, and returns either an error or the original value.
#[track_caller]
fn check(bytes: &[u8], what: &str) -> Option<Error> {
    let result = catch_unwind(|| load_from::<Sample>(bytes)).unwrap_or_else(|_| panic!("{what}: it panicked"));
    match result {
        Ok(value) => {
            assert_eq!(value, sample(20), "{what}: a wrong value was read");
            None
        }
        Err(error) => Some(error),
    }
}

#[test]
fn a_dump_cut_anywhere_is_an_error() {
    for method in method_names() {
        let mut bytes = Vec::new();
        dump_into(&sample(20), &mut bytes, method.parse().unwrap()).unwrap();
        assert!(check(&bytes, method).is_none());
        for len in 0..bytes.len() {
            let what = format!("{method} cut to {len} of {} bytes", bytes.len());
            let error = check(&bytes[..len], &what).unwrap_or_else(|| panic!("{what}: no error"));
            let kinds = [ErrorKind::Truncated, ErrorKind::Damaged, ErrorKind::NotLarder];
            assert!(kinds.contains(&error.kind()), "{what}: {error:?}");
        }
    }
}

#[test]
fn a_dump_with_a_flipped_bit_never_gives_another_value() {
    for method in method_names() {
        let mut bytes = Vec::new();
        dump_into(&sample(20), &mut bytes, method.parse().unwrap()).unwrap();
        let mut unnoticed = 0;
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            unnoticed += usize::from(check(&bytes, &format!("{method}, bit {bit}")).is_none());
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        // Some bits of a compressed stream don't affect its content, for example a time in gzip's header. Without
        // compression, every bit counts.
        assert!(unnoticed == 0 || method != "none", "{method}: {unnoticed} bits went unnoticed");
    }
}

proptest! {
    #[test]
    fn random_bytes_are_an_error(mut bytes in prop::collection::vec(any::<u8>(), 0..2000), start in 0..11_usize) {
        let starts: [&[u8]; 11] = [
            b"", b"\xd9\xd9\xf7\xa4\x66larder\x01\x64type\x60\x65value", b"\x1f\x8b\x08\0\0\0\0\0\0\xff", b"\x78\x9c",
            b"BZh9", b"\xfd7zXZ\0", b"\x5d\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff\0", b"\x04\x22\x4d\x18\x64\x40",
            b"\x28\xb5\x2f\xfd", b"\x8fLBLK4\r\n\x01", b"\x8fLBLKz\r\n\x01",
        ];
        bytes.splice(0..0, starts[start].iter().copied());
        prop_assert!(check(&bytes, "random bytes").is_some());
    }
}

/// Cache with one entry and a count of its computations.
struct OneEntry {
    _folder: tempfile::TempDir,
    cache: Cache,
    runs: std::cell::Cell<u32>,
}

impl OneEntry {
    fn new(compression: Compression) -> Self {
        let folder = tempdir().unwrap();
        let cache = Cache::builder(folder.path()).compression(compression).open().unwrap();
        OneEntry { _folder: folder, cache, runs: 0.into() }
    }

    fn call(&self) {
        let value = self.cache.get_or_compute("sample", &20, || {
            self.runs.set(self.runs.get() + 1);
            sample(20)
        });
        assert_eq!(value, sample(20));
    }

    fn file(&self) -> std::path::PathBuf {
        self.cache.entries().unwrap().next().unwrap().path
    }
}

#[test]
fn an_entry_with_a_flipped_byte_is_recomputed() {
    for method in method_names() {
        let entry = OneEntry::new(method.parse().unwrap());
        entry.call();
        let file = entry.file();
        let whole = fs::read(&file).unwrap();
        for position in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[position] ^= 0x55;
            fs::write(&file, &bytes).unwrap();
            let before = entry.runs.get();
            entry.call();
            assert_eq!(entry.runs.get(), before + 1, "{method}: byte {position} of {} was accepted", whole.len());
            entry.call();
            assert_eq!(entry.runs.get(), before + 1, "{method}: the damaged entry was not replaced");
        }
        assert_eq!(entry.cache.stats().unwrap().errors, whole.len() as u64);
    }
}

#[test]
fn a_cut_or_lengthened_entry_is_recomputed() {
    for method in method_names() {
        let entry = OneEntry::new(method.parse().unwrap());
        entry.call();
        let file = entry.file();
        let whole = fs::read(&file).unwrap();
        for len in (0..whole.len()).step_by(7).chain([whole.len() - 1]) {
            fs::write(&file, &whole[..len]).unwrap();
            let before = entry.runs.get();
            entry.call();
            assert_eq!(entry.runs.get(), before + 1, "{method} cut to {len}");
        }
        for extra in [1, 64, 100_000] {
            let mut bytes = whole.clone();
            bytes.resize(whole.len() + extra, 0);
            fs::write(&file, &bytes).unwrap();
            let before = entry.runs.get();
            entry.call();
            assert_eq!(entry.runs.get(), before + 1, "{method} lengthened by {extra}");
        }
    }
}

#[test]
fn a_large_entry_is_checked_to_its_end() {
    for method in ["none", "gzip", "lz4"] {
        let folder = tempdir().unwrap();
        let cache = Cache::builder(folder.path()).compression(method.parse().unwrap()).open().unwrap();
        let mut runs = 0;
        let call = |runs: &mut u32| {
            let value = cache.get_or_compute("large", &(), || {
                *runs += 1;
                sample(200_000)
            });
            assert_eq!(value, sample(200_000));
        };
        call(&mut runs);
        call(&mut runs);
        assert_eq!(runs, 1);
        let file = cache.entries().unwrap().next().unwrap().path;
        let whole = fs::read(&file).unwrap();
        for position in [0, 70, 200, whole.len() / 3, whole.len() / 2, whole.len() - 9, whole.len() - 1] {
            let mut bytes = whole.clone();
            bytes[position] ^= 1;
            fs::write(&file, &bytes).unwrap();
            let before = runs;
            call(&mut runs);
            assert_eq!(runs, before + 1, "{method}: byte {position}");
        }
    }
}

#[test]
fn an_entry_under_the_name_of_another_is_not_used() {
    let folder = tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    cache.get_or_compute("f", &1, || 10);
    let first = cache.entries().unwrap().next().unwrap().path;
    cache.get_or_compute("f", &2, || 20);
    let second = cache.entries().unwrap().map(|entry| entry.path).find(|path| *path != first).unwrap();
    fs::copy(&first, &second).unwrap();
    assert_eq!(cache.get_or_compute("f", &2, || 20), 20);
    assert_eq!(cache.stats().unwrap().errors, 1);
}

#[test]
fn verifying_finds_exactly_the_damaged_entries() {
    let folder = tempdir().unwrap();
    for (index, method) in method_names().iter().enumerate() {
        let cache = Cache::builder(folder.path()).compression(method.parse().unwrap()).open().unwrap();
        for n in [10_u32, 100_000] {
            cache.get_or_compute(&format!("{index}"), &n, || (0..n).collect::<Vec<_>>());
        }
    }
    let cache = Cache::open(folder.path()).unwrap();
    let verified = cache.verify().unwrap();
    assert_eq!((verified.entries, verified.faulty), (2 * method_names().len() as u64, vec![]));
    assert_eq!(verified.bytes, cache.stats().unwrap().bytes);
    for entry in cache.entries().unwrap().collect::<Vec<_>>() {
        let whole = fs::read(&entry.path).unwrap();
        for at in [whole.len() - 1, whole.len() / 2] {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x20;
            fs::write(&entry.path, bytes).unwrap();
            let faulty = cache.verify().unwrap().faulty;
            assert_eq!(faulty.iter().map(|entry| entry.key).collect::<Vec<_>>(), [entry.key], "{}", entry.compressor);
            assert!(faulty[0].fault.is_some() && entry.path.exists());
        }
        fs::write(&entry.path, whole).unwrap();
    }
    assert!(cache.verify().unwrap().faulty.is_empty());
    assert_eq!(Cache::disabled().verify().unwrap().entries, 0);
}

#[test]
fn an_entry_of_a_newer_format_is_a_miss_and_is_reported() {
    let entry = OneEntry::new(Compression::NONE);
    entry.call();
    let mut bytes = fs::read(entry.file()).unwrap();
    bytes[8] = 2;
    fs::write(entry.file(), &bytes).unwrap();
    assert!(entry.cache.entries().unwrap().next().unwrap().fault.unwrap().contains("version 2"));
    let error = entry.cache.entries().unwrap().results().next().unwrap().unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::NewerFormat, Some(&*entry.file())));
    entry.call();
    assert_eq!(entry.runs.get(), 2);
}

#[test]
fn calls_work_after_any_file_or_folder_was_removed() {
    let root = tempdir().unwrap();
    // Results in the memory tier are checked within a second: see `hot`.
    let cache = Cache::builder(root.path().join("cache")).hot_bytes(0).open().unwrap();
    let call = |cache: &Cache| {
        assert_eq!(cache.get_or_compute("a::b::f", &1, || 1), 1);
        assert_eq!(cache.get_or_compute("a::b::f", &1, || 9), 1);
        assert_eq!(cache.entries().unwrap().len(), 1);
    };
    call(&cache);
    for removed in [
        "v1/a/b/f/function.json",
        "v1/a/b/f",
        "v1/a/b",
        "v1/a",
        "v1",
        "drafts",
        "counters",
        "marks",
        "locks",
        "CACHEDIR.TAG",
        ".gitignore",
        "",
    ] {
        let path = cache.path().join(removed);
        if path.is_dir() {
            remove_in_use(&path)
        } else {
            fs::remove_file(&path).unwrap()
        }
        call(&cache);
    }
    remove_in_use(&root.path().join("cache"));
    assert!(cache.entries().unwrap().is_empty());
    assert!(cache.functions().unwrap().is_empty());
    cache.clear().unwrap();
    remove_in_use(root.path());
    call(&cache);
}

#[test]
fn calls_work_if_the_cache_can_not_be_written() {
    let root = tempdir().unwrap();
    let cache = Cache::open(root.path().join("cache")).unwrap();
    remove_in_use(cache.path());
    fs::write(cache.path(), "a file where the folder was").unwrap();
    assert_eq!(cache.get_or_compute("f", &1, || 1), 1);
    assert_eq!(cache.get_or_compute("f", &1, || 2), 2);
    assert!(cache.stats().unwrap().errors >= 2);
    let error = Cache::open(cache.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(Cache::open("").unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_read_only_cache_loads_and_stores_nothing() {
    let folder = tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    cache.get_or_compute("f", &1, || 1);
    let reader = Cache::builder(folder.path()).read_only(true).open().unwrap();
    assert_eq!(reader.get_or_compute("f", &1, || 9), 1);
    assert_eq!(reader.get_or_compute("f", &2, || 9), 9);
    assert_eq!(reader.entries().unwrap().len(), 1);
    assert_eq!(reader.clear().unwrap_err().kind(), ErrorKind::ReadOnly);
    // The folder need not exist, and reading does not create it.
    let nowhere = folder.path().join("nowhere");
    let reader = Cache::builder(&nowhere).read_only(true).open().unwrap();
    assert_eq!(reader.get_or_compute("f", &2, || 9), 9);
    assert!(!nowhere.exists());
}

#[test]
fn a_durable_cache_keeps_results() {
    let folder = tempdir().unwrap();
    let cache = Cache::builder(folder.path()).durable(true).open().unwrap();
    cache.get_or_compute("f", &1, || 1);
    assert_eq!(cache.get_or_compute("f", &1, || 9), 1);
}

#[test]
fn foreign_files_are_left_alone() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join(".gitignore"), "mine").unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    cache.get_or_compute("f", &1, || 1);
    fs::write(folder.path().join("v1/f/notes.txt"), "mine").unwrap();
    fs::write(folder.path().join("v1/f/nonsense.larder"), "mine").unwrap();
    assert_eq!(cache.entries().unwrap().len(), 1);
    assert_eq!(cache.get_or_compute("f", &1, || 9), 1);
    assert_eq!(fs::read_to_string(folder.path().join(".gitignore")).unwrap(), "mine");
    let tag = fs::read_to_string(folder.path().join("CACHEDIR.TAG")).unwrap();
    assert!(tag.starts_with("Signature: 8a477f597d28d172789f06886806bc55\n"));
}

#[test]
#[cfg(unix)]
fn other_users_have_no_access() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempdir().unwrap();
    let cache = Cache::open(folder.path().join("cache")).unwrap();
    cache.get_or_compute("a::f", &1, || 1);
    let mut looked_at = 0;
    let mut visit = vec![cache.path().to_owned()];
    while let Some(path) = visit.pop() {
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
        looked_at += 1;
        if path.is_dir() {
            visit.extend(fs::read_dir(&path).unwrap().map(|file| file.unwrap().path()));
        }
    }
    assert_eq!(looked_at, 13);
}

#[test]
fn outcomes_report_hits_and_misses() {
    let folder = tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    #[larder::memoize(cache = cache, ignore(cache))]
    fn slow(n: u8, cache: &Cache) -> Option<u8> {
        let _ = cache;
        std::thread::sleep(std::time::Duration::from_millis(5));
        Some(n)
    }
    let (_, outcome) = slow::call(1, &cache).outcome();
    let Outcome::Computed { took, size: Some(written), .. } = outcome else { panic!("{outcome:?}") };
    let (_, outcome) = slow::call(1, &cache).outcome();
    let Outcome::Hit { saved, size, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!((saved, size), (took, written));
    assert!(took.as_millis() >= 5);
    let stats = cache.stats().unwrap();
    assert_eq!((stats.hits, stats.misses, stats.saved, stats.computed), (1, 1, took, took));
    let (_, outcome) = slow::call(1, &Cache::disabled()).outcome();
    assert!(matches!(outcome, Outcome::Bypassed { .. }), "{outcome:?}");
}
