//! Texts for people, beyond those that the library has as well.

use std::time::Duration;

pub(crate) use crate::readable::{count, duration, number, one_line, size};

/// How long ago something was: `just now`, `5 min ago`.
pub(crate) fn age(age: Duration) -> String {
    match age.as_secs() {
        0 => "just now".to_owned(),
        seconds @ ..60 => format!("{seconds} s ago"),
        seconds @ ..3_600 => format!("{} min ago", seconds / 60),
        seconds @ ..86_400 => format!("{} h ago", seconds / 3_600),
        seconds => format!("{} d ago", seconds / 86_400),
    }
}

/// The beginning of a line, of at most `limit` characters.
pub(crate) fn cut(line: &str, limit: usize) -> String {
    match line.char_indices().nth(limit) {
        None => line.to_owned(),
        Some(_) => line.chars().take(limit.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// Texts cut so that they have at most `limit` characters in all, with two between them: what short
/// ones leave is for the long ones.
pub(crate) fn cut_fairly(mut texts: Vec<String>, limit: usize) -> Vec<String> {
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_by_key(|index| texts[*index].chars().count());
    let mut left = limit.saturating_sub(2 * texts.len().saturating_sub(1));
    for (done, index) in order.into_iter().enumerate() {
        let share = left / (texts.len() - done);
        texts[index] = cut(&texts[index], share.max(1));
        left = left.saturating_sub(texts[index].chars().count());
    }
    texts
}

/// A share as a percentage, rounded down: only all is 100 %.
pub(crate) fn share(part: u64, all: u64) -> String {
    match (u128::from(part) * 1000).checked_div(all.into()) {
        None => "none".to_owned(),
        Some(share) => format!("{}.{} %", share / 10, share % 10),
    }
}
