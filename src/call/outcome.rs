//! What became of a call.

use std::time::Duration;

use crate::observe::reason::Reason;

/// What became of a call: [`Call::outcome`](crate::Call::outcome) gives it beside the value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The result was loaded.
    #[non_exhaustive]
    Hit {
        /// How long ago it was computed.
        age: Duration,
        /// The time that was saved, but for the loading: how long that took, without the time that this call waited for
        /// it.
        saved: Duration,
        /// Bytes of the entry's file.
        size: u64,
    },
    /// The function ran, with the cache at hand. With `LARDER=verify`, the value may be the stored one all the same:
    /// see [`Reason::Verified`].
    #[non_exhaustive]
    Computed {
        /// How long it ran.
        took: Duration,
        /// Bytes of the new entry's file; `None` if the result was not stored: it is an `Err`, the
        /// option `store_if` said no, the cache is read-only, a result was only verified, or storing failed, which
        /// was logged.
        size: Option<u64>,
        /// Why it was computed.
        reason: Reason,
    },
    /// The function ran without the cache: it is off, or an argument has no key.
    #[non_exhaustive]
    Bypassed {
        /// How long it ran.
        took: Duration,
        /// Which of the two.
        reason: Reason,
    },
}

impl Outcome {
    /// Of a hit for which somebody waited so long while another one computed it.
    pub(crate) fn after_waiting(mut self, waited: Duration) -> Self {
        if let Outcome::Hit { saved, .. } = &mut self {
            *saved = saved.saturating_sub(waited);
        }
        self
    }

    /// Whether the result was loaded.
    pub fn is_hit(&self) -> bool {
        matches!(self, Outcome::Hit { .. })
    }
}
