//! What a process that was made by `fork` may not share with its parent.
//!
//! A child has a copy of the parent's memory, and of its threads only the one that forked. So a lock that another
//! thread held stays locked for ever, what another thread computes never ends, and what is counted is the parent's.
//! Everything of that kind is in a [`PerProcess`] or a [`Once`], which look at the *generation*: a number that
//! counts the forks that led to this process. The parent's values are left as they are: others may have been changing
//! them.
//!
//! A lock on a file belongs to the open file, which parent and child share: it would outlive a parent that is killed.
//! So the child lets go of the files that locks are taken on (`held.rs`), before it does anything else.
//!
//! `clone` and `_Fork`, which skip what `pthread_atfork` asks for, are not noticed. `posix_spawn`, and so
//! `std::process::Command` mostly, copies no memory, and is not meant.

#[cfg_attr(not(unix), path = "unheld.rs")]
pub(crate) mod held;
pub(crate) mod once;
pub(crate) mod per_process;

use std::sync::atomic::{AtomicU32, Ordering};

/// Forks that led to this process, from the one that opened the first cache on. It changes only in a process that was
/// made just now, by its only thread.
static GENERATION: AtomicU32 = AtomicU32::new(0);

#[inline]
fn generation() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

/// Whether this process was forked.
pub(crate) fn is_child() -> bool {
    generation() > 0
}

/// How many forks without a program of their own led to this process.
#[cfg(target_os = "linux")]
pub(crate) fn depth() -> usize {
    generation() as usize
}

/// Which process made a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Born(u32);

impl Born {
    /// It is made now.
    #[inline]
    pub(crate) fn here() -> Self {
        Born(generation())
    }

    /// Whether this process made it, and not its parent.
    #[inline]
    pub(crate) fn is_here(self) -> bool {
        self.0 == generation()
    }
}

/// Sees to it that forks are noticed from now on. To be called before anything is made that they matter for.
fn notice() {
    held::notice();
}

#[cfg(unix)]
fn begin_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
}
