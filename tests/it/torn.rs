//! Tests entries after a power failure: their end or some sectors may be missing, or have older content. Such an
//! entry is recomputed, and never read as another value.

use std::cell::Cell;
use std::fs;
use std::path::PathBuf;

use larder::{Cache, memoize};
use tempfile::{TempDir, tempdir};

use crate::random::Random;

/// Unit that disks write atomically.
const SECTOR: usize = 512;

/// Cache with an entry that replaced an older one of the same call.
struct Torn {
    _folder: TempDir,
    cache: Cache,
    values: [Vec<u32>; 2],
    path: PathBuf,
    older: Vec<u8>,
    whole: Vec<u8>,
    runs: Cell<u64>,
}

/// Returns the first or second result of the function. Both have the same length, and compress to different bytes.
fn value(len: usize, time: u64) -> Vec<u32> {
    let mut random = Random::new(time);
    (0..len).map(|_| random.below(1 << 20) as u32).collect()
}

impl Torn {
    fn new(method: &str, len: usize) -> Self {
        let folder = tempdir().unwrap();
        let cache = Cache::builder(folder.path()).hot_bytes(0).compression(method.parse().unwrap()).open().unwrap();
        let values = [value(len, 1), value(len, 2)];
        let file = |value: &Vec<u32>| {
            assert_eq!(cache.get_or_compute("f", &len, || value.clone()), *value);
            let path = cache.entries().unwrap().next().unwrap().path;
            let bytes = fs::read(&path).unwrap();
            fs::remove_file(&path).unwrap();
            (path, bytes)
        };
        let (path, older) = file(&values[0]);
        let (_, whole) = file(&values[1]);
        Torn { _folder: folder, cache, values, path, older, whole, runs: Cell::new(0) }
    }

    fn call(&self) -> Vec<u32> {
        self.cache.get_or_compute("f", &self.values[1].len(), || {
            self.runs.set(self.runs.get() + 1);
            self.values[1].clone()
        })
    }

    /// Makes a call with these bytes as the entry.
    fn tried(&self, bytes: &[u8], what: &str) {
        fs::write(&self.path, bytes).unwrap();
        let before = self.runs.get();
        let loaded = self.call();
        let was_computed = self.runs.get() > before;
        let expected = usize::from(bytes != self.older);
        assert!(loaded == self.values[expected], "{what}: a wrong value");
        assert_eq!(was_computed, bytes != self.whole && bytes != self.older, "{what}");
        assert_eq!(self.cache.stats().unwrap().errors, self.runs.get(), "{what}");
        if was_computed {
            let entry = self.cache.entries().unwrap().next().unwrap();
            assert_eq!((entry.fault, fs::metadata(&self.path).unwrap().len()), (None, entry.size), "{what}");
            assert!(self.call() == self.values[1], "{what}: the new entry is wrong");
            assert_eq!(self.runs.get(), before + 1, "{what}: no new entry");
        }
    }

    fn is_torn_everywhere(&self) {
        let (whole, older) = (&self.whole, &self.older);
        self.tried(whole, "whole");
        self.tried(older, "older");
        for len in (0..256.min(whole.len())).chain((256..whole.len()).step_by(SECTOR)).chain([whole.len() - 1]) {
            self.tried(&whole[..len], &format!("cut to {len}"));
        }
        for extra in [1, 7, 8, 64, SECTOR - whole.len() % SECTOR, SECTOR, 4096, 1 << 20] {
            let longer = [&whole[..], &vec![0; extra]].concat();
            self.tried(&longer, &format!("{extra} zeros behind it"));
        }
        for at in (0..whole.len()).step_by(SECTOR) {
            let end = (at + SECTOR).min(whole.len());
            let mut bytes = whole.clone();
            bytes[at..end].fill(0);
            self.tried(&bytes, &format!("zeros at {at}"));
            let both = end.min(older.len());
            if let Some(sector) = older.get(at..both) {
                bytes.copy_from_slice(whole);
                bytes[at..both].copy_from_slice(sector);
                self.tried(&bytes, &format!("older at {at}"));
            }
        }
        // A written sector precedes or follows one that was not written.
        for at in (0..whole.len().min(older.len())).step_by(4 * SECTOR) {
            let zeros = vec![0; whole.len()];
            for (other, what) in [(&zeros, "zeros"), (older, "older")] {
                self.tried(&[&whole[..at], &other[at..]].concat(), &format!("{what} from {at} on"));
                self.tried(&[&other[..at], &whole[at..]].concat(), &format!("{what} up to {at}"));
            }
        }
    }
}

#[test]
fn a_small_torn_entry_is_recomputed() {
    for method in ["none", "lz4"] {
        Torn::new(method, 100).is_torn_everywhere();
    }
}

fn large(method: &str) {
    let torn = Torn::new(method, 26_000);
    assert!(torn.whole.len() > 64 << 10, "{}", torn.whole.len());
    torn.is_torn_everywhere();
}

#[test]
fn a_large_torn_entry_is_recomputed() {
    large("none");
}

#[test]
fn a_large_compressed_torn_entry_is_recomputed() {
    large("lz4");
}

/// The next process that stores an entry writes the files beside the entries again.
#[test]
fn torn_files_that_describe_a_function_are_written_again() {
    #[memoize(cache = cache, ignore(cache))]
    fn described(n: u8, cache: &Cache) -> u8 {
        let _ = cache;
        n
    }

    let root = tempdir().unwrap();
    assert_eq!(described(0, &Cache::open(root.path()).unwrap()), 0);
    let folder = Cache::open(root.path()).unwrap().functions().unwrap()[0].path.clone();
    let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    let files: Vec<_> = names.into_iter().filter(|path| path.extension().is_some_and(|e| e == "json")).collect();
    assert_eq!(files.len(), 2, "{files:?}");
    let mut n = 0;
    for path in &files {
        let whole = fs::read(path).unwrap();
        for len in 0..whole.len() {
            // The file is cut, or has its full length with zeros at the end.
            let zeros = if len % 2 == 0 { 0 } else { whole.len() - len };
            fs::write(path, [&whole[..len], &vec![0; zeros]].concat()).unwrap();
            n = (n + 1) % 256;
            let cache = Cache::open(root.path()).unwrap();
            described::call(n as u8, &cache).refresh();
            assert_eq!(cache.stats().unwrap().errors, 0);
            assert!(fs::read(path).unwrap() == whole, "{}, {len} bytes", path.display());
        }
    }
}
