//! Properties of file systems that larder relies on. `docs/design/platforms.md` has the table.

use std::fs::File;
use std::io;
use std::path::Path;

/// Returns whether every map of a file, in all processes that may have one, immediately shows what another process
/// writes into the file.
///
/// This holds if one kernel has the only copy of the file's pages. It does not hold if another machine may write (NFS,
/// SMB, 9p, Ceph), or if the file can be reached in another way too (FUSE, stacked file systems). On overlayfs it does
/// not hold for a file that was opened read-only: the first writer writes to a copy, which the reader does not see.
#[cfg(target_os = "linux")]
pub(crate) fn maps_are_coherent(file: &File, writable: bool) -> bool {
    const OVERLAY: u64 = 0x794c_7630;
    let Ok(known) = rustix::fs::fstatfs(file) else { return false };
    // The field is signed on some machines.
    match known.f_type as u64 & 0xffff_ffff {
        OVERLAY => writable,
        // ext2 to ext4, xfs, btrfs, tmpfs, ramfs, f2fs, zfs, bcachefs, jfs, reiserfs, nilfs2, exfat, vfat, ntfs3, hfs,
        // hfs+, udf
        0xef53 | 0x5846_5342 | 0x9123_683e | 0x0102_1994 | 0x8584_58f6 | 0xf2f5_2010 | 0x2fc1_2fc1 | 0xca45_1a4e
        | 0x3153_464a | 0x5265_4973 | 0x3434 | 0x2011_bab0 | 0x4d44 | 0x7366_746e | 0x4244 | 0x482b | 0x1501_3346 => {
            true
        }
        _ => false,
    }
}

/// Other systems don't show it. Caches there are assumed to be on local disks.
#[cfg(not(target_os = "linux"))]
pub(crate) fn maps_are_coherent(_: &File, _: bool) -> bool {
    true
}

/// Returns whether the folder is full and not the disk: its index has no room for another name. `error` is the error of
/// an attempt to create a name there.
pub(crate) fn is_folder_full(folder: &Path, error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::StorageFull && has_room(folder)
}

/// Space that certainly suffices for a file of a few blocks and its folder, in bytes.
const SOME_ROOM: u64 = 1 << 20;

#[cfg(target_os = "linux")]
fn has_room(folder: &Path) -> bool {
    rustix::fs::statvfs(folder).is_ok_and(|known| {
        // A file system that reports no blocks or no inodes at all does not count them.
        let space = known.f_blocks == 0 || known.f_bavail.saturating_mul(known.f_frsize) >= SOME_ROOM;
        space && (known.f_files == 0 || known.f_favail > 0)
    })
}

#[cfg(not(target_os = "linux"))]
fn has_room(folder: &Path) -> bool {
    fs2::available_space(folder).is_ok_and(|available| available >= SOME_ROOM)
}
