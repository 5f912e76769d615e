//! The generation of this process: how many forks led to it.

use std::sync::atomic::{AtomicU32, Ordering};

/// Forks that led to this process, from the one that opened the first cache on. It changes only in a process that was
/// made just now, by its only thread.
static GENERATION: AtomicU32 = AtomicU32::new(0);

#[inline]
pub(crate) fn generation() -> u32 {
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

#[cfg(unix)]
pub(super) fn begin_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
}
