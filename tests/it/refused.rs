//! Tests operations that the system refuses, for lack of permissions, space or descriptors. The function runs, the
//! fault is counted, and calls hit again when the cause is removed.

use std::ffi::CStr;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use larder::{Cache, ErrorKind, Limits, Severity, memoize};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tempfile::{TempDir, tempdir};

use crate::child;
use crate::faults::{call, counted, works_again};

fn drafts(cache: &Cache) -> usize {
    fs::read_dir(cache.path().join("drafts")).unwrap().count()
}

/// Sets the modes of all folders and files in this path.
fn set_modes(path: &Path, folder: u32, file: u32) {
    let set = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    let mut all = vec![path.to_owned()];
    let mut at = 0;
    while at < all.len() {
        if all[at].is_dir() {
            // The folder must be readable while it is listed.
            set(&all[at], 0o700);
            let within: Vec<_> = fs::read_dir(&all[at]).unwrap().map(|file| file.unwrap().path()).collect();
            all.extend(within);
        }
        at += 1;
    }
    for path in all.iter().rev() {
        set(path, if path.is_dir() { folder } else { file });
    }
}

/// Returns a folder for a child process without privileges, and a copy of this program in it.
pub(crate) fn folder_for_unprivileged_user() -> (TempDir, PathBuf) {
    let root = tempdir().unwrap();
    fs::set_permissions(root.path(), Permissions::from_mode(0o777)).unwrap();
    let program = root.path().join("program");
    let this = std::env::current_exe().unwrap();
    // The original path may be inaccessible to other users.
    if fs::hard_link(&this, &program).is_err() {
        fs::copy(&this, &program).unwrap();
    }
    (root, program)
}

/// Copies the arguments and environment of `as_it_is` to another command.
pub(crate) fn instead(mut command: Command, as_it_is: &Command) -> Command {
    command.args(as_it_is.get_args());
    for (name, value) in as_it_is.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

pub(crate) fn succeeds(mut command: Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Runs a test as a user whose access is limited by file modes.
pub(crate) fn run_as_unprivileged_user(test: &str, root: &Path, program: &Path, variables: &[(&str, &str)]) {
    let mut command = instead(Command::new(program), &child::command(test, root));
    if rustix::process::getuid().is_root() {
        command.uid(65534).gid(65534);
    }
    command.envs(variables.iter().copied());
    succeeds(command);
}

#[memoize]
fn global(n: usize) -> usize {
    n + 1
}

#[test]
fn calls_in_a_folder_of_another_user() {
    let Some(root) = child::root() else { return };
    let folder = root.join("cache");
    let readable = std::env::var("READABLE").is_ok();
    match Cache::open(&folder) {
        Ok(cache) => {
            assert!(readable);
            // Results of another user are used, but new ones are not stored.
            assert_eq!(counted(&cache, || call(&cache, 1, || panic!("it is there"))), 0);
            for _ in 0..2 {
                assert_eq!(counted(&cache, || call(&cache, 2, || {})), 1);
            }
            assert!(cache.clear_function("a::f").is_err());
            assert_eq!(cache.entries().unwrap().len(), 1);
        }
        Err(error) => {
            assert!(!readable, "{error}");
            assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
            assert!(error.path().is_some() && error.to_string().contains("owner"), "{error}");
        }
    }
    if let Ok(cache) = Cache::builder(&folder).read_only(true).open() {
        let faults = counted(&cache, || call(&cache, 1, || assert!(!readable)));
        assert_eq!(faults, u64::from(!readable));
    }
    // The global cache returns no error. It is disabled if it can't be opened.
    assert_eq!((global(1), global(1)), (2, 2));
    assert_eq!(global::memo().cache().is_enabled(), readable);
}

#[test]
fn a_folder_of_another_user_is_used_as_far_as_possible() {
    let (root, program) = folder_for_unprivileged_user();
    let path = root.path().join("cache");
    let cache = Cache::open(&path).unwrap();
    call(&cache, 1, || {});
    let variables = [("LARDER_DIR", path.to_str().unwrap()), ("READABLE", "yes")];
    let child = |variables| {
        run_as_unprivileged_user("refused::calls_in_a_folder_of_another_user", root.path(), &program, variables)
    };
    set_modes(&path, 0o555, 0o444);
    child(&variables);
    set_modes(&path, 0o000, 0o000);
    child(&variables[..1]);
    set_modes(&path, 0o700, 0o600);
    works_again(&cache, &[1, 2]);
}

#[test]
fn loses_permissions() {
    let Some(root) = child::root() else { return };
    let cache = Cache::builder(root.join("cache")).hot_bytes(0).open().unwrap();
    let set = |place: &str, mode| fs::set_permissions(cache.path().join(place), Permissions::from_mode(mode)).unwrap();
    // Paths and modes that forbid writing or access, with the faults of a call that is stored and of one that is not.
    let places = [
        ("", 0o500, [0, 0]),
        ("", 0o000, [2, 2]),
        ("v1", 0o500, [0, 0]),
        ("v1", 0o000, [2, 2]),
        ("v1/a/f", 0o500, [0, 1]),
        ("v1/a/f", 0o000, [2, 2]),
        ("drafts", 0o500, [0, 1]),
        ("drafts", 0o000, [0, 1]),
    ];
    for (place, mode, faults) in places {
        let what = format!("{place:?} {mode:o}");
        cache.clear_function("a::f").unwrap();
        call(&cache, 1, || {});
        // The permission is removed while the function runs.
        let meanwhile = counted(&cache, || call(&cache, 2, || set(place, mode)));
        assert_eq!(meanwhile, faults[1].min(1), "{what}");
        assert_eq!(counted(&cache, || call(&cache, 1, || {})), faults[0], "{what}");
        assert_eq!(counted(&cache, || call(&cache, 3, || {})), faults[1], "{what}");
        set(place, 0o700);
        works_again(&cache, &[1, 2, 3]);
    }
    // Only the entry is unreadable.
    let entry = cache.entries().unwrap().next().unwrap();
    fs::set_permissions(&entry.path, Permissions::from_mode(0o000)).unwrap();
    let n = entry.arguments[0].preview.parse().unwrap();
    assert_eq!(counted(&cache, || call(&cache, n, || {})), 1);
    works_again(&cache, &[1, 2, 3]);
}

#[test]
fn calls_work_when_permissions_are_removed_and_restored() {
    let (root, program) = folder_for_unprivileged_user();
    run_as_unprivileged_user("refused::loses_permissions", root.path(), &program, &[]);
}

#[test]
fn starts_in_a_folder_that_can_not_be_written() {
    let Some(root) = child::root() else { return };
    let place = PathBuf::from(std::env::var_os("PLACE").unwrap());
    let mut computed = 0;
    let mut call = || {
        Cache::global().get_or_compute("f", &1, || computed += 1);
        computed
    };
    assert_eq!((call(), call()), (1, 2));
    assert!(!Cache::global().is_enabled());
    // A second cache, which the program opens with an error check.
    let own = Cache::open(place.join("own"));
    let own = own.ok().inspect(|own| {
        assert!(!own.is_enabled());
        assert_eq!(own.clear().unwrap_err().kind(), ErrorKind::NoSpace);
    });
    assert_eq!(own.is_some(), std::env::var_os("FULL").is_some());
    fs::remove_file(root.join("in the way")).unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    while !Cache::global().is_enabled() {
        assert!(Instant::now() < until, "nothing is stored, and there is room");
        std::thread::sleep(Duration::from_millis(50));
    }
    let before = call();
    assert_eq!((call(), Cache::global().entries().unwrap().len()), (before, 1));
    if let Some(own) = own {
        while !own.is_enabled() {
            assert!(Instant::now() < until);
            std::thread::sleep(Duration::from_millis(50));
        }
        works_again(&own, &[1, 2]);
    }
}

/// The folder can't be created at first, for any reason.
#[test]
fn a_cache_is_opened_later_if_its_folder_can_not_be_created_at_first() {
    let root = tempdir().unwrap();
    let file = root.path().join("in the way");
    fs::write(&file, "a file").unwrap();
    let place = file.join("cache");
    let variables = [("LARDER_DIR", place.to_str().unwrap()), ("PLACE", file.to_str().unwrap())];
    child::run("refused::starts_in_a_folder_that_can_not_be_written", root.path(), &variables);
}

/// The disk is full when the process starts.
#[test]
fn a_process_started_on_a_full_disk_stores_when_space_is_free() {
    let Some(disk) = Disk::new() else { return };
    let mut filler = File::create(disk.0.path().join("in the way")).unwrap();
    io::copy(&mut io::repeat(1), &mut filler).unwrap_err();
    drop(filler);
    // tmpfs can create an empty folder without free space. Creating files is the only step left.
    let place = disk.0.path().join("global");
    let variables =
        [("LARDER_DIR", place.to_str().unwrap()), ("PLACE", disk.0.path().to_str().unwrap()), ("FULL", "yes")];
    child::run("refused::starts_in_a_folder_that_can_not_be_written", disk.0.path(), &variables);
}

#[test]
fn the_doctor_reports_a_full_disk() {
    let Some(disk) = Disk::new() else { return };
    let cache = Cache::open(disk.0.path().join("cache")).unwrap();
    call(&cache, 1, || {});
    let writing = || {
        let found = cache.diagnose().into_iter().find(|finding| finding.about == "writing").unwrap();
        (found.severity, found.what)
    };
    assert_eq!(writing(), (Severity::Good, "results can be stored".to_owned()));
    let mut filler = File::create(disk.0.path().join("filler")).unwrap();
    io::copy(&mut io::repeat(1), &mut filler).unwrap_err();
    let (severity, what) = writing();
    assert!(severity == Severity::Fault && what.starts_with("results can't be stored: the disk is full"), "{what}");
    // There is a little space, but it is left to other programs.
    filler.set_len(filler.metadata().unwrap().len() - (24 << 10)).unwrap();
    let (severity, what) = writing();
    assert!(severity == Severity::Fault && what.contains("almost full, 24.0 KiB of 2.0 MiB are free"), "{what}");
    filler.set_len(0).unwrap();
    assert_eq!(writing().0, Severity::Good);
}

#[test]
fn the_doctor_counts_recent_temp_files() {
    let root = tempdir().unwrap();
    let cache = Cache::open(root.path()).unwrap();
    fs::write(root.path().join("drafts/.abc.larder-draft"), [1; 2048]).unwrap();
    let litter = cache.diagnose().into_iter().find(|finding| finding.about == "litter").unwrap();
    let what = "1 unfinished file, 2.0 KiB, being written or younger than a minute";
    assert_eq!((litter.severity, &*litter.what), (Severity::Good, what));
}

/// Sets the soft limit.
fn limit(resource: Resource, current: Option<u64>) {
    let maximum = getrlimit(resource).maximum;
    setrlimit(resource, Rlimit { current, maximum }).unwrap();
}

#[test]
fn writes_with_a_limited_file_size() {
    let Some(root) = child::root() else { return };
    let cache = Cache::builder(root.join("cache")).hot_bytes(0).open().unwrap();
    larder::dump(&1, root.join("dump")).unwrap();
    // The first size is below the limit. The others are written by one call, by several, and with space reserved
    // first.
    let sizes = [1000, 100_000, 900_000, 5_000_000];
    limit(Resource::Fsize, Some(64 << 10));
    for (n, faults) in sizes.into_iter().zip([0, 1, 1, 1]) {
        assert_eq!(counted(&cache, || call(&cache, n, || {})), faults, "{n}");
        assert_eq!(drafts(&cache), 0, "{n}");
    }
    let names: Vec<_> = (0..100_000).map(|n| n.to_string()).collect();
    let texts = || assert_eq!(cache.get_or_compute("texts", &1, || names.clone()), names);
    assert_eq!(counted(&cache, texts), 1);
    assert!(larder::dump(&names, root.join("dump")).is_err());
    assert_eq!(larder::load::<i32>(root.join("dump")).unwrap(), 1);
    assert_eq!(counted(&cache, || call(&cache, sizes[0], || panic!("it is there"))), 0);
    assert_eq!(cache.entries().unwrap().map(|entry| assert_eq!(entry.fault, None)).count(), 1);

    limit(Resource::Fsize, None);
    works_again(&cache, &sizes);
    assert_eq!(counted(&cache, texts), 0);
    assert_eq!(fs::read_dir(&root).unwrap().count(), 2, "a temp file of the dump is left");
}

#[test]
fn a_file_size_limit_counts_as_a_full_disk() {
    let root = tempdir().unwrap();
    let as_it_is = child::command("refused::writes_with_a_limited_file_size", root.path());
    // A process that grows a file beyond the limit also gets a signal. The shell turns it off for its child.
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"]).arg(as_it_is.get_program());
    succeeds(instead(shell, &as_it_is));
}

/// A file system of 2 MiB in memory.
struct Disk(TempDir);

impl Disk {
    fn new() -> Option<Self> {
        let folder = tempdir().unwrap();
        let options: &CStr = c"size=2m,mode=700";
        match mount("none", folder.path(), "tmpfs", MountFlags::empty(), options) {
            Ok(()) => Some(Disk(folder)),
            Err(rustix::io::Errno::PERM) => None,
            Err(error) => panic!("{error}"),
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        unmount(self.0.path(), UnmountFlags::DETACH).unwrap();
    }
}

/// A small result would fit, but the space is left to other programs.
#[test]
fn nothing_is_stored_on_an_almost_full_disk() {
    let Some(disk) = Disk::new() else { return };
    let mut filler = File::create(disk.0.path().join("filler")).unwrap();
    let cache = Cache::open(disk.0.path().join("cache")).unwrap();
    io::copy(&mut io::repeat(1), &mut filler).unwrap_err();
    let full = filler.metadata().unwrap().len();
    filler.set_len(full - (24 << 10)).unwrap();
    assert_eq!(counted(&cache, || call(&cache, 10, || {})), 1);
    assert_eq!(cache.stats().unwrap().errors_by_kind[&ErrorKind::NoSpace], 1);
    fs::write(disk.0.path().join("another"), [1; 4096]).unwrap();
    filler.set_len(0).unwrap();
    works_again(&Cache::open(cache.path()).unwrap(), &[10]);
}

#[test]
fn calls_work_on_a_full_disk() {
    let Some(disk) = Disk::new() else { return };
    let cache = Cache::open(disk.0.path().join("cache")).unwrap();
    // The space of the last two is reserved before they are written.
    let sizes = [1000, 300_000, 800_000, 1_000_000, 1_500_000, 5_000_000];
    let faults: Vec<_> = sizes.iter().map(|&n| counted(&cache, || call(&cache, n, || {}))).collect();
    assert_eq!(faults, [0, 0, 0, 1, 1, 1]);
    assert_eq!(drafts(&cache), 0);
    let error = larder::dump(&vec![1_u8; 5_000_000], disk.0.path().join("dump")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSpace, "{error}");

    // Fill the disk completely.
    let filler = disk.0.path().join("filler");
    let mut full = File::create(&filler).unwrap();
    let filled = io::copy(&mut io::repeat(1), &mut full).unwrap_err();
    assert_eq!(filled.kind(), io::ErrorKind::StorageFull);
    for cache in [&cache, &Cache::open(cache.path()).unwrap()] {
        for &n in &sizes[..3] {
            assert_eq!(counted(cache, || call(cache, n, || panic!("{n} is there"))), 0);
        }
        assert_eq!(counted(cache, || call(cache, 2000, || {})), 1);
        assert_eq!(counted(cache, || assert_eq!(cache.get_or_compute("another", &1, || 1), 1)), 1);
        assert_eq!(drafts(cache), 0);
    }
    let trimmed = cache.trim_to(&Limits { max_entries: Some(0), ..Limits::default() }).unwrap();
    assert_eq!((trimmed.removed, trimmed.kept), (3, 0));
    works_again(&cache, &[2000, 700_000]);
    drop(full);
    fs::remove_file(filler).unwrap();
    works_again(&cache, &[1_000_000]);
}

#[test]
fn uses_up_all_descriptors() {
    let Some(root) = child::root() else { return };
    let cache = Cache::builder(root.join("cache")).hot_bytes(0).open().unwrap();
    let never = Cache::open(root.join("never")).unwrap();
    call(&cache, 1, || {});
    limit(Resource::Nofile, Some(64));
    let mut open = Vec::new();
    let use_up = |open: &mut Vec<File>| {
        let error = loop {
            match File::open("/dev/null") {
                Ok(file) => open.push(file),
                Err(error) => break error,
            }
        };
        assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::MFILE.raw_os_error()));
    };
    use_up(&mut open);
    // Neither lookup nor storing works. Locking works only because the lock file was opened before.
    for cache in [&cache, &never] {
        assert_eq!(counted(cache, || call(cache, 1, || {})), 2);
        assert_eq!(counted(cache, || call(cache, 2, || {})), 2);
    }
    assert!(Cache::open(root.join("another")).is_err());
    assert!(cache.entries().is_err());
    // One descriptor is enough to load.
    open.pop();
    assert_eq!(counted(&cache, || call(&cache, 1, || panic!("it is there"))), 0);
    open.clear();
    // The descriptors run out while the function runs.
    assert_eq!(counted(&cache, || call(&cache, 3, || use_up(&mut open))), 1);
    open.clear();
    works_again(&cache, &[1, 2, 3]);
    works_again(&never, &[1, 2]);
}

#[test]
fn a_process_without_descriptors_computes() {
    let root = tempdir().unwrap();
    child::run("refused::uses_up_all_descriptors", root.path(), &[]);
}
