//! Detects whether a file has changed, and how far a file system can be trusted to show it.

use std::fs::{File, Metadata};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Minimum age of a change. A younger change may be followed by another one with the same timestamp, because clocks of
/// file systems are coarse.
const RACY: Duration = Duration::from_secs(2);

/// Minimum age of a change if the timestamp comes from another machine's clock.
const RACY_ELSEWHERE: Duration = Duration::from_secs(60);

/// State of a file: if it differs, the file has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct State {
    size: u64,
    modified: Option<SystemTime>,
    /// Device, inode, and the change time in seconds and nanoseconds, which no program can set.
    #[cfg(unix)]
    identity: (u64, u64, i64, i64),
    #[cfg(not(unix))]
    created: Option<SystemTime>,
}

impl State {
    pub(super) fn of(metadata: &Metadata, trust: Trust) -> Self {
        #[cfg(unix)]
        use std::os::unix::fs::MetadataExt as _;
        #[cfg(unix)]
        // Some file systems number inodes on demand. The same file may get another number next time.
        let inode = if trust >= Trust::Opened { metadata.ino() } else { 0 };
        #[cfg(not(unix))]
        let _ = trust;
        State {
            size: metadata.len(),
            modified: metadata.modified().ok(),
            #[cfg(unix)]
            identity: (metadata.dev(), inode, metadata.ctime(), metadata.ctime_nsec()),
            #[cfg(not(unix))]
            created: metadata.created().ok(),
        }
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Passes each field to `take`, as a number.
    pub(super) fn parts(&self, take: &mut dyn FnMut(i128)) {
        let nanoseconds = |time: Option<SystemTime>| {
            let Some(time) = time else { return i128::MAX };
            let span = |span: Duration| i128::try_from(span.as_nanos()).unwrap_or(i128::MAX);
            time.duration_since(SystemTime::UNIX_EPOCH).map_or_else(|e| -span(e.duration()), span)
        };
        take(self.size.into());
        take(nanoseconds(self.modified));
        #[cfg(unix)]
        {
            let (device, inode, seconds, more) = self.identity;
            take(device.into());
            take(inode.into());
            take(seconds.into());
            take(more.into());
        }
        #[cfg(not(unix))]
        take(nanoseconds(self.created));
    }

    /// Returns whether every later change will give another state. Timestamps in the future are never reliable, because
    /// some clock is wrong.
    pub(super) fn tells(&self, trust: Trust) -> bool {
        let racy = match trust {
            Trust::Full => RACY,
            Trust::Opened if cfg!(target_os = "linux") => RACY_ELSEWHERE,
            // A length of zero may mean that the length is unknown.
            Trust::Opened if self.size > 0 => RACY,
            Trust::Opened | Trust::None | Trust::Made => return false,
        };
        let changed = self.modified.max(self.changed());
        changed.is_some_and(|at| at.elapsed().is_ok_and(|age| age >= racy))
    }

    #[cfg(unix)]
    fn changed(&self) -> Option<SystemTime> {
        let (_, _, seconds, _) = self.identity;
        Some(SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).ok()?))
    }

    #[cfg(not(unix))]
    fn changed(&self) -> Option<SystemTime> {
        self.created
    }
}

/// How far a file system is trusted about its files.
#[cfg_attr(all(not(target_os = "linux"), not(test)), expect(dead_code, reason = "only Linux is asked what it is"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trust {
    /// Not real files: the kernel generates the content.
    Made,
    /// Inodes, lengths or times may be wrong.
    None,
    /// The metadata of an open file is right. Without opening the file, it may be a minute old.
    Opened,
    /// The metadata of every file is right.
    Full,
}

impl Trust {
    /// Returns the trust in the file system of this open file.
    #[cfg(target_os = "linux")]
    pub(super) fn of(file: &File) -> Self {
        rustix::fs::fstatfs(file).map_or(Trust::None, |known| Trust::of_kind(known.f_type as u64))
    }

    /// Returns the trust in the file system of this path.
    #[cfg(target_os = "linux")]
    pub(super) fn at(path: &Path) -> Self {
        rustix::fs::statfs(path).map_or(Trust::None, |known| Trust::of_kind(known.f_type as u64))
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn of(_: &File) -> Self {
        Trust::Opened
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn at(_: &Path) -> Self {
        Trust::Opened
    }

    /// Decides by the numbers of statfs(2) and `linux/magic.h`. Unknown file systems (FUSE, SMB, FAT, 9p) are not
    /// trusted.
    #[cfg(target_os = "linux")]
    fn of_kind(kind: u64) -> Self {
        // Some numbers have the highest bit set, and the field is signed on some machines.
        match kind & 0xffff_ffff {
            // proc, sysfs, debugfs, tracefs, cgroup, cgroup2, securityfs, configfs, bpf, pstore, devpts, mqueue,
            // efivarfs, selinuxfs, smackfs
            0x9fa0 | 0x6265_6572 | 0x6462_6720 | 0x7472_6163 | 0x0027_e0eb | 0x6367_7270 | 0x7363_6673
            | 0x6265_6570 | 0xcafe_4a11 | 0x6165_676c | 0x1cd1 | 0x1980_0202 | 0xde5e_81e4 | 0xf97c_ff8c
            | 0x4341_5d53 => Trust::Made,
            // NFS, Ceph, Lustre, GPFS: times and inodes come from the server, and opening a file revalidates them.
            0x6969 | 0x00c3_6400 | 0x0bd0_0bd0 | 0x4750_4653 => Trust::Opened,
            // ext2 to ext4, XFS, Btrfs, tmpfs, ramfs, F2FS, bcachefs, ZFS, overlayfs, JFS, ReiserFS, NILFS, squashfs,
            // EROFS, ISO 9660
            0xef53 | 0x5846_5342 | 0x9123_683e | 0x0102_1994 | 0x8584_58f6 | 0xf2f5_2010 | 0xca45_1a4e
            | 0x2fc1_2fc1 | 0x794c_7630 | 0x3153_464a | 0x5265_4973 | 0x3434 | 0x7371_7368 | 0xe0f5_e1e2 | 0x9660 => {
                Trust::Full
            }
            _ => Trust::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::FileTimes;

    use super::*;

    fn state(age: i64) -> State {
        let folder = tempfile::tempdir().unwrap();
        let file = File::create(folder.path().join("data")).unwrap();
        file.set_len(1).unwrap();
        let span = Duration::from_secs(age.unsigned_abs());
        let now = SystemTime::now();
        let time = if age < 0 { now + span } else { now - span };
        file.set_times(FileTimes::new().set_modified(time)).unwrap();
        let mut state = State::of(&file.metadata().unwrap(), Trust::Full);
        // No program can set the change time.
        #[cfg(unix)]
        {
            let seconds = time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
            state.identity.2 = i64::try_from(seconds).unwrap();
        }
        state
    }

    #[test]
    fn a_state_is_reliable_if_it_is_old_and_its_file_system_is_trusted() {
        let tells = |trust, ages: &[i64]| -> Vec<bool> { ages.iter().map(|age| state(*age).tells(trust)).collect() };
        let ages = [-3600, 0, 10, 3600];
        assert_eq!(tells(Trust::Full, &ages), [false, false, true, true]);
        assert_eq!(tells(Trust::Opened, &ages), [false, false, !cfg!(target_os = "linux"), true]);
        assert_eq!(tells(Trust::None, &ages), [false; 4]);
        assert_eq!(tells(Trust::Made, &ages), [false; 4]);
    }

    #[cfg(unix)]
    #[test]
    fn inodes_count_only_if_they_are_stable() {
        let folder = tempfile::tempdir().unwrap();
        let states = |trust| {
            let state = |name: &str| {
                let file = File::create(folder.path().join(name)).unwrap();
                file.set_times(FileTimes::new().set_modified(SystemTime::UNIX_EPOCH)).unwrap();
                let mut state = State::of(&file.metadata().unwrap(), trust);
                (state.identity.2, state.identity.3) = (0, 0);
                state
            };
            [state("a"), state("b")]
        };
        let [a, b] = states(Trust::Full);
        assert_ne!(a, b);
        let [a, b] = states(Trust::None);
        assert_eq!(a, b);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn file_systems_are_recognised_by_their_numbers() {
        assert_eq!(Trust::at(Path::new("/proc/self")), Trust::Made);
        assert_eq!(Trust::of(&File::open("/proc/cpuinfo").unwrap()), Trust::Made);
        // FUSE, SMB, vfat
        for kind in [0x6573_5546, 0xff53_4d42, 0xffff_ffff_ff53_4d42, 0x4d44, 0] {
            assert_eq!(Trust::of_kind(kind), Trust::None, "{kind:x}");
        }
        assert_eq!(Trust::of_kind(0xffff_ffff_9123_683e), Trust::Full);
        assert_eq!(Trust::of_kind(0x6969), Trust::Opened);
    }
}
