//! Faults that come again and again: the first is logged, then a count now and then.
//!
//! A full disk fails every call. A warning for each would bury all others; `Stats::errors` counts each.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::ErrorKind;

/// After so long, the next one is logged in any case.
const AT_LEAST_EACH: Duration = Duration::from_secs(60);

/// Kinds of faults that are remembered. Beyond that, all are forgotten, so they are logged once more.
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

/// That a fault is to be logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Logged {
    /// How many like it came since the last one that was logged, which were not.
    pub(crate) unlogged: u64,
}

impl Repeats {
    /// A fault came: whether it is to be logged. The first is, then the 10th, the 100th and so on, and the first after a
    /// minute.
    ///
    /// What is a fault of its own for each function names it; one of the file system is the same for all.
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

/// Whether such a fault says something of the function, and not of what is around the cache.
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
    fn the_first_is_logged_and_then_a_count_now_and_then() {
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
        // Another kind, and what is each function's own.
        assert_eq!(came(ErrorKind::PermissionDenied, "f", 1), Some(0));
        assert_eq!(came(ErrorKind::NotRepresentable, "f", 1), Some(0));
        assert_eq!(came(ErrorKind::NotRepresentable, "g", 1), Some(0));
        assert_eq!(came(ErrorKind::NotRepresentable, "g", 1), None);
    }
}
