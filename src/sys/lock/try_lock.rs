//! What both kinds of locks have in common.

use std::time::Duration;

/// Time between two tries where nothing says that a lock was freed.
pub(super) const RETRY_INTERVAL: Duration = Duration::from_millis(2);

/// Bits of the number of a lock.
pub(super) const SLOT_BITS: u32 = 38;

/// Bits of an offset that a slot leaves: they are for the length of a range.
#[cfg(target_os = "linux")]
pub(super) const LENGTH_BITS: u32 = 63 - SLOT_BITS;

/// Result of an attempt to take a lock.
pub(crate) enum TryLock<L> {
    /// This process holds it now.
    Acquired(L),
    /// Another holder has it.
    Busy,
}
