//! Looking into a cache from a program.

use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use larder::{Cache, ErrorKind, Value, memoize};
use tempfile::tempdir;

use crate::child;
use crate::removal::remove_in_use;

#[test]
fn hours_add_up_to_what_was_counted() {
    let root = tempdir().unwrap();
    // A process that ends at once has noted it.
    if let Some(root) = child::root() {
        let cache = Cache::open(root).unwrap();
        for n in 0..3 {
            for _ in 0..4 {
                cache.get_or_compute("f", &n, || std::thread::sleep(Duration::from_millis(1)));
            }
        }
        return;
    }
    let before = SystemTime::now();
    for _ in 0..2 {
        child::run("inside::hours_add_up_to_what_was_counted", root.path(), &[]);
    }
    let cache = Cache::open(root.path()).unwrap();
    let (hours, stats) = (cache.activity().unwrap(), cache.stats().unwrap());
    let sum = |get: fn(&larder::Activity) -> u64| hours.iter().map(get).sum::<u64>();
    assert_eq!((sum(|h| h.hits), sum(|h| h.misses)), (21, 3));
    assert_eq!((sum(|h| h.hot_hits), sum(|h| h.bytes_written)), (stats.hot_hits, stats.bytes_written));
    assert_eq!(hours.iter().map(|h| h.saved).sum::<Duration>(), stats.saved);
    assert!(hours[0].hour <= before && before.duration_since(hours[0].hour).unwrap() < Duration::from_secs(3600));
    assert!(Cache::disabled().activity().unwrap().is_empty());
}

#[test]
fn what_was_computed_of_late_says_why() {
    #[memoize(cache = cache, ignore(cache), name = "brief", max_age = "20ms")]
    fn brief(cache: &Cache, n: u32) -> u32 {
        let _ = cache;
        n
    }

    #[memoize(cache = cache, ignore(cache), name = "fit")]
    fn fit(cache: &Cache, n: u32, alpha: f64) -> f64 {
        let _ = cache;
        f64::from(n) * alpha
    }

    let root = tempdir().unwrap();
    let cache = Cache::builder(root.path()).hot_bytes(0).open().unwrap();
    fit(&cache, 1, 0.5);
    fit(&cache, 1, 0.7);
    fit::call(&cache, 1, 0.7).refresh();
    fit::call(&cache, 1, 0.7).forget().unwrap();
    fit(&cache, 1, 0.7);
    let damaged = cache.entries().unwrap().find(|entry| entry.arguments[1].preview == "0.5").unwrap();
    let mut bytes = std::fs::read(&damaged.path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&damaged.path, bytes).unwrap();
    fit(&cache, 1, 0.5);
    brief(&cache, 1);
    std::thread::sleep(Duration::from_millis(30));
    brief(&cache, 1);

    let recent = cache.recent(100).unwrap();
    let why: Vec<_> = recent.iter().map(|event| event.why.as_ref().map(ToString::to_string)).collect();
    let why: Vec<_> = why.iter().map(Option::as_deref).collect();
    assert_eq!(
        why,
        [
            Some("what was stored had expired"),
            Some("never computed"),
            Some("what was stored was damaged"),
            Some("forgotten: it was stored, and removed on request"),
            None,
            Some("refreshed on request"),
            Some(
                "never computed with these arguments: argument `alpha` differs from the nearest stored call: 0.5 there, \
                 0.7 here"
            ),
            Some("never computed"),
        ]
    );
    assert!(recent.iter().map(|event| &*event.function).eq(["brief"; 2].into_iter().chain(["fit"; 6])));
    assert!(recent.windows(2).all(|two| two[0].at >= two[1].at));
    assert_eq!(recent[0].key, brief::call(&cache, 1).key());
    assert_eq!(cache.recent(2).unwrap(), recent[..2]);
    let entry = cache.find(&recent[0].key.to_string()).unwrap().remove(0);
    assert_eq!(entry.history().len(), 2);
}

#[test]
fn entries_are_found_removed_and_told_by_their_use() {
    let (root, other) = (tempdir().unwrap(), tempdir().unwrap());
    let (cache, other) = (Cache::open(root.path()).unwrap(), Cache::open(other.path()).unwrap());
    for n in 0..20 {
        cache.get_or_compute(&format!("f{}", n % 3), &n, || n);
    }
    let mut entries: Vec<_> = cache.entries().unwrap().collect();
    let now = SystemTime::now();
    for (minutes, entry) in (1..).zip(&entries) {
        let file = std::fs::File::options().write(true).open(&entry.path).unwrap();
        file.set_modified(now - Duration::from_secs(60 * minutes)).unwrap();
    }
    let keys = |entries: &[larder::Entry]| entries.iter().map(|entry| entry.key).collect::<Vec<_>>();
    assert_eq!(keys(&cache.recently_used(5).unwrap()), keys(&entries[..5]));
    assert_eq!(keys(&cache.recently_used(100).unwrap()), keys(&entries));
    let f1 = cache.functions().unwrap().into_iter().find(|function| function.name == "f1").unwrap();
    entries.retain(|entry| entry.function == "f1");
    assert_eq!(keys(&f1.recently_used(3).unwrap()), keys(&entries[..3]));

    let entry = &entries[0];
    let digits = entry.key.to_string();
    assert_eq!(cache.find(&digits[..16].to_uppercase()).unwrap()[0].key, entry.key);
    assert_eq!(cache.find("").unwrap().len(), 20);
    assert_eq!(other.remove(entry).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert!(cache.remove(entry).unwrap() && !cache.remove(entry).unwrap());
    assert_eq!((cache.find(&digits).unwrap().len(), cache.stats().unwrap().entries), (0, 19));
    let reading = Cache::builder(root.path()).read_only(true).open().unwrap();
    assert_eq!(reading.remove(&entries[1]).unwrap_err().kind(), ErrorKind::ReadOnly);
}

#[test]
fn progress_is_told_to_the_end() {
    static TOLD: Mutex<Vec<(u64, u64)>> = Mutex::new(Vec::new());
    let root = tempdir().unwrap();
    let builder = Cache::builder(root.path()).on_progress(|p| TOLD.lock().unwrap().push((p.done, p.total)));
    let cache = builder.open().unwrap();
    let expect = |count: u64| {
        let told = std::mem::take(&mut *TOLD.lock().unwrap());
        assert_eq!(told, (1..=count).map(|done| (done, count)).collect::<Vec<_>>());
    };
    let fill = || (0..8).for_each(|n| _ = cache.get_or_compute("f", &n, || n));
    fill();
    cache.verify().unwrap();
    expect(8);
    cache.trim_to(&larder::Limits { max_entries: Some(5), ..larder::Limits::default() }).unwrap();
    expect(3);
    fill();
    cache.clear_function("f").unwrap();
    expect(8);
    fill();
    cache.clear().unwrap();
    expect(8);
}

#[test]
fn values_are_cut_where_they_are_long() {
    let root = tempdir().unwrap();
    let cache = Cache::builder(root.path()).hot_bytes(0).open().unwrap();
    let value = |name: &str, most: usize| {
        let entry = cache.entries().unwrap().find(|entry| entry.function == name).unwrap();
        entry.value(most).unwrap()
    };
    let shown = |name: &str| value(name, 4).to_string();
    cache.get_or_compute("text", &(), || "é".repeat(1000));
    assert_eq!(shown("text"), "\"éé\"… 1996 more bytes");
    cache.get_or_compute("list", &(), || (0..9).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!(shown("list"), r#"["0", "1", "2", "3", … 5 more]"#);
    cache.get_or_compute("map", &(), || (0..40).map(|n| (n, -n)).collect::<std::collections::BTreeMap<_, _>>());
    assert!(shown("map").ends_with("15: -15, … 24 more}"));
    cache.get_or_compute("empty", &(), || ndarray::Array3::<i8>::zeros((2, 0, 3)));
    assert_eq!(shown("empty"), "{v: 1, dim: [2, 0, 3], data: []}");
    cache.get_or_compute("cube", &(), || ndarray::Array3::from_shape_fn((9, 9, 9), |(i, j, k)| (i + j + k) as u16));
    let Value::Numbers(cube) = value("cube", 4) else { panic!() };
    assert_eq!((cube.kind, &*cube.shape, cube.whole), ("u16", &[9, 9, 9][..], false));
    assert_eq!((cube.min, cube.mean, cube.max), (Some(0.0), Some(12.0), Some(24.0)));
    let row = |at: u128| (at..at + 4).map(Value::Unsigned).collect::<Vec<_>>();
    match &cube.corner {
        Value::Seq { items, .. } => match (&items[2], items.len()) {
            (Value::Seq { items, .. }, 3) => {
                assert!(matches!(&items[2], Value::Seq { items, .. } if *items == row(4)));
                assert_eq!(items.len(), 3);
            }
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
    assert!(matches!(value("cube", usize::MAX), Value::Numbers(cube) if cube.whole));
    cache.get_or_compute("raw", &(), || Some(Some(u128::MAX)));
    assert_eq!(shown("raw"), format!("Some(Some({}))", u128::MAX));
    assert_eq!(serde_json::to_value(value("raw", 4)).unwrap(), u128::MAX.to_string());
}

#[test]
fn a_summary_is_of_this_process() {
    let root = tempdir().unwrap();
    let earlier = Cache::open(root.path()).unwrap();
    earlier.get_or_compute("f", &1, || 1);
    let cache = Cache::open(root.path()).unwrap();
    let summary = cache.summary().unwrap();
    assert_eq!((summary.stats.misses, summary.stats.entries, summary.path.as_path()), (0, 1, cache.path()));
    cache.get_or_compute("f", &1, || 1);
    assert_eq!(cache.summary().unwrap().stats.hits, 1);
    assert!(cache.summary().unwrap().to_string().starts_with("larder: 1 hit, 0 computed, saved "));
}

/// What a program's metrics would get.
#[cfg(feature = "metrics")]
#[test]
fn counters_reach_whoever_collects_metrics() {
    use metrics::{Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
    use std::collections::BTreeMap;
    use std::sync::Arc;

    static COUNTED: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());

    struct Collector;

    struct Named(String);

    impl CounterFn for Named {
        fn increment(&self, more: u64) {
            *COUNTED.lock().unwrap().entry(self.0.clone()).or_default() += more;
        }

        fn absolute(&self, _: u64) {}
    }

    impl Recorder for Collector {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
            Counter::from_arc(Arc::new(Named(format!("{}{{{}}}", key.name(), labels.join(",")))))
        }

        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }

        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    let Some(root) = child::root() else {
        let root = tempdir().unwrap();
        child::run("inside::counters_reach_whoever_collects_metrics", root.path(), &[]);
        return;
    };
    metrics::set_global_recorder(Collector).map_err(|_| "there is one").unwrap();
    let cache = Cache::builder(root).hot_bytes(0).open().unwrap();
    for _ in 0..3 {
        cache.get_or_compute("a::slow", &1, || std::thread::sleep(Duration::from_millis(2)));
    }
    let path = cache.entries().unwrap().next().unwrap().path;
    std::fs::write(path, "nonsense").unwrap();
    cache.get_or_compute("a::slow", &1, || ());
    // What is counted is told when the cache is gone, or within a second.
    drop(cache);
    let counted = COUNTED.lock().unwrap();
    let of = |name: &str| counted.get(name).copied().unwrap_or(0);
    assert_eq!(of("larder_hits_total{function=a::slow}"), 2, "{counted:?}");
    assert_eq!(of("larder_misses_total{function=a::slow}"), 2);
    assert_eq!(of("larder_errors_total{function=a::slow,kind=not-larder}"), 1);
    assert!(of("larder_computed_microseconds_total{function=a::slow}") >= 2000);
    assert!(of("larder_saved_microseconds_total{function=a::slow}") >= 4000);
    assert_eq!(of("larder_hot_hits_total{function=a::slow}"), 0);
}

#[test]
fn clearing_by_hand_is_seen_by_everything_that_looks() {
    let root = tempdir().unwrap();
    let cache = Cache::builder(root.path()).hot_bytes(0).open().unwrap();
    cache.get_or_compute("f", &1, || 1);
    remove_in_use(root.path());
    assert_eq!(cache.entries().unwrap().len(), 0);
    assert!(cache.recently_used(9).unwrap().is_empty() && cache.recent(9).unwrap().is_empty());
    assert!(cache.find("00").unwrap().is_empty() && cache.activity().unwrap().is_empty());
    // `LARDER_TEST_ALL` is no variable of the library, which a finding says.
    let is_good =
        |finding: &larder::Diagnosis| finding.severity == larder::Severity::Good || finding.about == "variables";
    assert!(cache.diagnose().iter().all(is_good));
    cache.get_or_compute("f", &1, || 1);
    assert_eq!(cache.entries().unwrap().len(), 1);
}

#[test]
fn a_listed_function_is_removed_and_a_function_of_another_cache_is_refused() {
    let (root, other) = (tempdir().unwrap(), tempdir().unwrap());
    let cache = Cache::open(root.path()).unwrap();
    for n in 0..2 {
        cache.get_or_compute("double", &n, || 2 * n);
    }
    cache.get_or_compute("half", &4, || 2);
    let functions = cache.functions().unwrap();
    assert_eq!(cache.remove_function(&functions[0]).unwrap().entries, 2);
    assert_eq!(cache.remove_function(&functions[0]).unwrap().entries, 0);
    assert_eq!(cache.entries().unwrap().map(|entry| entry.function).collect::<Vec<_>>(), ["half"]);

    let other = Cache::open(other.path()).unwrap();
    assert_eq!(other.remove_function(&functions[1]).unwrap_err().kind(), ErrorKind::InvalidInput);
    let mut all = functions[1].clone();
    all.path = cache.path().join("v1");
    assert_eq!(cache.remove_function(&all).unwrap_err().kind(), ErrorKind::InvalidInput);
    let reader = Cache::builder(root.path()).read_only(true).open().unwrap();
    assert_eq!(reader.remove_function(&functions[1]).unwrap_err().kind(), ErrorKind::ReadOnly);
    assert_eq!(cache.entries().unwrap().len(), 1);
}
