//! Sizes, times and other values as text for people.

use std::time::Duration;

/// Formats a number of bytes: `512 B`, `1.2 MiB`. Rounds down, as all functions here do.
pub(crate) fn size(bytes: u64) -> String {
    let power = bytes.checked_ilog2().unwrap_or(0) / 10;
    let name = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"][power as usize];
    if power == 0 {
        return format!("{bytes} {name}");
    }
    let unit = 1 << (10 * power);
    format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit)
}

/// Formats how long something took: `80 ns`, `15 ms`, `1.2 s`, `3 min`, `2 h 14 min`.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds, duration.subsec_nanos()) {
        (0, nanos @ ..1_000) => format!("{nanos} ns"),
        (0, nanos @ ..1_000_000) => format!("{} µs", nanos / 1_000),
        (0, nanos) => format!("{} ms", nanos / 1_000_000),
        (..60, nanos) => format!("{seconds}.{} s", nanos / 100_000_000),
        (..3_600, _) => two_units(seconds, 60, "min", 1, "s"),
        (..86_400, _) => two_units(seconds, 3_600, "h", 60, "min"),
        _ => two_units(seconds, 86_400, "d", 3_600, "h"),
    }
}

fn two_units(seconds: u64, large: u64, large_name: &str, small: u64, small_name: &str) -> String {
    match seconds % large / small {
        0 => format!("{} {large_name}", seconds / large),
        rest => format!("{} {large_name} {rest} {small_name}", seconds / large),
    }
}

/// Formats a count with its digits in groups: `1,204`.
pub(crate) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Formats a count with its noun: `1 entry`, `1,204 entries`.
pub(crate) fn count(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(count), if count == 1 { one } else { many })
}

/// Returns a text as one line that is safe to print on a terminal: control characters are escaped.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { line.extend(c.escape_default()) } else { line.push(c) }
    }
    line
}

/// Formats how long ago something was: `just now`, `5 min ago`.
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
    match (u128::from(part) * 1000).checked_div(all.into()) {
        None => "none".to_owned(),
        Some(share) => format!("{}.{} %", share / 10, share % 10),
    }
}
