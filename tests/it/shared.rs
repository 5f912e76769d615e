//! Several users of one cache: F28.

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
use crate::refused::{for_anybody, instead, succeeds};

/// The group that shares, and users of it.
const GROUP: u32 = 4200;
const ANN: u32 = 4201;
const BOB: u32 = 4202;

/// A folder for users, the program that they run, and the cache's folder in there.
struct Users {
    root: TempDir,
    program: PathBuf,
}

impl Users {
    /// `None` where this process can't become others.
    fn new(test: &str) -> Option<Users> {
        if !getuid().is_root() {
            skip(test, "only the root user can become another one");
            return None;
        }
        let (root, program) = for_anybody();
        Some(Users { root, program })
    }

    fn folder(&self) -> PathBuf {
        self.root.path().join("cache")
    }

    /// Makes the cache's folder.
    fn make(&self, owner: u32, group: u32, mode: u32) {
        fs::create_dir(self.folder()).unwrap();
        chown(self.folder(), Some(owner), Some(group)).unwrap();
        fs::set_permissions(self.folder(), Permissions::from_mode(mode)).unwrap();
    }

    /// Lets a user make the calls 1 to `most`, of which so many hit, with `faults` faults.
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

    /// All that is in the cache.
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

/// The child of the tests below.
#[test]
fn makes_calls() {
    let Some(root) = child::root() else { return };
    let number = |name| std::env::var(name).unwrap().parse::<u64>().unwrap();
    // Nothing is left to the group by it.
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
    // One warning for all of them, which says what to do.
    assert_eq!(lines.matches("WARN").count(), usize::from(faults > 0), "{lines}");
    assert!(faults == 0 || (lines.contains("LARDER_SHARED=1") && lines.contains("belongs to the user")), "{lines}");
    assert_eq!(cache.stats().unwrap().hits - before.hits, number("HITS"));
    // A removal is everybody's right as well.
    if faults == 0 {
        assert!(cache.entries().unwrap().all(|entry| entry.fault.is_none()));
    }
    let told = cache.diagnose();
    let about = |about| told.iter().find(|finding| finding.about == about);
    let access = about("access").unwrap();
    if asks == "not" && faults > 0 {
        let owners = about("owners").unwrap();
        assert!(
            owners.health == Severity::Fault && owners.advice.as_ref().unwrap().contains("LARDER_SHARED"),
            "{told:?}"
        );
    } else if asks != "not" {
        assert!(access.health < Severity::Fault && access.what.contains("shared"), "{access:?}");
        assert!(!access.advice.as_ref().unwrap().contains("chmod"), "{access:?}");
    }
}

/// F28: two users of one group, in a folder that one of them makes, or that there was, whatever the umask.
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
        // It stays shared, also for those who do not ask for it.
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

/// F28: what its owner stored before is opened to the group as well.
#[test]
fn a_private_cache_can_be_shared_later() {
    let Some(users) = Users::new("a_private_cache_can_be_shared_later") else { return };
    users.make(ANN, GROUP, 0o2775);
    users.run((ANN, GROUP), "not", 3, 0, 0);
    assert!(users.all().iter().skip(1).all(|path| path.metadata().unwrap().mode() & 0o077 == 0));
    users.run((ANN, GROUP), "by method", 3, 3, 0);
    users.run((BOB, GROUP), "by method", 4, 3, 0);
}

/// F28: without that, the second user is told once, and not twice a call.
#[test]
fn who_may_not_use_a_cache_is_told_once() {
    let Some(users) = Users::new("who_may_not_use_a_cache_is_told_once") else { return };
    users.make(ANN, GROUP, 0o2775);
    users.run((ANN, GROUP), "not", 3, 0, 0);
    // Entries in closed folders can't be looked up, and none can be stored.
    for path in users.all().iter().skip(1).filter(|path| path.is_dir()) {
        fs::set_permissions(path, Permissions::from_mode(0o750)).unwrap();
    }
    users.run((BOB, GROUP), "not", 3, 0, 6);
}

/// F28: a volume of another user that everybody may write to, as containers have it.
#[test]
fn a_volume_that_everybody_may_write_to_is_shared_by_everybody() {
    let Some(users) = Users::new("a_volume_that_everybody_may_write_to_is_shared_by_everybody") else { return };
    users.make(0, 0, 0o777);
    users.run((ANN, ANN), "by method", 3, 0, 0);
    users.run((BOB, BOB), "by variable", 5, 3, 0);
    users.run((ANN, ANN), "by method", 5, 5, 0);
}

/// F28: a run with `sudo` leaves nothing that its user can't use, in a cache that is there or that it makes.
#[test]
fn what_the_root_user_makes_belongs_to_the_owner_of_the_folder() {
    for (is_there, asks) in [(true, "not"), (false, "not"), (true, "by method")] {
        let Some(users) = Users::new("what_the_root_user_makes_belongs_to_the_owner_of_the_folder") else { return };
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

/// What is in a private cache of one's own is nobody else's, as before.
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
