//! Tests the environment variables.

use std::fs;
use std::path::Path;

use larder::{Cache, memoize};
use tempfile::tempdir;
use tracing::Level;

use crate::child;
use crate::log::Lines;

#[memoize]
fn global(n: u8) -> u8 {
    n
}

/// Runs in the child process: prints its warnings and where it stores.
#[test]
fn uses_the_global_cache() {
    let Some(root) = child::root() else { return };
    std::env::set_current_dir(&root).unwrap();
    let _another = tracing::Dispatch::new(Lines::up_to(Level::TRACE));
    let lines = Lines::up_to(Level::WARN);
    tracing::subscriber::with_default(lines.clone(), || {
        let own = Cache::open(root.join("own")).unwrap();
        let values = vec![1.5_f64; 3_000_000];
        for n in 0..3 {
            global(n);
            own.get_or_compute("f", &n, || values.clone());
            Cache::open(root.join("another")).unwrap();
        }
    });
    for (_, line) in lines.take() {
        eprintln!("warning: {line}");
    }
    eprintln!("in {:?}, {} stored", global::memo().cache().path(), global::memo().entries().unwrap().len());
}

fn run(root: &Path, variables: &[(&str, &str)]) -> (Vec<String>, String) {
    let said = child::run("settings::uses_the_global_cache", root, variables);
    let warnings = said.lines().filter_map(|line| line.strip_prefix("warning: ")).map(str::to_owned).collect();
    let place = said.lines().find_map(|line| line.strip_prefix("in ")).unwrap().to_owned();
    (warnings, place)
}

#[test]
fn each_invalid_variable_gives_one_warning() {
    let root = tempdir().unwrap();
    let folder = root.path().join("global");
    let folder = folder.to_str().unwrap();
    for (name, wrong, hint) in [
        ("LARDER_THREADS", "many", "number"),
        ("LARDER_COMPRESSION", "zip", "zip"),
        ("LARDER_COMPRESSION", "gzip:77", "77"),
        ("LARDER_MAX_BYTES", "10GBB", "size"),
        ("LARDER_MAX_BYTES", "0", "LARDER=off"),
        ("LARDER_MAX_ENTRIES", "-3", "number"),
        ("LARDER_MAX_ENTRIES", "0", "LARDER=off"),
        ("LARDER_MAX_AGE", "7", "unit"),
        ("LARDER_MAX_IDLE", "soon", "duration"),
        ("LARDER_HOT_BYTES", "lots", "size"),
        ("LARDER_REPORT", "please", "1 or 0"),
        ("LARDER_VERBOSE", "yes", "0, 1 or 2"),
        ("LARDER_SHARED", "us", "1 or 0"),
        ("LARDER_WAIT", "30", "unit"),
        ("LARDER", "refesh", "did you mean `refresh`?"),
        ("LARDER_MAX_BYTE", "1GB", "did you mean LARDER_MAX_BYTES?"),
        ("LARDER_SOMETHING", "1", "LARDER_DIR, "),
    ] {
        let (warnings, place) = run(root.path(), &[("LARDER_DIR", folder), (name, wrong)]);
        assert_eq!(warnings.len(), 1, "{name}={wrong}: {warnings:#?}");
        assert!(warnings[0].contains(name) && warnings[0].contains(hint), "{name}={wrong}: {warnings:#?}");
        // The variable is ignored, and everything else works.
        assert_eq!(place, format!("{folder:?}, 3 stored"), "{name}={wrong}");
    }
    let right = [("LARDER_DIR", folder), ("LARDER_THREADS", "1"), ("LARDER_WAIT", "0"), ("LARDER_REPORT", "0")];
    assert_eq!(run(root.path(), &right).0, Vec::<String>::new());
}

/// Paths with a tilde that no shell has expanded.
#[test]
fn a_tilde_is_expanded_to_the_home_folder() {
    let root = tempdir().unwrap();
    let home = root.path().join("home");
    fs::create_dir(&home).unwrap();
    let home = home.to_str().unwrap();
    let (warnings, place) = run(root.path(), &[("HOME", home), ("LARDER_DIR", "~/x/y")]);
    if cfg!(unix) {
        assert_eq!((warnings.len(), place), (0, format!("{:?}, 3 stored", Path::new(home).join("x/y"))));
    }
    // A folder that can't be created.
    let (warnings, place) = run(root.path(), &[("LARDER_DIR", "/dev/null/x")]);
    assert!(warnings.len() == 1 && warnings[0].contains("/dev/null/x: "), "{warnings:?}");
    assert_eq!(place, "\"\", 0 stored");
    // A path that can't be expanded, and a relative path.
    let (warnings, place) = run(root.path(), &[("HOME", home), ("LARDER_DIR", "~nobody/x")]);
    assert!(warnings.len() == 1 && warnings[0].contains("~nobody/x"), "{warnings:?}");
    assert_eq!(place, "\"\", 0 stored");
    let (warnings, place) = run(root.path(), &[("HOME", home), ("LARDER_DIR", "here")]);
    assert_eq!((warnings.len(), place), (0, format!("{:?}, 3 stored", root.path().join("here"))));
    let names = |path: &Path| -> Vec<String> {
        fs::read_dir(path).unwrap().map(|item| item.unwrap().file_name().into_string().unwrap()).collect()
    };
    assert!(names(root.path()).iter().all(|name| !name.starts_with('~')), "{:?}", names(root.path()));
    // A path that the program passes is not expanded either.
    let error = Cache::open("~/never").unwrap_err();
    assert!(error.to_string().contains("shells") && !Path::new("~").exists(), "{error}");
}

/// An error message contains a path only once.
#[test]
fn an_error_names_a_path_once() {
    let root = tempdir().unwrap();
    let cache = Cache::open(root.path()).unwrap();
    let drafts = root.path().join("drafts");
    fs::remove_dir(&drafts).unwrap();
    fs::write(&drafts, "a file").unwrap();
    let _another = tracing::Dispatch::new(Lines::up_to(Level::TRACE));
    let lines = Lines::up_to(Level::WARN);
    tracing::subscriber::with_default(lines.clone(), || {
        cache.get_or_compute("small", &1, || 1);
        cache.get_or_compute("large", &1, || vec![0_u8; 5_000_000]);
    });
    let lines = lines.take();
    assert!(!lines.is_empty());
    for (_, line) in lines {
        assert_eq!(line.matches(drafts.to_str().unwrap()).count(), 1, "{line}");
    }
    let error = larder::dump(&1, drafts.join("x")).unwrap_err().to_string();
    assert_eq!(error.matches(drafts.to_str().unwrap()).count(), 1, "{error}");
}

/// With `LARDER_REPORT=1`, a program prints a summary of its cache when it ends.
#[test]
fn a_summary_is_printed_at_exit_on_request() {
    const TEST: &str = "settings::a_summary_is_printed_at_exit_on_request";
    if let Some(root) = child::root() {
        let cache = Cache::open(root).unwrap();
        for _ in 0..3 {
            cache.get_or_compute("f", &(), || std::thread::sleep(std::time::Duration::from_millis(5)));
        }
        return;
    }
    let folder = tempdir().unwrap();
    let run = |variables: &[(&str, &str)]| {
        let text = child::run(TEST, folder.path(), variables);
        text.lines().filter(|line| line.starts_with("larder: ")).map(str::to_owned).collect::<Vec<_>>()
    };
    let first = run(&[("LARDER_REPORT", "1")]);
    assert_eq!(first.len(), 1, "{first:?}");
    assert!(first[0].starts_with("larder: 2 hits, 1 computed, saved "), "{first:?}");
    assert!(first[0].ends_with(&format!(" in {}", folder.path().display())), "{first:?}");
    assert!(run(&[("LARDER_REPORT", "1")])[0].starts_with("larder: 3 hits, 0 computed, saved "));
    assert!(run(&[("LARDER_REPORT", "1"), ("LARDER", "off")])[0].starts_with("larder: off, 3 calls computed in "));
    assert!(run(&[("LARDER_REPORT", "0")]).is_empty() && run(&[]).is_empty());
}
