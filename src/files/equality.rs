//! Compares a value with what was read back from its encoding, as far as its type allows.

use std::fmt::{self, Debug, Write};

/// How a value compares with what was read back from its encoding.
pub(crate) enum Equality {
    Same,
    /// They are not equal. Says what becomes of what, if the type has `Debug`.
    Different(Option<String>),
    /// The type can't be compared, but the values show a difference. Says what becomes of what.
    Doubtful(String),
    /// The type can't be compared, or the value does not even equal itself, as NaN does not.
    Unknown,
}

/// Compares a value with what was read back.
pub(crate) type Compare<T> = fn(&T, &T) -> Equality;

/// Compares values whose type has `PartialEq`.
pub(crate) fn compare<T: PartialEq>(value: &T, back: &T) -> Equality {
    compare_or(value, back, || None)
}

/// Compares values whose type has `PartialEq` and `Debug`.
pub(crate) fn compare_and_show<T: PartialEq + Debug>(value: &T, back: &T) -> Equality {
    /// Maximum bytes of the texts.
    const LONGEST: usize = 64 << 10;

    compare_or(value, back, || difference(&text(value, LONGEST), &text(back, LONGEST)))
}

/// Compares values whose type has `Debug` only. The same characters in another order are no difference: so a hash map
/// shows itself.
pub(crate) fn compare_shown<T: Debug>(value: &T, back: &T) -> Equality {
    /// Maximum bytes of the texts. What is longer is not compared: it would take long, and its beginning can hold
    /// another part of a hash map.
    const LONGEST: usize = 8 << 10;

    let sorted = |text: &str| {
        let mut bytes = text.as_bytes().to_vec();
        bytes.sort_unstable();
        bytes
    };
    let (value, back) = (text(value, LONGEST), text(back, LONGEST));
    // An address is another one in each copy.
    let tells = |text: &str| text.len() <= LONGEST && !text.contains("0x");
    if value == back || !tells(&value) || !tells(&back) || sorted(&value) == sorted(&back) {
        return Equality::Unknown;
    }
    difference(&value, &back).map_or(Equality::Unknown, Equality::Doubtful)
}

fn compare_or<T: PartialEq>(value: &T, back: &T, difference: impl FnOnce() -> Option<String>) -> Equality {
    if value == back {
        return Equality::Same;
    }
    // A copy of it would differ as well.
    #[expect(clippy::eq_op, reason = "it holds NaN if it does not equal itself")]
    if value != value {
        return Equality::Unknown;
    }
    Equality::Different(difference())
}

/// Returns the `Debug` text of a value. If it is longer than `longest` bytes, returns its beginning, which is longer as
/// well.
fn text(value: &impl Debug, longest: usize) -> String {
    struct Beginning(String, usize);

    impl Write for Beginning {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.push_str(text);
            if self.0.len() > self.1 { Err(fmt::Error) } else { Ok(()) }
        }
    }

    let mut text = Beginning(String::new(), longest);
    // The error only says that the text is long enough.
    let _ = write!(text, "{value:?}");
    text.0
}

/// Returns where two texts differ, with a little of what is before.
fn difference(value: &str, back: &str) -> Option<String> {
    /// Characters that are shown before and after the first difference.
    const BEFORE: usize = 24;
    const AFTER: usize = 40;

    let at = value.chars().zip(back.chars()).position(|(a, b)| a != b);
    let at = at.or_else(|| (value != back).then(|| value.chars().count().min(back.chars().count())))?;
    let shown = |text: &str| -> String { text.chars().skip(at.saturating_sub(BEFORE)).take(BEFORE + AFTER).collect() };
    Some(format!("`{}` becomes `{}`", shown(value), shown(back)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict<T: PartialEq + Debug>(value: T, back: T) -> String {
        match compare_and_show(&value, &back) {
            Equality::Same => "same".to_owned(),
            Equality::Different(text) => text.unwrap_or_default(),
            Equality::Doubtful(_) | Equality::Unknown => "unknown".to_owned(),
        }
    }

    #[test]
    fn only_the_text_of_other_values_is_compared() {
        let doubt = |value: &dyn Debug, back: &dyn Debug| match compare_shown(&value, &back) {
            Equality::Doubtful(text) => text,
            _ => String::new(),
        };
        assert_eq!(doubt(&[1, 2], &[1, 3]), "`[1, 2]` becomes `[1, 3]`");
        // A hash map in another order, an address, and a long text.
        assert_eq!(doubt(&[1, 2], &[2, 1]), "");
        assert_eq!(doubt(&format_args!("0x7f01"), &format_args!("0x7f02")), "");
        assert_eq!(doubt(&vec![1; 10_000], &vec![2; 10_000]), "");
        assert_eq!(doubt(&f64::NAN, &f64::NAN), "");
    }

    #[test]
    fn values_are_compared_unless_they_hold_nan() {
        assert_eq!(verdict([1.0], [1.0]), "same");
        assert_eq!(verdict([1.0], [f64::NAN]), "`[1.0]` becomes `[NaN]`");
        assert_eq!(verdict([f64::NAN], [f64::NAN]), "unknown");
        assert_eq!(verdict(vec![1], vec![1, 2]), "`[1]` becomes `[1, 2]`");
        assert_eq!(verdict("é".repeat(100), format!("{}x", "é".repeat(99))).chars().count(), 27 + 27 + 11);
    }
}
