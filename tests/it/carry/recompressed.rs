//! Tests recompression of entries while they are used.

use std::fs::{self, File};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use larder::{Cache, Compression, Entry, ErrorKind, memoize};
use tempfile::tempdir;

use crate::model_cache::{assert_counted, computes, entry_of, open};

/// Returns the value of an entry as it is stored, without the header.
fn payload(entry: &Entry) -> Vec<u8> {
    fs::read(&entry.path).unwrap().split_off(usize::try_from(entry.payload_at).unwrap())
}

/// Returns every compressor in this build.
fn methods() -> Vec<Compression> {
    let all = ["lz4", "zlib:1", "gzip:6", "bz2:2", "xz:0", "lzma:1", "zstd:3", "blocks-lz4", "blocks-zstd:3", "none"];
    all.iter().filter_map(|method| method.parse().ok()).collect()
}

#[test]
fn any_compressor_can_be_changed_to_any_other() {
    let (root, fresh) = (tempdir().unwrap(), tempdir().unwrap());
    let cache = open(root.path(), "none");
    // The largest value is larger than the buffer for writing.
    for n in [0, 1, 20] {
        assert!(computes(&cache, n));
        let original = entry_of(&cache, n);
        let bytes = fs::read(&original.path).unwrap();
        assert!(methods().len() > 3);
        for method in methods() {
            let before = entry_of(&cache, n);
            // Recent enough that the use below is not recorded.
            let used = SystemTime::now() - Duration::from_secs(20);
            File::options().write(true).open(&before.path).unwrap().set_modified(used).unwrap();
            let size = cache.recompress(&before, method).unwrap().unwrap();
            let after = entry_of(&cache, n);
            assert_eq!((after.size, &after.compressor), (size, &method.to_string()));
            let mut same = after.clone();
            (same.compressor, same.size, same.payload_at) =
                (original.compressor.clone(), original.size, original.payload_at);
            (same.used, same.fault) = (original.used, None);
            assert_eq!(same, original, "{method}: only the compressor changes");
            assert_eq!(after.used, used, "{method}");
            assert!(!computes(&cache, n), "{method}");

            // It equals a fresh entry.
            let other = open(fresh.path(), &method.to_string());
            computes(&other, n);
            assert!(payload(&after) == payload(&entry_of(&other, n)), "{method}, {n}");
            other.clear().unwrap();
            assert_counted(&cache);
        }
        assert!(fs::read(&original.path).unwrap() == bytes, "recompressing back gives the same file");
    }
    assert!(cache.verify().unwrap().faulty.is_empty());
    assert_eq!(cache.stats().unwrap().errors, 0);
}

#[test]
fn an_entry_that_has_the_compressor_is_left_unchanged() {
    let root = tempdir().unwrap();
    let cache = open(root.path(), "gzip:3");
    computes(&cache, 1);
    let entry = entry_of(&cache, 1);
    let changed = fs::metadata(&entry.path).unwrap();
    assert_eq!(cache.recompress(&entry, Compression::gzip(3)).unwrap(), Some(entry.size));
    let after = fs::metadata(&entry.path).unwrap();
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::MetadataExt::ino(&after), std::os::unix::fs::MetadataExt::ino(&changed));
    assert_eq!(after.modified().unwrap(), changed.modified().unwrap());
    // Another level counts as another compressor.
    assert!(cache.recompress(&entry, Compression::gzip(9)).unwrap().is_some());
    assert_eq!(entry_of(&cache, 1).compressor, "gzip:9");
}

#[test]
fn damaged_entries_are_left_unchanged() {
    let root = tempdir().unwrap();
    let cache = open(root.path(), "none");
    for method in ["none", "lz4", "xz:0"] {
        cache.clear().unwrap();
        let cache = open(root.path(), method);
        computes(&cache, 3);
        let entry = entry_of(&cache, 3);
        let whole = fs::read(&entry.path).unwrap();
        let start = usize::try_from(entry.payload_at).unwrap();
        // Damage in the header, at the beginning, in the middle and at the end. Then one byte less, and one more.
        let places = [10, start, start + 40, usize::midpoint(start, whole.len()), whole.len() - 1];
        let mut damaged: Vec<Vec<u8>> = places
            .into_iter()
            .map(|at| {
                let mut bytes = whole.clone();
                bytes[at] ^= 1;
                bytes
            })
            .collect();
        damaged.push(whole[..whole.len() - 1].to_vec());
        damaged.push([&whole[..], b"?"].concat());
        for bytes in damaged {
            fs::write(&entry.path, &bytes).unwrap();
            let error = cache.recompress(&entry, Compression::gzip(1)).unwrap_err();
            assert_eq!(error.path(), Some(&*entry.path), "{error}");
            assert!(fs::read(&entry.path).unwrap() == bytes);
        }
        fs::write(&entry.path, &whole).unwrap();
        assert!(cache.recompress(&entry, Compression::gzip(1)).unwrap().is_some());
        assert!(!computes(&cache, 3));
        assert_counted(&cache);
    }
}

#[test]
fn invalid_requests_are_refused() {
    let (root, other) = (tempdir().unwrap(), tempdir().unwrap());
    let cache = open(root.path(), "none");
    computes(&cache, 1);
    let entry = entry_of(&cache, 1);
    let kind = |cache: &Cache, method| cache.recompress(&entry, method).unwrap_err().kind();
    assert_eq!(kind(&open(other.path(), "none"), Compression::gzip(3)), ErrorKind::InvalidInput);
    assert_eq!(kind(&cache, Compression::gzip(10)), ErrorKind::LevelOutOfRange);
    assert_eq!(kind(&cache, Compression::custom("never-seen", 0)), ErrorKind::UnknownCompressor);
    let reader = Cache::builder(root.path()).read_only(true).open().unwrap();
    assert_eq!(kind(&reader, Compression::gzip(3)), ErrorKind::ReadOnly);
    assert_eq!(Cache::disabled().recompress(&entry, Compression::gzip(3)).unwrap(), None);
    assert!(cache.remove(&entry).unwrap());
    assert_eq!(cache.recompress(&entry, Compression::gzip(3)).unwrap(), None);
}

#[test]
fn an_entry_that_is_being_computed_is_skipped() {
    let root = tempdir().unwrap();
    // Two handles of one folder act like two processes.
    let (here, there) = (open(root.path(), "none"), open(root.path(), "none"));
    #[memoize(cache = cache, ignore(cache, during))]
    fn slow(cache: &Cache, during: &dyn Fn(), n: u32) -> u32 {
        let _ = cache;
        during();
        n
    }
    slow(&here, &|| (), 1);
    let entry = here.entries().unwrap().next().unwrap();
    let asked = AtomicU32::new(0);
    let ask = || {
        for cache in [&here, &there] {
            assert_eq!(cache.recompress(&entry, Compression::gzip(3)).unwrap(), None);
            asked.fetch_add(1, Ordering::Relaxed);
        }
    };
    slow::call(&here, &ask, 1).refresh();
    assert_eq!(asked.into_inner(), 2);
    let size = there.recompress(&entry, Compression::gzip(3)).unwrap();
    assert_eq!(size, Some(here.entries().unwrap().next().unwrap().size));
}

#[test]
fn a_recompressed_entry_gets_a_new_mac() {
    let root = tempdir().unwrap();
    let open = |secret: u8| Cache::builder(root.path()).secret([secret; 32]).hot_bytes(0).open().unwrap();
    let cache = open(1);
    for n in [0, 3, 20] {
        computes(&cache, n);
        let entry = entry_of(&cache, n);
        let before = fs::read(&entry.path).unwrap();
        assert_eq!(open(2).recompress(&entry, Compression::gzip(3)).unwrap_err().kind(), ErrorKind::Damaged);
        assert!(fs::read(&entry.path).unwrap() == before);
        for method in [Compression::gzip(3), Compression::lz4(), Compression::NONE] {
            assert!(cache.recompress(&entry, method).unwrap().is_some());
            assert!(!computes(&cache, n), "{method}");
        }
        assert!(fs::read(&entry.path).unwrap() == before);
        // Recompressing must not give a MAC to an entry that had none.
        crate::model_cache::open(root.path(), "none").recompress(&entry, Compression::gzip(3)).unwrap();
        assert_eq!(cache.recompress(&entry, Compression::lz4()).unwrap_err().kind(), ErrorKind::Damaged);
        assert!(computes(&cache, n));
    }
}

/// Ends the other threads, also if this one panics.
struct Done<'d>(&'d AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// One thread recompresses without a pause while others remove and compute the entry. Each value is newer than the
/// one before, so an old one that comes back is noticed.
#[test]
fn removed_and_replaced_entries_never_return() {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    #[memoize(cache = cache, ignore(cache))]
    fn newest(cache: &Cache, n: u32) -> (u32, Vec<u64>) {
        let _ = (cache, n);
        (NEXT.fetch_add(1, Ordering::SeqCst), vec![7; 1000])
    }
    let root = tempdir().unwrap();
    // The handles act like two processes. The second one has a memory tier.
    let (here, there) = (open(root.path(), "none"), Cache::open(root.path()).unwrap());
    newest(&here, 1);
    let entry = here.entries().unwrap().next().unwrap();
    let (done, replaced) = (AtomicBool::new(false), AtomicU32::new(0));
    thread::scope(|scope| {
        for cache in [&there, &here] {
            let (entry, done, replaced) = (&entry, &done, &replaced);
            scope.spawn(move || {
                let methods = [Compression::lz4(), Compression::NONE, Compression::zlib(1)];
                for method in methods.into_iter().cycle() {
                    if done.load(Ordering::Relaxed) {
                        break;
                    }
                    let before = fs::metadata(&entry.path).map(|metadata| metadata.len()).ok();
                    let size = cache.recompress(entry, method).unwrap();
                    replaced.fetch_add(u32::from(size.is_some() && size != before), Ordering::Relaxed);
                }
            });
        }
        let _done = Done(&done);
        let mut rounds = 0;
        while rounds < 400 || (replaced.load(Ordering::Relaxed) < 100 && rounds < 4_000) {
            rounds += 1;
            let cache = if rounds % 3 == 0 { &here } else { &there };
            let other = if rounds % 2 == 0 { &here } else { &there };
            match rounds % 4 {
                0 => {
                    newest::call(cache, 1).forget().unwrap();
                    assert!(!newest::call(other, 1).is_cached(), "{rounds}: the removed entry returned");
                    // A thread that wrongly restores the entry may do so a little later.
                    thread::yield_now();
                    assert!(!newest::call(other, 1).is_cached(), "{rounds}: the removed entry returned");
                }
                1 => {
                    let limits = larder::Limits { max_entries: Some(0), ..larder::Limits::default() };
                    cache.trim_to(&limits).unwrap();
                    assert!(!newest::call(other, 1).is_cached(), "{rounds}: the removed entry returned");
                }
                2 => {
                    let next = NEXT.load(Ordering::SeqCst);
                    newest::call(cache, 1).refresh();
                    assert!(newest(other, 1).0 >= next, "{rounds}: an old value");
                }
                _ => {
                    let next = NEXT.load(Ordering::SeqCst);
                    cache.clear().unwrap();
                    assert!(newest(other, 1).0 >= next, "{rounds}: an old value");
                }
            }
            assert_eq!(newest(other, 1).0, NEXT.load(Ordering::SeqCst) - 1, "{rounds}");
            assert_eq!(newest(cache, 1).0, NEXT.load(Ordering::SeqCst) - 1, "{rounds}");
        }
    });
    assert!(replaced.load(Ordering::Relaxed) > 0, "nothing was recompressed");
    assert_eq!(here.stats().unwrap().errors + there.stats().unwrap().errors, 0);
    drop(there);
    assert_eq!(here.entries().unwrap().len() as u64, here.stats().unwrap().entries);
    assert!(fs::read_dir(root.path().join("drafts")).unwrap().next().is_none());
}
