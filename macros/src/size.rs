//! Numbers of bytes as text: the option `max_bytes`.
//!
//! It accepts exactly what `larder::parse_bytes` accepts, with the same meaning, except for 0: a test compares the two.

/// Units in small letters, without the `b` at the end, and their bytes.
const UNITS: [(&str, u64); 11] = [
    ("", 1),
    ("k", 1000),
    ("m", 1_000_000),
    ("g", 1_000_000_000),
    ("t", 1_000_000_000_000),
    ("p", 1_000_000_000_000_000),
    ("ki", 1 << 10),
    ("mi", 1 << 20),
    ("gi", 1 << 30),
    ("ti", 1 << 40),
    ("pi", 1 << 50),
];

/// Parses a number and a unit: `1.5 GiB`.
///
/// # Errors
/// What is wrong with the text, for the user.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    const FORM: &str = "a size is written like \"500 MB\" or \"1.5 GiB\", with the units B, kB, MB, GB, TB, PB, and KiB, \
                        MiB, GiB, TiB, PiB";

    let number = text.trim();
    let end = number.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(number.len());
    let (number, unit) = (&number[..end], number[end..].trim_start().to_ascii_lowercase());
    let unit = unit.strip_suffix('b').unwrap_or(&unit);
    let Some((_, unit)) = UNITS.iter().find(|(name, _)| *name == unit) else { return Err(FORM.to_owned()) };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits: u128 = [whole, fraction].concat().parse().map_err(|_| FORM.to_owned())?;
    let divisor = u32::try_from(fraction.len()).ok().and_then(|digits| 10_u128.checked_pow(digits));
    let bytes = digits.checked_mul(u128::from(*unit)).zip(divisor).map(|(bytes, divisor)| bytes / divisor);
    match bytes.map(i64::try_from) {
        Some(Ok(0)) => Err("in 0 bytes, nothing could be stored".to_owned()),
        Some(Ok(bytes)) => Ok(bytes.cast_unsigned()),
        _ => Err("no disk is as large".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_library() {
        for text in [
            "10GB", "1.5 GiB", " 512 ", "2k", "0.5kb", "3 MiB", "3Mi", "7 b", "1PiB", "0", "", "GB", "-1", "-1 GB",
            "ten", "1 XB", "9 EiB", "1e30 GB", "NaN", "1 GB 2", "1.2.3", ".", "5i", "5 iB", "20000 PB", "1 gIb",
            "0.0001 B",
        ] {
            let library = larder::parse_bytes(text).ok().filter(|bytes| *bytes > 0);
            assert_eq!(parse(text).ok(), library, "{text}");
        }
    }
}
