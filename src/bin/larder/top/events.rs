//! What happened of late, newest first, and not more of it than anybody scrolls through.

use std::cmp::Reverse;
use std::time::{Duration, SystemTime};

use larder::{Computation, Key};

/// Events that are kept.
pub(crate) const MOST_KEPT: usize = 500;

/// For so long, hits of a function are one event, if nothing else happened.
const ONE_BURST: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    pub(crate) at: SystemTime,
    pub(crate) function: String,
    pub(crate) what: What,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What {
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
        let what = match why {
            Some(why) => {
                let arguments = arguments.iter().map(|a| format!("{} = {}", a.name, a.preview)).collect();
                What::Computed { key, arguments, why }
            }
            None => What::Removed { key },
        };
        Event { at, function, what }
    }

    pub(crate) fn hits(function: &str, hits: u64, hot: u64, at: SystemTime) -> Self {
        Event { at, function: function.to_owned(), what: What::Hits { hits, hot, since: at } }
    }

    pub(crate) fn key(&self) -> Option<Key> {
        match self.what {
            What::Computed { key, .. } | What::Removed { key } => Some(key),
            What::Hits { .. } => None,
        }
    }

    /// The same call at the same time. What is known of its arguments goes with its entry.
    fn is(&self, other: &Event) -> bool {
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

    /// Takes in an event, unless it is known: where it is now.
    pub(crate) fn add(&mut self, event: Event) -> Option<usize> {
        if self.fold(&event) || self.all.iter().any(|known| known.is(&event)) {
            return None;
        }
        let place = self.all.partition_point(|known| Reverse(known.at) < Reverse(event.at));
        self.all.insert(place, event);
        self.all.truncate(MOST_KEPT);
        Some(place)
    }

    /// Adds hits to those of the same function, if nothing but hits happened since.
    fn fold(&mut self, event: &Event) -> bool {
        let What::Hits { hits: more, hot: more_hot, .. } = event.what else { return false };
        for known in &mut self.all {
            let What::Hits { hits, hot, since } = &mut known.what else { return false };
            if known.function == event.function {
                let is_recent = event.at.duration_since(*since).is_ok_and(|age| age < ONE_BURST);
                if is_recent {
                    *hits += more;
                    *hot += more_hot;
                    known.at = event.at;
                    // It is the newest, and those before it keep their order.
                    self.all.sort_by_key(|event| Reverse(event.at));
                }
                return is_recent;
            }
        }
        false
    }
}
