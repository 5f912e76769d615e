//! Explains why a call would hit or miss.
//!
//! Read this file first: it finds the reason for a miss. `comparison` compares two entries, and `recent` lists the
//! latest computations with their reasons.

pub(crate) mod comparison;
pub(crate) mod recent;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::key::call_key::Argument;
use crate::key::code_version::CodeFile;
use crate::key::digest::Key;
use crate::observe::reason::{Change, ChangeKind, Difference, NotKept, Reason, RecordedCause};
use crate::store::entries::Entries;
use crate::store::entry::Entry;
use crate::store::history::{Event, HistoryRecord, brief, brief_code};
use crate::store::interface::Store;
use crate::store::layout::Layout;
use crate::text::humanize;
use crate::text::humanize::duration;
use crate::text::json::seconds;

/// Why a call would hit or miss. [`Call::explain`](crate::Call::explain) returns it. Displayed as a sentence for
/// people.
///
/// ```
/// # use larder::{Cache, memoize};
/// # use std::sync::LazyLock;
/// # static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());
/// # static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::open(FOLDER.path()).unwrap());
/// #[memoize(cache = &CACHE, name = "grow", track = "body")]
/// fn grow(size: f64, years: u32) -> f64 {
///     size * 1.02_f64.powi(years as i32)
/// }
///
/// grow(100.0, 10);
/// assert!(grow::call(100.0, 10).explain().to_string().starts_with("`grow` would hit: computed "));
/// assert_eq!(
///     grow::call(100.0, 20).explain().to_string(),
///     "`grow` would miss: never computed with these arguments: \
///      argument `years` differs from the nearest stored call: 10 there, 20 here",
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Explanation {
    /// The function's name, as returned by [`Memo::name`](crate::Memo::name).
    pub function: String,
    /// The call's key; `None` if it has none.
    pub key: Option<Key>,
    /// Whether the call would hit or miss.
    pub verdict: Verdict,
    /// The parts of the function's code that the attribute can't track, one sentence each. If there are any, only the
    /// same build finds the results again.
    pub unseen: Vec<String>,
}

/// Whether a call would hit or miss.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Verdict {
    /// The result would be loaded.
    #[non_exhaustive]
    Hit {
        /// How long ago the result was computed. As JSON: seconds.
        #[serde(serialize_with = "seconds")]
        age: Duration,
        /// How long the computation took. As JSON: seconds.
        #[serde(serialize_with = "seconds")]
        saved: Duration,
        /// Size of the entry's file in bytes.
        size: u64,
    },
    /// The function would run.
    Miss(Reason),
}

impl Explanation {
    /// Returns whether the result would be loaded.
    #[must_use]
    pub fn is_hit(&self) -> bool {
        matches!(self.verdict, Verdict::Hit { .. })
    }

    /// Returns why the function would run; `None` if it would not.
    #[must_use]
    pub fn reason(&self) -> Option<&Reason> {
        match &self.verdict {
            Verdict::Miss(reason) => Some(reason),
            Verdict::Hit { .. } => None,
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` would ", self.function)?;
        match &self.verdict {
            Verdict::Hit { age, saved, size } => {
                write!(f, "hit: computed {} ago in {}, {}", duration(*age), duration(*saved), humanize::size(*size))?;
            }
            Verdict::Miss(reason) => write!(f, "miss: {reason}")?,
        }
        match self.unseen.as_slice() {
            [] => Ok(()),
            unseen => write!(f, " (other builds compute it again, since not all code is seen: {})", unseen.join("; ")),
        }
    }
}

/// A call without a stored result.
pub(crate) struct Missing<'a> {
    pub(crate) store: &'a Arc<dyn Store>,
    /// The function's folder.
    pub(crate) folder: &'a Path,
    pub(crate) key: Key,
    pub(crate) version: u64,
    /// The fingerprint of the code, and the items it consists of.
    pub(crate) code: &'a [u8],
    pub(crate) parts: &'a CodeFile,
    pub(crate) arguments: &'a [Argument],
    /// The digests of the arguments. They may be known where the arguments are not.
    pub(crate) digests: Vec<[u8; 8]>,
    /// What this process remembers of the call: when it was computed, and why the result was not stored.
    pub(crate) unkept: Option<(SystemTime, NotKept)>,
}

/// How many entries have their headers read if there is no history.
const MOST_READ: usize = 500;

/// How many entries are opened to show an argument of the nearest call.
const MOST_TRIED: usize = 8;

impl Missing<'_> {
    /// Returns why no result is stored. Reads no folder but the function's.
    pub(crate) fn reason(&self) -> Reason {
        self.reason_after(&history(self.store, self.folder))
    }

    /// Returns why no result was stored after the calls in `history`.
    pub(crate) fn reason_after(&self, history: &[HistoryRecord]) -> Reason {
        let last = history.iter().rfind(|record| record.key == self.key);
        let ago = |at: SystemTime| at.elapsed().unwrap_or_default();
        if let Some((at, why)) = &self.unkept
            && last.is_none_or(|last| last.time <= *at)
        {
            return Reason::NotKept { ago: ago(*at), why: why.clone() };
        }
        if let Some(last) = last {
            return match last.not_kept() {
                Some(why) => Reason::NotKept { ago: ago(last.time), why },
                None if last.event == Event::Forgotten => Reason::Forgotten,
                None => Reason::Evicted,
            };
        }
        let mine = &self.digests;
        let code = brief_code(self.code);
        let stored = || history.iter().filter(|record| matches!(record.event, Event::Stored(_)));
        if let Some(same) = stored().rfind(|record| record.arguments == *mine) {
            return match same.version {
                version if version != self.version => Reason::VersionChanged { stored: version, now: self.version },
                _ => Reason::CodeChanged { changes: self.changes(&same.code) },
            };
        }
        let comparable = |record: &&HistoryRecord| {
            record.code == code && record.version == self.version && record.arguments.len() == mine.len()
        };
        let likeness = |record: &HistoryRecord| mine.iter().zip(&record.arguments).filter(|(a, b)| a == b).count();
        let mut nearest: Vec<_> = stored().filter(comparable).collect();
        let Some(most) = nearest.iter().map(|record| likeness(record)).max() else { return Reason::NeverComputed };
        nearest.retain(|record| likeness(record) == most);
        Reason::ArgumentsDiffer { differences: self.differences(&nearest) }
    }

    /// Returns the arguments that differ from those of these calls, which are all equally near.
    fn differences(&self, nearest: &[&HistoryRecord]) -> Vec<Difference> {
        let entries = nearest.iter().rev().take(MOST_TRIED).filter_map(|record| {
            let entry = Entry::read(&**self.store, self.folder, record.key).ok()??;
            Some((*record, entry.arguments))
        });
        // Prefer a call that differs in the order of maps only.
        let only_order = |index: usize, there: &[Argument]| {
            let unordered = |arguments: &[Argument]| arguments.get(index)?.unordered;
            unordered(self.arguments).is_some_and(|here| unordered(there) == Some(here))
        };
        let mut there = None;
        for (record, arguments) in entries {
            let differs = |index: &usize| record.arguments.get(*index) != self.digests.get(*index);
            let is_best = (0..self.arguments.len()).filter(differs).all(|index| only_order(index, &arguments));
            if is_best || there.is_none() {
                there = Some((record, arguments));
            }
            if is_best || self.arguments.iter().all(|argument| argument.unordered.is_none()) {
                break;
            }
        }
        let (record, shown) = match (&there, nearest.last()) {
            (Some((record, shown)), _) => (*record, Some(shown.as_slice())),
            (None, Some(last)) => (*last, None),
            (None, None) => return Vec::new(),
        };
        let stored = |index: usize| shown?.get(index).map(|argument| argument.preview.clone());
        let differs = |(index, argument): &(usize, &Argument)| record.arguments.get(*index) != Some(&brief(argument));
        let of = |(index, argument): (usize, &Argument)| Difference {
            name: argument.name.clone(),
            stored: stored(index),
            now: argument.preview.clone(),
            only_order: shown.is_some_and(|shown| only_order(index, shown)),
        };
        self.arguments.iter().enumerate().filter(differs).map(of).collect()
    }

    /// Returns how the current code differs from the code with this fingerprint.
    fn changes(&self, then: &[u8; 16]) -> Vec<Change> {
        CodeFile::read(self.folder, then).map_or_else(Vec::new, |then| changes(&then, self.parts))
    }
}

/// Returns the known calls of the function with this folder, oldest first.
pub(crate) fn history(store: &Arc<dyn Store>, folder: &Path) -> Vec<HistoryRecord> {
    let history = Layout::recall(folder);
    if !history.is_empty() {
        return history;
    }
    // The history was removed, or the entries were copied from another cache.
    let entries = Entries::under(Arc::clone(store), folder, false).into_iter().flatten();
    let readable = entries.take(MOST_READ).filter(|entry| entry.fault.is_none());
    let mut history: Vec<_> = readable.map(|entry| record_of(&entry)).collect();
    history.sort_by_key(|record| record.time);
    history
}

/// Returns the differences between two versions of a function's code.
pub(crate) fn changes(then: &CodeFile, now: &CodeFile) -> Vec<Change> {
    let mut changes = compare(&then.items, &now.items, |path| path.clone());
    changes.extend(compare(&then.predicates, &now.predicates, |predicate| format!("cfg({predicate})")));
    changes.extend(compare(&then.environment, &now.environment, |name| format!("env {name}")));
    changes
}

fn compare<V: PartialEq>(
    then: &BTreeMap<String, V>,
    now: &BTreeMap<String, V>,
    name: impl Fn(&String) -> String,
) -> Vec<Change> {
    let gone = then.keys().filter(|key| !now.contains_key(*key)).map(|key| (key, ChangeKind::Removed));
    let rest = now.iter().filter_map(|(key, value)| match then.get(key) {
        None => Some((key, ChangeKind::Added)),
        Some(before) => (before != value).then_some((key, ChangeKind::Changed)),
    });
    changed_first(rest.chain(gone).map(|(key, kind)| Change { item: name(key), kind }).collect())
}

/// Puts changed items first: they are a more likely cause than items that were added or removed.
fn changed_first(mut changes: Vec<Change>) -> Vec<Change> {
    changes.sort_by_key(|change| change.kind != ChangeKind::Changed);
    changes
}

/// Returns the history record that this entry would have.
pub(crate) fn record_of(entry: &Entry) -> HistoryRecord {
    let digits = |at: usize| entry.code.get(2 * at..2 * at + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
    let code: Vec<u8> = (0..16).map_while(digits).collect();
    HistoryRecord {
        event: Event::Stored(RecordedCause::Missing),
        key: entry.key,
        version: entry.version,
        code: brief_code(&code),
        time: entry.created.max(SystemTime::UNIX_EPOCH),
        arguments: entry.arguments.iter().map(brief).collect(),
    }
}
