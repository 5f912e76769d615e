//! Temporary caches, which are removed with their last handle.

use std::any::Any;
use std::sync::{Arc, Weak};

use crate::cache::builder::CacheBuilder;
use crate::cache::handle::Cache;
use crate::error::Result;
use crate::sys::temporary_folder::TemporaryFolder;

impl Cache {
    /// Opens a new cache in a new temporary folder, for tests. The folder is removed when the last handle is dropped. A
    /// cache in a `static` is never dropped: its folder is removed when the process ends. So is a folder that larder
    /// itself still uses two seconds after the last handle is dropped.
    ///
    /// A process that was created by `fork` may use the cache, and does not remove it. A process that is killed leaves
    /// the folder behind, in the system's folder for temporary files. As for any cache, the variable `LARDER` may turn
    /// it off.
    ///
    /// # Errors
    /// Errors of the file system when the folder is created.
    ///
    /// ```
    /// use larder::{Cache, memoize};
    ///
    /// #[memoize(cache = cache, ignore(cache))]
    /// fn square(cache: &Cache, n: u64) -> u64 {
    ///     n * n
    /// }
    ///
    /// let cache = Cache::temporary()?;
    /// assert!(!square::call(&cache, 3).is_cached());
    /// assert_eq!(square(&cache, 3), 9);
    /// assert!(square::call(&cache, 3).is_cached());
    ///
    /// let folder = cache.path().to_owned();
    /// drop(cache);
    /// assert!(!folder.exists());
    /// # Ok::<(), larder::Error>(())
    /// ```
    pub fn temporary() -> Result<Cache> {
        let mut folder = TemporaryFolder::new()?;
        let mut cache = CacheBuilder::new(folder.path()).open()?;
        let engine = Arc::downgrade(cache.engine()) as Weak<dyn Any + Send + Sync>;
        folder.set_user(engine);
        if let Some(inner) = Arc::get_mut(&mut cache.0) {
            inner.temporary = Some(folder);
        }
        Ok(cache)
    }

    /// Returns whether the cache is removed with its last handle.
    pub(crate) fn is_temporary(&self) -> bool {
        self.0.temporary.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::Write as _;
    use std::path::PathBuf;
    use std::process::Command;
    use std::sync::LazyLock;
    use std::thread;
    use std::time::Duration;

    use super::*;

    /// Variable with the path of the file to which a child process writes the path of its cache.
    const PATH_FILE: &str = "TEMPORARY_CACHE_PATH_FILE";

    fn is_off() -> bool {
        !Cache::temporary().unwrap().is_enabled()
    }

    #[test]
    fn the_folder_is_removed_with_the_last_handle() {
        if is_off() {
            return;
        }
        let cache = Cache::temporary().unwrap();
        let (clone, path) = (cache.clone(), cache.path().to_owned());
        assert_eq!(cache.get_or_compute("answer", &(), || 42), 42);
        drop(cache);
        assert_eq!(clone.get_or_compute("answer", &(), || 43), 42);
        assert_eq!(clone.stats().unwrap().entries, 1);
        drop(clone);
        assert!(!path.exists());
    }

    #[test]
    fn each_temporary_cache_is_separate() {
        let (one, other) = (Cache::temporary().unwrap(), Cache::temporary().unwrap());
        assert_eq!(one.get_or_compute("answer", &(), || 1), 1);
        assert_eq!(other.get_or_compute("answer", &(), || 2), 2);
    }

    #[test]
    fn the_removal_waits_for_the_background_thread() {
        if is_off() {
            return;
        }
        let cache = Cache::temporary().unwrap();
        let path = cache.path().to_owned();
        // The background thread holds the engine while it works on a cache.
        let engine = cache.engine().clone();
        let thread = thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            let existed = engine.root().exists();
            drop(engine);
            existed
        });
        drop(cache);
        assert!(!path.exists());
        assert!(thread.join().unwrap(), "the folder was removed while the engine was in use");
    }

    #[test]
    fn a_cache_in_a_static_is_removed_when_the_process_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path_file = folder.path().join("path");
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "cache::temporary::tests::child_with_a_cache_in_a_static"]).env(PATH_FILE, &path_file);
        assert!(child.output().unwrap().status.success());
        let path = PathBuf::from(fs::read_to_string(path_file).unwrap());
        assert!(path.is_absolute() || is_off());
        assert!(!path.exists());
    }

    /// Child process of the test above. Does nothing without its variable.
    #[test]
    fn child_with_a_cache_in_a_static() {
        static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::temporary().unwrap());
        let Some(path_file) = std::env::var_os(PATH_FILE) else { return };
        assert_eq!(CACHE.get_or_compute("answer", &(), || 42), 42);
        assert!(CACHE.path().exists() || is_off());
        let path = CACHE.path().to_str().unwrap();
        File::create(path_file).unwrap().write_all(path.as_bytes()).unwrap();
    }

    /// The test forks in a process of its own, where no other test runs.
    #[test]
    fn a_forked_child_leaves_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "cache::temporary::tests::child_that_forks"]).env(PATH_FILE, folder.path());
        let output = child.output().unwrap();
        assert!(output.status.success());
        assert!(String::from_utf8_lossy(&output.stdout).contains("running 1 test"));
    }

    /// The part of the child process of the test above; without its variable, nothing.
    #[cfg(unix)]
    #[test]
    #[expect(unsafe_code, reason = "a fork has no safe interface")]
    fn child_that_forks() {
        if is_off() || std::env::var_os(PATH_FILE).is_none() {
            return;
        }
        let cache = Cache::temporary().unwrap();
        let path = cache.path().to_owned();
        assert_eq!(cache.get_or_compute("answer", &(), || 42), 42);
        // SAFETY: the child uses only parts of larder and the C library that are prepared for `fork`, and ends with
        // `_exit`.
        let child = unsafe { libc::fork() };
        if child == 0 {
            drop(cache);
            // SAFETY: `_exit` ends this process, and runs no code of the parent.
            unsafe { libc::_exit(if path.exists() { 0 } else { 1 }) };
        }
        let mut status = 0;
        // SAFETY: `status` is valid for writing one number, and the child belongs to this process.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert_eq!(status, 0, "the child removed the folder of its parent");
        assert_eq!(cache.get_or_compute("answer", &(), || 43), 42);
        drop(cache);
        assert!(!path.exists());
    }
}
