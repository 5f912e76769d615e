//! Outcome of a call: hit, computed or bypassed.

use std::time::Duration;

use serde::Serialize;

use crate::observe::reason::Reason;
use crate::text::json::seconds;

/// Outcome of a call. [`Call::outcome`](crate::Call::outcome) returns it together with the value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Outcome {
    /// The result was loaded.
    #[non_exhaustive]
    Hit {
        /// How long ago it was computed. As JSON: seconds.
        #[serde(serialize_with = "seconds")]
        age: Duration,
        /// The time that the hit saved: how long the computation took, less the time that this call waited for it. The
        /// time to load the result is not subtracted. As JSON: seconds.
        #[serde(serialize_with = "seconds")]
        saved: Duration,
        /// Size of the entry's file in bytes.
        size: u64,
    },
    /// The function ran, and the cache was in use. With `LARDER=verify`, the returned value may still be the stored
    /// one; see [`Reason::Verified`].
    #[non_exhaustive]
    Computed {
        /// How long the function ran. As JSON: seconds.
        #[serde(serialize_with = "seconds")]
        took: Duration,
        /// Size of the new entry's file in bytes. `None` if the result was not stored: it is an `Err`, `store_if`
        /// returned false, the cache is read-only, the call only verified a stored result, or storing failed, which
        /// was logged.
        size: Option<u64>,
        /// Why it was computed.
        reason: Reason,
    },
    /// The function ran without the cache: it is off, or an argument has no key.
    #[non_exhaustive]
    Bypassed {
        /// How long the function ran. As JSON: seconds.
        #[serde(serialize_with = "seconds")]
        took: Duration,
        /// Why the cache was not used.
        reason: Reason,
    },
}

impl Outcome {
    /// Subtracts from a hit's saved time the time that this call waited for another one to compute the result.
    pub(crate) fn after_waiting(mut self, waited: Duration) -> Self {
        if let Outcome::Hit { saved, .. } = &mut self {
            *saved = saved.saturating_sub(waited);
        }
        self
    }

    /// Returns whether the result was loaded.
    #[must_use]
    pub fn is_hit(&self) -> bool {
        matches!(self, Outcome::Hit { .. })
    }

    /// Returns why the function ran; `None` if it did not.
    #[must_use]
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Outcome::Computed { reason, .. } | Outcome::Bypassed { reason, .. } => Some(reason),
            Outcome::Hit { .. } => None,
        }
    }
}
