//! Why a call is computed and not loaded.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::error::too_large::TooLarge;
use crate::text::humanize::duration;
use crate::text::json::seconds;

/// Why a call is computed and not loaded. As text, a sentence without its subject.
///
/// [`Call::explain`](crate::Call::explain) tells it beforehand, and
/// [`Outcome::Computed`](crate::Outcome::Computed) afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "reason")]
#[non_exhaustive]
pub enum Reason {
    /// Nothing is known of any call of this function with this code.
    NeverComputed,
    /// Calls were stored, none of them with these arguments.
    #[non_exhaustive]
    ArgumentsDiffer {
        /// How this call differs from the stored one that is nearest to it.
        differences: Vec<Difference>,
    },
    /// The same call was stored by other code.
    #[non_exhaustive]
    CodeChanged {
        /// What changed; empty if nothing is known of the code of then.
        changes: Vec<Change>,
    },
    /// The same call was stored under another `version`.
    #[non_exhaustive]
    VersionChanged {
        /// The version of then.
        stored: u64,
        /// The version of now.
        now: u64,
    },
    /// The stored result is older than the option `max_age` allows.
    #[non_exhaustive]
    Expired {
        /// How old it is; `Duration::MAX` if it is from the future. As JSON: seconds.
        #[serde(serialize_with = "seconds")]
        age: Duration,
        /// How old it may be. As JSON: seconds.
        #[serde(serialize_with = "seconds")]
        max_age: Duration,
    },
    /// The result was stored and is gone: a limit evicted it, or somebody removed its file.
    Evicted,
    /// The result was stored, and removed on request.
    Forgotten,
    /// The option `valid` rejects the stored result.
    Rejected,
    /// The stored result is not what was written.
    #[non_exhaustive]
    Damaged {
        /// What is damaged.
        what: String,
    },
    /// The stored result refers to another one with [`Shelved`](crate::Shelved), which is gone.
    #[non_exhaustive]
    PartGone {
        /// Where that one was.
        what: String,
    },
    /// There is a stored result that can't be read.
    #[non_exhaustive]
    Unreadable {
        /// Why.
        what: String,
    },
    /// It was asked for: by `refresh`, or by `LARDER=refresh`.
    Refreshed,
    /// The function ran to verify what is stored, as `LARDER=verify` asks for. The caller gets the stored result.
    #[non_exhaustive]
    Verified {
        /// Whether the function gave the same result again. An `Err` or a panic is another one.
        same: bool,
    },
    /// The cache is off.
    CacheOff,
    /// An argument can't be serialised, or panicked meanwhile, so the call has no key.
    #[non_exhaustive]
    NoKey {
        /// Which argument, and why.
        what: String,
    },
    /// The call was computed, and its result was not kept.
    #[non_exhaustive]
    NotKept {
        /// How long ago that was. As JSON: seconds.
        #[serde(serialize_with = "seconds")]
        ago: Duration,
        /// Why it was not kept.
        why: NotKept,
    },
    /// Little was left of the thread's stack, and the cache needs some by itself.
    LittleStack,
    /// Nothing is stored, and nobody asked why.
    Absent,
}

/// Why a result was not kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum NotKept {
    /// It was an `Err`.
    Err,
    /// There was none: the function panicked.
    Panic,
    /// The option `store_if` said no.
    StoreIf,
    /// It alone is larger than [`max_bytes`](crate::CacheBuilder::max_bytes).
    #[non_exhaustive]
    TooLarge {
        /// Bytes of its file; `None` if it was given up before that was known.
        size: Option<u64>,
        /// The limit, in bytes.
        limit: u64,
    },
    /// The cache is read-only.
    ReadOnly,
    /// It could not be stored.
    #[non_exhaustive]
    Fault {
        /// Why.
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

/// Why a result was computed that is stored now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// There was none.
    Absent,
    Refreshed,
    Expired,
    Damaged,
    Unreadable,
    Rejected,
    Verified,
    PartGone,
}

impl Reason {
    /// What is noted of it.
    pub(crate) fn cause(&self) -> Cause {
        match self {
            Reason::Refreshed => Cause::Refreshed,
            Reason::Expired { .. } => Cause::Expired,
            Reason::Damaged { .. } => Cause::Damaged,
            Reason::Unreadable { .. } => Cause::Unreadable,
            Reason::Rejected => Cause::Rejected,
            Reason::Verified { .. } => Cause::Verified,
            Reason::PartGone { .. } => Cause::PartGone,
            _ => Cause::Absent,
        }
    }
}

/// One argument that is another one than in the nearest stored call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Difference {
    /// The argument's name.
    pub name: String,
    /// The beginning of what is stored; `None` if that call's entry is gone.
    pub stored: Option<String>,
    /// The beginning of what is asked for.
    pub now: String,
}

/// One thing in a function's code that is another one than when a result was stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Change {
    /// The path of the item; `body` for the function itself.
    pub item: String,
    /// What happened to it.
    pub kind: ChangeKind,
}

/// What happened to a part of a function's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ChangeKind {
    /// It is another one now.
    Changed,
    /// It was not there, or could not be reached.
    Added,
    /// It is no longer there, or can't be reached any more.
    Removed,
}

/// More than this is not listed.
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
        let Difference { name, stored, now } = self;
        match stored {
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
