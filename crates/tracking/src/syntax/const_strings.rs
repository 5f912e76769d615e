//! Strings that the compiler computes: `"a"`, `concat!("a", env!("B"))`.

use std::ops::Range;

use crate::syntax::literal::{char_value, integer_value, str_value};
use crate::syntax::symbols::known;
use crate::syntax::token::{TokenKind, Tokens};

/// Returns the string that an expression evaluates to, if it consists of literals, `concat!` and `env!`. `variable` returns
/// the values of environment variables.
pub(crate) fn text(tokens: &Tokens, range: Range<usize>, variable: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let mut end = range.end;
    // A trailing comma.
    if end > range.start + 1 && tokens.is(end - 1, b',') {
        end -= 1;
    }
    let mut at = range.start;
    // `::core::concat!` is `concat!`.
    while at < end && (tokens.is_path_sign(at) || tokens.is_path_sign(at + 1)) {
        at += if tokens.is_path_sign(at) { 2 } else { 1 };
    }
    let first = tokens.get(at).filter(|_| at < end)?;
    match first.kind {
        TokenKind::Str if at + 1 == end => str_value(tokens.text_of(first)),
        TokenKind::Literal if at + 1 == end => {
            let literal = tokens.text_of(first);
            integer_value(literal).or_else(|| char_value(literal).map(String::from))
        }
        TokenKind::Ident
            if tokens.is(at + 1, b'!')
                && tokens.get(at + 2)?.kind == TokenKind::Open
                && tokens.after(at + 2) == end =>
        {
            let inner = at + 3..tokens.close_of(at + 2);
            match first.data {
                known::CONCAT => {
                    let parts = arguments(tokens, inner).into_iter().map(|part| text(tokens, part, variable));
                    parts.collect::<Option<Vec<_>>>().map(|parts| parts.concat())
                }
                known::ENV => variable(&text(tokens, arguments(tokens, inner).into_iter().next()?, variable)?),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Splits a range at its commas.
pub(crate) fn arguments(tokens: &Tokens, range: Range<usize>) -> Vec<Range<usize>> {
    let mut arguments = Vec::new();
    let (mut start, mut at) = (range.start, range.start);
    while at < range.end {
        if tokens.is(at, b',') {
            arguments.push(start..at);
            start = at + 1;
        }
        at = tokens.after(at);
    }
    if start < range.end {
        arguments.push(start..range.end);
    }
    arguments
}
