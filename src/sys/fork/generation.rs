//! Generation of this process: the number of forks since the first ancestor that used larder.

use std::sync::atomic::{AtomicU32, Ordering};

/// Number of forks that led to this process, counted from the process that opened the first cache. It changes only in a
/// new child, on its only thread.
static GENERATION: AtomicU32 = AtomicU32::new(0);

#[inline]
pub(crate) fn generation() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

/// Returns whether this process was forked.
pub(crate) fn is_child() -> bool {
    generation() > 0
}

/// Returns the number of forks, without an `exec` since, that led to this process.
#[cfg(target_os = "linux")]
pub(crate) fn depth() -> usize {
    generation() as usize
}

/// The process that created a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Born(u32);

impl Born {
    /// Returns the current process.
    #[inline]
    pub(crate) fn here() -> Self {
        Born(generation())
    }

    /// Returns whether the value was created in this process, and not in a parent.
    #[inline]
    pub(crate) fn is_here(self) -> bool {
        self.0 == generation()
    }
}

#[cfg(unix)]
pub(super) fn begin_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
}
