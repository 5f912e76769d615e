//! Tests results whose encoding leaves something out: a hit must not return another value.

use std::collections::HashSet;
use std::net::SocketAddrV6;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicUsize, Ordering};

use larder::{Cache, ErrorKind, dump_checked, load, memoize};
use serde::{Deserialize, Serialize};

static COUNT: AtomicUsize = AtomicUsize::new(0);
static LOCK: std::sync::Mutex<()> = std::sync::Mutex::new(());

/// Returns the number of computations of three equal calls, and the warnings.
fn computed(call: impl Fn(&Cache)) -> (usize, String) {
    let _one = LOCK.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    COUNT.store(0, Ordering::Relaxed);
    let calls = || (0..3).for_each(|_| call(&cache));
    #[cfg(target_os = "linux")]
    let ((), warnings) = crate::log::logged(calls);
    #[cfg(not(target_os = "linux"))]
    let ((), warnings) = (calls(), String::new());
    (COUNT.load(Ordering::Relaxed), warnings)
}

fn count<T>(value: T) -> T {
    COUNT.fetch_add(1, Ordering::Relaxed);
    value
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Report {
    total: u32,
    #[serde(skip)]
    note: String,
}

/// Without `Debug`.
#[derive(PartialEq, Serialize, Deserialize)]
struct Plain {
    kept: u8,
    #[serde(skip)]
    left_out: u8,
}

/// Without `PartialEq`.
#[derive(Serialize, Deserialize)]
struct Opaque {
    #[serde(skip)]
    left_out: u8,
}

/// With `Debug` only, such as `Span` of jiff.
#[derive(Debug, Serialize, Deserialize)]
struct Shown {
    #[serde(skip)]
    left_out: u8,
    members: HashSet<u8>,
}

#[memoize(cache = cache, ignore(cache))]
fn shown(cache: &Cache, left_out: u8) -> Shown {
    count(Shown { left_out, members: (0..50).collect() })
}

#[memoize(cache = cache, ignore(cache), lossy)]
fn shown_lossy(cache: &Cache) -> Shown {
    count(Shown { left_out: 1, members: HashSet::new() })
}

#[test]
fn a_difference_that_is_only_shown_is_logged() {
    let (count, warnings) = computed(|cache| assert_eq!(shown(cache, 7).members.len(), 50));
    assert_eq!(count, 1, "it is stored");
    if cfg!(target_os = "linux") {
        assert_eq!(warnings.matches("may come back from the cache as another value").count(), 1, "{warnings}");
        assert!(warnings.contains("`Shown { left_out: 7, ") && warnings.contains("` becomes `"), "{warnings}");
    }
    // The set is in another order, which is no difference.
    let (count, warnings) = computed(|cache| assert_eq!(shown(cache, 0).left_out, 0));
    assert_eq!((count, warnings.as_str()), (1, ""));
    let (count, warnings) = computed(|cache| drop(shown_lossy(cache)));
    assert_eq!((count, warnings.as_str()), (1, ""));
}

fn report() -> Report {
    Report { total: 3, note: "by hand".to_owned() }
}

#[memoize(cache = cache, ignore(cache))]
fn range(cache: &Cache, exhausted: bool) -> RangeInclusive<u8> {
    let mut range = 1..=3;
    if exhausted {
        range.by_ref().for_each(drop);
    }
    count(range)
}

#[memoize(cache = cache, ignore(cache))]
fn skips(cache: &Cache) -> Result<Report, String> {
    Ok(count(report()))
}

#[memoize(cache = cache, ignore(cache), lossy)]
fn skips_and_may(cache: &Cache) -> Report {
    count(report())
}

#[memoize(cache = cache, ignore(cache))]
fn plain(cache: &Cache) -> Option<Plain> {
    Some(count(Plain { kept: 1, left_out: 7 }))
}

#[memoize(cache = cache, ignore(cache))]
fn opaque(cache: &Cache) -> Opaque {
    count(Opaque { left_out: 7 })
}

#[memoize(cache = cache, ignore(cache))]
fn address(cache: &Cache, flow: u32) -> SocketAddrV6 {
    count(SocketAddrV6::new(std::net::Ipv6Addr::LOCALHOST, 80, flow, 0))
}

#[memoize(cache = cache, ignore(cache))]
fn nan(cache: &Cache) -> Vec<(f64, u8)> {
    count(vec![(f64::NAN, 1), (-0.0, 2)])
}

#[memoize(cache = cache, ignore(cache))]
fn generic<T: Serialize + for<'de> Deserialize<'de> + Clone>(cache: &Cache, value: T) -> T {
    count(value)
}

#[cfg(feature = "async")]
#[memoize(cache = cache, ignore(cache))]
async fn later(cache: &Cache) -> Vec<Report> {
    count(vec![report()])
}

#[test]
fn a_result_that_comes_back_unequal_is_not_stored() {
    assert_eq!(computed(|cache| assert_eq!(range(cache, false), 1..=3)).0, 1);
    let (times, warnings) = computed(|cache| assert!(range(cache, true).is_empty()));
    assert_eq!(times, 3);
    if cfg!(target_os = "linux") {
        assert!(
            warnings.contains("its `Serialize` leaves something out: `3..=3 (exhausted)` becomes `3..=3`"),
            "{warnings}"
        );
        assert!(warnings.contains("write `lossy` in the attribute"), "{warnings}");
        assert_eq!(warnings.matches("WARN").count(), 1, "{warnings}");
    }
    assert_eq!(computed(|cache| assert_eq!(skips(cache), Ok(report()))).0, 3);
    assert_eq!(computed(|cache| assert_eq!(plain(cache).map_or(0, |plain| plain.kept), 1)).0, 3);
    assert_eq!(computed(|cache| assert_eq!(address(cache, 0).port(), 80)).0, 1);
    assert_eq!(computed(|cache| assert_eq!(address(cache, 5).flowinfo(), 5)).0, 3);
    #[cfg(feature = "async")]
    assert_eq!(computed(|cache| drop(smol::block_on(later(cache)))).0, 3);
}

#[test]
fn a_result_that_cannot_be_compared_or_may_differ_is_stored() {
    assert_eq!(computed(|cache| assert_eq!(skips_and_may(cache).total, 3)).0, 1);
    assert_eq!(computed(|cache| assert!(opaque(cache).left_out < 8)).0, 1);
    assert_eq!(computed(|cache| assert!(nan(cache)[0].0.is_nan())).0, 1);
    assert_eq!(computed(|cache| drop(generic(cache, report()))).0, 1);
}

/// A set of another crate that serializes its elements by hand.
#[derive(Debug, Clone, PartialEq)]
struct Members(HashSet<String>);

impl Serialize for Members {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeSeq;
        let mut seq = serializer.serialize_seq(Some(self.0.len()))?;
        self.0.iter().try_for_each(|member| seq.serialize_element(member))?;
        seq.end()
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        HashSet::deserialize(deserializer).map(Members)
    }
}

#[memoize(cache = cache, ignore(cache))]
fn members(cache: &Cache) -> (u8, Vec<Members>) {
    count((1, vec![Members((0..30).map(|n| n.to_string()).collect())]))
}

#[test]
fn a_set_in_another_order_is_the_same() {
    assert_eq!(computed(|cache| assert_eq!(members(cache).1[0].0.len(), 30)).0, 1);
}

#[test]
fn a_checked_dump_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report");
    let good = Report { total: 3, note: String::new() };
    dump_checked(&good, &path).unwrap();
    assert_eq!(load::<Report>(&path).unwrap(), good);
    let error = dump_checked(&report(), &path).unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::NotRepresentable, Some(&*path)));
    assert!(error.to_string().contains("if that does not matter, use `dump`"), "{error}");
    // The good file is still there.
    assert_eq!(load::<Report>(&path).unwrap(), good);
    // Larger than what is read back of a result.
    let many = vec![report(); 300_000];
    dump_checked(&many, &path).unwrap_err();
    dump_checked(&f64::NAN, &path).unwrap();
}
