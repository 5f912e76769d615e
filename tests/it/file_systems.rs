//! Tests several file systems, and mounts within a cache. `docs/design/platforms.md` lists what works on which file
//! system.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use larder::{Cache, Compression, Limits};
use tempfile::tempdir;

use crate::faults::{call, counted, works_again};
use crate::mounts::Mounted;

/// Returns whether this call is computed.
pub(crate) fn computes(cache: &Cache, n: usize) -> bool {
    let mut computed = false;
    call(cache, n, || computed = true);
    computed
}

/// Checks the behaviour that a cache has on any file system, with two handles that share no state in this process.
fn behaves(root: &Path) {
    let open = || Cache::open(root.join("cache")).unwrap();
    let (here, there) = (open(), open());
    assert_eq!(counted(&here, || works_again(&here, &[10, 1000, 2_000_000])), 0);
    for _ in 0..5 {
        assert!(!computes(&here, 10) && !computes(&there, 10));
    }
    // The next call through any handle notices a removal, also if it has the result in memory.
    for _ in 0..5 {
        let entry = |cache: &Cache| cache.entries().unwrap().find(|entry| entry.document_size < 200).unwrap();
        assert!(there.remove(&entry(&there)).unwrap());
        assert!(computes(&here, 10));
        assert!(!computes(&there, 10) && !computes(&here, 10) && !computes(&there, 10) && !computes(&here, 10));
        assert!(here.remove(&entry(&here)).unwrap());
        assert!(computes(&there, 10));
        assert!(!computes(&here, 10) && !computes(&there, 10) && !computes(&here, 10));
    }
    for entry in here.entries().unwrap() {
        match here.recompress(&entry, Compression::gzip(1)) {
            Ok(size) => assert!(size.is_some()),
            Err(error) => assert!(error.to_string().contains("exchange"), "{error}"),
        }
    }
    assert!(!computes(&there, 1000));
    assert_eq!(open().stats().unwrap().entries, 3);
    assert!(here.diagnose().iter().all(|finding| finding.severity < larder::Severity::Fault), "{:?}", here.diagnose());
    assert_eq!(here.trim_to(&Limits { max_entries: Some(1), ..Limits::default() }).unwrap().kept, 1);
    there.clear().unwrap();
    assert!(computes(&here, 1000) && computes(&here, 10));
    assert_eq!(fs::read_dir(here.path().join("drafts")).unwrap().count(), 0);
    here.clear().unwrap();
    assert!(!here.path().join("v1").exists());
}

/// Tests each file system that can be mounted here.
#[test]
fn a_cache_works_on_disk_file_systems() {
    let test = "a_cache_works_on_disk_file_systems";
    let images: [(&str, &[&str], u64); 4] = [
        ("ext4", &["-q", "-b", "1024"], 64),
        ("ext4", &["-q", "-b", "4096", "-O", "^dir_index"], 64),
        ("xfs", &["-q"], 320),
        ("btrfs", &["-q"], 128),
    ];
    for (kind, options, mebibytes) in images {
        let root = tempdir().unwrap();
        if let Some(mounted) = Mounted::image(test, kind, options, mebibytes, "", root.path()) {
            behaves(mounted.path());
        }
    }
}

#[test]
fn a_cache_works_in_memory_and_on_fuse() {
    let test = "a_cache_works_in_memory_and_on_fuse";
    for kind in ["tmpfs", "ramfs"] {
        let root = tempdir().unwrap();
        if let Some(mounted) = Mounted::new(test, &["-t", kind, "none"], &root.path().join("mounted")) {
            behaves(mounted.path());
        }
    }
    let root = tempdir().unwrap();
    fs::create_dir(root.path().join("source")).unwrap();
    if let Some(mounted) = Mounted::fuse(test, &root.path().join("source"), &root.path().join("mounted")) {
        behaves(mounted.path());
    }
    let root = tempdir().unwrap();
    if let Some(mounted) = Mounted::exfat(test, root.path()) {
        behaves(mounted.path());
    }
    let root = tempdir().unwrap();
    let below = Below(root.path());
    if let Some(mounted) = overlay(test, root.path(), |_| {}) {
        behaves(mounted.path());
    }
    drop(below);
}

/// Mounts an overlay. `fill` writes the content of the lower layer first.
fn overlay(test: &str, root: &Path, fill: impl FnOnce(&Path)) -> Option<Mounted> {
    let part = |name: &str| {
        let path = root.join(name);
        fs::create_dir_all(&path).unwrap();
        path.to_str().unwrap().to_owned()
    };
    // A layer can't be on an overlay itself.
    let layers = Mounted::new(test, &["-t", "tmpfs", "none"], root)?;
    let (lower, upper, work) = (part("lower"), part("upper"), part("work"));
    fill(Path::new(&lower));
    let options = format!("lowerdir={lower},upperdir={upper},workdir={work}");
    let mounted = Mounted::new(test, &["-t", "overlay", "-o", &options, "none"], &root.join("mounted"));
    // `Below` unmounts it after the overlay.
    std::mem::forget(layers);
    mounted
}

/// Unmounts the file system below an overlay.
struct Below<'r>(&'r Path);

impl Drop for Below<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

/// Tests a reader that opened the version counters in the lower layer, while another handle removes an entry.
#[test]
fn removals_on_an_overlay_are_noticed_by_all_handles() {
    let test = "removals_on_an_overlay_are_noticed_by_all_handles";
    let root = tempdir().unwrap();
    let fill = |lower: &Path| {
        let cache = Cache::open(lower.join("cache")).unwrap();
        for n in 1..10 {
            call(&cache, n, || {});
            call(&cache, n, || {});
            call(&cache, n, || {});
        }
    };
    let below = Below(root.path());
    let Some(mounted) = overlay(test, root.path(), fill) else { return };
    let folder = mounted.path().join("cache");
    let reader = Cache::builder(&folder).read_only(true).open().unwrap();
    for n in 1..10 {
        for _ in 0..5 {
            assert!(!computes(&reader, n));
        }
    }
    // This handle opens the version counters for writing, in the upper layer.
    let writer = Cache::open(&folder).unwrap();
    let other = Cache::open(&folder).unwrap();
    for n in 1..10 {
        for _ in 0..3 {
            assert!(!computes(&other, n));
        }
    }
    writer.clear().unwrap();
    for n in 1..10 {
        assert!(computes(&reader, n), "{n}");
        assert!(computes(&other, n), "{n}");
    }
    assert_eq!(counted(&writer, || works_again(&writer, &[1, 2])), 0);
    drop((reader, writer, other, mounted, below));
}

/// These file systems report that they have no blocks.
#[test]
fn unknown_free_space_is_not_a_full_disk() {
    let test = "unknown_free_space_is_not_a_full_disk";
    for arguments in [&["-t", "ramfs", "none"][..], &["-t", "tmpfs", "-o", "size=0", "none"]] {
        let root = tempdir().unwrap();
        let Some(mounted) = Mounted::new(test, arguments, root.path()) else { return };
        assert_eq!(rustix::fs::statvfs(mounted.path()).unwrap().f_blocks, 0);
        let cache = Cache::open(mounted.path().join("cache")).unwrap();
        assert_eq!(counted(&cache, || works_again(&cache, &[10, 2_000_000])), 0);
        let space = cache.diagnose().into_iter().find(|finding| finding.about == "space").unwrap();
        assert!(space.what.contains("does not tell"), "{space:?}");
    }
}

/// Counts all temporary files below a folder.
fn drafts(folder: &Path) -> usize {
    let count = |item: fs::DirEntry| {
        let is_draft = item.file_name().to_str().unwrap().ends_with(".larder-draft");
        if item.file_type().unwrap().is_dir() { drafts(&item.path()) } else { usize::from(is_draft) }
    };
    fs::read_dir(folder).unwrap().map(|item| count(item.unwrap())).sum()
}

/// Checks that storing has no faults and leaves no temporary files.
fn stores(cache: &Cache) {
    assert_eq!(counted(cache, || works_again(cache, &[10, 1000, 2_000_000])), 0);
    assert_eq!(cache.get_or_compute("a::g", &1, || 1), 1);
    for entry in cache.entries().unwrap() {
        cache.recompress(&entry, Compression::gzip(1)).unwrap().unwrap();
    }
    assert_eq!(counted(cache, || works_again(cache, &[10, 11, 2_000_000])), 0);
    assert_eq!(drafts(cache.path()), 0);
    cache.clear().unwrap();
    assert_eq!(cache.entries().unwrap().len(), 0);
}

/// Tests a mount of another file system, and a bind mount of the same one. Files can't be renamed into either.
#[test]
fn a_part_of_a_cache_can_be_another_mount() {
    let test = "a_part_of_a_cache_can_be_another_mount";
    for place in ["v1", "v1/a", "v1/a/f", "drafts"] {
        for is_bound in [false, true] {
            let root = tempdir().unwrap();
            let folder = root.path().join("cache");
            drop(Cache::open(&folder).unwrap());
            let elsewhere = root.path().join("elsewhere");
            fs::create_dir(&elsewhere).unwrap();
            let bind = ["--bind", elsewhere.to_str().unwrap()];
            let arguments: &[&str] = if is_bound { &bind } else { &["-t", "tmpfs", "none"] };
            let Some(mounted) = Mounted::new(test, arguments, &folder.join(place)) else { return };
            for _ in 0..2 {
                stores(&Cache::open(&folder).unwrap());
            }
            drop(mounted);
        }
    }
}

/// Temporary files that a killed process left beside an entry are removed like others.
#[test]
fn orphaned_temp_files_beside_entries_are_removed() {
    let test = "orphaned_temp_files_beside_entries_are_removed";
    let root = tempdir().unwrap();
    let folder = root.path().join("cache");
    drop(Cache::open(&folder).unwrap());
    let Some(_mounted) = Mounted::new(test, &["-t", "tmpfs", "none"], &folder.join("v1")) else { return };
    let cache = Cache::open(&folder).unwrap();
    call(&cache, 1, || {});
    let left = |folder: &str, name: &str| {
        let path = cache.path().join(folder).join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let long_ago = fs::FileTimes::new().set_modified(std::time::SystemTime::UNIX_EPOCH);
        File::create(&path).unwrap().set_times(long_ago).unwrap();
        path
    };
    // Trigger: the first temporary file of this process in a folder, and a removal.
    let path = left("v1/a/g", ".killed.larder-draft");
    let foreign = left("v1/a/g", "mine.larder-draft");
    assert_eq!(cache.get_or_compute("a::g", &1, || 1), 1);
    assert_eq!(cache.get_or_compute("a::g", &2, || 2), 2);
    assert!(!path.exists());
    let path = left("v1/a/f", ".killed.larder-draft");
    cache.clear().unwrap();
    assert!(!path.exists() && foreign.exists());
}

/// The link may point to another file system, or anywhere.
#[test]
fn a_temp_folder_that_is_a_link_is_not_used() {
    let test = "a_temp_folder_that_is_a_link_is_not_used";
    let root = tempdir().unwrap();
    let folder = root.path().join("cache");
    let elsewhere = root.path().join("elsewhere");
    let Some(_mounted) = Mounted::new(test, &["-t", "tmpfs", "none"], &elsewhere) else { return };
    fs::write(elsewhere.join(".old.larder-draft"), "mine").unwrap();
    let long_ago = fs::FileTimes::new().set_modified(std::time::SystemTime::UNIX_EPOCH);
    File::options().write(true).open(elsewhere.join(".old.larder-draft")).unwrap().set_times(long_ago).unwrap();
    fs::create_dir(&folder).unwrap();
    symlink(&elsewhere, folder.join("drafts")).unwrap();
    for _ in 0..2 {
        let cache = Cache::open(&folder).unwrap();
        assert_eq!(cache.path(), folder);
        assert_eq!(counted(&cache, || works_again(&cache, &[10, 2_000_000])), 0);
        stores(&cache);
    }
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 1, "the link is followed");
    // The same while the cache is open.
    fs::remove_file(folder.join("drafts")).unwrap();
    let cache = Cache::open(&folder).unwrap();
    stores(&cache);
    fs::remove_dir(folder.join("drafts")).unwrap();
    symlink(&elsewhere, folder.join("drafts")).unwrap();
    assert_eq!(counted(&cache, || works_again(&cache, &[10, 2_000_000])), 0);
}
