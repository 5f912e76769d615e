//! Temporary folders that are removed with their owner, or at the end of the process.

use std::any::Any;
use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, Weak};
use std::thread;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::sys::exit_hook;
use crate::sys::fork::per_process::PerProcess;
use crate::sys::locked::locked;

/// The folders that this process must remove. A forked child begins with none, so it removes none of its parent's.
static OWNED: PerProcess<Mutex<BTreeSet<PathBuf>>> = PerProcess::new();

/// How often, and at what interval, `drop` checks whether the last user of a folder has ended.
const WAIT_TRIES: u32 = 2_000;
const WAIT_PAUSE: Duration = Duration::from_millis(1);

/// A new temporary folder. It is removed when this value is dropped; if it is in use then, or if the value is never
/// dropped, when the process ends.
pub(crate) struct TemporaryFolder {
    path: PathBuf,
    /// Object that writes into the folder. While it exists, the folder is not removed.
    user: Weak<dyn Any + Send + Sync>,
}

impl TemporaryFolder {
    /// Creates a folder that only this user can read.
    pub(crate) fn new() -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("larder-")
            .tempdir()
            .map_err(|error| Error::io(error, "can't create a temporary folder").at(env::temp_dir()))?;
        exit_hook::run_last(remove_all);
        // `TempDir` would remove the folder in every process that drops it, and would not remove it at the end of the
        // process.
        let path = folder.keep();
        owned().insert(path.clone());
        Ok(TemporaryFolder { path, user: Weak::<()>::new() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Sets the object that writes into the folder, so that the folder is removed after its last write.
    pub(crate) fn set_user(&mut self, user: Weak<dyn Any + Send + Sync>) {
        self.user = user;
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        if !owned().contains(&self.path) {
            return;
        }
        // A background thread may still be using the folder, and will stop soon. Wait for it, but not forever: then the
        // folder stays until the process ends.
        let is_in_use = || self.user.strong_count() > 0;
        for _ in 0..WAIT_TRIES {
            if !is_in_use() {
                break;
            }
            thread::sleep(WAIT_PAUSE);
        }
        if is_in_use() {
            tracing::debug!(path = %self.path.display(), "a temporary folder is still in use; it stays for now");
        } else {
            owned().remove(&self.path);
            remove(&self.path);
        }
    }
}

fn owned() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    locked(OWNED.get())
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_dir_all(path) {
        tracing::debug!(%error, path = %path.display(), "a temporary folder can't be removed");
    }
}

/// Removes the remaining folders: those of values in statics, which are never dropped.
fn remove_all() {
    let paths = std::mem::take(&mut *owned());
    paths.iter().for_each(|path| remove(path));
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn a_folder_is_removed_with_its_content() {
        let folder = TemporaryFolder::new().unwrap();
        let path = folder.path().to_owned();
        File::create(path.join("file")).unwrap();
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn a_folder_that_stays_in_use_is_removed_when_the_process_ends() {
        let mut folder = TemporaryFolder::new().unwrap();
        let (path, user) = (folder.path().to_owned(), Arc::new(()));
        folder.set_user(Arc::downgrade(&user) as Weak<dyn Any + Send + Sync>);
        drop(folder);
        File::create(path.join("late")).unwrap();
        assert!(owned().contains(&path));
        drop(user);
    }

    #[test]
    fn the_removal_waits_for_the_last_user() {
        let mut folder = TemporaryFolder::new().unwrap();
        let (path, user) = (folder.path().to_owned(), Arc::new(()));
        folder.set_user(Arc::downgrade(&user) as Weak<dyn Any + Send + Sync>);
        let has_ended = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(50));
                File::create(path.join("late")).unwrap();
                has_ended.store(true, Ordering::Release);
                drop(user);
            });
            drop(folder);
            assert!(has_ended.load(Ordering::Acquire), "the folder was removed too early");
            assert!(!path.exists());
        });
    }
}
