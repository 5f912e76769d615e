//! Tests faults of the environment: unexpected files and folders in a cache, removed ones, and wrong clocks. The
//! function runs, the fault is counted, and calls hit again when the fault is removed.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, SystemTime};

use larder::{Cache, Limits, memoize};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::tempdir;

use crate::craft::checksum;
use crate::once::Watchdog;
use crate::removal::remove_in_use;

/// Makes a call whose result has `n` bytes, with a side effect while it runs.
pub(crate) fn call(cache: &Cache, n: usize, during: impl FnOnce()) {
    let value = cache.get_or_compute("a::f", &n, || {
        during();
        vec![n as u8; n]
    });
    assert!(value == vec![n as u8; n], "{n}");
}

fn errors(cache: &Cache) -> u64 {
    cache.stats().unwrap().errors
}

/// Returns the number of faults that are counted during `work`.
pub(crate) fn counted(cache: &Cache, work: impl FnOnce()) -> u64 {
    let before = errors(cache);
    work();
    errors(cache) - before
}

/// Checks that the cache works again: the calls are stored if necessary, and then hit.
pub(crate) fn works_again(cache: &Cache, calls: &[usize]) {
    let faults = counted(cache, || {
        for &n in calls {
            call(cache, n, || {});
            call(cache, n, || panic!("{n} is not there"));
        }
    });
    assert_eq!(faults, 0);
}

fn fifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RWXU, 0).unwrap();
}

/// Unexpected object at a path of the cache.
struct Swap {
    what: &'static str,
    /// Path within the cache folder. `entry` is the file of call 1.
    place: &'static str,
    put: fn(&Path),
    /// Expected faults of call 1, which is stored, of call 2, which is not, and of call 3, during which the swap
    /// happens.
    counted: [u64; 3],
}

const fn swap(what: &'static str, place: &'static str, put: fn(&Path), counted: [u64; 3]) -> Swap {
    Swap { what, place, put, counted }
}

fn file(path: &Path) {
    fs::write(path, "mine").unwrap();
}

fn folder(path: &Path) {
    fs::create_dir(path).unwrap();
}

fn full_folder(path: &Path) {
    fs::create_dir(path).unwrap();
    file(&path.join("mine"));
}

fn link_to_itself(path: &Path) {
    symlink(path, path).unwrap();
}

fn link_to_nothing(path: &Path) {
    symlink("/no/such/file", path).unwrap();
}

fn link_to_another(path: &Path) {
    let other = path.parent().unwrap().join("other");
    file(&other);
    symlink(other, path).unwrap();
}

const SWAPS: &[Swap] = &[
    // Reading and storing both fail: two faults.
    swap("a file", "", file, [2, 2, 1]),
    swap("a file", "v1", file, [2, 2, 1]),
    swap("a file", "v1/a", file, [2, 2, 1]),
    swap("a file", "v1/a/f", file, [2, 2, 1]),
    swap("a link to itself", "v1/a/f", link_to_itself, [2, 2, 1]),
    swap("a link to nothing", "v1/a/f", link_to_nothing, [1, 1, 1]),
    swap("a file", "drafts", file, [0, 1, 1]),
    // Temporary files are then created beside the entries.
    swap("a link to nothing", "drafts", link_to_nothing, [0, 0, 0]),
    swap("a folder", "v1/a/f/function.json", folder, [0, 1, 1]),
    swap("a pipe", "v1/a/f/function.json", fifo, [0, 0, 0]),
    swap("a link to another file", "v1/a/f/function.json", link_to_another, [0, 0, 0]),
    swap("a folder", "entry", folder, [2, 0, 0]),
    swap("a full folder", "entry", full_folder, [2, 0, 0]),
    // These are replaced.
    swap("a pipe", "entry", fifo, [1, 0, 0]),
    swap("a link to itself", "entry", link_to_itself, [1, 0, 0]),
    swap("a link to nothing", "entry", link_to_nothing, [1, 0, 0]),
    swap("a link to another file", "entry", link_to_another, [1, 0, 0]),
    // Without these, only explanations are worse, and calls may be computed twice.
    swap("a folder", "v1/a/f/history", full_folder, [0, 0, 0]),
    swap("a pipe", "v1/a/f/history", fifo, [0, 0, 0]),
    swap("a full folder", "locks", full_folder, [0, 0, 0]),
    swap("a pipe", "locks", fifo, [0, 0, 0]),
    swap("a link to itself", "locks", link_to_itself, [0, 0, 0]),
];

#[test]
fn unexpected_objects_in_the_cache_are_tolerated() {
    let _watchdog = Watchdog::of("unexpected_objects_in_the_cache_are_tolerated");
    for swap in SWAPS {
        for during in [false, true] {
            let root = tempdir().unwrap();
            let cache = Cache::builder(root.path().join("cache")).hot_bytes(0).open().unwrap();
            let what = format!("{} in the place of {:?}, while it runs: {during}", swap.what, swap.place);
            call(&cache, 1, || {});
            let path = match swap.place {
                "entry" => cache.entries().unwrap().next().unwrap().path,
                "" => cache.path().to_owned(),
                place => cache.path().join(place),
            };
            let kept = root.path().join("kept");
            let put = || {
                fs::rename(&path, &kept).unwrap();
                (swap.put)(&path);
            };
            if during {
                let faults = counted(&cache, || call(&cache, 3, put));
                assert_eq!(faults, swap.counted[2], "{what}: call 3");
            } else {
                put();
            }
            assert_eq!(counted(&cache, || call(&cache, 1, || {})), swap.counted[0], "{what}: call 1");
            assert_eq!(counted(&cache, || call(&cache, 2, || {})), swap.counted[1], "{what}: call 2");
            if let Ok(other) = fs::read_to_string(path.with_file_name("other")) {
                assert_eq!(other, "mine", "{what}");
            }
            // Restore the original.
            if path.is_dir() && !path.is_symlink() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) }
                .unwrap();
            fs::rename(&kept, &path).unwrap();
            works_again(&cache, &[1, 2, 3]);
            works_again(&Cache::open(cache.path()).unwrap(), &[1, 2, 3]);
        }
    }
}

#[test]
fn folders_removed_during_a_call_are_created_again() {
    for place in ["", "v1", "v1/a", "v1/a/f", "drafts"] {
        let root = tempdir().unwrap();
        let cache = Cache::builder(root.path().join("cache")).hot_bytes(0).open().unwrap();
        call(&cache, 1, || {});
        call(&cache, 2, || remove_in_use(&cache.path().join(place)));
        call(&cache, 2, || panic!("it is not stored without {place}"));
        works_again(&cache, &[1]);
        assert_eq!(errors(&cache), 0, "{place}");
    }
}

/// Sets the time in an entry's header.
pub(crate) fn set_created(path: &Path, created: SystemTime) {
    let mut bytes = fs::read(path).unwrap();
    let details = 64 + u32::from_le_bytes(bytes[12..16].try_into().unwrap()) as usize;
    let name = b"\x67created\x1b";
    let at = bytes[..details].windows(name.len()).position(|window| window == name).unwrap() + name.len();
    let time = created.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as u64;
    bytes[at..at + 8].copy_from_slice(&time.to_be_bytes());
    let sum = checksum(&[&bytes[..56], &bytes[64..details.next_multiple_of(64)]]);
    bytes[56..64].copy_from_slice(&sum.to_le_bytes());
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_clock_that_was_set_back_makes_no_difference() {
    #[memoize(cache = cache, ignore(cache, runs))]
    fn lasting(n: u8, cache: &Cache, runs: &mut u32) -> u8 {
        let _ = cache;
        *runs += 1;
        n
    }
    #[memoize(cache = cache, ignore(cache, runs), max_age = "1h")]
    fn passing(n: u8, cache: &Cache, runs: &mut u32) -> u8 {
        let _ = cache;
        *runs += 1;
        n
    }

    let root = tempdir().unwrap();
    let cache = Cache::open(root.path()).unwrap();
    let mut runs = [0; 2];
    lasting(1, &cache, &mut runs[0]);
    passing(1, &cache, &mut runs[1]);
    let in_a_year = SystemTime::now() + Duration::from_secs(365 * 86_400);
    for entry in cache.entries().unwrap() {
        set_created(&entry.path, in_a_year);
        File::options().write(true).open(&entry.path).unwrap().set_modified(in_a_year).unwrap();
    }
    assert_eq!(cache.entries().unwrap().filter(|entry| entry.created > SystemTime::now()).count(), 2);
    for _ in 0..2 {
        assert_eq!((lasting(1, &cache, &mut runs[0]), passing(1, &cache, &mut runs[1])), (1, 1));
    }
    // The age is unknown. A function with `max_age` computes again, once.
    assert_eq!(runs, [1, 2]);
    assert!(lasting::call(1, &cache, &mut 0).explain().to_string().contains("hit"));
    assert_eq!(errors(&cache), 0);
    // Trimming treats the entry as if it was written now.
    let limits =
        Limits { max_age: Some(Duration::from_secs(60)), max_idle: Some(Duration::from_secs(60)), ..Limits::default() };
    assert_eq!(cache.trim_to(&limits).unwrap().kept, 2);
    let entry = lasting::memo().entries().unwrap().next().unwrap();
    let an_hour_ago = SystemTime::now() - Duration::from_secs(3600);
    File::options().write(true).open(&entry.path).unwrap().set_modified(an_hour_ago).unwrap();
    assert_eq!(cache.trim_to(&limits).unwrap().kept, 1);
}
