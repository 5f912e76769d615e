//! Tests folders that accept no more names, on a disk with free space, and folders that are nested deep.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use larder::{Cache, Compression, ErrorKind, Limits};
use tempfile::tempdir;

use crate::faults::{call, counted};
use crate::file_systems::computes;
use crate::log::logged;
use crate::mounts::Mounted;

/// The index of the folder is full, but the disk is not.
#[test]
fn a_folder_without_room_for_names_is_not_a_full_disk() {
    let test = "a_folder_without_room_for_names_is_not_a_full_disk";
    let root = tempdir().unwrap();
    // The limit of 64 KiB is reached by few names. Without this option, 180,000 names would be needed.
    let Some(mounted) = Mounted::image(test, "ext4", &["-q", "-b", "1024"], 64, "max_dir_size_kb=64", root.path())
    else {
        return;
    };
    let folder = mounted.path().join("cache");
    let cache = Cache::builder(&folder).hot_bytes(0).open().unwrap();
    let total = 1500;
    let all = |cache: &Cache| (1..=total).filter(|n| computes(cache, *n)).count();
    let (faults, lines) = logged(|| counted(&cache, || assert_eq!(all(&cache), total)));
    assert_eq!((faults, lines.matches("no more names").count()), (0, 1), "{lines}");
    let spread = folder.join("v1/a/f.spread");
    assert!(fs::read_dir(&spread).unwrap().count() > 100);
    // Other handles of this process and of another one see the entries.
    let other = Cache::builder(&folder).hot_bytes(0).open().unwrap();
    assert_eq!((all(&other), all(&cache)), (0, 0));
    let names =
        || other.functions().unwrap().into_iter().map(|function| (function.name, function.entries)).collect::<Vec<_>>();
    assert_eq!(names(), [("a::f".to_owned(), total as u64)]);
    assert_eq!(other.stats().unwrap().entries, total as u64);
    assert_eq!((other.entries().unwrap().len(), other.entries().unwrap().count()), (total, total));
    let function = &other.functions().unwrap()[0];
    assert_eq!((function.entries().unwrap().len(), function.entries().unwrap().count()), (total, total));
    assert_eq!(function.recently_used(usize::MAX).unwrap().len(), total);
    let verified = other.verify().unwrap();
    assert_eq!((verified.entries, verified.faulty.len()), (total as u64, 0));
    let far = || other.entries().unwrap().find(|entry| entry.path.starts_with(&spread)).unwrap();
    assert_eq!(other.find(&far().key.to_string()).unwrap()[0].path, far().path);
    assert!(!far().history().is_empty());
    let finding = other.diagnose().into_iter().find(|finding| finding.about == "files").unwrap();
    assert_eq!(finding.severity, larder::Severity::Good, "{finding:?}");
    // The entries are counted again.
    fs::remove_file(folder.join("counters")).unwrap();
    assert_eq!(Cache::open(&folder).unwrap().stats().unwrap().entries, total as u64);

    #[cfg(feature = "archive")]
    {
        let mut archive = Vec::new();
        other.export(other.entries().unwrap(), &mut archive).unwrap();
        let carried = tempdir().unwrap();
        let carried = Cache::open(carried.path()).unwrap();
        assert_eq!(carried.import(&mut &*archive).unwrap().entries, total as u64);
        assert_eq!(all(&carried), 0);
    }

    let entry = far();
    let n: usize = entry.arguments[0].preview.parse().unwrap();
    assert!(other.recompress(&entry, Compression::gzip(1)).unwrap().is_some());
    assert!(!computes(&other, n));
    assert!(other.remove(&entry).unwrap() && !entry.path.exists());
    assert!(computes(&other, n));
    // Now the first folder has space again. Storing a result again leaves no older one behind.
    let trimmed = other.trim_to(&Limits { max_entries: Some(700), ..Limits::default() }).unwrap();
    assert_eq!((trimmed.kept, trimmed.removed), (700, total as u64 - 700));
    assert_eq!(other.entries().unwrap().len(), 700);
    assert_eq!(all(&other), total - 700);
    let limited = Cache::builder(&folder).hot_bytes(0).max_entries(300).open().unwrap();
    assert!(computes(&limited, 5000));
    // Eviction works in pieces: each call does a part, and the background thread the rest.
    let until = Instant::now() + Duration::from_secs(60);
    while limited.stats().unwrap().entries > 300 {
        assert!(Instant::now() < until, "{:?}", limited.stats());
        computes(&limited, 5001);
        sleep(Duration::from_millis(10));
    }
    assert!(other.clear_function("a::f").unwrap());
    assert!(!spread.exists() && other.entries().unwrap().is_empty() && other.stats().unwrap().entries == 0);
    assert_eq!(all(&cache), total);
    cache.clear().unwrap();
    assert!(!folder.join("v1").exists());
}

/// A full disk is still reported as one.
#[test]
fn a_full_disk_is_not_a_full_folder() {
    let test = "a_full_disk_is_not_a_full_folder";
    let root = tempdir().unwrap();
    let Some(mounted) = Mounted::image(test, "ext4", &["-q", "-b", "1024", "-N", "64"], 8, "", root.path()) else {
        return;
    };
    let cache = Cache::builder(mounted.path().join("cache")).hot_bytes(0).open().unwrap();
    // There is space for bytes, but not for more files.
    let faults = counted(&cache, || (1..100).for_each(|n| call(&cache, n, || {})));
    assert!(faults > 20, "{faults}");
    assert_eq!(cache.stats().unwrap().errors_by_kind[&ErrorKind::NoSpace], faults);
    assert!(!cache.path().join("v1/a/f.spread").exists());
}

/// Nested folders, down to about the longest path that the system accepts.
struct Nest {
    first: PathBuf,
    deepest: PathBuf,
}

impl Nest {
    fn within(folder: &Path) -> Self {
        let first = folder.join("d");
        let mut deepest = first.clone();
        fs::create_dir(&deepest).unwrap();
        while deepest.as_os_str().len() < 4000 {
            deepest.push("d");
            fs::create_dir(&deepest).unwrap();
        }
        Nest { first, deepest }
    }
}

/// Removes the folders from below: `remove_dir_all` would have all of them open at the same time.
impl Drop for Nest {
    fn drop(&mut self) {
        for folder in self.deepest.ancestors().take_while(|folder| folder.starts_with(&self.first)) {
            fs::read_dir(folder).into_iter().flatten().flatten().for_each(|item| drop(fs::remove_file(item.path())));
            let _ = fs::remove_dir(folder);
        }
    }
}

/// Does something on a thread whose stack is as small as that of some libraries.
fn on_a_small_stack<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(512 << 10).spawn_scoped(scope, work).unwrap();
        thread.join().unwrap()
    })
}

#[test]
fn folders_that_another_program_nests_deep_are_not_listed() {
    let root = tempdir().unwrap();
    let cache = Cache::builder(root.path().join("cache")).hot_bytes(0).open().unwrap();
    (0..300).for_each(|n| assert!(computes(&cache, n)));
    let function = cache.functions().unwrap().remove(0);
    let entry = cache.entries().unwrap().next().unwrap();
    let nest = Nest::within(&function.path);
    let copy = nest.deepest.join(entry.path.file_name().unwrap());
    fs::copy(&entry.path, &copy).unwrap();
    on_a_small_stack(|| {
        let listed: Vec<_> = cache.entries().unwrap().collect();
        assert_eq!((listed.len(), cache.entries().unwrap().len()), (300, 300));
        assert!(listed.iter().all(|entry| entry.fault.is_none() && entry.path != copy));
        assert_eq!(cache.recently_used(usize::MAX).unwrap().len(), 300);
        assert_eq!(function.entries().unwrap().count(), 300);
        assert_eq!(cache.find(&entry.key.to_string()).unwrap().len(), 1);
        assert_eq!(cache.verify().unwrap().entries, 300);
        let files = cache.diagnose().into_iter().find(|finding| finding.about == "files").unwrap();
        assert_eq!(files.severity, larder::Severity::Note, "{files:?}");
        fs::remove_file(cache.path().join("counters")).unwrap();
        assert_eq!(Cache::open(cache.path()).unwrap().stats().unwrap().entries, 300);
        cache.clear().unwrap();
        assert!(copy.exists() && cache.entries().unwrap().is_empty());
    });
}

#[test]
fn deep_folders_of_another_program_are_not_searched_for_functions() {
    let root = tempdir().unwrap();
    fs::create_dir(root.path().join("v1")).unwrap();
    let nest = Nest::within(&root.path().join("v1"));
    let path = on_a_small_stack(|| Cache::open(root.path()).unwrap().path().to_owned());
    assert_eq!(path, root.path().join("larder-cache"));
    assert!(nest.deepest.exists());
}
