//! Parts of an entry as text for people.

use std::fmt::Display;
use std::path::Path;
use std::time::SystemTime;

use larder::__text::{cut_fairly, one_line};
use larder::Argument;

use crate::output::text::age;

/// Digits of a key in a table, enough for `larder show`.
const KEY_DIGITS: usize = 12;

/// The least characters of a shortened value.
const LEAST_VALUE: usize = 8;

/// Returns the first digits of a key.
pub(crate) fn short_key(key: &impl Display) -> String {
    key.to_string().chars().take(KEY_DIGITS).collect()
}

/// Formats an argument: `alpha = 0.5`.
pub(crate) fn argument(argument: &Argument) -> String {
    format!("{} = {}", argument.name, argument.preview)
}

/// Formats arguments as one line of at most `limit` characters. Shortens the longest values first. If no value would
/// have room beside the names, leaves out the names.
pub(crate) fn arguments(arguments: &[Argument], limit: usize) -> String {
    let values: Vec<_> = arguments.iter().map(|each| one_line(&each.preview)).collect();
    let names: Vec<_> = arguments.iter().map(|each| one_line(&each.name) + " = ").collect();
    let taken: usize = names.iter().map(|name| name.chars().count()).sum();
    let shortened = cut_fairly(values.clone(), limit.saturating_sub(taken));
    if shortened.iter().zip(&values).any(|(short, value)| short != value && short.chars().count() < LEAST_VALUE) {
        return cut_fairly(values, limit).join(", ");
    }
    names.into_iter().zip(shortened).map(|(name, value)| name + &value).collect::<Vec<_>>().join(", ")
}

/// Formats how long ago a time was. Times in the future count as now.
pub(crate) fn ago(time: SystemTime) -> String {
    age(time.elapsed().unwrap_or_default())
}

/// Returns a fault without the path that it begins with, for a text that has the path elsewhere or has no room for it.
pub(crate) fn without_path<'f>(fault: &'f str, path: &Path) -> &'f str {
    fault.strip_prefix(&format!("{}: ", path.display())).unwrap_or(fault)
}
