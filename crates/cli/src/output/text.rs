//! Ages and shares as text for people. Text about sizes and times, and shortened lines, are the library's.

use std::time::Duration;

/// Formats how long ago something was: `just now`, `5 min ago`. Rounds down, as all functions here do.
pub(crate) fn age(age: Duration) -> String {
    match age.as_secs() {
        0 => "just now".to_owned(),
        seconds @ ..60 => format!("{seconds} s ago"),
        seconds @ ..3_600 => format!("{} min ago", seconds / 60),
        seconds @ ..86_400 => format!("{} h ago", seconds / 3_600),
        seconds => format!("{} d ago", seconds / 86_400),
    }
}

/// Formats a share as a percentage. As it is rounded down, only all is 100 %.
pub(crate) fn share(part: u64, all: u64) -> String {
    per_mille(part, all).map_or_else(|| "none".to_owned(), |share| format!("{} %", percent(share)))
}

/// Formats thousandths as a percentage without its sign.
pub(crate) fn percent(per_mille: u64) -> String {
    format!("{}.{}", per_mille / 10, per_mille % 10)
}

/// Returns a share in thousandths, rounded down; `None` if `all` is 0.
pub(crate) fn per_mille(part: u64, all: u64) -> Option<u64> {
    (u128::from(part) * 1000).checked_div(all.into()).and_then(|share| u64::try_from(share).ok())
}
