//! Tests caches that several users share.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};

use larder::{Cache, Severity};
use rustix::fs::Mode;
use rustix::process::{getuid, umask};
use tempfile::{TempDir, tempdir};

use crate::child;
use crate::faults::{call, counted};
use crate::log::logged;
use crate::mounts::skip;
use crate::refused::{folder_for_unprivileged_user, instead, succeeds};

/// Id of the group that shares, followed by ids of its users.
const GROUP: u32 = 4200;
const ANN: u32 = 4201;
const BOB: u32 = 4202;

/// Folder for users, the program that they run, and the path of the cache in it.
struct Users {
    root: TempDir,
    program: PathBuf,
}

impl Users {
    /// Returns `None` if this process can't change its user.
    fn new(test: &str) -> Option<Users> {
        if !getuid().is_root() {
            skip(test, "only the root user can become another one");
            return None;
        }
        let (root, program) = folder_for_unprivileged_user();
        Some(Users { root, program })
    }

    fn folder(&self) -> PathBuf {
        self.root.path().join("cache")
    }

    /// Creates the cache's folder.
    fn make(&self, owner: u32, group: u32, mode: u32) {
        fs::create_dir(self.folder()).unwrap();
        chown(self.folder(), Some(owner), Some(group)).unwrap();
        fs::set_permissions(self.folder(), Permissions::from_mode(mode)).unwrap();
    }

    /// Makes the calls 1 to `most` as a user, and checks the numbers of hits and faults.
    fn run(&self, (user, group): (u32, u32), asks: &str, most: usize, hits: u64, faults: u64) {
        let child = child::command("shared::makes_calls", self.root.path());
        let mut command = instead(std::process::Command::new(&self.program), &child);
        command.uid(user).gid(group).env("ASKS", asks).env("MOST", most.to_string());
        command.envs([("HITS", hits.to_string()), ("FAULTS", faults.to_string())]);
        if asks == "by variable" {
            command.env("LARDER_SHARED", "1");
        }
        succeeds(command);
    }

    /// Returns all paths in the cache.
    fn all(&self) -> Vec<PathBuf> {
        let mut all = vec![self.folder()];
        let mut at = 0;
        while at < all.len() {
            if all[at].is_dir() {
                all.extend(fs::read_dir(&all[at]).unwrap().map(|item| item.unwrap().path()).collect::<Vec<_>>());
            }
            at += 1;
        }
        all
    }
}

fn open(folder: &Path, asks: &str) -> larder::Result<Cache> {
    let builder = Cache::builder(folder).hot_bytes(0);
    if asks == "by method" { builder.shared(true) } else { builder }.open()
}

/// Runs in the child process of the tests below.
#[test]
fn makes_calls() {
    let Some(root) = child::root() else { return };
    let number = |name| std::env::var(name).unwrap().parse::<u64>().unwrap();
    // This umask gives the group no access.
    umask(Mode::from_raw_mode(0o077));
    let (asks, most) = (std::env::var("ASKS").unwrap(), number("MOST"));
    let cache = open(&root.join("cache"), &asks).unwrap();
    let before = cache.stats().unwrap();
    let (faults, lines) = logged(|| {
        counted(&cache, || {
            for n in 1..=most as usize {
                call(&cache, n, || {});
            }
        })
    });
    assert_eq!(faults, number("FAULTS"), "{lines}");
    // One warning for all faults, which says what to do.
    assert_eq!(lines.matches("WARN").count(), usize::from(faults > 0), "{lines}");
    assert!(faults == 0 || (lines.contains("LARDER_SHARED=1") && lines.contains("belongs to the user")), "{lines}");
    assert_eq!(cache.stats().unwrap().hits - before.hits, number("HITS"));
    // Every user of a shared cache may remove entries.
    if faults == 0 {
        assert!(cache.entries().unwrap().all(|entry| entry.fault.is_none()));
    }
    let told = cache.diagnose();
    let about = |about| told.iter().find(|finding| finding.about == about);
    let access = about("access").unwrap();
    if asks == "not" && faults > 0 {
        let owners = about("owners").unwrap();
        assert!(
            owners.severity == Severity::Fault && owners.advice.as_ref().unwrap().contains("LARDER_SHARED"),
            "{told:?}"
        );
    } else if asks != "not" {
        assert!(access.severity < Severity::Fault && access.what.contains("shared"), "{access:?}");
        assert!(!access.advice.as_ref().unwrap().contains("chmod"), "{access:?}");
    }
}

/// Two users of one group, in a new or existing folder, with any umask.
#[test]
fn users_of_a_group_share_a_cache() {
    for (asks, mode) in
        [("by method", None), ("by variable", Some(0o2775)), ("by method", Some(0o770)), ("by variable", Some(0o2770))]
    {
        let Some(users) = Users::new("users_of_a_group_share_a_cache") else { return };
        if let Some(mode) = mode {
            users.make(ANN, GROUP, mode);
        }
        users.run((ANN, GROUP), asks, 3, 0, 0);
        users.run((BOB, GROUP), asks, 5, 3, 0);
        users.run((ANN, GROUP), asks, 6, 5, 0);
        // The cache stays shared for handles that don't request it.
        users.run((BOB, GROUP), "not", 7, 6, 0);
        users.run((ANN, GROUP), "not", 8, 7, 0);
        for path in users.all().iter().skip(1) {
            let metadata = path.metadata().unwrap();
            let expected = if path.is_dir() { 0o2770 } else { 0o660 };
            assert_eq!(metadata.mode() & 0o7777, expected, "{} {mode:?}", path.display());
            assert_eq!(metadata.gid(), GROUP, "{}", path.display());
        }
    }
}

/// Entries that the owner stored before become accessible to the group.
#[test]
fn a_private_cache_can_be_shared_later() {
    let Some(users) = Users::new("a_private_cache_can_be_shared_later") else { return };
    users.make(ANN, GROUP, 0o2775);
    users.run((ANN, GROUP), "not", 3, 0, 0);
    assert!(users.all().iter().skip(1).all(|path| path.metadata().unwrap().mode() & 0o077 == 0));
    users.run((ANN, GROUP), "by method", 3, 3, 0);
    users.run((BOB, GROUP), "by method", 4, 3, 0);
}

/// Without sharing, the second user gets one warning, not two for each call.
#[test]
fn a_user_without_access_gets_one_warning() {
    let Some(users) = Users::new("a_user_without_access_gets_one_warning") else { return };
    users.make(ANN, GROUP, 0o2775);
    users.run((ANN, GROUP), "not", 3, 0, 0);
    // Entries in closed folders can't be found, and none can be stored.
    for path in users.all().iter().skip(1).filter(|path| path.is_dir()) {
        fs::set_permissions(path, Permissions::from_mode(0o750)).unwrap();
    }
    users.run((BOB, GROUP), "not", 3, 0, 6);
}

/// A volume of another user that is writable for all, as containers have it.
#[test]
fn a_world_writable_volume_is_shared_by_all_users() {
    let Some(users) = Users::new("a_world_writable_volume_is_shared_by_all_users") else { return };
    users.make(0, 0, 0o777);
    users.run((ANN, ANN), "by method", 3, 0, 0);
    users.run((BOB, BOB), "by variable", 5, 3, 0);
    users.run((ANN, ANN), "by method", 5, 5, 0);
}

/// A run with `sudo` leaves no files that the user can't use, in an existing or a new cache.
#[test]
fn files_created_by_root_belong_to_the_owner_of_the_folder() {
    for (is_there, asks) in [(true, "not"), (false, "not"), (true, "by method")] {
        let Some(users) = Users::new("files_created_by_root_belong_to_the_owner_of_the_folder") else { return };
        chown(users.root.path(), Some(ANN), Some(GROUP)).unwrap();
        if is_there {
            users.run((ANN, GROUP), asks, 2, 0, 0);
        }
        let cache = open(&users.folder(), asks).unwrap();
        for n in 1..=4 {
            call(&cache, n, || {});
        }
        drop(cache);
        for path in users.all() {
            let metadata = path.metadata().unwrap();
            assert_eq!((metadata.uid(), metadata.gid()), (ANN, GROUP), "{}", path.display());
        }
        users.run((ANN, GROUP), asks, 5, 4, 0);
    }
}

/// Other users have no access to a cache that is not shared.
#[test]
fn a_cache_is_private_unless_it_is_shared() {
    let root = tempdir().unwrap();
    let cache = Cache::builder(root.path().join("cache")).shared(false).open().unwrap();
    call(&cache, 1, || {});
    for path in ["", "drafts", "v1", "v1/a/f"] {
        assert_eq!(cache.path().join(path).metadata().unwrap().mode() & 0o777, 0o700, "{path}");
    }
    assert_eq!(cache.entries().unwrap().next().unwrap().path.metadata().unwrap().mode() & 0o777, 0o600);
}
