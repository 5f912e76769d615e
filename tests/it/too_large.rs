//! Tests results larger than the limit of the cache: they are not stored, and existing entries stay.

use std::fs;

use larder::{Cache, CacheBuilder, Compression, ErrorKind, Limits, NotKept, Outcome, Reason, memoize};
use tempfile::{TempDir, tempdir};
use tracing::Level;

use crate::log::Lines;
use crate::persist::block_methods;

fn cache(limit: impl FnOnce(CacheBuilder) -> CacheBuilder) -> (TempDir, Cache) {
    let folder = tempdir().unwrap();
    let cache = limit(Cache::builder(folder.path())).open().unwrap();
    (folder, cache)
}

#[memoize(cache = cache, ignore(cache))]
fn bytes(len: usize, seed: u64, cache: &Cache) -> Vec<u8> {
    let _ = cache;
    // Random bytes, which no compressor can make smaller.
    let mut random = seed;
    (0..len)
        .map(|_| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 56) as u8
        })
        .collect()
}

#[memoize(cache = cache, ignore(cache))]
fn names(count: usize, cache: &Cache) -> Vec<String> {
    let _ = cache;
    (0..count).map(|n| format!("name {n}")).collect()
}

#[test]
fn a_result_larger_than_the_limit_is_not_stored() {
    // Zstandard makes the names small enough.
    let blocks = block_methods().into_iter().filter(|method| !method.contains("zstd")).collect();
    for compression in [vec!["none", "lz4"], blocks].concat() {
        let (folder, cache) =
            cache(|builder| builder.max_bytes(1 << 20).hot_bytes(0).compression(compression.parse().unwrap()));
        let _another = tracing::Dispatch::new(Lines::up_to(Level::TRACE));
        let lines = Lines::up_to(Level::WARN);
        tracing::subscriber::with_default(lines.clone(), || {
            (0..5).for_each(|n| assert_eq!(bytes(1000, n, &cache).len(), 1000));
            // Sizes below and above the limit of the round-trip check. The size of bytes is known before writing, that
            // of names only while they are written. Each function logs one line.
            for _ in 0..3 {
                assert_eq!(bytes(2 << 20, 1, &cache).len(), 2 << 20, "{compression}");
                assert_eq!(bytes(6 << 20, 1, &cache).len(), 6 << 20, "{compression}");
                assert_eq!(names(1_000_000, &cache).len(), 1_000_000, "{compression}");
            }
        });
        let lines = lines.take();
        assert_eq!(lines.len(), 2, "{compression}: {lines:#?}");
        assert!(lines.iter().all(|(_, line)| line.contains("larger than the limit of 1.0 MiB")), "{lines:#?}");
        let stats = cache.stats().unwrap();
        assert_eq!((stats.entries, stats.too_large), (5, 9), "{compression}: {stats:?}");
        assert_eq!((stats.errors, stats.errors_by_kind[&ErrorKind::LimitExceeded]), (9, 9), "{compression}");
        assert!((0..5).all(|n| bytes::call(1000, n, &cache).is_cached()), "{compression}");
        assert_eq!(fs::read_dir(folder.path().join("drafts")).unwrap().count(), 0);
    }
}

#[test]
fn the_reason_is_explained() {
    let (_folder, cache) = cache(|builder| builder.max_bytes(1 << 20));
    let (_, outcome) = bytes::call(2 << 20, 1, &cache).outcome();
    assert!(matches!(outcome, Outcome::Computed { size: None, .. }), "{outcome:?}");
    let explained = bytes::call(2 << 20, 1, &cache).explain();
    let text = explained.to_string();
    assert!(text.contains("; its result of 2.0 MiB is larger than the limit of 1.0 MiB, and is not stored"), "{text}");
    let Some(Reason::NotKept { why: NotKept::TooLarge { size: Some(size), limit, .. }, .. }) = explained.reason()
    else {
        panic!("{explained}")
    };
    assert!((2 << 20..(2 << 20) + 2000).contains(size) && *limit == 1 << 20);
    // The size of a list of texts is not computed before writing.
    names(1_000_000, &cache);
    let text = names::call(1_000_000, &cache).explain().to_string();
    assert!(text.contains("; its result is larger than the limit of 1.0 MiB"), "{text}");
    // A reference to the result can still be created. It contains the value.
    let shelved = bytes::call(2 << 20, 1, &cache).shelve().unwrap();
    assert_eq!((shelved.path(), shelved.get().unwrap().len()), (None, 2 << 20));
}

/// The limit was higher when the result was stored.
#[test]
fn an_entry_larger_than_a_lowered_limit_is_evicted_first() {
    let (folder, large) = cache(|builder| builder);
    (0..5).for_each(|n| _ = bytes(1000, n, &large));
    // The large entry is the newest.
    bytes(2 << 20, 1, &large);
    let limits = Limits { max_bytes: Some(1 << 20), ..Limits::default() };
    assert_eq!(large.trim_dry_run(&limits).unwrap().removed, 1);
    let cache = Cache::builder(folder.path()).max_bytes(1 << 20).open().unwrap();
    bytes(1000, 5, &cache);
    assert!((0..6).all(|n| bytes::call(1000, n, &cache).is_cached()));
    assert_eq!(cache.stats().unwrap().entries, 6);
}

/// The compressed entry is below the limit, but would be above it uncompressed.
#[test]
fn recompression_keeps_the_limit() {
    let (_folder, cache) = cache(|builder| builder.max_bytes(1 << 20).compression(Compression::lz4()));
    cache.get_or_compute("zeros", &1, || vec![0_u8; 4 << 20]);
    cache.get_or_compute("one", &1, || 1);
    let entry = cache.entries().unwrap().find(|entry| entry.function == "zeros").unwrap();
    let error = cache.recompress(&entry, Compression::NONE).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{error}");
    assert_eq!(cache.get_or_compute("zeros", &1, || -> Vec<u8> { unreachable!() }).len(), 4 << 20);
    assert_eq!(cache.stats().unwrap().entries, 2);
}

/// The archive comes from a cache with a higher limit.
#[cfg(feature = "archive")]
#[test]
fn importing_keeps_the_limit() {
    let (_folder, large) = cache(|builder| builder);
    bytes(2 << 20, 1, &large);
    bytes(1000, 1, &large);
    let mut archive = Vec::new();
    large.export(large.entries().unwrap(), &mut archive).unwrap();
    let (_folder, small) = cache(|builder| builder.max_bytes(1 << 20));
    bytes(1000, 2, &small);
    let carried = small.import(&archive[..]).unwrap();
    assert_eq!((carried.entries, carried.refused), (1, 1), "{carried:?}");
    assert!(carried.faults[0].contains("larger than the limit of 1.0 MiB"), "{carried:?}");
    assert_eq!(small.stats().unwrap().entries, 2);
}
