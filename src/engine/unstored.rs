//! Remembers the calls whose results this process computed but did not store, for `explain`.
//!
//! They are also recorded in the function's history, for other processes. A call that fails in a loop is recorded
//! rarely, so that it does not displace the rest of the history.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::key::digest::Key;
use crate::observe::reason::NotKept;

/// Maximum number of calls that are remembered.
const MOST: usize = 1024;

/// Each call is recorded in the history at most once in this time, and at most this number of calls per interval.
const EACH: Duration = Duration::from_secs(1);
const MOST_WRITTEN: u32 = 16;

/// The calls that were not stored, and why.
#[derive(Default)]
pub(crate) struct Unstored(Mutex<Notes>);

#[derive(Default)]
struct Notes {
    calls: HashMap<Key, Note>,
    /// Start of the current interval, and how many calls were recorded in the history since then.
    written: (Option<Instant>, u32),
}

struct Note {
    at: SystemTime,
    why: NotKept,
    /// When it was last recorded in the history.
    written: Option<Instant>,
}

impl Unstored {
    /// Remembers a call that was not stored. Returns whether to record it in the history.
    pub(crate) fn note(&self, key: &Key, at: SystemTime, why: NotKept) -> bool {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if notes.calls.len() >= MOST && !notes.calls.contains_key(key) {
            let mut times: Vec<_> = notes.calls.values().map(|note| note.at).collect();
            let (_, median, _) = times.select_nth_unstable(MOST / 2);
            let median = *median;
            notes.calls.retain(|_, note| note.at > median);
        }
        let is_recent = |at: Option<Instant>| at.is_some_and(|at| now.saturating_duration_since(at) < EACH);
        if !is_recent(notes.written.0) {
            notes.written = (Some(now), 0);
        }
        let before = notes.calls.get(key).and_then(|note| note.written);
        let writes = !is_recent(before) && notes.written.1 < MOST_WRITTEN;
        notes.written.1 += u32::from(writes);
        notes.calls.insert(*key, Note { at, why, written: if writes { Some(now) } else { before } });
        writes
    }

    /// Returns when the result of a call was last not stored, and why.
    pub(crate) fn of(&self, key: &Key) -> Option<(SystemTime, NotKept)> {
        let notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        notes.calls.get(key).map(|note| (note.at, note.why.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u32) -> Key {
        crate::key::key_of::key_of(&number).unwrap()
    }

    #[test]
    fn a_call_that_fails_in_a_loop_is_noted_once_a_second() {
        let unstored = Unstored::default();
        let note = |n| unstored.note(&key(n), SystemTime::now(), NotKept::Err);
        let started = Instant::now();
        let written = (0..10_000).filter(|_| note(1)).count();
        let others = (2..1000).filter(|n| note(*n)).count();
        let seconds = usize::try_from(started.elapsed().as_secs()).unwrap() + 1;
        assert!((1..=seconds).contains(&written), "{written}");
        assert!(others <= seconds * 16, "{others}");
    }

    #[test]
    fn the_latest_calls_are_remembered() {
        let unstored = Unstored::default();
        let at = |n: u32| SystemTime::UNIX_EPOCH + Duration::from_secs(n.into());
        (0..10_000).for_each(|n| _ = unstored.note(&key(n), at(n), NotKept::StoreIf));
        assert_eq!(unstored.of(&key(9_999)), Some((at(9_999), NotKept::StoreIf)));
        assert!(unstored.of(&key(9_900)).is_some() && unstored.of(&key(1)).is_none());
        assert!(unstored.0.lock().unwrap().calls.len() <= MOST);
    }
}
