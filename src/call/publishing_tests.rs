//! Tests calls while the system refuses a step of the publication, or the process dies there.

use std::env;
use std::fs::{self, File, FileTimes};
use std::io;
use std::marker::PhantomData;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use crate::cache::handle::Cache;
use crate::call::definition::Definition;
use crate::call::function::Memo;
use crate::call::options::Rules;
use crate::call::result_shape::PlainResult;
use crate::call::run;
use crate::key::code_version::Track;
use crate::sys::fault_injection::script::{Fault, run};

const ROOT: &str = "TEST_LARDER_ROOT";

fn open(root: &Path) -> Cache {
    Cache::builder(root).durable(true).ignore_run_mode(true).open().unwrap()
}

/// Calls a function that returns `numbers` numbers.
fn call(cache: &Cache, numbers: u64) -> Vec<u64> {
    let mut definition = Definition::of_closure("a::f", "");
    definition.code.track = Track::Body;
    let memo = Memo::new(definition, cache.clone());
    run::call(
        &memo,
        cache,
        numbers,
        |numbers, description| description.argument("numbers", numbers),
        |numbers| (0..numbers).collect::<Vec<_>>(),
        Rules::<_, PlainResult<_>>::new(PhantomData),
    )
}

/// A result that is written by one call, and one that takes three.
const SIZES: [u64; 2] = [100, 300_000];

/// Returns the points that a call passes, from opening the cache.
fn points(numbers: u64) -> Vec<&'static str> {
    let root = tempfile::tempdir().unwrap();
    let (_, points) = run(None, || call(&open(root.path()), numbers));
    // Two files of the root, two of the function, and the entry.
    let count = |name| points.iter().filter(|point| **point == name).count();
    let is_large = numbers == SIZES[1];
    assert_eq!(count("created"), 5);
    assert_eq!(count("locked"), 5);
    assert_eq!(count("written"), 5);
    assert_eq!(count("in place"), 5);
    // All folders from the cache's root to the entry may be new.
    assert!(count("synced") == 1 && count("folder synced") > 1);
    assert_eq!((count("folder made"), count("encoded")), (1, 1));
    assert_eq!((count("space taken"), count("header in place")), if is_large { (1, 1) } else { (0, 0) });
    assert_eq!(count("piece written") >= 3, is_large, "{points:?}");
    points
}

fn temps(cache: &Cache) -> Vec<fs::DirEntry> {
    fs::read_dir(cache.path().join("drafts")).unwrap().map(Result::unwrap).collect()
}

/// The child process of the test below.
#[test]
fn calls_and_dies() {
    let Some(root) = env::var_os(ROOT) else { return };
    let number = |name| env::var(name).unwrap().parse::<u64>().unwrap();
    let at = usize::try_from(number("POINT")).unwrap();
    run(Some((at, Fault::Death)), || call(&open(Path::new(&root)), number("NUMBERS")));
}

#[test]
fn a_process_killed_at_any_step_of_publication_blocks_nothing() {
    for numbers in SIZES {
        for (at, name) in points(numbers).into_iter().enumerate() {
            let root = tempfile::tempdir().unwrap();
            let died = Command::new(env::current_exe().unwrap())
                .args(["call::publishing_tests::calls_and_dies", "--exact", "--nocapture", "--test-threads=1"])
                .env(ROOT, root.path())
                .envs([("POINT", at.to_string()), ("NUMBERS", numbers.to_string())])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .unwrap();
            assert!(!died.success(), "{at}, {name}: the point was not reached");

            let cache = open(root.path());
            let entries: Vec<_> = cache.entries().unwrap().collect();
            let is_there = u64::try_from(entries.len()).unwrap();
            assert!(entries.iter().all(|entry| entry.fault.is_none()), "{at}, {name}: {entries:?}");
            for _ in 0..2 {
                assert_eq!(call(&cache, numbers), (0..numbers).collect::<Vec<_>>(), "{at}, {name}");
            }
            let stats = cache.stats().unwrap();
            assert_eq!((stats.errors, stats.misses, stats.hits), (0, 1 - is_there, 1 + is_there), "{at}, {name}");
            assert_eq!(cache.functions().unwrap()[0].name, "a::f");

            let left = temps(&cache);
            assert!(left.len() <= 1, "{at}, {name}");
            let long_ago = FileTimes::new().set_modified(SystemTime::now() - Duration::from_secs(100));
            for temp in left {
                File::options().write(true).open(temp.path()).unwrap().set_times(long_ago).unwrap();
            }
            assert!(temps(&open(root.path())).is_empty(), "{at}, {name}: temporary files are left");
        }
    }
}

#[test]
fn a_fault_at_any_step_of_publication_is_counted_and_leaves_nothing_behind() {
    for kind in [io::ErrorKind::Other, io::ErrorKind::StorageFull, io::ErrorKind::PermissionDenied] {
        for numbers in SIZES {
            let root = tempfile::tempdir().unwrap();
            let cache = open(&root.path().join("without"));
            let (_, points) = run(None, || call(&cache, numbers));
            for (at, name) in points.into_iter().enumerate() {
                let what = format!("{kind} at {at}, {name}");
                let cache = open(&root.path().join(at.to_string()));
                let (value, _) = run(Some((at, Fault::Error(kind))), || call(&cache, numbers));
                assert_eq!(value, (0..numbers).collect::<Vec<_>>(), "{what}");
                assert_eq!(cache.stats().unwrap().errors, 1, "{what}");
                assert!(temps(&cache).is_empty(), "{what}");
                // An entry that was in place already stays, and is complete.
                let is_there = u64::try_from(cache.entries().unwrap().len()).unwrap();
                for _ in 0..2 {
                    assert_eq!(call(&cache, numbers), (0..numbers).collect::<Vec<_>>(), "{what}");
                }
                let stats = cache.stats().unwrap();
                assert_eq!((stats.errors, stats.misses, stats.hits), (1, 2 - is_there, 1 + is_there), "{what}");
            }
        }
    }
}
