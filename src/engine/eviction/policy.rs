//! Eviction policy: decides which entries are evicted. Does no I/O.

use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::error::{Error, ErrorKind, Result};

/// Limits of a cache: its size, and the age of its entries. `None` means no limit.
///
/// ```
/// # use std::time::Duration;
/// use larder::Limits;
///
/// let limits = Limits::default().max_bytes(10 << 30).max_age(Duration::from_secs(90 * 86_400));
/// assert_eq!((limits.max_bytes, limits.max_entries), (Some(10 << 30), None));
/// ```
///
/// `Limits { max_entries: Some(1000), ..Limits::default() }` works as well. A later version may add fields, so a literal
/// ends with `..Limits::default()`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Maximum total size of the entries' files, in bytes.
    pub max_bytes: Option<u64>,
    /// Maximum number of entries.
    pub max_entries: Option<u64>,
    /// Maximum time since an entry was written.
    pub max_age: Option<Duration>,
    /// Maximum time since an entry was used.
    pub max_idle: Option<Duration>,
}

impl Limits {
    /// Limits the total size of the entries' files, in bytes.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = Some(bytes);
        self
    }

    /// Limits the number of entries.
    #[must_use]
    pub fn max_entries(mut self, entries: u64) -> Self {
        self.max_entries = Some(entries);
        self
    }

    /// Limits the time since an entry was written.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// Limits the time since an entry was used.
    #[must_use]
    pub fn max_idle(mut self, idle: Duration) -> Self {
        self.max_idle = Some(idle);
        self
    }

    /// Returns an error if these limits would keep no entry at all.
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

/// Maximum clock difference between machines that share a cache.
const MOST_AHEAD: Duration = Duration::from_secs(5 * 60);

/// Clock difference that is normal between machines that use NTP.
const LITTLE_AHEAD: Duration = Duration::from_secs(5);

/// Returns the age of an entry that may be `max_age` old. If its time is slightly in the future, another machine's
/// clock is ahead, and the entry counts as new. "Slightly" is an eighth of `max_age` or five minutes, whichever is
/// less, but at least five seconds. Beyond that, a clock was set back and the age is unknown: [`Duration::MAX`].
pub(crate) fn age(written: SystemTime, max_age: Duration) -> Duration {
    written.elapsed().unwrap_or_else(|ahead| {
        let little = (max_age / 8).min(MOST_AHEAD).max(LITTLE_AHEAD.min(max_age));
        if ahead.duration() < little { Duration::ZERO } else { Duration::MAX }
    })
}

/// What the policy needs to know about an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) size: u64,
    /// When it was last used, or written.
    pub(crate) used: SystemTime,
    /// When it was written, if the limits need it.
    pub(crate) written: Option<SystemTime>,
    /// How long the function ran, if the order needs it.
    pub(crate) took: Duration,
}

/// The order in which entries are evicted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum EvictionOrder {
    /// The least recently used first.
    #[default]
    LeastRecentlyUsed,
    /// Among entries that were not used for long, first those that save the least time for their size.
    CheapestFirst,
}

impl EvictionOrder {
    /// Returns the rank of an entry; the smallest rank is evicted first.
    pub(crate) fn rank(self, candidate: &Candidate, now: SystemTime) -> (u128, SystemTime) {
        match self {
            EvictionOrder::LeastRecentlyUsed => (0, candidate.used),
            EvictionOrder::CheapestFirst => {
                // Saved time per byte, divided by the idle time.
                let idle = now.duration_since(candidate.used).unwrap_or_default().as_millis() + 1;
                let took = candidate.took.as_nanos().saturating_mul(1 << 20);
                (took / u128::from(candidate.size.max(1)) / idle, candidate.used)
            }
        }
    }
}

/// Returns whether an entry must be evicted in any case: it is too old, too idle, or larger than `max_bytes`.
pub(crate) fn must_go(candidate: &Candidate, limits: &Limits, now: SystemTime) -> bool {
    // A time in the future counts as now, because clocks differ.
    let since = |time: SystemTime| now.duration_since(time).unwrap_or_default();
    limits.max_idle.is_some_and(|max_idle| since(candidate.used) > max_idle)
        || limits.max_age.is_some_and(|max_age| candidate.written.is_some_and(|at| since(at) > max_age))
        || limits.max_bytes.is_some_and(|max_bytes| candidate.size > max_bytes)
}

/// Returns the indices of the entries to evict: first those that must go, then the others in order until the rest is
/// within the limits.
pub(crate) fn victims(candidates: &[Candidate], limits: &Limits, order: EvictionOrder, now: SystemTime) -> Vec<usize> {
    let (mut victims, mut queue): (Vec<_>, Vec<_>) =
        (0..candidates.len()).partition(|&index| must_go(&candidates[index], limits, now));
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

    fn evicted(limits: &Limits) -> Vec<usize> {
        victims(&candidates(), limits, EvictionOrder::default(), SystemTime::UNIX_EPOCH + Duration::from_secs(10))
    }

    #[test]
    fn the_least_recently_used_go_first() {
        let none = Limits::default();
        assert!(evicted(&none).is_empty());
        let bytes = |max| evicted(&Limits { max_bytes: Some(max), ..none.clone() });
        assert!(bytes(1500).is_empty());
        assert_eq!(bytes(1499), [1]);
        assert_eq!(bytes(900), [1, 3]);
        assert_eq!(bytes(0).len(), 5);
        // An entry larger than `max_bytes` is evicted first, so that others can stay.
        assert_eq!(bytes(420), [4, 1, 3]);
        let entries = |max| evicted(&Limits { max_entries: Some(max), ..none.clone() });
        assert!(entries(5).is_empty());
        assert_eq!(entries(3), [1, 3]);
        assert_eq!(entries(0).len(), 5);
        let idle = |max| evicted(&Limits { max_idle: Some(Duration::from_secs(max)), ..none.clone() });
        assert!(idle(9).is_empty());
        assert_eq!(idle(7), [1, 3]);
        assert_eq!(idle(0).len(), 5);
        let age = |max| evicted(&Limits { max_age: Some(Duration::from_secs(max)), ..none.clone() });
        assert!(age(10).is_empty());
        assert_eq!(age(8), [1, 3]);
        let both = Limits { max_age: Some(Duration::from_secs(9)), max_entries: Some(3), ..none };
        assert_eq!(evicted(&both), [1, 3]);
    }

    /// See [`age`].
    #[test]
    fn a_time_a_little_in_the_future_is_new() {
        let of = |ahead: u64, max_age: u64| {
            age(SystemTime::now() + Duration::from_millis(ahead), Duration::from_secs(max_age))
        };
        let (hour, day) = (3600, 86_400);
        for (ahead, max_age) in [(2000, hour), (2000, day), (2000, 10), (299_000, day), (440_000 / 8, 440), (500, 1)] {
            assert_eq!(of(ahead, max_age), Duration::ZERO, "{ahead} ms, {max_age} s");
        }
        for (ahead, max_age) in [(310_000, day), (80_000, 600), (12_000, 60), (2000, 1), (1000 * hour, day)] {
            assert_eq!(of(ahead, max_age), Duration::MAX, "{ahead} ms, {max_age} s");
        }
        let an_hour_ago = SystemTime::now() - Duration::from_secs(hour);
        assert!((hour..hour + 60).contains(&age(an_hour_ago, Duration::from_secs(day)).as_secs()));
    }

    #[test]
    fn results_that_save_little_for_their_size_go_first() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
        let candidate = |size, idle, took| Candidate {
            size,
            used: now - Duration::from_secs(idle),
            written: None,
            took: Duration::from_secs(took),
        };
        let limits = Limits { max_entries: Some(0), ..Limits::default() };
        let order = |candidates: &[Candidate]| victims(candidates, &limits, EvictionOrder::CheapestFirst, now);
        assert_eq!(order(&[candidate(100, 10, 9), candidate(100, 10, 3)]), [1, 0]);
        assert_eq!(order(&[candidate(100, 10, 9), candidate(1000, 10, 9)]), [1, 0]);
        assert_eq!(order(&[candidate(100, 10, 9), candidate(100, 90, 9)]), [1, 0]);
        // It took ten times as long, so it may be idle almost ten times as long.
        assert_eq!(order(&[candidate(100, 50, 100), candidate(100, 10, 10)]), [1, 0]);
        assert_eq!(order(&[candidate(0, 0, 0), candidate(0, 1, 0)]), [1, 0]);
    }
}
