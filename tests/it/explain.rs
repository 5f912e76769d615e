//! Tests that the reported reason of a hit or miss is true, before and after the call.

use std::fs;
use std::time::Duration;

use larder::{Cache, ChangeKind, ErrorKind, Outcome, Reason, Verdict, memoize};
use tempfile::{TempDir, tempdir};

fn cache() -> (TempDir, Cache) {
    let folder = tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    (folder, cache)
}

#[memoize(cache = cache, ignore(cache), name = "explained::fit")]
fn fit(data: &[f64], alpha: f64, label: &str, cache: &Cache) -> f64 {
    let _ = (label, cache);
    data.iter().sum::<f64>() * alpha
}

/// Returns the reason that `explain` gives, and checks that `outcome` gives the same.
fn reason(call: impl Fn() -> larder::Call<'static, f64>) -> Reason {
    let before = call().explain().reason().cloned().expect("a miss");
    match call().outcome() {
        (_, Outcome::Computed { reason, .. } | Outcome::Bypassed { reason, .. }) => assert_eq!(reason, before),
        (_, hit) => panic!("{hit:?}, but expected a miss: {before}"),
    }
    before
}

#[test]
fn a_hit_reports_its_age_and_the_saved_time() {
    let (_folder, cache) = cache();
    let slow = || cache.get_or_compute("unused", &1, || 1);
    slow();
    fit(&[1.0], 2.0, "x", &cache);
    let explanation = fit::call(&[1.0], 2.0, "x", &cache).explain();
    assert!(explanation.is_hit() && explanation.reason().is_none());
    let Verdict::Hit { age, size, .. } = explanation.verdict else { panic!() };
    assert!(age < Duration::from_secs(60) && size > 64);
    let text = explanation.to_string();
    assert!(text.starts_with("`explained::fit` would hit: computed ") && text.contains(" ago in "), "{text}");
    assert_eq!(explanation.key, Some(fit::call(&[1.0], 2.0, "x", &cache).key()));
}

#[test]
fn a_miss_reports_the_nearest_stored_call() {
    let (_folder, cache) = cache();
    let cache: &'static Cache = Box::leak(Box::new(cache));
    assert_eq!(reason(|| fit::call(&[1.0, 2.0], 0.1, "a", cache)), Reason::NeverComputed);
    fit(&[9.0], 0.5, "z", cache);
    let differs = reason(|| fit::call(&[1.0, 2.0], 0.2, "a", cache));
    assert_eq!(
        differs.to_string(),
        "never computed with these arguments: argument `alpha` differs from the nearest stored call: 0.1 there, 0.2 here"
    );
    let Reason::ArgumentsDiffer { differences, .. } = reason(|| fit::call(&[9.0, 9.0], 0.7, "a", cache)) else {
        panic!()
    };
    let names: Vec<_> = differences.iter().map(|difference| &*difference.name).collect();
    assert_eq!(names, ["data", "alpha"]);
    assert_eq!(differences[0].stored.as_deref(), Some("[1.0, 2.0]"));
    assert_eq!(differences[0].now, "[9.0, 9.0]");
}

#[test]
fn a_miss_after_removal_reports_eviction() {
    let (_folder, cache) = cache();
    let cache: &'static Cache = Box::leak(Box::new(cache));
    let call = || fit::call(&[1.0], 0.1, "a", cache);
    call().run();
    assert!(call().forget().unwrap());
    assert_eq!(reason(call), Reason::Forgotten);
    assert!(call().explain().is_hit());
    fs::remove_file(cache.entries().unwrap().next().unwrap().path).unwrap();
    assert_eq!(reason(call), Reason::Evicted);
    // Clearing also removes the history.
    cache.clear().unwrap();
    assert_eq!(reason(call), Reason::NeverComputed);
}

#[test]
fn a_miss_reports_damaged_and_unreadable_entries() {
    let (_folder, cache) = cache();
    let cache: &'static Cache = Box::leak(Box::new(cache));
    let call = || fit::call(&[1.0], 0.1, "a", cache);
    call().run();
    let path = cache.entries().unwrap().next().unwrap().path;
    let whole = fs::read(&path).unwrap();
    let mut bytes = whole.clone();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, &bytes).unwrap();
    let Reason::Damaged { what, .. } = reason(call) else { panic!() };
    assert!(what.contains("checksum"), "{what}");
    assert!(call().explain().is_hit());

    let mut bytes = whole;
    bytes[8] = 2;
    fs::write(&path, &bytes).unwrap();
    let Reason::Unreadable { what, .. } = reason(call) else { panic!() };
    assert!(what.contains("version"), "{what}");
}

#[test]
fn a_miss_reports_changed_code_or_version() {
    mod before {
        #[larder::memoize(cache = cache, ignore(cache), name = "explained::changing", version = 1)]
        pub(super) fn f(n: u32, cache: &larder::Cache) -> u32 {
            let _ = cache;
            n + 1
        }
    }
    mod after {
        #[larder::memoize(cache = cache, ignore(cache), name = "explained::changing", version = 1)]
        pub(super) fn f(n: u32, cache: &larder::Cache) -> u32 {
            let _ = cache;
            n + 2
        }
        #[larder::memoize(cache = cache, ignore(cache), name = "explained::changing", version = 2)]
        pub(super) fn g(n: u32, cache: &larder::Cache) -> u32 {
            let _ = cache;
            n + 2
        }
    }
    let (_folder, cache) = cache();
    assert_eq!(before::f(1, &cache), 2);
    let explanation = after::f::call(1, &cache).explain();
    let Some(Reason::CodeChanged { changes, .. }) = explanation.reason() else { panic!("{explanation}") };
    assert!(changes.iter().any(|change| change.item == "body" && change.kind == ChangeKind::Changed), "{changes:?}");
    assert!(explanation.to_string().contains("code changed since it was stored: the function itself changed"));
    assert_eq!(after::f(1, &cache), 3);

    let explanation = after::g::call(1, &cache).explain();
    assert_eq!(explanation.to_string(), "`explained::changing` would miss: version changed: 1 is stored, it is 2 now");
    // After a return to the old version, the earlier results are found.
    assert!(before::f::call(1, &cache).explain().is_hit());
}

#[test]
fn a_miss_reports_a_disabled_cache_or_a_missing_key() {
    #[derive(serde::Serialize)]
    struct Socket(#[serde(serialize_with = "refuse")] u8);
    fn refuse<S: serde::Serializer>(_: &u8, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("a socket can't be stored"))
    }
    #[memoize(cache = cache, ignore(cache))]
    fn open(socket: Socket, cache: &Cache) -> u8 {
        let _ = cache;
        socket.0
    }

    static OFF: std::sync::LazyLock<Cache> = std::sync::LazyLock::new(Cache::disabled);
    assert_eq!(reason(|| fit::call(&[1.0], 0.1, "a", &OFF)), Reason::CacheOff);
    let (_folder, cache) = cache();
    let explanation = open::call(Socket(1), &cache).explain();
    assert!(explanation.to_string().contains("no key: ") && explanation.to_string().contains("`socket`"));
    assert_eq!(explanation.key, None);
    let (_, outcome) = open::call(Socket(1), &cache).outcome();
    assert!(matches!(outcome, Outcome::Bypassed { reason: Reason::NoKey { .. }, .. }), "{outcome:?}");
}

#[test]
fn a_lost_history_is_rebuilt_from_the_entries() {
    let (_folder, cache) = cache();
    let cache: &'static Cache = Box::leak(Box::new(cache));
    for alpha in [0.1, 0.2, 0.3] {
        fit(&[1.0], alpha, "a", cache);
    }
    let folder = cache.functions().unwrap()[0].path.clone();
    fs::remove_file(folder.join("history")).unwrap();
    let differs = fit::call(&[1.0], 0.4, "a", cache).explain();
    assert!(differs.to_string().contains("argument `alpha` differs"), "{differs}");
    // A folder at the path of the history is no problem either.
    fs::create_dir(folder.join("history")).unwrap();
    assert!(fit::call(&[1.0], 0.4, "a", cache).explain().to_string().contains("argument `alpha` differs"));
    assert_eq!(fit(&[1.0], 0.4, "a", cache), 0.4);
    assert_eq!(cache.stats().unwrap().errors, 0);
}

#[test]
fn explaining_changes_nothing_on_disk() {
    let (folder, cache) = cache();
    let files = || {
        let mut files: Vec<_> = walk(folder.path()).into_iter().map(|path| (fs::read(&path).unwrap(), path)).collect();
        files.sort();
        files
    };
    let before = files();
    let call = fit::call(&[1.0], 0.1, "a", &cache);
    let _ = call.explain();
    assert_eq!(files(), before);
    call.run();
    let before = files();
    let _ = fit::call(&[1.0], 0.1, "a", &cache).explain();
    let _ = fit::call(&[1.0], 0.2, "a", &cache).explain();
    assert_eq!(files(), before);
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let listing = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    listing.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn explanations_can_be_serialised() {
    let (_folder, cache) = cache();
    fit(&[1.0], 0.1, "a", &cache);
    let json = serde_json::to_value(fit::call(&[1.0], 0.2, "a", &cache).explain()).unwrap();
    assert_eq!(json["function"], "explained::fit");
    assert_eq!(json["verdict"]["miss"]["reason"], "arguments-differ");
    assert_eq!(json["verdict"]["miss"]["differences"][0]["name"], "alpha");
    assert_eq!(cache.clear_function("explained::fit").map_err(|error| error.kind()), Ok::<_, ErrorKind>(true));
}
