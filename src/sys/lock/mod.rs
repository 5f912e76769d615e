//! Locks: held by open files, and freed by the system when their holder ends.

#[cfg(target_os = "linux")]
pub(crate) mod ancestor;
pub(crate) mod key_locks;
#[cfg(any(test, not(target_os = "linux")))]
pub(crate) mod lock_files;
#[cfg(target_os = "linux")]
pub(crate) mod ofd;
pub(crate) mod try_lock;
#[cfg(target_os = "linux")]
pub(crate) mod wake;
pub(crate) mod whole_file;
