//! Limits the log of repeated faults: logs the first one, and later only counts.
//!
//! A full disk makes every call fail. One warning for each call would hide all other messages. `Stats::errors` counts
//! every fault.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::ErrorKind;

/// After this time, the next fault of a kind is logged in any case.
const AT_LEAST_EACH: Duration = Duration::from_secs(60);

/// Limit on the number of remembered kinds of faults. When it is reached, all are forgotten, so each is logged again.
const MOST: usize = 4096;

/// The faults of one cache.
#[derive(Default)]
pub(crate) struct Repeats(Mutex<HashMap<Kind, Repeat>>);

#[derive(PartialEq, Eq, Hash)]
struct Kind {
    what: &'static str,
    kind: Option<ErrorKind>,
    function: Option<String>,
}

struct Repeat {
    all: u64,
    logged: u64,
    when: Instant,
}

/// A fault that should be logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Logged {
    /// How many faults of the same kind were not logged since the last one that was.
    pub(crate) unlogged: u64,
}

impl Repeats {
    /// Counts a fault, and returns whether to log it. Logs the first of its kind, then the 10th, the 100th and so on,
    /// and one after each minute.
    ///
    /// A fault that depends on the function is counted for each function. Others, such as a full disk, are counted
    /// together.
    pub(crate) fn came(&self, what: &'static str, kind: Option<ErrorKind>, function: &str) -> Option<Logged> {
        self.came_at(what, kind, function, Instant::now())
    }

    fn came_at(&self, what: &'static str, kind: Option<ErrorKind>, function: &str, now: Instant) -> Option<Logged> {
        let function = is_of_function(kind).then(|| function.to_owned());
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        let repeat = known.entry(Kind { what, kind, function }).or_insert(Repeat { all: 0, logged: 0, when: now });
        repeat.all += 1;
        let is_first = repeat.all == 1;
        let is_power = repeat.all.ilog10() > (repeat.all - 1).checked_ilog10().unwrap_or(0);
        if !is_first && !is_power && now.saturating_duration_since(repeat.when) < AT_LEAST_EACH {
            return None;
        }
        let unlogged = repeat.all - repeat.logged - 1;
        (repeat.logged, repeat.when) = (repeat.all, now);
        Some(Logged { unlogged })
    }
}

/// Returns whether a fault of this kind is about the function, and not about the cache's environment.
fn is_of_function(kind: Option<ErrorKind>) -> bool {
    use ErrorKind::*;
    match kind {
        None => true,
        Some(kind) => matches!(
            kind,
            NotRepresentable | WrongType | LimitExceeded | InvalidInput | UnknownCompressor | CompressorDisabled
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_fault_is_logged_and_then_every_power_of_ten() {
        let (repeats, start) = (Repeats::default(), Instant::now());
        let came = |kind, function: &str, seconds| {
            let at = start + Duration::from_secs(seconds);
            repeats.came_at("not stored", Some(kind), function, at).map(|logged| logged.unlogged)
        };
        let logged: Vec<_> =
            (1..=1000).filter_map(|n| came(ErrorKind::NoSpace, "f", 0).map(|more| (n, more))).collect();
        assert_eq!(logged, [(1, 0), (10, 8), (100, 89), (1000, 899)]);
        assert_eq!(came(ErrorKind::NoSpace, "g", 1), None);
        assert_eq!(came(ErrorKind::NoSpace, "f", 61), Some(1));
        // Other kinds are counted separately, and so are the faults of each function.
        assert_eq!(came(ErrorKind::PermissionDenied, "f", 1), Some(0));
        assert_eq!(came(ErrorKind::NotRepresentable, "f", 1), Some(0));
        assert_eq!(came(ErrorKind::NotRepresentable, "g", 1), Some(0));
        assert_eq!(came(ErrorKind::NotRepresentable, "g", 1), None);
    }
}
