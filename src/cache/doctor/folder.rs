//! Checks what can be done in a cache's folder: who may enter, whether files can be written and locked, and whether
//! results can be kept in memory.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::cache::doctor::diagnosis::{Diagnosis, fault, good, note};
use crate::engine::free_space::{free_space, left_free};
use crate::engine::version_table::{CUT, VersionTable};
use crate::error::{Error, ErrorKind};
use crate::key::digest::Key;
use crate::store::layout::Layout;
use crate::store::owned_files;
use crate::sys::lock::key_locks::KeyLocks;
use crate::sys::lock::try_lock::TryLock;
use crate::sys::permissions;
use crate::text::humanize::{count, size};

/// The key for a test of the locks. No call has this key.
const LOCK: Key = Key::from_bytes([3; 32]);

#[cfg(unix)]
pub(super) fn access(root: &Path, temps: &Path) -> Diagnosis {
    use std::os::unix::fs::MetadataExt as _;
    let Ok(metadata) = fs::metadata(root) else { return good("access", "not known") };
    let mode = metadata.mode() & 0o777;
    if permissions::is_shared(root, temps) {
        let who = if mode & 0o002 != 0 { "everybody".to_owned() } else { format!("the group {}", metadata.gid()) };
        return note(
            "access",
            format!(
                "the cache is shared: {who} may write to it (mode {mode:o}), and programs believe what they find there"
            ),
            "nothing, if all of them may be believed; else give all programs one `CacheBuilder::secret`",
        );
    }
    let root = root.display();
    match mode {
        mode if mode & 0o022 != 0 => fault(
            "access",
            format!("others may write to the folder (mode {mode:o}), and programs believe what they find there"),
            format!(
                "`chmod 700 {root}`; if a group is to share it, `CacheBuilder::shared(true)` or LARDER_SHARED=1, with a \
                 `CacheBuilder::secret` for all"
            ),
        ),
        mode if mode & 0o055 != 0 => note(
            "access",
            format!("others may look into the folder (mode {mode:o})"),
            format!("`chmod 700 {root}` if the results are not for everybody"),
        ),
        mode => good("access", format!("nobody but its owner may enter the folder (mode {mode:o})")),
    }
}

#[cfg(not(unix))]
pub(super) fn access(_: &Path, _: &Path) -> Diagnosis {
    good("access", "as the folder above it says")
}

/// Bytes that are written as a test. On a full disk, an empty file can still be created.
const WRITTEN: [u8; 4096] = [1; 4096];

/// Creates a file and removes it.
pub(super) fn writing(layout: &Layout) -> Diagnosis {
    let folder = if layout.temps().is_dir() { layout.temps() } else { layout.root().to_owned() };
    let written =
        tempfile::tempfile_in(&folder).and_then(|mut file| file.write_all(&WRITTEN).and_then(|()| file.sync_data()));
    match written.map_err(|e| Error::io(e, "nothing can be stored").at(&folder)) {
        Ok(()) => match is_almost_full(layout.root()) {
            None => closed(layout).unwrap_or_else(|| good("writing", "results can be stored")),
            Some(free) => fault(
                "writing",
                format!("results are not stored: the disk is almost full, {free}"),
                "remove something, or `larder trim`; the last fiftieth of a disk, at most 1 GiB, is left to others",
            ),
        },
        Err(error) if error.kind() == ErrorKind::NoSpace => fault(
            "writing",
            format!("results can't be stored: the disk is full{}, in {}", files_left(layout.root()), folder.display()),
            "remove something, or `larder trim`",
        ),
        Err(error) => fault(
            "writing",
            error.to_string(),
            "check the owner and the mode of the folder, and whether the disk is mounted read-only",
        ),
    }
}

/// Finds folders of functions that can't be written to.
fn closed(layout: &Layout) -> Option<Diagnosis> {
    let mut closed: Vec<PathBuf> = Vec::new();
    let mut look = |folder: &Path| {
        if is_closed(folder) && !closed.iter().any(|known| known == folder) {
            closed.push(folder.to_owned());
        }
    };
    look(&layout.functions());
    owned_files::walk(&layout.functions(), &mut |path, is_folder| {
        if is_folder {
            look(path);
        }
    });
    let first = closed.first()?;
    let others = count(closed.len() as u64, "folder", "folders");
    let what =
        format!("results of some functions can't be stored: {others} can't be written to, first {}", first.display());
    Some(fault("writing", what, "check the owner and the mode of the folder"))
}

/// Returns whether this user can't create files in a folder.
#[cfg(target_os = "linux")]
fn is_closed(folder: &Path) -> bool {
    use rustix::fs::Access;
    folder.is_dir() && rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK).is_err()
}

#[cfg(not(target_os = "linux"))]
fn is_closed(folder: &Path) -> bool {
    fs::metadata(folder).is_ok_and(|metadata| metadata.permissions().readonly())
}

/// Returns the reason for a full disk: either its inodes or the quota.
#[cfg(target_os = "linux")]
fn files_left(root: &Path) -> &'static str {
    match rustix::fs::statvfs(root) {
        Ok(stat) if stat.f_files > 0 && stat.f_favail == 0 => " of files (it has no inode left)",
        _ => ", or the quota is used up",
    }
}

#[cfg(not(target_os = "linux"))]
fn files_left(_: &Path) -> &'static str {
    ", or the quota is used up"
}

/// Describes the free space if so little is left that the cache stores nothing more.
fn is_almost_full(root: &Path) -> Option<String> {
    let (available, total) = free_space(root)?;
    (available <= left_free(total)).then(|| format!("{} of {} are free", size(available), size(total)))
}

pub(super) fn space(root: &Path) -> Diagnosis {
    let Some((available, total)) = free_space(root) else {
        return note("space", "the system does not tell how much is free", "nothing; writing will tell");
    };
    let what = format!("{} of {} are free", size(available), size(total));
    if available <= left_free(total) {
        let advice = "nothing more is stored so that others can go on: remove something, or `larder trim`";
        return fault("space", what, advice);
    }
    good("space", what)
}

pub(super) fn locks(root: &Path) -> Diagnosis {
    match KeyLocks::under(root).ask(&LOCK) {
        Ok(TryLock::Acquired(_) | TryLock::Busy) => good("locks", "of processes that make the same call, one computes"),
        Err(error) => note(
            "locks",
            format!("there are none here, so each process that makes the same call computes it: {error}"),
            "put the cache on a disk of this machine, or mount the file system with locks",
        ),
    }
}

pub(super) fn memory(layout: &Layout) -> Diagnosis {
    let path = layout.marks();
    if !path.exists() {
        return good("memory", "no process has kept results in memory yet");
    }
    // This process may have repaired it when it opened the cache.
    let table = VersionTable::shared(&path, false);
    if table.as_ref().is_ok_and(|table| table.was_cut()) || VersionTable::is_cut(&path) {
        return fault(
            "memory",
            CUT,
            "keep other programs from writing into the cache, such as a backup that is restored",
        );
    }
    match table {
        Ok(table) if !table.is_coherent() => note(
            "memory",
            "results are not kept in memory, as it is not seen at once on this file system what others remove",
            "put the cache on a disk of this machine, if repeated hits are to be faster",
        ),
        Ok(_) => good("memory", "results can be kept in memory, as it is seen who removes them"),
        Err(error) => note(
            "memory",
            format!("results are not kept in memory, as it can't be seen who removes them: {error}"),
            format!("remove {}", path.display()),
        ),
    }
}
