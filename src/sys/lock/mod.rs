//! Locks that are held by open files. The system releases them when their holder ends.
//!
//! In reading order: `try_lock` (result of an attempt), `whole_file` (locks on whole files), `key_locks` (a lock for
//! each key), `ofd` and `lock_files` (its two implementations), `wake` (wakes waiters), `ancestor` (avoids a deadlock
//! with a parent process).

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
