//! The values of literals.

/// Returns the value of a string literal, raw or not. Returns `None` for byte strings, C strings and anything else.
pub(crate) fn str_value(literal: &str) -> Option<String> {
    if let Some(raw) = literal.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let (before, after) = raw.split_at_checked(hashes)?;
        let content = after.strip_prefix('"')?.strip_suffix(before)?.strip_suffix('"')?;
        return Some(content.replace("\r\n", "\n"));
    }
    let content = literal.strip_prefix('"')?.strip_suffix('"')?;
    let mut value = String::with_capacity(content.len());
    let mut rest = content;
    while let Some(character) = rest.chars().next() {
        rest = &rest[character.len_utf8()..];
        match character {
            '\\' if rest.starts_with(['\n', '\r']) => rest = rest.trim_start_matches([' ', '\t', '\n', '\r']),
            '\\' => {
                let (unescaped, after) = unescape(rest)?;
                value.push(unescaped);
                rest = after;
            }
            '\r' if rest.starts_with('\n') => {}
            other => value.push(other),
        }
    }
    Some(value)
}

/// Returns the value of a character literal.
pub(crate) fn char_value(literal: &str) -> Option<char> {
    let content = literal.strip_prefix('\'')?.strip_suffix('\'')?;
    let mut characters = content.chars();
    match characters.next()? {
        '\\' => unescape(characters.as_str()).filter(|(_, rest)| rest.is_empty()).map(|(value, _)| value),
        character => characters.as_str().is_empty().then_some(character),
    }
}

/// Returns the value of an integer literal in decimal, as `concat!` prints it.
pub(crate) fn integer_value(literal: &str) -> Option<String> {
    let (radix, digits) = match literal.get(..2) {
        Some("0x") => (16, &literal[2..]),
        Some("0o") => (8, &literal[2..]),
        Some("0b") => (2, &literal[2..]),
        _ => (10, literal),
    };
    let is_suffix = |c: char| matches!(c, 'i' | 'u');
    let (digits, suffix) = digits.split_at(digits.find(is_suffix).unwrap_or(digits.len()));
    let is_known = matches!(
        suffix,
        "" | "u8" | "u16" | "u32" | "u64" | "u128" | "usize" | "i8" | "i16" | "i32" | "i64" | "i128" | "isize"
    );
    let digits = digits.replace('_', "");
    u128::from_str_radix(&digits, radix).ok().filter(|_| is_known).map(|value| value.to_string())
}

/// Returns the character that an escape stands for, and the text after the escape. The text begins after the `\`.
fn unescape(text: &str) -> Option<(char, &str)> {
    let kind = text.chars().next()?;
    let rest = &text[kind.len_utf8()..];
    let plain = match kind {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        '0' => '\0',
        '\\' | '\'' | '"' => kind,
        'x' => {
            let (digits, rest) = rest.split_at_checked(2)?;
            return Some((char::from(u8::from_str_radix(digits, 16).ok()?), rest));
        }
        'u' => {
            let (digits, rest) = rest.strip_prefix('{')?.split_once('}')?;
            let code = u32::from_str_radix(&digits.replace('_', ""), 16).ok()?;
            return Some((char::from_u32(code)?, rest));
        }
        _ => return None,
    };
    Some((plain, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_have_the_value_that_rust_gives_them() {
        // Each literal is compiled by rustc and read here.
        macro_rules! check {
            ($($literal:literal)*) => {
                $(assert_eq!(str_value(stringify!($literal)).as_deref(), Some($literal));)*
            };
        }
        check! {
            "" "plain" "a\nb\r\t\0\\\'\"" "\x41\x7f" "\u{e9}\u{1F6_00}" "{}" "'"
            r"" r"\n" r#"a "quoted" b"# r##"x"#y"##
            "one \
             line" "größe"
        }
        for other in ["b\"x\"", "c\"x\"", "br\"x\"", "'x'", "12", "x", "\"a\"u8", "\"\\q\"", "\"\\u{110000}\""] {
            assert_eq!(str_value(other), None, "{other}");
        }
    }

    #[test]
    fn integers_and_characters_are_printed_as_concat_prints_them() {
        macro_rules! check {
            ($($literal:literal)*) => { $(assert_eq!(integer_value(stringify!($literal)).as_deref(), Some(concat!($literal)));)* };
        }
        check! { 0 17 1_000 255u8 0x1f 0o17 0b101 0xff_u32 3usize 340282366920938463463374607431768211455 }
        for other in ["1.5", "1e3", "x", "1f32", "340282366920938463463374607431768211456"] {
            assert_eq!(integer_value(other), None, "{other}");
        }
        for (literal, value) in [("'a'", 'a'), ("'\\n'", '\n'), ("'\\u{e9}'", 'é'), ("'\\''", '\'')] {
            assert_eq!(char_value(literal), Some(value), "{literal}");
        }
        assert_eq!(char_value("'ab'"), None);
        assert_eq!(char_value("b'a'"), None);
    }
}
