//! The fingerprint of code: of its tokens, so that comments, documentation and formatting are not
//! part of it. One implementation for what the compiler hands over and for what is read from files.

use std::ops::Range;

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident};

use crate::digest;
use crate::function::Item;
use crate::reach::symbols::{Symbols, known};
use crate::reach::token::{Kind, Tokens};

/// How tokens are to be understood.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reading {
    /// Documentation and the commas at the end of lists mean nothing.
    Code,
    /// Commas at the end of lists mean nothing, but a macro reads the documentation.
    Documented,
    /// What is given to a macro, to which anything may mean something.
    Verbatim,
}

/// A function's own tokens: its signature without the name, which is a part of its path or replaced by
/// the option `name`, and its body.
pub(crate) fn body(item: &Item, symbols: &mut Symbols) -> Tokens {
    let mut sig = item.sig.clone();
    sig.ident = format_ident!("f");
    let mut stream = sig.to_token_stream();
    stream.extend([item.body.clone()]);
    Tokens::of_stream(stream, symbols)
}

/// A function's attributes that may be macros, or decide about other macros.
pub(crate) fn attributes(item: &Item) -> TokenStream {
    let is_meant = |attribute: &&syn::Attribute| {
        !["doc", "allow", "expect", "warn", "deny", "forbid", "must_use", "inline", "cold", "deprecated"]
            .iter()
            .any(|name| attribute.path().is_ident(name))
    };
    item.attrs.iter().filter(is_meant).map(ToTokens::to_token_stream).collect()
}

/// The digest of the tokens in a range.
pub(crate) fn of(tokens: &Tokens, range: Range<usize>, reading: Reading) -> u128 {
    let mut bytes = Vec::with_capacity(range.len() * 6);
    write(tokens, range, reading, &mut bytes);
    digest::of_bytes(&bytes)
}

/// Macros of the standard library that take expressions, and for which a comma at the end means
/// nothing.
const PLAIN_MACROS: [&str; 21] = [
    "vec",
    "format",
    "print",
    "println",
    "eprint",
    "eprintln",
    "write",
    "writeln",
    "panic",
    "assert",
    "assert_eq",
    "assert_ne",
    "debug_assert",
    "debug_assert_eq",
    "debug_assert_ne",
    "matches",
    "todo",
    "unimplemented",
    "unreachable",
    "array",
    "format_args",
];

pub(crate) fn is_plain_macro(name: &str) -> bool {
    PLAIN_MACROS.contains(&name)
}

/// Writes each token with a mark of its kind before and a zero byte after it: no two different
/// sequences of tokens give the same bytes, since no token holds a zero byte.
fn write(tokens: &Tokens, range: Range<usize>, reading: Reading, bytes: &mut Vec<u8>) {
    let list = &tokens.list[..range.end];
    // What was outside of the brackets around the token: how to read it, and its own brackets.
    let mut outside = Vec::new();
    let (mut now, mut around) = (reading, b'{');
    let mut index = range.start;
    while index < range.end {
        let token = &list[index];
        let mark = match token.kind {
            Kind::Name => b'i',
            Kind::Lifetime => b't',
            Kind::Text | Kind::Literal => b'l',
            Kind::Sign if now == Reading::Code && token.sign == b'#' => match documentation(tokens, index) {
                Some(after) => {
                    index = after;
                    continue;
                }
                None => sign(token.joint),
            },
            Kind::Sign if token.sign == b',' && now != Reading::Verbatim && is_idle(tokens, &range, index, around) => {
                index += 1;
                continue;
            }
            Kind::Sign => sign(token.joint),
            Kind::Open => {
                outside.push((now, around));
                around = token.sign;
                if is_macro_input(tokens, range.start, index) {
                    now = Reading::Verbatim;
                }
                b'o'
            }
            Kind::Close => {
                (now, around) = outside.pop().unwrap_or((now, around));
                b'c'
            }
            Kind::Doc if now == Reading::Code => {
                index += 1;
                continue;
            }
            Kind::Doc => b'd',
        };
        bytes.push(mark);
        bytes.extend_from_slice(tokens.text_of(token).as_bytes());
        bytes.push(0);
        index += 1;
    }
}

/// Whether a sign belongs to the next one matters only if that is a sign as well.
fn sign(joint: bool) -> u8 {
    if joint { b'j' } else { b'p' }
}

/// Whether the comma at `index` means nothing: before the end of a list, or after a block in a `match`.
fn is_idle(tokens: &Tokens, range: &Range<usize>, index: usize, around: u8) -> bool {
    let mut next = index + 1;
    while next < range.end && tokens.list[next].kind == Kind::Doc {
        next += 1;
    }
    if next >= range.end {
        return true;
    }
    let after = &tokens.list[next];
    let ends_list = match after.kind {
        Kind::Close => !is_tuple(tokens, range.start, after.data as usize),
        // Of a `where`; in parentheses, a block may be the next argument.
        Kind::Open => after.sign == b'{' && around == b'{',
        Kind::Sign => matches!(after.sign, b'>' | b';'),
        _ => false,
    };
    // rustfmt takes away the comma behind the block of a `match`'s arm. Where braces hold something
    // else than arms, that comma can't be left out, so nothing is lost without it.
    let before = index.checked_sub(1).filter(|before| *before >= range.start).map(|before| &tokens.list[before]);
    let follows_block = before.is_some_and(|before| before.kind == Kind::Close && before.sign == b'}');
    ends_list || follows_block && around == b'{'
}

/// Whether the group at `open` is the input of a macro that may make something of every token.
fn is_macro_input(tokens: &Tokens, start: usize, open: usize) -> bool {
    let list = &tokens.list[start..open];
    match list {
        [.., name, bang] if bang.is(b'!') && name.kind == Kind::Name => {
            // Between braces, commas are read as those of a block would be.
            !is_plain_macro(tokens.text_of(name)) || tokens.opens(open, b'{')
        }
        [.., rules, bang, name] if bang.is(b'!') && name.kind == Kind::Name => rules.is_name(known::MACRO_RULES),
        _ => false,
    }
}

/// Whether the parentheses are those of a tuple of one, in which the comma means something. Those of
/// a call follow a name, generic arguments or another group; and in those of two, it means nothing.
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
            Kind::Name => !keyword(tokens.text_of(before)),
            Kind::Close => before.sign != b'}',
            Kind::Sign => matches!(before.sign, b'>' | b'!'),
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

/// Behind the documentation attribute that begins at `index`, if one does.
fn documentation(tokens: &Tokens, index: usize) -> Option<usize> {
    let open = if tokens.is(index + 1, b'!') { index + 2 } else { index + 1 };
    (tokens.opens(open, b'[') && tokens.is_name(open + 1, known::DOC)).then(|| tokens.close_of(open) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(text: &str) -> u128 {
        let tokens = Tokens::of_text(text.to_owned(), &mut Symbols::new()).unwrap();
        of(&tokens, tokens.all(), Reading::Code)
    }

    #[test]
    fn formatting_is_no_part_of_it() {
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
    fn what_means_something_is() {
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

    /// A few thousand sequences from a plain generator: spaces and comments between tokens change
    /// nothing, and another token does.
    #[test]
    fn any_tokens_with_any_spacing() {
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
