//! Spans of time as text: the option `max_age`.

use std::time::Duration;

/// How one is written, for messages.
pub(crate) const FORM: &str = "a span of time is written like \"7d\", \"12h\" or \"1h 30m\", with the units w, d, h, \
                               m or min, s and ms";

/// Longer than anybody means it.
const LONGEST: Duration = Duration::from_secs(1000 * 365 * DAY);

const DAY: u64 = 24 * 60 * 60;

/// Reads numbers with their units, one after another: `1h 30m`.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(FORM.to_owned());
    }
    let mut sum = Duration::ZERO;
    let too_long = || format!("{text:?} is more than 1000 years: leave `max_age` out, and results are used for ever");
    while !rest.is_empty() {
        let (number, after) = split(rest, |c| c.is_ascii_digit());
        let (unit, after) = split(after.trim_start(), |c| c.is_alphabetic());
        rest = after.trim_start();
        let milliseconds = match unit {
            "w" => 7 * DAY * 1000,
            "d" => DAY * 1000,
            "h" => 60 * 60 * 1000,
            "m" | "min" => 60 * 1000,
            "s" => 1000,
            "ms" => 1,
            "" if !number.is_empty() => return Err(format!("{number} of what? {FORM}")),
            "" => return Err(FORM.to_owned()),
            other => return Err(format!("there is no unit `{other}`: {FORM}")),
        };
        if number.is_empty() {
            return Err(format!("how many `{unit}`? {FORM}"));
        }
        let number: u64 = number.parse().map_err(|_| too_long())?;
        sum = number
            .checked_mul(milliseconds)
            .and_then(|milliseconds| sum.checked_add(Duration::from_millis(milliseconds)))
            .filter(|sum| *sum <= LONGEST)
            .ok_or_else(too_long)?;
    }
    if sum.is_zero() { Err("results of no age are never used: give a longer time".to_owned()) } else { Ok(sum) }
}

fn split(text: &str, belongs: fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}
