//! What one process stored, the next one finds.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, LazyLock};

use larder::{Cache, memoize};
use ndarray::Array2;
use tempfile::tempdir;

/// Where the processes of a test meet.
const ROOT: &str = "LARDER_TEST_ROOT";

/// Runs one of the functions below in a process of its own; gives what it printed.
fn child(test: &str, root: &Path, variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([&format!("process::{test}"), "--exact", "--nocapture", "--test-threads=1"]);
    command.env(ROOT, root).env_remove("LARDER").env_remove("LARDER_DIR").env_remove("LARDER_COMPRESSION");
    for (name, value) in variables {
        command.env(name, value);
    }
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stdout));
    text
}

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::open(std::env::var_os(ROOT).unwrap()).unwrap());

#[memoize(cache = &CACHE)]
fn product(data: &Array2<f64>, factor: f64) -> Array2<f64> {
    eprintln!("computed");
    data * factor
}

/// The child of the tests below; a test by itself only where there is a root.
#[test]
fn calls_product() {
    if std::env::var_os(ROOT).is_none() {
        return;
    }
    let data = Array2::from_shape_fn((40, 50), |(i, j)| (i * j) as f64);
    eprintln!("would hit: {}", product::call(&data, 2.0).is_cached());
    let product = product(&data, 2.0);
    assert_eq!(product[[3, 4]], 24.0);
    eprintln!("key {}", product::call(&data, 2.0).key());
}

#[test]
fn a_second_process_hits_what_the_first_stored() {
    let root = tempdir().unwrap();
    let first = child("calls_product", root.path(), &[]);
    let second = child("calls_product", root.path(), &[]);
    assert!(first.contains("computed"), "{first}");
    assert!(!second.contains("computed"), "{second}");
    let key = |text: &str| text.lines().find(|line| line.starts_with("key ")).unwrap().to_owned();
    assert_eq!(key(&first), key(&second));
    assert!(root.path().join("v1/it@larder/process/product/function.json").exists());
}

/// Keys of values whose order in memory, addresses and hashers differ between processes.
fn keys() -> Vec<String> {
    let key = |key: larder::Result<larder::Key>| key.unwrap().to_string();
    let map: HashMap<String, HashSet<u16>> = (0..500).map(|n| (n.to_string(), (0..n % 7).collect())).collect();
    let array = Array2::from_shape_fn((40, 50), |(i, j)| (i * j) as f64);
    let shared = Arc::new(map.clone());
    vec![
        key(larder::key_of(&map)),
        key(larder::key_of(&(&shared, &shared))),
        key(larder::key_of(&array.t())),
        key(larder::key_of(&larder::FileDigest::of(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")))),
    ]
}

/// The child of the test below.
#[test]
fn prints_keys() {
    if std::env::var_os(ROOT).is_some() {
        keys().iter().for_each(|key| eprintln!("{key}"));
    }
}

#[test]
fn keys_are_the_same_in_every_process() {
    let root = tempdir().unwrap();
    for _ in 0..2 {
        let text = child("prints_keys", root.path(), &[]);
        let theirs: Vec<_> = text.lines().filter(|line| line.len() == 64).collect();
        assert_eq!(theirs, keys());
    }
}

#[test]
fn the_variable_larder_steers_a_run() {
    let root = tempdir().unwrap();
    let run = |mode| child("calls_product", root.path(), &[("LARDER", mode)]).matches("computed").count();
    let entries = || Cache::open(root.path()).unwrap().entries().unwrap().len();
    assert_eq!((run("off"), entries()), (1, 0));
    assert_eq!((run("readonly"), entries()), (1, 0));
    assert_eq!((run("on"), entries()), (1, 1));
    assert_eq!((run("readonly"), entries()), (0, 1));
    assert_eq!((run("refresh"), entries()), (1, 1));
    let would_hit = |mode| child("calls_product", root.path(), &[("LARDER", mode)]).contains("would hit: true");
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
    if std::env::var_os(ROOT).is_some() {
        assert_eq!(global(7).len(), 1000);
        eprintln!("in {}", global::memo().cache().path().display());
    }
}

#[test]
fn the_global_cache_is_where_the_variables_say() {
    let root = tempdir().unwrap();
    let home = root.path().to_str().unwrap();
    let chosen = root.path().join("chosen");
    let variables = [("LARDER_DIR", chosen.to_str().unwrap()), ("LARDER_COMPRESSION", "gzip:9")];
    let text = child("calls_global", root.path(), &variables);
    assert!(text.contains("computed") && text.contains(&format!("in {}", chosen.display())), "{text}");
    let entry = Cache::open(&chosen).unwrap().entries().unwrap().next().unwrap();
    assert_eq!(entry.compressor, "gzip:9");
    assert!(!child("calls_global", root.path(), &variables).contains("computed"));

    let default = [("HOME", home), ("XDG_CACHE_HOME", home)];
    let text = child("calls_global", root.path(), &default);
    if cfg!(target_os = "linux") {
        assert!(text.contains(&format!("in {home}/larder")), "{text}");
    }
    // What can't be used is said, and nothing more comes of it.
    let text = child("calls_global", root.path(), &[("LARDER_DIR", "/dev/null/x")]);
    assert!(text.contains("computed"), "{text}");
    let wrong = [("LARDER_DIR", home), ("LARDER_COMPRESSION", "zip")];
    assert!(child("calls_global", root.path(), &wrong).contains("computed"));
}

#[test]
fn calls_and_dies() {
    if std::env::var_os(ROOT).is_some() {
        // Dies while the entry, which is too large for one write, is being written.
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
        let path = Path::new(&std::env::var_os(ROOT).unwrap()).join("dump");
        larder::dump(&Dying, path).unwrap();
    }
}

#[test]
fn a_process_killed_while_it_writes_leaves_no_half_file_in_sight() {
    let root = tempdir().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["process::calls_and_dies", "--exact"]).env(ROOT, root.path());
    assert!(!command.output().unwrap().status.success());
    assert!(!root.path().join("dump").exists());
}

#[test]
fn drafts_without_a_writer_are_collected_and_others_are_not() {
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
