//! Whether a file changed after a compilation began.
//!
//! rustc reads the files of a crate when it starts, and an attribute reads them later. A file that changed in between
//! is not the one that was compiled.
//!
//! The start is the modification time of a file that cargo writes then. The change is the latest time that the file
//! system records: on Unix that is the change time, which programs can't set, while `mv` and `cp -p` set the
//! modification time. The two are compared exactly only if one clock made both.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// File systems that use the clock of this machine. All others may use that of another machine.
#[cfg(target_os = "linux")]
const LOCAL: [&str; 12] =
    ["ext2", "ext3", "ext4", "xfs", "btrfs", "tmpfs", "overlay", "zfs", "f2fs", "bcachefs", "jfs", "reiserfs"];

/// The largest difference between the clocks of two machines that is allowed for.
const SKEW: Duration = Duration::from_secs(600);
/// The time resolution of the coarsest file systems.
const COARSE: Duration = Duration::from_secs(2);

/// The start of a compilation.
#[derive(Clone, Debug)]
pub(crate) struct BuildStart {
    at: SystemTime,
    path: PathBuf,
    device: u64,
}

impl BuildStart {
    /// Returns the start, from a file that was written then.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(BuildStart { at: metadata.modified().ok()?, path: path.to_owned(), device: device(&metadata) })
    }

    /// Returns whether a file or folder certainly did not change since the start. A file that does not exist did not
    /// change.
    pub(crate) fn is_before(&self, path: &Path) -> bool {
        let Ok(metadata) = std::fs::symlink_metadata(path) else { return !path.exists() };
        let Some(changed) = changed(&metadata) else { return false };
        let margin = if device(&metadata) == self.device {
            Duration::ZERO
        } else if is_local(path) && is_local(&self.path) {
            if is_coarse(changed) { COARSE } else { Duration::ZERO }
        } else {
            SKEW
        };
        // Equal times say nothing about the order.
        changed.checked_add(margin).is_some_and(|changed| changed < self.at)
            && (!metadata.is_symlink() || path.canonicalize().is_ok_and(|path| self.is_before(&path)))
    }
}

#[cfg(unix)]
fn changed(metadata: &Metadata) -> Option<SystemTime> {
    use std::os::unix::fs::MetadataExt as _;
    let nanoseconds = u32::try_from(metadata.ctime_nsec()).ok()?;
    let noted = SystemTime::UNIX_EPOCH + Duration::new(u64::try_from(metadata.ctime()).ok()?, nanoseconds);
    Some(metadata.modified().map_or(noted, |modified| modified.max(noted)))
}

#[cfg(not(unix))]
fn changed(metadata: &Metadata) -> Option<SystemTime> {
    let modified = metadata.modified().ok()?;
    Some(metadata.created().map_or(modified, |created| modified.max(created)))
}

fn is_coarse(time: SystemTime) -> bool {
    time.duration_since(SystemTime::UNIX_EPOCH).is_ok_and(|since| since.subsec_nanos() == 0)
}

#[cfg(unix)]
fn device(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::dev(metadata)
}

#[cfg(not(unix))]
fn device(_: &Metadata) -> u64 {
    0
}

/// Returns whether a path is on a file system that uses the clock of this machine.
#[cfg(target_os = "linux")]
fn is_local(path: &Path) -> bool {
    let Ok(mounts) = std::fs::read_to_string("/proc/self/mounts") else { return false };
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut longest: (usize, &str) = (0, "");
    for line in mounts.lines() {
        let mut parts = line.split(' ').skip(1);
        let (Some(place), Some(kind)) = (parts.next(), parts.next()) else { continue };
        // Later mounts hide earlier ones.
        if path.starts_with(place) && place.len() >= longest.0 {
            longest = (place.len(), kind);
        }
    }
    LOCAL.contains(&longest.1)
}

#[cfg(not(target_os = "linux"))]
fn is_local(_: &Path) -> bool {
    cfg!(windows)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "files of tests")]
mod tests {
    use super::*;

    #[test]
    fn what_changed_since_is_told() {
        let dir = std::env::temp_dir().join(format!("larder-clock-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = |name: &str| dir.join(name);
        std::fs::write(path("before"), "").unwrap();
        std::thread::sleep(Duration::from_millis(30));
        std::fs::write(path("stamp"), "").unwrap();
        std::thread::sleep(Duration::from_millis(30));
        std::fs::write(path("after"), "").unwrap();
        let old = SystemTime::now() - Duration::from_secs(3600);
        std::fs::File::options().write(true).open(path("after")).unwrap().set_modified(old).unwrap();
        let build_start = BuildStart::of(&path("stamp")).unwrap();
        assert!(build_start.is_before(&path("before")));
        assert!(build_start.is_before(&path("never")));
        assert!(!build_start.is_before(&path("stamp")));
        #[cfg(unix)]
        {
            assert!(!build_start.is_before(&path("after")), "an older time of modification hides nothing");
            std::os::unix::fs::symlink(path("before"), path("link")).unwrap();
            assert!(!build_start.is_before(&path("link")), "another file may be behind it now");
        }
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
