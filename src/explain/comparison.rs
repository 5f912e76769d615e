//! Compares two entries.

use std::fmt;

use serde::Serialize;

use crate::explain::{changes, history, record_of};
use crate::key::code_version::CodeFile;
use crate::observe::reason::{Change, Difference};
use crate::store::entry::Entry;
use crate::store::history::{Event, brief};
use crate::store::layout::Layout;
use crate::store::tiered::Tiered;

/// The differences between two entries, as far as their headers and the recorded code show them. [`Entry::compare`]
/// returns it.
///
/// Displayed as one line for each difference.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Comparison {
    /// The names of the functions, if they differ.
    pub functions: Option<(String, String)>,
    /// The versions given in the attribute, if they differ.
    pub versions: Option<(u64, u64)>,
    /// Whether the same code computed both.
    pub same_code: bool,
    /// The differences in the code. Empty if the code is the same, or if the code of either entry is not recorded.
    pub changes: Vec<Change>,
    /// The arguments that differ: `stored` is that of the other entry, `now` that of this one.
    pub arguments: Vec<Difference>,
    /// The types of the values, if they differ.
    pub types: Option<(String, String)>,
}

impl Comparison {
    /// Returns whether no recorded property differs.
    #[must_use]
    pub fn is_same(&self) -> bool {
        let Comparison { functions, versions, same_code, changes: _, arguments, types } = self;
        functions.is_none() && versions.is_none() && *same_code && arguments.is_empty() && types.is_none()
    }
}

impl Entry {
    /// Compares this entry with another one.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let cache = larder::Cache::open(folder.path())?;
    /// cache.get_or_compute("square", &3, || 9);
    /// cache.get_or_compute("square", &4, || 16);
    ///
    /// let three = cache.entries()?.find(|entry| entry.arguments[0].preview == "3").unwrap();
    /// let four = three.nearest().unwrap();
    /// assert_eq!(three.compare(&four).to_string(), "argument `args`: 3 here, 4 there\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn compare(&self, other: &Entry) -> Comparison {
        let two = |here: &String, there: &String| (here != there).then(|| (here.clone(), there.clone()));
        let same_code = self.code == other.code;
        let changes = match (same_code, code_of(self), code_of(other)) {
            (false, Some(now), Some(then)) => changes(&then, &now),
            _ => Vec::new(),
        };
        Comparison {
            functions: two(&self.function, &other.function),
            versions: (self.version != other.version).then_some((self.version, other.version)),
            same_code,
            changes,
            arguments: differences(self, other),
            types: two(&self.type_name, &other.type_name),
        }
    }

    /// Returns the other entry of the same function that is most similar: the one with the most equal arguments, then
    /// with the same code, then the newest. `None` if there is no other entry.
    #[must_use]
    pub fn nearest(&self) -> Option<Entry> {
        /// How many entries are tried.
        const MOST_TRIED: usize = 64;

        let (store, folder) = (Tiered::without_cache(), &*Layout::function_of(self.path.parent()?));
        let mine = record_of(self);
        let mut others = history(&store, folder);
        others.retain(|record| record.key != self.key && matches!(record.event, Event::Stored(_)));
        others.sort_by_cached_key(|record| {
            let equal = record.arguments.iter().zip(&mine.arguments).filter(|(a, b)| a == b).count();
            let same = (record.code == mine.code, record.version == mine.version);
            std::cmp::Reverse((equal, same, record.time))
        });
        others.dedup_by_key(|record| record.key);
        others.iter().take(MOST_TRIED).find_map(|record| Entry::read(&*store, folder, record.key).ok().flatten())
    }
}

/// Returns the recorded code that computed an entry.
fn code_of(entry: &Entry) -> Option<CodeFile> {
    CodeFile::read(&Layout::function_of(entry.path.parent()?), &record_of(entry).code)
}

fn differences(here: &Entry, there: &Entry) -> Vec<Difference> {
    let all = here.arguments.len().max(there.arguments.len());
    let differs = |index: &usize| here.arguments.get(*index).map(brief) != there.arguments.get(*index).map(brief);
    let differing = (0..all).filter(differs).filter_map(|index| {
        let (here, there) = (here.arguments.get(index), there.arguments.get(index));
        Some(Difference {
            name: here.or(there)?.name.clone(),
            stored: there.map(|argument| argument.preview.clone()),
            now: here.map_or_else(String::new, |argument| argument.preview.clone()),
            only_order: here.zip(there).is_some_and(|(a, b)| a.unordered.is_some() && a.unordered == b.unordered),
        })
    });
    differing.collect()
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_same() {
            return writeln!(f, "nothing of what is noted differs; generic arguments are not noted");
        }
        if let Some((here, there)) = &self.functions {
            writeln!(f, "function: `{here}` here, `{there}` there")?;
        }
        if let Some((here, there)) = &self.versions {
            writeln!(f, "version: {here} here, {there} there")?;
        }
        match &self.changes[..] {
            [] if !self.same_code => writeln!(f, "code: another one; what differs is not known")?,
            changes => changes.iter().try_for_each(|change| writeln!(f, "code: {change} here"))?,
        }
        for Difference { name, stored, now, only_order } in &self.arguments {
            match stored {
                Some(_) if *only_order => writeln!(f, "argument `{name}`: {now}, in another order there")?,
                Some(stored) if now == stored => {
                    writeln!(f, "argument `{name}`: {now}, but it goes on in another way there")?;
                }
                Some(stored) if !now.is_empty() => writeln!(f, "argument `{name}`: {now} here, {stored} there")?,
                Some(stored) => writeln!(f, "argument `{name}`: {stored} there, and none here")?,
                None => writeln!(f, "argument `{name}`: {now} here, and none there")?,
            }
        }
        if let Some((here, there)) = &self.types {
            writeln!(f, "type: `{here}` here, `{there}` there")?;
        }
        Ok(())
    }
}
