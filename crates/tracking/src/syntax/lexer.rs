//! The lexer: from the text of a Rust file to its tokens.
//!
//! rustc checks the same text, so the lexer accepts more than Rust does and reports only text that it can't split.
//!
//! Attribute macros are usually built without optimization, so this is a plain loop over bytes.

use crate::syntax::symbols::Symbols;
use crate::syntax::token::{Token, TokenKind, Tokens, short};

const SPACE: u8 = 1;
const NAME: u8 = 2;
const DIGIT: u8 = 3;
const PUNCT: u8 = 4;
const OPEN: u8 = 5;
const CLOSE: u8 = 6;
const QUOTE: u8 = 7;
const TICK: u8 = 8;
const SLASH: u8 = 9;
/// A byte of a character outside of ASCII.
const HIGH: u8 = 10;

const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0_u8;
    loop {
        classes[byte as usize] = match byte {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => SPACE,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => NAME,
            b'0'..=b'9' => DIGIT,
            b'(' | b'[' | b'{' => OPEN,
            b')' | b']' | b'}' => CLOSE,
            b'"' => QUOTE,
            b'\'' => TICK,
            b'/' => SLASH,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'*' | b'+' | b',' | b'-' | b'.' | b':' | b';' | b'<' | b'=' | b'>'
            | b'?' | b'@' | b'^' | b'|' | b'~' => PUNCT,
            0x80.. => HIGH,
            _ => 0,
        };
        if byte == u8::MAX {
            break classes;
        }
        byte += 1;
    }
};

/// Splits the text of a file into tokens.
///
/// # Errors
/// A message, if brackets do not match or if there is a character that can't stand between tokens.
pub(crate) fn lex(text: String, symbols: &mut Symbols) -> Result<Tokens, String> {
    let list = tokens_of(&text, symbols)?;
    Ok(Tokens::from_parts(text, list))
}

fn tokens_of(text: &str, symbols: &mut Symbols) -> Result<Vec<Token>, String> {
    if u32::try_from(text.len()).is_err() {
        return Err("a file has more than 4 GiB".to_owned());
    }
    let bytes = text.as_bytes();
    let mut tokens: Vec<Token> = Vec::with_capacity(bytes.len() / 4);
    let mut opened: Vec<usize> = Vec::new();
    let mut at = start(text);
    while at < bytes.len() {
        let begin = at;
        let byte = bytes[at];
        let mut kind = TokenKind::Punct;
        let (mut punct, mut data) = (0, 0);
        match CLASSES[byte as usize] {
            SPACE => {
                at += 1;
                continue;
            }
            NAME => {
                at = end_of_name(bytes, at);
                match literal_with_prefix(bytes, begin, at) {
                    Some((end, literal)) => (kind, at) = (literal, end),
                    None => {
                        kind = TokenKind::Ident;
                        if at == begin + 1 && byte == b'r' && at + 1 < bytes.len() && bytes[at] == b'#' {
                            at = end_of_name(bytes, at + 1);
                        }
                        data = symbols.intern(&text[begin..at]);
                    }
                }
            }
            DIGIT => (kind, at) = (TokenKind::Literal, end_of_number(bytes, at)),
            QUOTE => (kind, at) = (TokenKind::Str, end_of_suffix(bytes, end_of_text(bytes, at))),
            TICK => (kind, at) = tick(text, at),
            OPEN => {
                (kind, punct, at) = (TokenKind::Open, byte, at + 1);
                opened.push(tokens.len());
            }
            CLOSE => {
                (kind, punct, at) = (TokenKind::Close, byte, at + 1);
                let open = opened.pop().filter(|open| closes(tokens[*open].byte, byte));
                let open = open.ok_or_else(|| format!("`{}` closes nothing", char::from(byte)))?;
                tokens[open].data = short(tokens.len());
                data = short(open);
            }
            SLASH => match comment(bytes, at) {
                Some((end, false)) => {
                    at = end;
                    continue;
                }
                Some((end, true)) => (kind, at) = (TokenKind::DocComment, end),
                None => (punct, at) = (byte, at + 1),
            },
            PUNCT => (punct, at) = (byte, at + 1),
            HIGH => {
                // These continue identifiers, except for a few spaces.
                let character = text[at..].chars().next().unwrap_or(' ');
                if matches!(character, '\u{85}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}') {
                    at += character.len_utf8();
                    continue;
                }
                at = end_of_name(bytes, at);
                (kind, data) = (TokenKind::Ident, symbols.intern(&text[begin..at]));
            }
            _ => return Err(format!("there is {:?} between tokens", char::from(byte))),
        }
        let joint = kind == TokenKind::Punct && at < bytes.len() && is_punct(bytes, at);
        tokens.push(Token { kind, joint, byte: punct, data, start: short(begin), end: short(at) });
    }
    match opened.last() {
        Some(open) => Err(format!("`{}` is never closed", char::from(tokens[*open].byte))),
        None => Ok(tokens),
    }
}

/// Returns where the tokens begin: after a byte order mark and a `#!` line.
fn start(text: &str) -> usize {
    let mark = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let rest = &text[mark..];
    let is_shebang = rest.starts_with("#!") && !rest[2..].trim_start().starts_with('[');
    if is_shebang { mark + rest.find('\n').unwrap_or(rest.len()) } else { mark }
}

/// Returns whether the bracket `close` closes the bracket `open`.
fn closes(open: u8, close: u8) -> bool {
    matches!((open, close), (b'(', b')') | (b'[', b']') | (b'{', b'}'))
}

fn is_punct(bytes: &[u8], at: usize) -> bool {
    match CLASSES[bytes[at] as usize] {
        PUNCT => true,
        SLASH => comment(bytes, at).is_none(),
        _ => false,
    }
}

fn end_of_name(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() && matches!(CLASSES[bytes[at] as usize], NAME | DIGIT | HIGH) {
        at += 1;
    }
    at
}

/// Returns the end of a literal whose suffix may begin at `at`.
fn end_of_suffix(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at).map(|byte| CLASSES[*byte as usize]) {
        Some(NAME | HIGH) => end_of_name(bytes, at),
        _ => at,
    }
}

/// Returns the end and the kind of the literal with the prefix `begin..at`, such as `r"…"`, `br#"…"#` or `c"…"`.
fn literal_with_prefix(bytes: &[u8], begin: usize, at: usize) -> Option<(usize, TokenKind)> {
    if at - begin > 2 || at >= bytes.len() {
        return None;
    }
    let (prefix, next) = (&bytes[begin..at], bytes[at]);
    match prefix {
        b"b" if next == b'\'' => Some((end_of_suffix(bytes, end_of_char(bytes, at)), TokenKind::Literal)),
        b"b" | b"c" if next == b'"' => Some((end_of_suffix(bytes, end_of_text(bytes, at)), TokenKind::Str)),
        b"r" | b"br" | b"cr" => {
            let mut hashes = 0;
            while at + hashes < bytes.len() && bytes[at + hashes] == b'#' {
                hashes += 1;
            }
            let mut end = at + hashes + 1;
            if bytes.get(end - 1) != Some(&b'"') {
                return None;
            }
            while end < bytes.len() {
                if bytes[end] == b'"'
                    && bytes[end + 1..].iter().take(hashes).filter(|byte| **byte == b'#').count() == hashes
                {
                    return Some((end_of_suffix(bytes, end + 1 + hashes), TokenKind::Str));
                }
                end += 1;
            }
            Some((end, TokenKind::Str))
        }
        _ => None,
    }
}

/// Returns the end of the string whose opening quotation mark is at `at`.
fn end_of_text(bytes: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while end < bytes.len() {
        match bytes[end] {
            b'"' => return end + 1,
            b'\\' => end += 2,
            _ => end += 1,
        }
    }
    bytes.len()
}

/// Returns the end of the character literal that begins at `at`.
fn end_of_char(bytes: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while end < bytes.len() {
        match bytes[end] {
            b'\'' => return end + 1,
            b'\\' => end += 2,
            _ => end += 1,
        }
    }
    bytes.len()
}

/// Returns the kind and the end of the character literal or lifetime that begins at `at`.
fn tick(text: &str, at: usize) -> (TokenKind, usize) {
    let bytes = text.as_bytes();
    let Some(character) = text[at + 1..].chars().next() else { return (TokenKind::Literal, bytes.len()) };
    if character == '\\' || bytes.get(at + 1 + character.len_utf8()) == Some(&b'\'') {
        return (TokenKind::Literal, end_of_suffix(bytes, end_of_char(bytes, at)));
    }
    let mut end = end_of_name(bytes, at + 1);
    if end == at + 2 && bytes[at + 1] == b'r' && bytes.get(end) == Some(&b'#') {
        end = end_of_name(bytes, end + 1);
    }
    (TokenKind::Lifetime, end)
}

fn end_of_number(bytes: &[u8], at: usize) -> usize {
    let mut end = end_of_name(bytes, at);
    let is_decimal = |end: usize| {
        let mut index = at;
        while index < end && (bytes[index].is_ascii_digit() || matches!(bytes[index], b'_' | b'.')) {
            index += 1;
        }
        index == end
    };
    if end < bytes.len() && bytes[end] == b'.' && is_decimal(end) {
        match bytes.get(end + 1).map_or(0, |next| CLASSES[*next as usize]) {
            DIGIT => end = end_of_name(bytes, end + 1),
            // `1.max(2)` and `1..2` begin with an integer; `1.` is a float.
            NAME | HIGH => return end,
            _ if bytes.get(end + 1) == Some(&b'.') => return end,
            _ => return end + 1,
        }
    }
    let has_exponent = matches!(bytes[end - 1], b'e' | b'E') && is_decimal(end - 1);
    if has_exponent && matches!(bytes.get(end), Some(b'+' | b'-')) {
        end = end_of_name(bytes, end + 1);
    }
    end
}

/// Returns the end of the comment that begins at `at`, and whether it is documentation.
fn comment(bytes: &[u8], at: usize) -> Option<(usize, bool)> {
    let byte = |offset: usize| bytes.get(at + offset).copied().unwrap_or(0);
    match byte(1) {
        b'/' => {
            let documents = byte(2) == b'!' || byte(2) == b'/' && byte(3) != b'/';
            let mut end = at + 2;
            while end < bytes.len() && bytes[end] != b'\n' {
                end += 1;
            }
            Some((end, documents))
        }
        b'*' => {
            let documents = byte(2) == b'!' || byte(2) == b'*' && !matches!(byte(3), b'*' | b'/');
            let (mut end, mut depth) = (at + 2, 1);
            while end < bytes.len() && depth > 0 {
                match (bytes[end], bytes.get(end + 1)) {
                    (b'*', Some(b'/')) => (depth, end) = (depth - 1, end + 2),
                    (b'/', Some(b'*')) => (depth, end) = (depth + 1, end + 2),
                    _ => end += 1,
                }
            }
            Some((end, documents))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        let tokens = tokens_of(text, &mut Symbols::new()).unwrap();
        tokens.iter().map(|token| &text[token.start as usize..token.end as usize]).collect()
    }

    #[test]
    fn similar_tokens_are_distinguished() {
        for (text, expected) in [
            (
                "'a' 'a 'static '\\'' b'\\'' 'é' '\\u{1f}'",
                &["'a'", "'a", "'static", "'\\''", "b'\\''", "'é'", "'\\u{1f}'"][..],
            ),
            (
                "r#type r\"\\\" r#\"\"quoted\"\"# br##\"#\"## c\"x\"",
                &["r#type", "r\"\\\"", "r#\"\"quoted\"\"#", "br##\"#\"##", "c\"x\""],
            ),
            (
                "1..2 1.max(2) 1. 1.5e-3 2E+1 0xe-1 1usize-1 t.0.1",
                &[
                    "1", ".", ".", "2", "1", ".", "max", "(", "2", ")", "1.", "1.5e-3", "2E+1", "0xe", "-", "1",
                    "1usize", "-", "1", "t", ".", "0.1",
                ],
            ),
            ("a /* b /* c */ d */ e // f\n/// g\n//// h\n/**/ /** i */", &["a", "e", "/// g", "/** i */"]),
            ("\"a \\\" // no\" b", &["\"a \\\" // no\"", "b"]),
            ("#!/usr/bin/env run\nx", &["x"]),
            ("#![allow(x)]", &["#", "!", "[", "allow", "(", "x", ")", "]"]),
            ("größe", &["größe"]),
        ] {
            assert_eq!(texts(text), expected, "{text}");
        }
        for text in ["(", ")", "(]}", "\\"] {
            assert!(tokens_of(text, &mut Symbols::new()).is_err(), "{text}");
        }
    }
}
