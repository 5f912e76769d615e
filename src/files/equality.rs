//! Compares a value with what was read back from its encoding, as far as its type allows.

use std::fmt::{self, Debug, Write};

/// How a value compares with what was read back from its encoding.
pub(crate) enum Equality {
    Same,
    /// They are not equal. Says what becomes of what, if the type has `Debug`.
    Different(Option<String>),
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
    compare_or(value, back, || difference(&text(value), &text(back)))
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

/// Returns the beginning of a value's `Debug` text.
fn text(value: &impl Debug) -> String {
    /// Maximum bytes of the text that is compared.
    const LONGEST: usize = 64 << 10;

    struct Beginning(String);

    impl Write for Beginning {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.push_str(text);
            if self.0.len() > LONGEST { Err(fmt::Error) } else { Ok(()) }
        }
    }

    let mut text = Beginning(String::new());
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
            Equality::Unknown => "unknown".to_owned(),
        }
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
