//! Texts that the compiler puts together: `"a"`, `concat!("a", env!("B"))`.

use std::ops::Range;

use super::symbols::known;
use super::token::{Kind, Tokens};

/// The text that an expression stands for, if it is of the kind that can be told. `variable` gives the
/// values of variables.
pub(crate) fn text(tokens: &Tokens, range: Range<usize>, variable: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let mut end = range.end;
    // A comma at the end means nothing.
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
        Kind::Text if at + 1 == end => text_value(tokens.text_of(first)),
        Kind::Literal if at + 1 == end => {
            let literal = syn::parse_str::<syn::Lit>(tokens.text_of(first)).ok()?;
            match literal {
                syn::Lit::Int(int) => Some(int.base10_digits().to_owned()),
                syn::Lit::Char(char) => Some(char.value().to_string()),
                _ => None,
            }
        }
        Kind::Name
            if tokens.is(at + 1, b'!') && tokens.get(at + 2)?.kind == Kind::Open && tokens.after(at + 2) == end =>
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

/// The parts between commas.
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

/// What a string literal means.
pub(crate) fn text_value(literal: &str) -> Option<String> {
    syn::parse_str::<syn::LitStr>(literal).ok().map(|literal| literal.value())
}
