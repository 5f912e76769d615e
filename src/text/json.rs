//! Serialises times and durations as seconds.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serializer;

/// Serialises a time as the number of seconds since 1970.
pub(crate) fn seconds_since_1970<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    seconds(&time.duration_since(UNIX_EPOCH).unwrap_or_default(), serializer)
}

/// Serialises a duration as a number of seconds.
pub(crate) fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}
