//! Faults of what is around a cache: things in each other's place, or gone, or from the future. The function
//! runs, the fault is counted, and when it is mended calls hit again.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, SystemTime};

use larder::{Cache, Limits, memoize};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::tempdir;

use crate::craft::checksum;
use crate::once::Watchdog;

/// Of so many bytes, with a side effect while it runs.
pub(crate) fn call(cache: &Cache, n: usize, meanwhile: impl FnOnce()) {
    let value = cache.get_or_compute("a::f", &n, || {
        meanwhile();
        vec![n as u8; n]
    });
    assert!(value == vec![n as u8; n], "{n}");
}

fn errors(cache: &Cache) -> u64 {
    cache.stats().unwrap().errors
}

/// The faults that are counted meanwhile.
pub(crate) fn counted(cache: &Cache, work: impl FnOnce()) -> u64 {
    let before = errors(cache);
    work();
    errors(cache) - before
}

/// Whatever was wrong is not any more: these calls are stored, if they are not yet, and hit.
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

/// Something in the place of something.
struct Swap {
    what: &'static str,
    /// In the cache's folder; `entry` stands for the file of call 1.
    place: &'static str,
    put: fn(&Path),
    /// The faults of call 1, which is stored, of call 2, which is not, and of call 3, if it happens while it runs.
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
    // Nobody can read or store there: two faults, where one was stored.
    swap("a file", "", file, [2, 2, 1]),
    swap("a file", "v1", file, [2, 2, 1]),
    swap("a file", "v1/a", file, [2, 2, 1]),
    swap("a file", "v1/a/f", file, [2, 2, 1]),
    swap("a link to itself", "v1/a/f", link_to_itself, [2, 2, 1]),
    swap("a link to nothing", "v1/a/f", link_to_nothing, [1, 1, 1]),
    swap("a file", "drafts", file, [0, 1, 1]),
    // Drafts are made beside the entries then.
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
    // Without these, only explanations suffer, and calls are computed twice.
    swap("a folder", "v1/a/f/history", full_folder, [0, 0, 0]),
    swap("a pipe", "v1/a/f/history", fifo, [0, 0, 0]),
    swap("a full folder", "locks", full_folder, [0, 0, 0]),
    swap("a pipe", "locks", fifo, [0, 0, 0]),
    swap("a link to itself", "locks", link_to_itself, [0, 0, 0]),
];

#[test]
fn what_lies_in_another_things_place_is_survived() {
    let _watchdog = Watchdog::of("what_lies_in_another_things_place_is_survived");
    for swap in SWAPS {
        for meanwhile in [false, true] {
            let root = tempdir().unwrap();
            let cache = Cache::builder(root.path().join("cache")).hot_bytes(0).open().unwrap();
            let what = format!("{} in the place of {:?}, while it runs: {meanwhile}", swap.what, swap.place);
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
            if meanwhile {
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
            // Whatever is there now, what was there comes back.
            if path.is_dir() && !path.is_symlink() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) }
                .unwrap();
            fs::rename(&kept, &path).unwrap();
            works_again(&cache, &[1, 2, 3]);
            works_again(&Cache::open(cache.path()).unwrap(), &[1, 2, 3]);
        }
    }
}

#[test]
fn what_is_removed_while_the_function_runs_is_made_again() {
    for place in ["", "v1", "v1/a", "v1/a/f", "drafts"] {
        let root = tempdir().unwrap();
        let cache = Cache::builder(root.path().join("cache")).hot_bytes(0).open().unwrap();
        call(&cache, 1, || {});
        call(&cache, 2, || fs::remove_dir_all(cache.path().join(place)).unwrap());
        call(&cache, 2, || panic!("it is not there without {place}"));
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
    // Nobody knows how old it is: where that counts, it is computed anew, once.
    assert_eq!(runs, [1, 2]);
    assert!(lasting::call(1, &cache, &mut 0).explain().to_string().contains("hit"));
    assert_eq!(errors(&cache), 0);
    // It is as old as if it had been written now.
    let limits =
        Limits { max_age: Some(Duration::from_secs(60)), max_idle: Some(Duration::from_secs(60)), ..Limits::default() };
    assert_eq!(cache.trim_to(&limits).unwrap().kept, 2);
    let entry = lasting::memo().entries().unwrap().next().unwrap();
    let an_hour_ago = SystemTime::now() - Duration::from_secs(3600);
    File::options().write(true).open(&entry.path).unwrap().set_modified(an_hour_ago).unwrap();
    assert_eq!(cache.trim_to(&limits).unwrap().kept, 1);
}
