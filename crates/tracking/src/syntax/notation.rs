//! Format strings, `cfg` predicates, and the attribute `#[memoize]`.

use std::ops::Range;

use crate::syntax::const_strings;
use crate::syntax::item_parser::begins_statement;
use crate::syntax::symbols::known;
use crate::syntax::token::{TokenKind, Tokens};

/// Returns the names within the braces of a format string, including those of widths and precisions.
pub(crate) fn captured(literal: &str) -> impl Iterator<Item = &str> {
    let inner = literal.split('{').skip(1).map(|rest| rest.split('}').next().unwrap_or(rest));
    inner.flat_map(|inner| {
        inner
            .split(|character: char| !character.is_alphanumeric() && character != '_')
            .filter(|name| name.starts_with(|first: char| first.is_alphabetic() || first == '_'))
    })
}

/// Returns whether the `use` at `at` begins a statement, unlike that of `impl Trait + use<'a>`.
pub(crate) fn begins_use(tokens: &Tokens, at: usize) -> bool {
    (begins_statement(&tokens.list, at) || at.checked_sub(1).is_some_and(|before| tokens.opens(before, b'(')))
        && !tokens.is(at + 1, b'<')
}

/// Returns the range of the option `depends`, if this is the attribute of a memoized function. Its other options are
/// about how results are stored.
pub(crate) fn memoize_attribute(tokens: &Tokens, mut at: usize, close: usize) -> Option<Range<usize>> {
    let mut is_memoize = false;
    while at < close && tokens.list[at].kind != TokenKind::Open {
        is_memoize |= tokens.is_name(at, known::MEMOIZE);
        if tokens.is(at, b'=') {
            return None;
        }
        at += 1;
    }
    if !is_memoize {
        return None;
    }
    let end = if at < close { tokens.close_of(at) } else { close };
    let depends = (at + 1..end).find(|at| tokens.is_name(*at, known::DEPENDS) && tokens.opens(at + 1, b'('));
    Some(depends.map_or(close..close, |at| at + 2..tokens.close_of(at + 1)))
}

/// Returns whether this is a `cfg` predicate: `unix`, `feature = "x"`, `not(…)`, `any(…)` or `all(…)`.
pub(crate) fn is_predicate(tokens: &Tokens, range: Range<usize>) -> bool {
    let Some(first) = tokens.get(range.start).filter(|_| !range.is_empty()) else { return false };
    let name = tokens.text_of(first);
    if first.kind != TokenKind::Ident || name == "_" {
        return false;
    }
    match range.len() {
        1 => true,
        3 if tokens.is(range.start + 1, b'=') => tokens.list[range.start + 2].kind == TokenKind::Str,
        _ if tokens.opens(range.start + 1, b'(') && tokens.after(range.start + 1) == range.end => {
            let inner = const_strings::arguments(tokens, range.start + 2..range.end - 1);
            let known = match name {
                "not" => inner.len() == 1,
                other => matches!(other, "any" | "all"),
            };
            known && inner.into_iter().all(|part| is_predicate(tokens, part))
        }
        _ => false,
    }
}
