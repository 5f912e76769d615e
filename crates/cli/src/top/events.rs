//! Recent events, newest first.

use std::cmp::Reverse;
use std::time::{Duration, SystemTime};

use larder::{Computation, Key};

use crate::output::entry::argument;

/// The most events that are kept.
pub(crate) const MOST_KEPT: usize = 500;

/// Hits of a function within this time are one event, if nothing else happened.
const ONE_BURST: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    pub(crate) at: SystemTime,
    pub(crate) function: String,
    pub(crate) kind: EventKind,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum EventKind {
    /// A call was computed, and stored.
    Computed { key: Key, arguments: Vec<String>, why: String },
    /// An entry was removed on request.
    Removed { key: Key },
    /// Calls were answered from the cache, the first of them at `since`.
    Hits { hits: u64, hot: u64, since: SystemTime },
}

impl Event {
    pub(crate) fn of(recent: Computation) -> Self {
        let Computation { at, function, key, arguments, why, .. } = recent;
        let kind = match why {
            Some(why) => {
                let arguments = arguments.iter().map(argument).collect();
                EventKind::Computed { key, arguments, why: why.to_string() }
            }
            None => EventKind::Removed { key },
        };
        Event { at, function, kind }
    }

    pub(crate) fn hits(function: &str, hits: u64, hot: u64, at: SystemTime) -> Self {
        Event { at, function: function.to_owned(), kind: EventKind::Hits { hits, hot, since: at } }
    }

    pub(crate) fn key(&self) -> Option<Key> {
        match self.kind {
            EventKind::Computed { key, .. } | EventKind::Removed { key } => Some(key),
            EventKind::Hits { .. } => None,
        }
    }

    /// Compares time and key only, as the arguments are unknown once the entry is removed.
    fn is_same(&self, other: &Event) -> bool {
        self.at == other.at && self.key().is_some() && self.key() == other.key()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Events {
    all: Vec<Event>,
}

impl Events {
    pub(crate) fn all(&self) -> &[Event] {
        &self.all
    }

    /// Adds an event unless it is known. Returns its position.
    pub(crate) fn add(&mut self, event: Event) -> Option<usize> {
        if self.fold(&event) || self.all.iter().any(|known| known.is_same(&event)) {
            return None;
        }
        let position = self.all.partition_point(|known| Reverse(known.at) < Reverse(event.at));
        self.all.insert(position, event);
        self.all.truncate(MOST_KEPT);
        Some(position)
    }

    /// Adds hits to an earlier event of the same function, if only hits happened since.
    fn fold(&mut self, event: &Event) -> bool {
        let EventKind::Hits { hits: more, hot: more_hot, .. } = event.kind else { return false };
        for known in &mut self.all {
            let EventKind::Hits { hits, hot, since } = &mut known.kind else { return false };
            if known.function == event.function {
                let is_recent = event.at.duration_since(*since).is_ok_and(|age| age < ONE_BURST);
                if is_recent {
                    *hits += more;
                    *hot += more_hot;
                    known.at = event.at;
                    // The sort is stable, so the other events keep their order.
                    self.all.sort_by_key(|event| Reverse(event.at));
                }
                return is_recent;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hits_are_one_event_until_something_else_happens() {
        let start = SystemTime::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let removed = |seconds| Event {
            at: at(seconds),
            function: "f".to_owned(),
            kind: EventKind::Removed { key: larder::key_of(&seconds).unwrap() },
        };
        let mut events = Events::default();
        events.add(Event::hits("f", 2, 1, at(0)));
        events.add(Event::hits("g", 1, 0, at(1)));
        events.add(Event::hits("f", 3, 3, at(2)));
        assert_eq!(events.all().len(), 2);
        assert_eq!(
            events.all()[0],
            Event { kind: EventKind::Hits { hits: 5, hot: 4, since: at(0) }, ..Event::hits("f", 0, 0, at(2)) }
        );
        assert_eq!(events.add(removed(3)), Some(0));
        assert_eq!(events.add(removed(3)), None);
        events.add(Event::hits("f", 1, 0, at(4)));
        events.add(Event::hits("f", 1, 0, at(100)));
        assert_eq!(events.all().len(), 5);
        for seconds in 200..200 + MOST_KEPT as u64 + 9 {
            events.add(removed(seconds));
        }
        assert_eq!(events.all().len(), MOST_KEPT);
        assert_eq!(events.all()[0], removed(200 + MOST_KEPT as u64 + 8));
    }
}
