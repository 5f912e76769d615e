//! Remembers which entries were touched in the last minute, so that a hit need not read the file's times.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use crate::key::digest::Key;

const SLOTS: usize = 1 << 10;

/// The minute of the last touch, for some keys.
pub(super) struct TouchTimes(Box<[AtomicU64]>);

impl Default for TouchTimes {
    fn default() -> Self {
        TouchTimes((0..SLOTS).map(|_| AtomicU64::new(0)).collect())
    }
}

impl TouchTimes {
    /// Returns whether no touch of the entry of this key is known in this minute, and records one.
    pub(super) fn is_due(&self, key: &Key) -> bool {
        self.is_due_in(key, SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs() / 60)
    }

    fn is_due_in(&self, key: &Key, minute: u64) -> bool {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&key.as_bytes()[16..24]);
        let slot = &self.0[usize::from(u16::from_le_bytes([bytes[0], bytes[1]])) % SLOTS];
        let touched = u64::from_le_bytes(bytes) ^ minute;
        slot.swap(touched, Ordering::Relaxed) != touched
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_touched_once_a_minute() {
        let (times, a, b) = (TouchTimes::default(), Key::from_bytes([1; 32]), Key::from_bytes([2; 32]));
        assert!(times.is_due_in(&a, 7) && !times.is_due_in(&a, 7));
        assert!(times.is_due_in(&b, 7) && !times.is_due_in(&a, 7));
        assert!(times.is_due_in(&a, 8) && !times.is_due_in(&a, 8));
    }
}
