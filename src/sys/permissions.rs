//! Who may use the files of a cache: its owner, or also the group of its folder.
//!
//! A cache is private (folders 0700, files 0600) unless it is shared: then its folders are 2770 and its files 0660,
//! regardless of the umask, and all have the group of the root. Files that the root user creates in another user's
//! cache get the owner of that cache's folder, so that a run with `sudo` locks nobody out.
//!
//! The caches that need this are recorded when they are opened, by their roots. A process that has only private caches
//! of its own pays one atomic load.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::error::{Error, ErrorKind};
use crate::sys::fork::per_process::PerProcess;
use crate::sys::locked::locked;

#[cfg(unix)]
pub(crate) use unix::Heir;
#[cfg(unix)]
pub(crate) use unix::adopt_file;
#[cfg(unix)]
pub(crate) use unix::adopt_folder;
#[cfg(unix)]
pub(crate) use unix::file_mode;
#[cfg(unix)]
pub(crate) use unix::is_of_others;
#[cfg(unix)]
pub(crate) use unix::is_open_to_others;
#[cfg(unix)]
pub(crate) use unix::is_shared;
#[cfg(unix)]
pub(crate) use unix::is_tended;
#[cfg(unix)]
pub(crate) use unix::note;
#[cfg(unix)]
pub(crate) use unix::open_to_others;
#[cfg(unix)]
pub(crate) use unix::owner_of;

/// Roots for which the user has been warned that another user owns the files.
static TOLD: PerProcess<Mutex<BTreeSet<PathBuf>>> = PerProcess::new();

/// Advice for the case that access was refused.
const ADVICE: &str = "open it with `CacheBuilder::shared(true)` or LARDER_SHARED=1 in the programs of all users, first by the \
                      owner of its folder; or give each user a cache";

/// Adds advice to the error for a cache that can't be opened, if another user owns it.
pub(crate) fn explain(error: Error) -> Error {
    let whose = error.path().filter(|_| error.kind() == ErrorKind::PermissionDenied).map_or_else(String::new, owner_of);
    if whose.is_empty() { error } else { error.context(&format!("{whose}{ADVICE}")) }
}

/// Warns once for each cache that access was refused, with advice. Returns whether this was the first time.
pub(crate) fn tell_once(root: &Path, error: &Error) -> bool {
    if !locked(TOLD.get()).insert(root.to_owned()) {
        return false;
    }
    let whose = error.path().map_or_else(String::new, owner_of);
    tracing::warn!(
        root = %root.display(), %error,
        "calls are computed, as access to the cache is refused: {whose}{ADVICE}; this is logged once"
    );
    true
}

#[cfg(unix)]
mod unix {
    use std::fs::{self, File, Metadata, Permissions};
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown, lchown};
    use std::path::{Path, PathBuf};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{PoisonError, RwLock};

    use crate::sys::fork::per_process::PerProcess;

    /// Modes of a private cache.
    const PRIVATE_FILE: u32 = 0o600;
    const PRIVATE_FOLDER: u32 = 0o700;

    /// Modes of a shared cache, without those for others than the group.
    const SHARED_FILE: u32 = 0o660;
    const SHARED_FOLDER: u32 = 0o2770;

    const GROUP_MAY_WRITE: u32 = 0o020;
    const OTHERS_MAY_WRITE: u32 = 0o002;

    /// Permissions and owner for the files of one cache.
    #[derive(Clone, Debug)]
    struct Rights {
        root: PathBuf,
        file: u32,
        folder: u32,
        group: u32,
        /// The owner of new files, if not the user of this process.
        owner: Option<u32>,
    }

    static NOTED: PerProcess<RwLock<Vec<Rights>>> = PerProcess::new();
    static ANY: AtomicBool = AtomicBool::new(false);

    fn noted() -> &'static RwLock<Vec<Rights>> {
        // If a thread of the parent was changing the list during the fork, start empty. Opening a cache records it
        // again.
        let copy = |parent: &RwLock<Vec<Rights>>| parent.try_read().map(|noted| noted.clone()).unwrap_or_default();
        NOTED.get_or(|parent| RwLock::new(parent.map(copy).unwrap_or_default()))
    }

    /// Returns the permissions for files under this path, if anything has to be set.
    fn rights(path: &Path) -> Option<Rights> {
        if !ANY.load(Ordering::Acquire) {
            return None;
        }
        let noted = noted().read().unwrap_or_else(PoisonError::into_inner);
        noted
            .iter()
            .filter(|rights| path.starts_with(&rights.root))
            .max_by_key(|rights| rights.root.as_os_str().len())
            .cloned()
    }

    /// Returns whether new files under this path must be adopted.
    pub(crate) fn is_tended(path: &Path) -> bool {
        rights(path).is_some()
    }

    /// Returns the mode of a new file.
    pub(crate) fn file_mode(path: &Path) -> u32 {
        rights(path).map_or(PRIVATE_FILE, |rights| rights.file)
    }

    /// Records the permissions for the files of a cache, based on its existing folder. Returns whether the cache is
    /// shared.
    pub(crate) fn note(root: &Path, temps: &Path, asked: bool) -> bool {
        let Ok(metadata) = fs::metadata(root) else { return asked };
        let me = effective_user();
        let owner = (me == Some(0) && metadata.uid() != 0).then(|| metadata.uid());
        let shared = asked || is_shared(root, temps);
        let mut noted = noted().write().unwrap_or_else(PoisonError::into_inner);
        // If one handle asks for a shared cache, it is shared for all in this process.
        let was_shared = noted.iter().any(|rights| rights.root == root && rights.file != PRIVATE_FILE);
        noted.retain(|rights| rights.root != root);
        let shared = shared || was_shared;
        if shared || owner.is_some() {
            // A folder that everyone may write to is meant for everyone.
            let others = if metadata.mode() & OTHERS_MAY_WRITE != 0 { metadata.mode() & 0o007 } else { 0 };
            noted.push(Rights {
                root: root.to_owned(),
                file: if shared { SHARED_FILE | (others & 0o006) } else { PRIVATE_FILE },
                folder: if shared { SHARED_FOLDER | others } else { PRIVATE_FOLDER },
                group: metadata.gid(),
                owner,
            });
        }
        ANY.store(!noted.is_empty(), Ordering::Release);
        shared
    }

    /// The owner of a folder that the root user is about to create: the owner of the folder above, who would otherwise
    /// have no access to it.
    pub(crate) struct Heir {
        missing: Vec<PathBuf>,
        owner: Option<(u32, u32)>,
    }

    impl Heir {
        pub(crate) fn of(root: &Path) -> Heir {
            let mut missing: Vec<_> = Vec::new();
            let mut owner = None;
            for folder in root.ancestors().filter(|_| effective_user() == Some(0)) {
                match fs::symlink_metadata(folder) {
                    Ok(metadata) => {
                        owner = (metadata.uid() != 0).then(|| (metadata.uid(), metadata.gid()));
                        break;
                    }
                    Err(_) => missing.push(folder.to_owned()),
                }
            }
            Heir { missing, owner }
        }

        pub(crate) fn inherits(self) {
            for (folder, (user, group)) in self.missing.iter().zip(self.owner.into_iter().cycle()) {
                let _ = lchown(folder, Some(user), Some(group));
            }
        }
    }

    /// Returns whether another user owns a file, and this process is not run by the root user.
    pub(crate) fn is_of_others(metadata: &Metadata) -> bool {
        effective_user().is_some_and(|me| me != 0 && me != metadata.uid())
    }

    /// Returns whether a cache was created as a shared one, or opened as one by its owner. The mode of its folder of
    /// temporary files shows it: only the owner of that folder or of the root can have made it writable for the group.
    pub(crate) fn is_shared(root: &Path, temps: &Path) -> bool {
        if rights(root).is_some_and(|rights| rights.file != PRIVATE_FILE) {
            return true;
        }
        let (Ok(root), Ok(temps)) = (fs::metadata(root), fs::symlink_metadata(temps)) else {
            return false;
        };
        let owned = temps.uid() == root.uid() || Some(temps.uid()) == effective_user();
        temps.is_dir() && owned && temps.mode() & root.mode() & GROUP_MAY_WRITE != 0
    }

    /// Sets the owner, the group and the mode of a new file, as far as this process may.
    pub(crate) fn adopt_file(file: &File, path: &Path) {
        let Some(rights) = rights(path) else { return };
        let Ok(metadata) = file.metadata() else { return };
        let group = (metadata.gid() != rights.group).then_some(rights.group);
        if rights.owner.is_some() || group.is_some() {
            let _ = fchown(file, rights.owner, group);
        }
        if metadata.mode() & 0o777 != rights.file {
            let _ = file.set_permissions(Permissions::from_mode(rights.file));
        }
    }

    /// Sets the owner, the group and the mode of a new folder, as far as this process may.
    pub(crate) fn adopt_folder(path: &Path) {
        let Some(rights) = rights(path) else { return };
        adopt(path, rights.folder, &rights, true);
    }

    fn adopt(path: &Path, mode: u32, rights: &Rights, is_new: bool) {
        let Ok(metadata) = fs::symlink_metadata(path) else { return };
        // Another process may have put a link here, which would lead elsewhere.
        if metadata.file_type().is_symlink() {
            return;
        }
        let group = (metadata.gid() != rights.group).then_some(rights.group);
        let owner = rights.owner.filter(|_| is_new && Some(metadata.uid()) == effective_user());
        if owner.is_some() || group.is_some() {
            let _ = lchown(path, owner, group);
        }
        let wanted = metadata.mode() | mode;
        if metadata.mode() & 0o7777 != wanted & 0o7777 {
            let _ = fs::set_permissions(path, Permissions::from_mode(wanted & 0o7777));
        }
    }

    /// Opens a file or folder of this user to those who share its cache.
    pub(crate) fn open_to_others(path: &Path, is_folder: bool) {
        let Some(rights) = rights(path).filter(|rights| rights.file != PRIVATE_FILE) else { return };
        adopt(path, if is_folder { rights.folder } else { rights.file }, &rights, false);
    }

    /// Returns whether the group may write to a folder.
    pub(crate) fn is_open_to_others(folder: &Path) -> bool {
        fs::symlink_metadata(folder).is_ok_and(|metadata| metadata.mode() & GROUP_MAY_WRITE != 0)
    }

    /// Returns who owns the nearest existing part of this path, as the beginning of a sentence; an empty string if it
    /// is this user.
    pub(crate) fn owner_of(path: &Path) -> String {
        let there = path.ancestors().find_map(|path| Some((path, fs::symlink_metadata(path).ok()?)));
        match (there, effective_user()) {
            (Some((path, metadata)), Some(me)) if metadata.uid() != me => {
                format!("{} belongs to the user {}, and this is the user {me}; ", path.display(), metadata.uid())
            }
            _ => String::new(),
        }
    }

    #[cfg(target_os = "linux")]
    fn effective_user() -> Option<u32> {
        Some(rustix::process::geteuid().as_raw())
    }

    #[cfg(not(target_os = "linux"))]
    fn effective_user() -> Option<u32> {
        None
    }
}

/// Other systems have no modes: files inherit access from the folder above.
#[cfg(not(unix))]
mod other {
    use std::fs::File;
    use std::path::Path;

    pub(crate) struct Heir;

    impl Heir {
        pub(crate) fn of(_: &Path) -> Heir {
            Heir
        }

        pub(crate) fn inherits(self) {}
    }

    pub(crate) fn is_of_others(_: &std::fs::Metadata) -> bool {
        false
    }

    pub(crate) fn is_tended(_: &Path) -> bool {
        false
    }

    pub(crate) fn note(_: &Path, _: &Path, asked: bool) -> bool {
        asked
    }

    pub(crate) fn is_shared(_: &Path, _: &Path) -> bool {
        false
    }

    pub(crate) fn adopt_file(_: &File, _: &Path) {}

    pub(crate) fn adopt_folder(_: &Path) {}

    pub(crate) fn open_to_others(_: &Path, _: bool) {}

    pub(crate) fn is_open_to_others(_: &Path) -> bool {
        true
    }

    pub(crate) fn owner_of(_: &Path) -> String {
        String::new()
    }
}

#[cfg(not(unix))]
pub(crate) use other::{
    Heir, adopt_file, adopt_folder, is_of_others, is_open_to_others, is_shared, is_tended, note, open_to_others,
    owner_of,
};
