//! Everything that talks to the operating system: files, locks, processes, threads. It knows nothing of caches.
//!
//! In reading order:
//!
//! | module | content |
//! |---|---|
//! | `file`, `file_id`, `open_files` | opening files, their identity, files that stay open |
//! | `atomic_file`, `exchange`, `cross_device` | atomic publication |
//! | `permissions`, `private_folder`, `user_folders`, `file_system` | access rights, properties of file systems |
//! | `lock` | locks between processes |
//! | `fork` | state that a forked child must not share |
//! | `proc`, `program`, `env` | processes, the running program, environment variables |
//! | `stack`, `alloc`, `workers` | stack space, memory, worker threads |
//! | `blocking_pool`, `timer` | threads and timers for async tasks |
//! | `exit_hook`, `catch_panic`, `random` | end of the process, panics, random numbers |
//! | `stderr` | printing |
//! | `fault_injection` | faults for tests |

pub(crate) mod alloc;
pub(crate) mod atomic_file;
#[cfg(feature = "async")]
pub(crate) mod blocking_pool;
pub(crate) mod catch_panic;
pub(crate) mod cross_device;
pub(crate) mod env;
pub(crate) mod exchange;
pub(crate) mod exit_hook;
pub(crate) mod fault_injection;
pub(crate) mod file;
pub(crate) mod file_id;
pub(crate) mod file_system;
pub(crate) mod folder_watch;
pub(crate) mod fork;
pub(crate) mod lock;
pub(crate) mod locked;
pub(crate) mod open_files;
pub(crate) mod permissions;
pub(crate) mod private_folder;
pub(crate) mod proc;
pub(crate) mod program;
pub(crate) mod random;
pub(crate) mod stack;
pub(crate) mod stderr;
pub(crate) mod temporary_folder;
#[cfg(feature = "async")]
pub(crate) mod timer;
pub(crate) mod user_folders;
pub(crate) mod worker_pool;
pub(crate) mod workers;
