//! Formats sizes, times and counts for people. The program `larder` uses these functions as well.

use std::time::Duration;

/// Formats a number of bytes: `512 B`, `1.2 MiB`. Rounds down, as all functions here do.
#[must_use]
pub fn size(bytes: u64) -> String {
    let power = bytes.checked_ilog2().unwrap_or(0) / 10;
    let name = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"][power as usize];
    if power == 0 {
        return format!("{bytes} {name}");
    }
    let unit = 1 << (10 * power);
    format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit)
}

/// Formats a duration: `80 ns`, `15 ms`, `1.2 s`, `3 min`, `2 h 14 min`.
#[must_use]
pub fn duration(duration: Duration) -> String {
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
#[must_use]
pub fn number(number: u64) -> String {
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
#[must_use]
pub fn count(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(count), if count == 1 { one } else { many })
}

/// Returns a text as one line with its control characters escaped, so that it can't control a terminal.
#[must_use]
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { line.extend(c.escape_default()) } else { line.push(c) }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_readable() {
        let of = |nanos| duration(Duration::from_nanos(nanos));
        assert_eq!(of(80), "80 ns");
        assert_eq!(of(1_999), "1 µs");
        assert_eq!(of(15_999_999), "15 ms");
        assert_eq!(of(1_290_000_000), "1.2 s");
        assert_eq!(of(180_000_000_000), "3 min");
        assert_eq!(of(8_040_000_000_000), "2 h 14 min");
        assert_eq!(of(100_000_000_000_000), "1 d 3 h");
    }

    #[test]
    fn sizes_and_counts_are_readable() {
        assert_eq!([0, 1023, 1024, 1_300_000].map(size), ["0 B", "1023 B", "1.0 KiB", "1.2 MiB"]);
        assert_eq!(size(u64::MAX), "15.9 EiB");
        assert_eq!([0, 999, 1000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(count(1, "entry", "entries"), "1 entry");
        assert_eq!(count(1204, "entry", "entries"), "1,204 entries");
    }
}
