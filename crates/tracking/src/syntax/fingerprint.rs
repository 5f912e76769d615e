//! The fingerprint of tokens. Comments, documentation and formatting are not part of it.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::digest;
use crate::syntax::builtin_macros::is_expression_macro;
use crate::syntax::symbols::known;
use crate::syntax::token::{TokenKind, Tokens};

/// Which tokens a fingerprint covers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Reading {
    /// All but documentation and trailing commas.
    Code,
    /// All but trailing commas. For items whose documentation a macro may read.
    Documented,
    /// All. For the input of macros.
    Verbatim,
}

/// Names of macros of the standard library that have another definition somewhere in the program.
pub(crate) type Shadowed = BTreeSet<String>;

/// Returns the fingerprint of the tokens in a range.
pub(crate) fn of(tokens: &Tokens, range: Range<usize>, reading: Reading, shadowed: &Shadowed) -> u128 {
    let mut bytes = Vec::with_capacity(range.len() * 6);
    write(tokens, range, reading, shadowed, &mut bytes);
    digest::of_bytes(&bytes)
}

/// Returns the fingerprint of several lists of tokens, one after another.
pub(crate) fn of_parts(parts: &[&Tokens], reading: Reading, shadowed: &Shadowed) -> u128 {
    let mut bytes = Vec::new();
    for tokens in parts {
        write(tokens, tokens.all(), reading, shadowed, &mut bytes);
    }
    digest::of_bytes(&bytes)
}

/// Writes each token between a letter for its kind and a zero byte. No token contains a zero byte, so different tokens give
/// different bytes.
fn write(tokens: &Tokens, range: Range<usize>, reading: Reading, shadowed: &Shadowed, bytes: &mut Vec<u8>) {
    let list = &tokens.list[..range.end];
    // For each open bracket: the reading and the bracket outside of it.
    let mut outside = Vec::new();
    let (mut now, mut around) = (reading, b'{');
    let mut index = range.start;
    while index < range.end {
        let token = &list[index];
        let mark = match token.kind {
            TokenKind::Ident => b'i',
            TokenKind::Lifetime => b't',
            TokenKind::Str | TokenKind::Literal => b'l',
            TokenKind::Punct if now == Reading::Code && token.byte == b'#' => match documentation(tokens, index) {
                Some(after) => {
                    index = after;
                    continue;
                }
                None => punct(token.joint),
            },
            TokenKind::Punct
                if token.byte == b',' && now != Reading::Verbatim && is_trailing(tokens, &range, index, around) =>
            {
                index += 1;
                continue;
            }
            TokenKind::Punct => punct(token.joint),
            TokenKind::Open => {
                outside.push((now, around));
                around = token.byte;
                if is_macro_input(tokens, range.start, index, shadowed) {
                    now = Reading::Verbatim;
                }
                b'o'
            }
            TokenKind::Close => {
                (now, around) = outside.pop().unwrap_or((now, around));
                b'c'
            }
            TokenKind::DocComment if now == Reading::Code => {
                index += 1;
                continue;
            }
            TokenKind::DocComment => b'd',
        };
        bytes.push(mark);
        bytes.extend_from_slice(tokens.text_of(token).as_bytes());
        bytes.push(0);
        index += 1;
    }
}

/// Returns the letter for punctuation. Spacing counts only before more punctuation.
fn punct(joint: bool) -> u8 {
    if joint { b'j' } else { b'p' }
}

/// Returns whether the comma at `index` means nothing: at the end of a list, or after a block in a `match`.
fn is_trailing(tokens: &Tokens, range: &Range<usize>, index: usize, around: u8) -> bool {
    let mut next = index + 1;
    while next < range.end && tokens.list[next].kind == TokenKind::DocComment {
        next += 1;
    }
    if next >= range.end {
        return true;
    }
    let after = &tokens.list[next];
    let ends_list = match after.kind {
        TokenKind::Close => !is_tuple(tokens, range.start, after.data as usize),
        // The end of a `where` clause. In parentheses, a block may be the next argument.
        TokenKind::Open => after.byte == b'{' && around == b'{',
        TokenKind::Punct => matches!(after.byte, b'>' | b';'),
        _ => false,
    };
    // rustfmt removes the comma after the block of a `match` arm. Elsewhere between braces this comma is mandatory, so
    // ignoring it loses nothing.
    let before = index.checked_sub(1).filter(|before| *before >= range.start).map(|before| &tokens.list[before]);
    let follows_block = before.is_some_and(|before| before.kind == TokenKind::Close && before.byte == b'}');
    ends_list || follows_block && around == b'{'
}

/// Returns whether the group at `open` is the input of a macro for which every token may matter.
fn is_macro_input(tokens: &Tokens, start: usize, open: usize, shadowed: &Shadowed) -> bool {
    let list = &tokens.list[start..open];
    match list {
        [.., name, bang] if bang.is(b'!') && name.kind == TokenKind::Ident => {
            let name = tokens.text_of(name);
            // Between braces, commas would be read as those of a block.
            !is_expression_macro(name) || shadowed.contains(name) || tokens.opens(open, b'{')
        }
        [.., rules, bang, name] if bang.is(b'!') && name.kind == TokenKind::Ident => rules.is_name(known::MACRO_RULES),
        _ => false,
    }
}

/// Returns whether the parentheses at `open` are those of a tuple of one, whose comma matters. The parentheses of a call follow
/// a name, generic arguments or another group.
fn is_tuple(tokens: &Tokens, start: usize, open: usize) -> bool {
    if !tokens.opens(open, b'(') {
        return false;
    }
    let keyword = |name: &str| {
        ["return", "in", "match", "if", "while", "let", "mut", "ref", "break", "else", "move", "as", "for", "dyn"]
            .contains(&name)
    };
    let is_call = match tokens.list[start..open].last() {
        Some(before) => match before.kind {
            TokenKind::Ident => !keyword(tokens.text_of(before)),
            TokenKind::Close => before.byte != b'}',
            TokenKind::Punct => matches!(before.byte, b'>' | b'!'),
            _ => false,
        },
        None => false,
    };
    let mut commas = 0;
    let mut index = open + 1;
    while index < tokens.close_of(open) {
        commas += usize::from(tokens.is(index, b','));
        index = tokens.after(index);
    }
    !is_call && commas == 1
}

/// Returns the index after the documentation attribute that begins at `index`, if one does.
fn documentation(tokens: &Tokens, index: usize) -> Option<usize> {
    let open = if tokens.is(index + 1, b'!') { index + 2 } else { index + 1 };
    (tokens.opens(open, b'[') && tokens.is_name(open + 1, known::DOC)).then(|| tokens.close_of(open) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::lexer::lex;
    use crate::syntax::symbols::Symbols;

    fn digest(text: &str) -> u128 {
        let tokens = lex(text.to_owned(), &mut Symbols::new()).unwrap();
        of(&tokens, tokens.all(), Reading::Code, &Shadowed::new())
    }

    #[test]
    fn formatting_does_not_change_the_fingerprint() {
        for (one, other) in [
            ("fn f(a: u8) { g(a) }", "/// Doc.\nfn f(\n    a: u8,\n) {\n    // Comment.\n    g(a,)\n}"),
            ("fn f<T>() where T: X { [1, 2] }", "fn f<T,>() where T: X, { [1, 2,] }"),
            ("match x { A => {} B => {} }", "match x { A => {}, B => {}, }"),
            ("#[doc = \"x\"] struct A;", "struct A;"),
            ("vec![1, 2]", "vec![1, 2,]"),
            ("a <= b", "a<=b"),
        ] {
            assert_eq!(digest(one), digest(other), "{one}");
        }
    }

    #[test]
    fn meaning_changes_the_fingerprint() {
        for (one, other) in [
            ("let x = (1);", "let x = (1,);"),
            ("other![1, 2]", "other![1, 2,]"),
            ("other! { /// x\n a }", "other! { a }"),
            ("a < = b", "a <= b"),
            ("f(S, { b })", "f(S { b })"),
            ("[{ 1 }, -1]", "[{ 1 } - 1]"),
            ("\"a b\"", "\"a  b\""),
            ("'a", "'b"),
            ("ab", "a b"),
        ] {
            assert_ne!(digest(one), digest(other), "{one}");
        }
    }

    #[test]
    fn trailing_commas_count_for_a_macro_that_shadows_one_of_std() {
        let digest = |text: &str, shadowed: &[&str]| {
            let tokens = lex(text.to_owned(), &mut Symbols::new()).unwrap();
            of(&tokens, tokens.all(), Reading::Code, &shadowed.iter().map(|name| (*name).to_owned()).collect())
        };
        assert_eq!(digest("vec![1]", &[]), digest("vec![1,]", &[]));
        assert_ne!(digest("vec![1]", &["vec"]), digest("vec![1,]", &["vec"]));
        assert_eq!(digest("vec![1]", &["write"]), digest("vec![1,]", &["write"]));
    }

    /// A few thousand random sequences: spaces and comments between tokens change nothing, and another token does.
    #[test]
    fn spacing_does_not_change_the_fingerprint_and_tokens_do() {
        const WORDS: [&str; 16] =
            ["fn", "x", "y", "'a", "1", "2.5", "\"t\"", "'c'", "r#if", ";", "=", "$", "?", "b\"u\"", "@", "~"];
        const GAPS: [&str; 5] = [" ", "\n", "\t\t", " /* c /* d */ */ ", " // e\n"];
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % below as u64).unwrap()
        };
        for _ in 0..3000 {
            let mut words: Vec<&str> = (0..1 + next(12)).map(|_| WORDS[next(WORDS.len())]).collect();
            let plain = words.join(" ");
            let spaced: String = words.iter().map(|word| format!("{word}{}", GAPS[next(GAPS.len())])).collect();
            let grouped = format!("({plain})");
            assert_eq!(digest(&plain), digest(&spaced), "{plain}");
            assert_ne!(digest(&plain), digest(&grouped), "{plain}");
            let at = next(words.len());
            words[at] = if words[at] == "z" { "w" } else { "z" };
            assert_ne!(digest(&plain), digest(&words.join(" ")), "{plain}");
        }
    }
}
