//! Tests that a process finds the results of earlier processes.

use std::collections::HashMap;
use std::sync::LazyLock;

use larder::{Cache, memoize};
use ndarray::Array2;
use tempfile::tempdir;

use crate::child;

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::open(child::root().unwrap()).unwrap());

#[memoize(cache = &CACHE)]
fn product(data: &Array2<f64>, factor: f64) -> Array2<f64> {
    eprintln!("computed");
    data * factor
}

/// Runs in the child process of the tests below. Does nothing in the parent process.
#[test]
fn calls_product() {
    if child::root().is_none() {
        return;
    }
    let data = Array2::from_shape_fn((40, 50), |(i, j)| (i * j) as f64);
    eprintln!("would hit: {}", product::call(&data, 2.0).is_cached());
    let product = product(&data, 2.0);
    assert_eq!(product[[3, 4]], 24.0);
    eprintln!("key {}", product::call(&data, 2.0).key());
}

#[test]
fn a_second_process_hits_results_of_the_first() {
    let root = tempdir().unwrap();
    let first = child::run("process::calls_product", root.path(), &[]);
    let second = child::run("process::calls_product", root.path(), &[]);
    assert!(first.contains("computed"), "{first}");
    assert!(!second.contains("computed"), "{second}");
    let key = |text: &str| text.lines().find(|line| line.starts_with("key ")).unwrap().to_owned();
    assert_eq!(key(&first), key(&second));
    assert!(root.path().join("v1/it@larder/process/product/function.json").exists());
}

#[test]
fn the_variable_larder_sets_the_run_mode() {
    let root = tempdir().unwrap();
    let run = |mode| child::run("process::calls_product", root.path(), &[("LARDER", mode)]).matches("computed").count();
    let entries = || Cache::open(root.path()).unwrap().entries().unwrap().len();
    assert_eq!((run("off"), entries()), (1, 0));
    assert_eq!((run("readonly"), entries()), (1, 0));
    assert_eq!((run("on"), entries()), (1, 1));
    assert_eq!((run("readonly"), entries()), (0, 1));
    assert_eq!((run("refresh"), entries()), (1, 1));
    let would_hit =
        |mode| child::run("process::calls_product", root.path(), &[("LARDER", mode)]).contains("would hit: true");
    assert!(would_hit("on") && would_hit("readonly") && !would_hit("refresh") && !would_hit("off"));
    assert_eq!((run("off"), entries()), (1, 1));
    assert_eq!((run("no such mode"), entries()), (0, 1));
}

#[memoize]
fn global(n: u8) -> Vec<u8> {
    eprintln!("computed");
    vec![n; 1000]
}

#[test]
fn calls_global() {
    if child::root().is_some() {
        assert_eq!(global(7).len(), 1000);
        eprintln!("in {}", global::memo().cache().path().display());
    }
}

#[test]
fn environment_variables_set_the_global_cache() {
    let root = tempdir().unwrap();
    let home = root.path().to_str().unwrap();
    let chosen = root.path().join("chosen");
    let variables = [("LARDER_DIR", chosen.to_str().unwrap()), ("LARDER_COMPRESSION", "gzip:9")];
    let text = child::run("process::calls_global", root.path(), &variables);
    assert!(text.contains("computed") && text.contains(&format!("in {}", chosen.display())), "{text}");
    let entry = Cache::open(&chosen).unwrap().entries().unwrap().next().unwrap();
    assert_eq!(entry.compressor, "gzip:9");
    assert!(!child::run("process::calls_global", root.path(), &variables).contains("computed"));

    let default = [("HOME", home), ("XDG_CACHE_HOME", home)];
    let text = child::run("process::calls_global", root.path(), &default);
    if cfg!(target_os = "linux") {
        assert!(text.contains(&format!("in {home}/larder")), "{text}");
        // A relative path is no cache folder.
        let relative = [("HOME", home), ("XDG_CACHE_HOME", "relative")];
        let text = child::run("process::calls_global", root.path(), &relative);
        assert!(text.contains(&format!("in {home}/.cache/larder")), "{text}");
    }
    // A folder or compressor that can't be used is logged, and calls still compute.
    let text = child::run("process::calls_global", root.path(), &[("LARDER_DIR", "/dev/null/x")]);
    assert!(text.contains("computed"), "{text}");
    let wrong = [("LARDER_DIR", home), ("LARDER_COMPRESSION", "zip")];
    assert!(child::run("process::calls_global", root.path(), &wrong).contains("computed"));
}

#[test]
fn calls_and_dies() {
    if let Some(root) = child::root() {
        // Aborts while a value is written that is too large for one write.
        struct Dying;
        impl serde::Serialize for Dying {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeSeq as _;
                let mut seq = serializer.serialize_seq(None)?;
                for n in 0.. {
                    seq.serialize_element(&vec![n; 100_000])?;
                    if n == 100 {
                        std::process::abort();
                    }
                }
                seq.end()
            }
        }
        let path = root.join("dump");
        larder::dump(&Dying, path).unwrap();
    }
}

#[test]
fn a_process_killed_while_writing_leaves_no_partial_file() {
    let root = tempdir().unwrap();
    assert!(!child::command("process::calls_and_dies", root.path()).output().unwrap().status.success());
    assert!(!root.path().join("dump").exists());
}

#[test]
fn only_orphaned_temp_files_are_removed() {
    use std::fs::{File, FileTimes};
    use std::time::{Duration, SystemTime};
    let root = tempdir().unwrap();
    let cache = Cache::open(root.path()).unwrap();
    let old = FileTimes::new().set_modified(SystemTime::now() - Duration::from_secs(3600));
    let draft = |name: &str, times: Option<FileTimes>| {
        let path = cache.path().join("drafts").join(name);
        let file = File::create(&path).unwrap();
        if let Some(times) = times {
            file.set_times(times).unwrap();
        }
        (path, file)
    };
    let (abandoned, _) = draft(".abandoned.larder-draft", Some(old));
    let (young, _) = draft(".young.larder-draft", None);
    let (foreign, _) = draft("notes.txt", Some(old));
    let (written, file) = draft(".written.larder-draft", Some(old));
    file.lock().unwrap();
    Cache::open(root.path()).unwrap();
    assert!(!abandoned.exists());
    assert!(young.exists() && foreign.exists() && written.exists());
    drop(file);
    Cache::open(root.path()).unwrap();
    assert!(!written.exists());
}

#[test]
fn calls_nondeterministic_functions() {
    let Some(root) = child::root() else { return };
    let cache = Cache::open(root.join("cache")).unwrap();
    let before = cache.stats().unwrap();
    let constant = || cache.get_or_compute("constant", &1, || HashMap::from([(1, 2), (3, 4), (5, 6)]));
    let moody = || cache.get_or_compute("moody", &1, std::process::id);
    for _ in 0..20 {
        constant();
    }
    eprintln!("is own: {}", moody() == std::process::id());
    moody();
    let stats = cache.stats().unwrap();
    eprintln!("computed {}, differing {}", stats.misses - before.misses, stats.unequal - before.unequal);
}

#[test]
fn hits_are_verified_on_request() {
    let root = tempdir().unwrap();
    let run = |mode| child::run("process::calls_nondeterministic_functions", root.path(), &[("LARDER", mode)]);
    assert!(run("on").contains("computed 2, differing 0"));
    assert!(run("on").contains("computed 0, differing 0"));
    // Differing results are reported, but the program gets the same values as without `verify`.
    for _ in 0..2 {
        let text = run("verify:1");
        assert!(text.contains("computed 22, differing 2") && text.contains("is own: false"), "{text}");
    }
    assert!(run("on").contains("is own: false"));
    assert!(run("verify:0").contains("computed 0, differing 0"));
}
