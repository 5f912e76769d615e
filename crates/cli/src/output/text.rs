//! Ages, shares and shortened lines as text for people. Text about sizes and times is the library's.

use std::time::Duration;

/// Formats how long ago something was: `just now`, `5 min ago`. Rounds down, as all functions here do.
pub(crate) fn age(age: Duration) -> String {
    match age.as_secs() {
        0 => "just now".to_owned(),
        seconds @ ..60 => format!("{seconds} s ago"),
        seconds @ ..3_600 => format!("{} min ago", seconds / 60),
        seconds @ ..86_400 => format!("{} h ago", seconds / 3_600),
        seconds => format!("{} d ago", seconds / 86_400),
    }
}

/// Shortens a line to at most `limit` characters.
pub(crate) fn cut(line: &str, limit: usize) -> String {
    match line.char_indices().nth(limit) {
        None => line.to_owned(),
        Some(_) => line.chars().take(limit.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// Shortens texts to at most `limit` characters in all, with two between them. Long texts get the room that short texts
/// leave.
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

/// Formats a share as a percentage. As it is rounded down, only all is 100 %.
pub(crate) fn share(part: u64, all: u64) -> String {
    per_mille(part, all).map_or_else(|| "none".to_owned(), |share| format!("{} %", percent(share)))
}

/// Formats thousandths as a percentage without its sign.
pub(crate) fn percent(per_mille: u64) -> String {
    format!("{}.{}", per_mille / 10, per_mille % 10)
}

/// Returns a share in thousandths, rounded down; `None` if `all` is 0.
pub(crate) fn per_mille(part: u64, all: u64) -> Option<u64> {
    (u128::from(part) * 1000).checked_div(all.into()).and_then(|share| u64::try_from(share).ok())
}
