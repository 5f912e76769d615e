//! State that a forked child must not share with its parent.
//!
//! A child has a copy of the parent's memory, but only the thread that forked. So a lock that another thread held stays
//! locked forever, a computation of another thread never ends, and counters are the parent's. All such state is in a
//! `PerProcess` or a `Once`, which check the *generation*: a number that counts the forks that led to this process. The
//! parent's values are left as they are, because its other threads may have been changing them.
//!
//! A lock on a file belongs to the open file, which parent and child share: it would outlive a parent that is killed.
//! So the child gives up the files that hold locks (`lock_file`) before it does anything else.
//!
//! `clone` and `_Fork` skip the handlers of `pthread_atfork`, so they are not noticed. `posix_spawn`, which
//! `std::process::Command` mostly uses, copies no memory and does not matter here.
//!
//! In reading order: `generation`, `per_process`, `once`, `lock_file`.

pub(crate) mod generation;
#[cfg_attr(not(unix), path = "lock_file_without_fork.rs")]
pub(crate) mod lock_file;
pub(crate) mod once;
pub(crate) mod per_process;
