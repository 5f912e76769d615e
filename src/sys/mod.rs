//! sys.

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
pub(crate) mod fork;
pub(crate) mod lock;
pub(crate) mod open_files;
pub(crate) mod permissions;
pub(crate) mod proc;
pub(crate) mod program;
pub(crate) mod random;
pub(crate) mod stack;
pub(crate) mod temporary_folder;
#[cfg(feature = "async")]
pub(crate) mod timer;
pub(crate) mod workers;
