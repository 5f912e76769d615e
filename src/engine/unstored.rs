//! The calls of one cache whose results this process computed and did not keep, for `explain`.
//!
//! They are noted in the function's history as well, so that other processes know; but a call that fails in a loop must not
//! drive the rest out of there.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::key::digest::Key;
use crate::observe::reason::NotKept;

/// Calls that are remembered.
const MOST: usize = 1024;

/// How often one call is noted in the history, and how many are in that time.
const EACH: Duration = Duration::from_secs(1);
const MOST_WRITTEN: u32 = 16;

#[derive(Default)]
pub(crate) struct Unkept(Mutex<Notes>);

#[derive(Default)]
struct Notes {
    calls: HashMap<Key, Note>,
    /// How many were noted in the history since then.
    written: (Option<Instant>, u32),
}

struct Note {
    at: SystemTime,
    why: NotKept,
    /// When it was noted in the history last.
    written: Option<Instant>,
}

impl Unkept {
    /// A result was not kept: whether to note that in the history.
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

    /// When this call's result was not kept, and why.
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
        let unkept = Unkept::default();
        let note = |n| unkept.note(&key(n), SystemTime::now(), NotKept::Err);
        let started = Instant::now();
        let written = (0..10_000).filter(|_| note(1)).count();
        let others = (2..1000).filter(|n| note(*n)).count();
        let seconds = usize::try_from(started.elapsed().as_secs()).unwrap() + 1;
        assert!((1..=seconds).contains(&written), "{written}");
        assert!(others <= seconds * 16, "{others}");
    }

    #[test]
    fn the_last_ones_are_remembered() {
        let unkept = Unkept::default();
        let at = |n: u32| SystemTime::UNIX_EPOCH + Duration::from_secs(n.into());
        (0..10_000).for_each(|n| _ = unkept.note(&key(n), at(n), NotKept::StoreIf));
        assert_eq!(unkept.of(&key(9_999)), Some((at(9_999), NotKept::StoreIf)));
        assert!(unkept.of(&key(9_900)).is_some() && unkept.of(&key(1)).is_none());
        assert!(unkept.0.lock().unwrap().calls.len() <= MOST);
    }
}
