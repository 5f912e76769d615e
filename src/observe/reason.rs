//! Reasons why a call is computed instead of loaded.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::error::too_large::TooLarge;
use crate::text::humanize::duration;
use crate::text::json::seconds;

/// Why a call is computed instead of loaded. Displayed as a sentence without a subject.
///
/// [`Call::explain`](crate::Call::explain) returns it before a call runs, and
/// [`Outcome::Computed`](crate::Outcome::Computed) after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "reason")]
#[non_exhaustive]
pub enum Reason {
    /// No call of this function with this code is known.
    NeverComputed,
    /// Calls were stored, but none with these arguments.
    #[non_exhaustive]
    ArgumentsDiffer {
        /// How this call differs from the nearest stored one.
        differences: Vec<Difference>,
    },
    /// The same call was stored by other code.
    #[non_exhaustive]
    CodeChanged {
        /// What changed; empty if the earlier code is not recorded.
        changes: Vec<Change>,
    },
    /// The same call was stored under another `version`.
    #[non_exhaustive]
    VersionChanged {
        /// The stored version.
        stored: u64,
        /// The current version.
        now: u64,
    },
    /// The stored result is older than the option `max_age` allows.
    #[non_exhaustive]
    Expired {
        /// Age of the result; `Duration::MAX` if its time of creation is in the future. As JSON: seconds.
        #[serde(serialize_with = "seconds")]
        age: Duration,
        /// Maximum age of a result. As JSON: seconds.
        #[serde(serialize_with = "seconds")]
        max_age: Duration,
    },
    /// The result was stored and is gone: a limit evicted it, or its file was removed.
    Evicted,
    /// The result was stored, and removed on request.
    Forgotten,
    /// The option `valid` rejects the stored result.
    Rejected,
    /// The stored result is corrupt.
    #[non_exhaustive]
    Damaged {
        /// What is damaged.
        what: String,
    },
    /// The stored result holds a [`Shelved`](crate::Shelved) reference to a result that is gone.
    #[non_exhaustive]
    PartGone {
        /// The path of the missing result.
        what: String,
    },
    /// There is a stored result, but it can't be read.
    #[non_exhaustive]
    Unreadable {
        /// Why it can't be read.
        what: String,
    },
    /// The caller asked for it with `refresh`, or the user with `LARDER=refresh`.
    Refreshed,
    /// The function ran to verify the stored result, because of `LARDER=verify`. The caller gets the stored result.
    #[non_exhaustive]
    Verified {
        /// Whether the function returned the same result again. An `Err` or a panic counts as different.
        same: bool,
    },
    /// The cache is off.
    CacheOff,
    /// An argument can't be serialised, or panicked while it was serialised, so the call has no key.
    #[non_exhaustive]
    NoKey {
        /// Which argument, and why.
        what: String,
    },
    /// The call was computed, and its result was not stored.
    #[non_exhaustive]
    NotKept {
        /// How long ago it was computed. As JSON: seconds.
        #[serde(serialize_with = "seconds")]
        ago: Duration,
        /// Why the result was not stored.
        why: NotKept,
    },
    /// Too little of the thread's stack was left for the cache.
    LittleStack,
    /// Nothing is stored. The caller did not ask for the exact reason.
    Absent,
}

/// Why a result was not stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum NotKept {
    /// The function returned an `Err`.
    Err,
    /// The function panicked.
    Panic,
    /// The option `store_if` returned false.
    StoreIf,
    /// The entry alone is larger than [`max_bytes`](crate::CacheBuilder::max_bytes).
    #[non_exhaustive]
    TooLarge {
        /// Size of its file in bytes; `None` if writing stopped before the size was known.
        size: Option<u64>,
        /// The limit, in bytes.
        limit: u64,
    },
    /// The cache is read-only.
    ReadOnly,
    /// Storing the result failed.
    #[non_exhaustive]
    Fault {
        /// Why it failed.
        what: String,
    },
}

impl fmt::Display for NotKept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotKept::Err => f.write_str(", returned an `Err`, which is not kept"),
            NotKept::Panic => f.write_str(", and the function panicked"),
            NotKept::StoreIf => f.write_str(", and `store_if` said not to keep it"),
            NotKept::TooLarge { size, limit } => write!(f, "; {}", TooLarge { size: *size, limit: *limit }),
            NotKept::ReadOnly => f.write_str(", and the cache is read-only, so it was not stored"),
            NotKept::Fault { what } => write!(f, "; it could not be stored: {what}"),
        }
    }
}

/// Why a stored result had been computed, as far as the history records it: less than the [`Reason`] that the call itself
/// got. Displayed as a sentence without a subject, which is also its JSON.
///
/// [`Computation::why`](crate::Computation::why) has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// No result was stored, for this reason, judging by the calls before.
    Missing(Reason),
    /// The caller asked for it with `refresh`, or the user with `LARDER=refresh`.
    Refreshed,
    /// The stored result was older than the option `max_age` allowed.
    Expired,
    /// The stored result was corrupt.
    Damaged,
    /// There was a stored result, but it couldn't be read.
    Unreadable,
    /// The option `valid` rejected the stored result.
    Rejected,
    /// The function returned another result when `LARDER=verify` ran it again.
    Verified,
    /// The stored result held a reference to a result that was gone.
    PartGone,
}

impl Serialize for Cause {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cause::Missing(reason) => return reason.fmt(f),
            Cause::Refreshed => "refreshed on request",
            Cause::Expired => "what was stored had expired",
            Cause::Damaged => "what was stored was damaged",
            Cause::Unreadable => "what was stored was unreadable",
            Cause::Rejected => "what was stored was rejected by `valid`",
            Cause::Verified => "what was stored was not the same when it was verified",
            Cause::PartGone => "what was stored referred to a result that is gone",
        })
    }
}

/// What the history records of a [`Cause`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordedCause {
    /// No result was stored. The calls before show why.
    Missing,
    Refreshed,
    Expired,
    Damaged,
    Unreadable,
    Rejected,
    Verified,
    PartGone,
}

impl Reason {
    /// Returns the cause that is recorded with the entry.
    pub(crate) fn cause(&self) -> RecordedCause {
        match self {
            Reason::Refreshed => RecordedCause::Refreshed,
            Reason::Expired { .. } => RecordedCause::Expired,
            Reason::Damaged { .. } => RecordedCause::Damaged,
            Reason::Unreadable { .. } => RecordedCause::Unreadable,
            Reason::Rejected => RecordedCause::Rejected,
            Reason::Verified { .. } => RecordedCause::Verified,
            Reason::PartGone { .. } => RecordedCause::PartGone,
            _ => RecordedCause::Missing,
        }
    }

    /// Returns the argument whose order of maps is the only difference to the nearest stored call.
    pub(crate) fn only_order(&self) -> Option<&str> {
        match self {
            Reason::ArgumentsDiffer { differences } if differences.iter().all(|difference| difference.only_order) => {
                Some(&differences.first()?.name)
            }
            _ => None,
        }
    }
}

/// One argument that differs from that of the nearest stored call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Difference {
    /// The argument's name.
    pub name: String,
    /// The beginning of the stored argument; `None` if that call's entry is gone.
    pub stored: Option<String>,
    /// The beginning of this call's argument.
    pub now: String,
    /// Whether the only difference is the order of maps. It counts, because larder can't tell that it has no meaning.
    pub only_order: bool,
}

/// One difference between a function's code now and when a result was stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Change {
    /// The path of the item; `body` for the function itself.
    pub item: String,
    /// How it changed.
    pub kind: ChangeKind,
}

/// How an item of a function's code changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ChangeKind {
    /// The item differs.
    Changed,
    /// The item is new, or was not reachable before.
    Added,
    /// The item is gone, or is no longer reachable.
    Removed,
}

/// Limit on the number of listed differences.
const MOST_LISTED: usize = 5;

fn list<T>(f: &mut fmt::Formatter<'_>, items: &[T], show: impl Fn(&T) -> String) -> fmt::Result {
    let shown: Vec<String> = items.iter().take(MOST_LISTED).map(show).collect();
    f.write_str(&shown.join(", "))?;
    match items.len().saturating_sub(MOST_LISTED) {
        0 => Ok(()),
        more => write!(f, " and {more} more"),
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::NeverComputed => f.write_str("never computed"),
            Reason::ArgumentsDiffer { differences } => {
                f.write_str("never computed with these arguments: ")?;
                list(f, differences, ToString::to_string)
            }
            Reason::CodeChanged { changes } if changes.is_empty() => {
                f.write_str("code changed since it was stored; what changed is not known")
            }
            Reason::CodeChanged { changes } => {
                f.write_str("code changed since it was stored: ")?;
                list(f, changes, ToString::to_string)
            }
            Reason::VersionChanged { stored, now } => {
                write!(f, "version changed: {stored} is stored, it is {now} now")
            }
            Reason::Expired { age: Duration::MAX, .. } => {
                f.write_str("expired: it is from the future, so the clock was set back since")
            }
            Reason::Expired { age, max_age } => {
                write!(f, "expired: {} old, and may be {}", duration(*age), duration(*max_age))
            }
            Reason::Evicted => f.write_str("evicted: it was stored, and is gone"),
            Reason::Forgotten => f.write_str("forgotten: it was stored, and removed on request"),
            Reason::Rejected => f.write_str("the stored result was rejected by `valid`"),
            Reason::Damaged { what } => write!(f, "the stored result is damaged: {what}"),
            Reason::PartGone { what } => {
                write!(f, "the stored result refers to another one that was evicted or removed: {what}")
            }
            Reason::Unreadable { what } => write!(f, "the stored result is unreadable: {what}"),
            Reason::Refreshed => f.write_str("refreshed on request"),
            Reason::Verified { same: true } => f.write_str("computed again to verify what is stored: it is the same"),
            Reason::Verified { same: false } => {
                f.write_str("computed again to verify what is stored: it is not the same")
            }
            Reason::CacheOff => f.write_str("the cache is off"),
            Reason::NoKey { what } => write!(f, "the call has no key: {what}"),
            Reason::NotKept { ago, why } => write!(f, "computed {} ago{why}", duration(*ago)),
            Reason::LittleStack => f.write_str("little was left of the thread's stack"),
            Reason::Absent => f.write_str("nothing is stored"),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { name, stored, now, only_order } = self;
        match stored {
            _ if *only_order => write!(
                f,
                "argument `{name}` differs from the nearest stored call in the order of a map only; if that order has no \
                 meaning, write `key({name} = larder::Unordered({name}))`"
            ),
            Some(stored) => {
                write!(f, "argument `{name}` differs from the nearest stored call: {stored} there, {now} here")
            }
            None => write!(f, "argument `{name}` differs from the nearest call known: {now} here"),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Change { item, kind } = self;
        let did = match kind {
            ChangeKind::Changed => "changed",
            ChangeKind::Added => "is new",
            ChangeKind::Removed => "is gone",
        };
        match item.as_str() {
            "body" => write!(f, "the function itself {did}"),
            item => write!(f, "`{item}` {did}"),
        }
    }
}
