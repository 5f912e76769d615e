//! Durations as text: the option `max_age`.
//!
//! It accepts exactly what `larder::parse_duration` accepts, with the same meaning: a test compares the two.

use std::time::Duration;

/// How a duration is written, for messages.
const FORM: &str = "a span of time is written like \"7d\", \"12h\" or \"1h 30m\", with the units w, d, h, m or min, s and \
                    ms";

/// Units, and their milliseconds.
const UNITS: [(&str, u64); 7] =
    [("ms", 1), ("s", 1000), ("m", 60_000), ("min", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 604_800_000)];

/// A thousand Julian years, in milliseconds.
const LONGEST: u64 = 31_557_600_000_000;

/// Parses numbers with units, one after another: `1h 30m`.
///
/// # Errors
/// What is wrong with the text, for the user.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let too_long = || format!("{text:?} is more than 1000 years: leave `max_age` out, and results are used for ever");
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(FORM.to_owned());
    }
    let mut sum: u64 = 0;
    while !rest.is_empty() {
        let (number, after) = split(rest, |c| c.is_ascii_digit());
        let (unit, after) = split(after.trim_start(), |c| c.is_alphabetic());
        rest = after.trim_start();
        if unit.is_empty() {
            return Err(if number.is_empty() { FORM.to_owned() } else { format!("{number} of what? {FORM}") });
        }
        let Some((_, milliseconds)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(format!("there is no unit `{unit}`: {FORM}"));
        };
        if number.is_empty() {
            return Err(format!("how many `{unit}`? {FORM}"));
        }
        let number: u64 = number.parse().map_err(|_| too_long())?;
        sum = number.checked_mul(*milliseconds).and_then(|more| sum.checked_add(more)).ok_or_else(too_long)?;
    }
    match sum {
        0 => Err("results of no age are never used: give a longer time".to_owned()),
        1..=LONGEST => Ok(Duration::from_millis(sum)),
        _ => Err(too_long()),
    }
}

fn split(text: &str, belongs: fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares both parsers on a text, and returns what they give.
    #[track_caller]
    fn both(text: &str) -> Option<Duration> {
        let (here, library) = (parse(text).ok(), larder::parse_duration(text).ok());
        assert_eq!(here, library, "{text:?}");
        here
    }

    #[test]
    fn durations_mean_what_they_mean_to_the_library() {
        assert_eq!(both("1d 12h"), Some(Duration::from_secs(129_600)));
        assert_eq!(both("365250d"), Some(Duration::from_secs(365_250 * 86_400)));
        assert_eq!(both("365251d"), None);
        assert_eq!(both("31557600000000ms"), Some(Duration::from_millis(LONGEST)));
        assert_eq!(both("31557600000001ms"), None);
        for text in [
            "",
            " ",
            "0s",
            "0",
            "7",
            "d",
            "-1d",
            "+1d",
            "1.5h",
            "1y",
            "1d 0",
            "2w1m",
            " 5 min ",
            "5 min3s",
            "1h30m",
            "1 h 30 m",
            "99999999999999999999s",
            "99999999w",
            "18446744073709551615ms",
            "18446744073709551615w",
            "1D",
            "1µs",
            "1dé",
            "1é",
            "1d\u{a0}2h",
            "1\u{2003}d",
            "1d,2h",
            "١d",
            "1d1d1d",
            "52178w",
            "52179w",
            "1m1ms1min",
        ] {
            both(text);
        }
    }

    /// All short texts of these parts.
    #[test]
    fn short_texts_are_read_alike() {
        const PARTS: [&str; 12] = ["", " ", "1", "0", "24", "d", "h", "m", "min", "ms", "é", "-"];
        for first in PARTS {
            for second in PARTS {
                for third in PARTS {
                    for fourth in PARTS {
                        both(&[first, second, third, fourth].concat());
                    }
                }
            }
        }
    }
}
