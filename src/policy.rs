//! Which entries go when a cache is to be smaller. Knows nothing of files.

use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::{Error, ErrorKind, Result};

/// How large a cache may be, and how old its entries. What is `None` is not limited.
///
/// ```
/// # use std::time::Duration;
/// use larder::Limits;
///
/// let limits = Limits { max_bytes: Some(10 << 30), max_age: Some(Duration::from_secs(90 * 86_400)), ..Limits::default() };
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Bytes of all entries' files.
    pub max_bytes: Option<u64>,
    /// How many entries.
    pub max_entries: Option<u64>,
    /// Time since an entry was written.
    pub max_age: Option<Duration>,
    /// Time since an entry was used.
    pub max_idle: Option<Duration>,
    /// Only tell what would go.
    pub dry_run: bool,
}

impl Limits {
    /// An error if nothing could ever be kept.
    pub(crate) fn validate(&self) -> Result<()> {
        let nothing = |what: &str| {
            let message = format!("{what} is 0, so nothing could be kept; leave it out, or use `Cache::disabled()`");
            Err(Error::new(ErrorKind::InvalidInput, message))
        };
        match self {
            Limits { max_bytes: Some(0), .. } => nothing("max_bytes"),
            Limits { max_entries: Some(0), .. } => nothing("max_entries"),
            Limits { max_age: Some(Duration::ZERO), .. } => nothing("max_age"),
            Limits { max_idle: Some(Duration::ZERO), .. } => nothing("max_idle"),
            _ => Ok(()),
        }
    }
}

/// What is known of an entry without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) size: u64,
    /// When it was used last, or written.
    pub(crate) used: SystemTime,
    /// When it was written, if anybody wants to know.
    pub(crate) written: Option<SystemTime>,
    /// How long the function ran, if anybody wants to know.
    pub(crate) took: Duration,
}

/// Which entries go first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Order {
    /// Those that were used least recently.
    #[default]
    LeastRecentlyUsed,
    /// Of those, the ones that save the least time for the space that they take.
    CheapestFirst,
}

impl Order {
    /// The smaller it is, the earlier the entry goes.
    fn rank(self, candidate: &Candidate, now: SystemTime) -> (u128, SystemTime) {
        match self {
            Order::LeastRecentlyUsed => (0, candidate.used),
            Order::CheapestFirst => {
                // Time that each byte saves, for each second that nobody wanted it.
                let idle = now.duration_since(candidate.used).unwrap_or_default().as_millis() + 1;
                let took = candidate.took.as_nanos().saturating_mul(1 << 20);
                (took / u128::from(candidate.size.max(1)) / idle, candidate.used)
            }
        }
    }
}

/// The indices of those that have to go: what is too old or too idle, then in their order, until the rest fits.
pub(crate) fn victims(candidates: &[Candidate], limits: &Limits, order: Order, now: SystemTime) -> Vec<usize> {
    // What is from the future is of now: clocks differ.
    let since = |time: SystemTime| now.duration_since(time).unwrap_or_default();
    let is_late = |candidate: &Candidate| {
        limits.max_idle.is_some_and(|max_idle| since(candidate.used) > max_idle)
            || limits.max_age.is_some_and(|max_age| candidate.written.is_some_and(|at| since(at) > max_age))
    };
    let (mut victims, mut queue): (Vec<_>, Vec<_>) =
        (0..candidates.len()).partition(|&index| is_late(&candidates[index]));
    queue.sort_by_cached_key(|&index| (order.rank(&candidates[index], now), index));
    let mut entries = queue.len() as u64;
    let mut bytes: u64 = queue.iter().map(|&index| candidates[index].size).sum();
    let fits = |entries, bytes| {
        limits.max_entries.is_none_or(|max_entries| entries <= max_entries)
            && limits.max_bytes.is_none_or(|max_bytes| bytes <= max_bytes)
    };
    for index in queue {
        if fits(entries, bytes) {
            break;
        }
        entries -= 1;
        bytes -= candidates[index].size;
        victims.push(index);
    }
    victims
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates() -> Vec<Candidate> {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        [(100, 5), (200, 1), (300, 4), (400, 2), (500, 3)]
            .map(|(size, seconds)| Candidate {
                size,
                used: at(seconds),
                written: Some(at(seconds - 1)),
                took: Duration::from_secs(seconds),
            })
            .to_vec()
    }

    fn gone(limits: &Limits) -> Vec<usize> {
        victims(&candidates(), limits, Order::default(), SystemTime::UNIX_EPOCH + Duration::from_secs(10))
    }

    #[test]
    fn the_least_recently_used_go_first() {
        let none = Limits::default();
        assert!(gone(&none).is_empty());
        let bytes = |max| gone(&Limits { max_bytes: Some(max), ..none.clone() });
        assert!(bytes(1500).is_empty());
        assert_eq!(bytes(1499), [1]);
        assert_eq!(bytes(900), [1, 3]);
        assert_eq!(bytes(0), [1, 3, 4, 2, 0]);
        let entries = |max| gone(&Limits { max_entries: Some(max), ..none.clone() });
        assert!(entries(5).is_empty());
        assert_eq!(entries(3), [1, 3]);
        assert_eq!(entries(0).len(), 5);
        let idle = |max| gone(&Limits { max_idle: Some(Duration::from_secs(max)), ..none.clone() });
        assert!(idle(9).is_empty());
        assert_eq!(idle(7), [1, 3]);
        assert_eq!(idle(0).len(), 5);
        let age = |max| gone(&Limits { max_age: Some(Duration::from_secs(max)), ..none.clone() });
        assert!(age(10).is_empty());
        assert_eq!(age(8), [1, 3]);
        let both = Limits { max_age: Some(Duration::from_secs(9)), max_entries: Some(3), ..none };
        assert_eq!(gone(&both), [1, 3]);
    }
    #[test]
    fn what_is_cheap_for_its_size_goes_first() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
        let candidate = |size, idle, took| Candidate {
            size,
            used: now - Duration::from_secs(idle),
            written: None,
            took: Duration::from_secs(took),
        };
        let limits = Limits { max_entries: Some(0), ..Limits::default() };
        let order = |candidates: &[Candidate]| victims(candidates, &limits, Order::CheapestFirst, now);
        assert_eq!(order(&[candidate(100, 10, 9), candidate(100, 10, 3)]), [1, 0]);
        assert_eq!(order(&[candidate(100, 10, 9), candidate(1000, 10, 9)]), [1, 0]);
        assert_eq!(order(&[candidate(100, 10, 9), candidate(100, 90, 9)]), [1, 0]);
        // It took ten times as long, so it may lie for almost as many times longer.
        assert_eq!(order(&[candidate(100, 50, 100), candidate(100, 10, 10)]), [1, 0]);
        assert_eq!(order(&[candidate(0, 0, 0), candidate(0, 1, 0)]), [1, 0]);
    }
}
