//! What a process that was made by `fork` may not share with its parent.
//!
//! A child has a copy of the parent's memory, and of its threads only the one that forked. So a lock that another
//! thread held stays locked for ever, what another thread computes never ends, and what is counted is the parent's.
//! Everything of that kind is in a `PerProcess` or a `Once`, which look at the *generation*: a number that
//! counts the forks that led to this process. The parent's values are left as they are: others may have been changing
//! them.
//!
//! A lock on a file belongs to the open file, which parent and child share: it would outlive a parent that is killed.
//! So the child lets go of the files that locks are taken on (`lock_file.rs`), before it does anything else.
//!
//! `clone` and `_Fork`, which skip what `pthread_atfork` asks for, are not noticed. `posix_spawn`, and so
//! `std::process::Command` mostly, copies no memory, and is not meant.

pub(crate) mod generation;
#[cfg_attr(not(unix), path = "lock_file_without_fork.rs")]
pub(crate) mod lock_file;
pub(crate) mod once;
pub(crate) mod per_process;
