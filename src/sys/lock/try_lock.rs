//! Common parts of both kinds of locks: `TryLock`, and sizes.

use std::time::Duration;

/// Time between two attempts if nothing signals that a lock was freed.
pub(super) const RETRY_INTERVAL: Duration = Duration::from_millis(2);

/// Bits of a lock's number.
pub(super) const SLOT_BITS: u32 = 38;

/// Bits of an offset that remain after the number. They encode the length of a range.
#[cfg(target_os = "linux")]
pub(super) const LENGTH_BITS: u32 = 63 - SLOT_BITS;

/// Result of an attempt to take a lock.
pub(crate) enum TryLock<L> {
    /// This process holds it now.
    Acquired(L),
    /// Another holder has it.
    Busy,
}
