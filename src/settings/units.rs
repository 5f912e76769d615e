//! Parses sizes and durations as people write them.

use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};

/// Parses a number of bytes: `10GB` is 10 × 10⁹, `1.5 GiB` is 1.5 × 2³⁰.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// let cache = larder::Cache::builder(folder.path()).max_bytes(larder::parse_bytes("1.5 GiB")?).open()?;
/// assert_eq!(larder::parse_bytes("10GB")?, 10_000_000_000);
/// assert!(larder::parse_bytes("-1 MB").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`InvalidInput`](ErrorKind::InvalidInput) for any other text, for negative sizes, and for 8 EiB and more, which no
/// disk holds.
pub fn parse_bytes(text: &str) -> Result<u64> {
    let wrong = |why: &str| {
        let message = format!("{text:?} is no size: {why}; write a number and a unit, such as `500MB` or `1.5 GiB`");
        Error::new(ErrorKind::InvalidInput, message)
    };
    let number = text.trim();
    if number.starts_with('-') {
        return Err(wrong("it is negative"));
    }
    let end = number.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(number.len());
    let (number, unit) = (&number[..end], number[end..].trim_start());
    let unit =
        bytes_of(unit).ok_or_else(|| wrong("the units are B, kB, MB, GB, TB, PB, and KiB, MiB, GiB, TiB, PiB"))?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits: u128 = [whole, fraction].concat().parse().map_err(|_| wrong("a number is missing, or too long"))?;
    let divisor = u32::try_from(fraction.len()).ok().and_then(|digits| 10_u128.checked_pow(digits));
    let bytes = digits.checked_mul(unit.into()).zip(divisor).map(|(bytes, divisor)| bytes / divisor);
    match bytes.map(i64::try_from) {
        Some(Ok(bytes)) => Ok(bytes.cast_unsigned()),
        _ => Err(wrong("no disk is as large")),
    }
}

/// Returns the bytes of a unit such as `GB` or `GiB`, in any case and with or without the `B`.
fn bytes_of(unit: &str) -> Option<u64> {
    let unit = unit.to_ascii_lowercase();
    let unit = unit.strip_suffix('b').unwrap_or(&unit);
    let (prefix, base) = match unit.strip_suffix('i') {
        Some("") => return None,
        Some(prefix) => (prefix, 1024_u64),
        None => (unit, 1000),
    };
    let power = ["", "k", "m", "g", "t", "p"].iter().position(|known| *known == prefix)?;
    Some(base.pow(u32::try_from(power).ok()?))
}

/// Units of time, with their lengths in milliseconds.
const UNITS: [(&str, u64); 7] =
    [("ms", 1), ("s", 1000), ("m", 60_000), ("min", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 604_800_000)];

/// A thousand years, in milliseconds.
const LONGEST: u64 = 31_557_600_000_000;

/// Parses a duration: `90s`, `15m`, `12h`, `7d`, `2w`, or a sum of them such as `1d 12h`. The attribute's `max_age`
/// uses the same syntax.
///
/// # Errors
/// [`InvalidInput`](ErrorKind::InvalidInput) for any other text, for zero, and for more than a thousand years.
pub fn parse_duration(text: &str) -> Result<Duration> {
    let wrong = |why: &str| {
        let message = format!("{text:?} is no duration: {why}; write numbers and units, such as `12h` or `1d 12h`");
        Error::new(ErrorKind::InvalidInput, message)
    };
    let mut sum: u64 = 0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong("it is empty"));
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(|| wrong("a unit is missing"))?;
        let (number, after) = rest.split_at(digits);
        let number: u64 = number.parse().map_err(|_| wrong("a number is missing, or too long"))?;
        let after = after.trim_start();
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let Some((_, each)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(wrong("the units are w, d, h, m or min, s and ms"));
        };
        sum = number.checked_mul(*each).and_then(|more| sum.checked_add(more)).ok_or_else(|| wrong("too long"))?;
        rest = after.trim_start();
    }
    match sum {
        0 => Err(wrong("it is zero")),
        1..=LONGEST => Ok(Duration::from_millis(sum)),
        _ => Err(wrong("it is more than a thousand years")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_parsed() {
        let size = |text| parse_bytes(text).ok();
        assert_eq!(size("10GB"), Some(10_000_000_000));
        assert_eq!(size("1.5 GiB"), Some(3 << 29));
        assert_eq!(size(" 512 "), Some(512));
        assert_eq!(size("2k"), Some(2000));
        assert_eq!(size("0.5kb"), Some(500));
        assert_eq!((size("3 MiB"), size("3Mi"), size("7 b")), (Some(3 << 20), Some(3 << 20), Some(7)));
        assert_eq!(size("1PiB"), Some(1 << 50));
        assert_eq!(size("0"), Some(0));
        for wrong in [
            "", "GB", "-1", "-1 GB", "ten", "1 XB", "9 EiB", "1e30 GB", "NaN", "inf", "1 GB 2", "1.2.3", ".", "5i",
            "5 iB", "20000 PB",
        ] {
            assert_eq!(size(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn durations_are_parsed() {
        let seconds = |text| parse_duration(text).ok().map(|duration| duration.as_secs());
        assert_eq!(seconds("90s"), Some(90));
        assert_eq!(seconds("1d 12h"), Some(129_600));
        assert_eq!(seconds("2w1m"), Some(1_209_660));
        for wrong in ["", "0s", "7", "d", "-1d", "1.5h", "1y", "1d 0", "99999999999999999999s", "99999999w"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }
}
