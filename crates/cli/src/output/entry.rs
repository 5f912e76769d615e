//! Parts of an entry as text for people.

use std::fmt::Display;
use std::path::Path;
use std::time::SystemTime;

use larder::__text::one_line;
use larder::Argument;

use crate::output::text::{age, cut_fairly};

/// Digits of a key in a table, enough for `larder show`.
const KEY_DIGITS: usize = 12;

/// Returns the first digits of a key.
pub(crate) fn short_key(key: &impl Display) -> String {
    key.to_string().chars().take(KEY_DIGITS).collect()
}

/// Formats an argument: `alpha = 0.5`.
pub(crate) fn argument(argument: &Argument) -> String {
    format!("{} = {}", argument.name, argument.preview)
}

/// Formats arguments as one line of at most `limit` characters.
pub(crate) fn arguments(arguments: &[Argument], limit: usize) -> String {
    let texts = arguments.iter().map(|each| one_line(&argument(each))).collect();
    cut_fairly(texts, limit).join(", ")
}

/// Formats how long ago a time was. Times in the future count as now.
pub(crate) fn ago(time: SystemTime) -> String {
    age(time.elapsed().unwrap_or_default())
}

/// Returns a fault without the path that it begins with, for a text that has the path elsewhere or has no room for it.
pub(crate) fn without_path<'f>(fault: &'f str, path: &Path) -> &'f str {
    fault.strip_prefix(&format!("{}: ", path.display())).unwrap_or(fault)
}
