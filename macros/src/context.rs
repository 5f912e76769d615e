//! Where a function stands: in a module, in the `impl` of a type or of a trait, or in a trait; and what stands around it.
//!
//! An attribute can't see this, so the source file is read, but for messages only. Where it can't be read, and where a
//! macro may have moved the function, the compiler reports errors itself.

use std::cell::RefCell;

use larder_tracking::{Token, TokenKind, Tokens, lex};
use proc_macro2::{Ident, Span};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Context {
    /// In a module or another function.
    Free,
    Impl,
    TraitImpl,
    Trait,
}

/// The place of a function in its source file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// `None` if it is not certain.
    pub(crate) context: Option<Context>,
    /// The last names of the attributes on the function, both above and below `#[memoize]`.
    pub(crate) attributes: Vec<String>,
    /// The keyword of an item in the same scope that has the function's name, and is no function: `mod` or `struct`.
    pub(crate) namesake: Option<String>,
}

thread_local! {
    /// The last file, with its tokens. The compiler expands the functions of a file one after another.
    static LAST: RefCell<Option<(String, Tokens)>> = const { RefCell::new(None) };
}

/// Returns the place of the function with this name, if it is certain.
pub(crate) fn of(name: &Ident) -> Option<Place> {
    // Another attribute may have made the function from the one below this attribute, and given it another name.
    let attribute = Span::call_site().unwrap();
    let source = std::fs::read_to_string(attribute.local_file()?).ok()?;
    let line = source.split_inclusive('\n').nth(attribute.line().checked_sub(1)?)?;
    let start = line.as_ptr() as usize - source.as_ptr() as usize;
    let (column, _) = line.char_indices().nth(attribute.column().checked_sub(1)?)?;
    let offset = start + column;
    LAST.with_borrow_mut(|last| {
        let (_, tokens) = match last.take_if(|(text, _)| *text == source) {
            Some(known) => last.insert(known),
            None => {
                let tokens = lex(&source).ok()?;
                last.insert((source, tokens))
            }
        };
        at(tokens, offset, &name.to_string())
    })
}

/// Returns the place of the function whose attribute is at this byte of a file.
fn at(tokens: &Tokens, offset: usize, name: &str) -> Option<Place> {
    let texts: Vec<&str> = tokens.iter().map(|token| tokens.text_of(token)).collect();
    let attribute = tokens.iter().position(|token| token.range().start == offset)?;
    let index = name_after(tokens, &texts, attribute)?;
    let headers = headers(tokens, &texts, index)?;
    // A macro may do anything with its input.
    if headers.iter().any(|header| is_macro(header)) {
        return None;
    }
    let is_same = texts.get(index) == Some(&name);
    let context = headers.last().map_or(Some(Context::Free), |header| context(header)).filter(|_| is_same);
    let tokens = tokens.iter().as_slice();
    let attributes = attributes(tokens, &texts, index);
    let namesake = namesake(tokens, &texts, index).filter(|_| is_same);
    Some(Place { context, attributes, namesake })
}

/// Words and signs that may stand before `fn`.
const QUALIFIERS: [&str; 8] = ["pub", "unsafe", "default", "const", "async", "auto", "extern", "#"];

fn is_qualifier(word: &str) -> bool {
    QUALIFIERS.contains(&word) || word.starts_with('"')
}

/// Returns the index of the function's name after the attribute at an index.
fn name_after(tokens: &Tokens, texts: &[&str], attribute: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(attribute) {
        match token.kind() {
            TokenKind::Open => depth += 1,
            TokenKind::Close => depth = depth.checked_sub(1)?,
            TokenKind::DocComment => {}
            _ if depth > 0 || is_qualifier(texts[index]) => {}
            _ => return (texts[index] == "fn").then_some(index + 1),
        }
    }
    None
}

/// Returns the last names of the attributes on the item that has a token at `index`.
fn attributes(tokens: &[Token], texts: &[&str], index: usize) -> Vec<String> {
    let start = (0..index).rev().scan(0_usize, |depth, at| {
        match tokens[at].kind() {
            TokenKind::Close if *depth == 0 && texts[at] == "}" => return None,
            TokenKind::Close => *depth += 1,
            TokenKind::Open => *depth = depth.checked_sub(1)?,
            _ if *depth == 0 && texts[at] == ";" => return None,
            _ => {}
        }
        Some(at)
    });
    let start = start.last().unwrap_or(index);
    let starts = (start..index).filter(|at| texts[*at] == "#" && texts[*at + 1] == "[");
    let last_name = |at: usize| {
        let path = texts[at + 2..index].iter().take_while(|text| **text == ":" || text.starts_with(is_letter));
        path.filter(|text| **text != ":").last().map(|text| (*text).to_owned())
    };
    starts.filter_map(last_name).collect()
}

fn is_letter(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

/// Returns the keyword of an item around the name at `index`, in the same scope, that is in the way of a type of that name.
/// An item with a `cfg` may be absent.
fn namesake(tokens: &[Token], texts: &[&str], index: usize) -> Option<String> {
    let is_type = |at: &usize| ["mod", "struct", "enum", "union", "trait", "type"].contains(&texts[*at]);
    let is_outside = |depth: &mut i64, at: usize, opens: TokenKind| match tokens[at].kind() {
        kind if kind == opens => {
            *depth += 1;
            Some(None)
        }
        TokenKind::Open | TokenKind::Close => {
            *depth -= 1;
            (*depth >= 0).then_some(None)
        }
        _ => Some((*depth == 0).then_some(at)),
    };
    let before = (0..index).rev().scan(0, |depth, at| is_outside(depth, at, TokenKind::Close));
    let after = (index + 1..texts.len()).scan(0, |depth, at| is_outside(depth, at, TokenKind::Open));
    let has_name = |at: &usize| texts.get(at + 1) == Some(&texts[index]);
    let is_certain = |at: &usize| !attributes(tokens, texts, *at).iter().any(|name| name.starts_with("cfg"));
    let found = before.chain(after).flatten().filter(is_type).filter(has_name).find(is_certain)?;
    Some(texts[found].to_owned())
}

/// Returns the tokens before each bracket that is open at `index`, since the last item or statement ended.
fn headers<'t>(tokens: &Tokens, texts: &[&'t str], index: usize) -> Option<Vec<Vec<&'t str>>> {
    let mut levels = vec![Vec::new()];
    for (token, text) in tokens.iter().zip(texts).take(index) {
        match token.kind() {
            TokenKind::Open => levels.push(Vec::new()),
            TokenKind::Close => {
                levels.pop();
                let outer = levels.last_mut()?;
                // A block ends an item, and so does the bracket of `#![..]`.
                if *text == "}" || outer.as_slice() == ["#", "!"] {
                    outer.clear();
                }
            }
            TokenKind::DocComment => {}
            _ if *text == ";" => levels.last_mut()?.clear(),
            _ => levels.last_mut()?.push(*text),
        }
    }
    levels.pop();
    Some(levels)
}

fn is_macro(header: &[&str]) -> bool {
    matches!(header, [.., "!"] | [.., "macro_rules", "!", _])
}

fn context(header: &[&str]) -> Option<Context> {
    let mut words = header.iter().copied().skip_while(|word| is_qualifier(word));
    match words.next()? {
        "impl" => {
            let words: Vec<&str> = words.take_while(|word| *word != "where").collect();
            // `for<'a>` introduces lifetimes.
            let is_of_trait = words.windows(2).any(|pair| pair[0] == "for" && pair[1] != "<");
            Some(if is_of_trait { Context::TraitImpl } else { Context::Impl })
        }
        "trait" => Some(Context::Trait),
        "mod" | "fn" => Some(Context::Free),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_context_of_a_function_is_told_from_the_source() {
        for (before, expected) in [
            ("", Some(Context::Free)),
            ("#![allow(x)] use a::b; struct S; pub ", Some(Context::Free)),
            ("mod m { ", Some(Context::Free)),
            ("/// impl X for Y {\n#[a] pub(crate) mod m { // {\n", Some(Context::Free)),
            ("fn outer() { let x = \"{\"; ", Some(Context::Free)),
            ("pub(crate) const unsafe extern \"C\" fn outer() { ", Some(Context::Free)),
            ("impl<T> S<T> where T: X { const A: u8 = 1; #[memoize] pub ", Some(Context::Impl)),
            ("impl<F> S<F> where F: for<'a> Fn(&'a u8) { ", Some(Context::Impl)),
            ("impl S<dyn for<'a> Fn(&'a u8)> { ", Some(Context::Impl)),
            ("unsafe impl<T> a::T<u8> for S<T> { type A = u8; ", Some(Context::TraitImpl)),
            ("pub unsafe trait T: X { fn g() {} ", Some(Context::Trait)),
            ("m! { impl S { ", None),
            ("macro_rules! m { () => { ", None),
            ("fn outer() { { ", None),
        ] {
            let mut source = format!("{before}#[memoize(a = |b: fn()| c)] fn f() {{}}");
            let offset = before.len();
            let (mut closing, mut rest) = (String::new(), lex_brackets(before));
            while let Some(bracket) = rest.pop() {
                closing.push(bracket);
            }
            source.push_str(&closing);
            let tokens = lex(&source).unwrap();
            let context = |name| at(&tokens, offset, name).and_then(|place| place.context);
            assert_eq!(context("f"), expected, "{source}");
            assert_eq!(context("g"), None, "{source}");
        }
    }

    #[test]
    fn attributes_and_items_of_the_same_name_are_seen() {
        for (source, attributes, namesake) in [
            ("#[m] fn f() {}", "m", None),
            (
                "#![a] use b::f; #[c] struct S; /// d\n#[e::g(h = [i])] #[m] #[test] pub(crate) async fn f() {}",
                "g m test",
                None,
            ),
            ("#[a] fn g() {} #[b(c { d; })] #[m] fn f() {}", "b m", None),
            ("mod f; #[m] fn f() {}", "m", Some("mod")),
            ("mod n { #[m] fn f() {} #[a] pub struct f<T>(T); }", "m", Some("struct")),
            ("mod f { #[m] fn f() {} mod g { type f = u8; } fn h() { enum f {} } }", "m", None),
            ("enum f {} mod n { #[m] fn f() {} } trait f {}", "m", None),
            ("#[cfg(test)] mod f; #[m] fn f() {} #[cfg_attr(a, cfg(b))] union f { g: u8 }", "m", None),
        ] {
            let place = at(&lex(source).unwrap(), source.find("#[m]").unwrap(), "f").unwrap();
            assert_eq!(place.attributes.join(" "), attributes, "{source}");
            assert_eq!(place.namesake.as_deref(), namesake, "{source}");
            // Another attribute made a second function.
            let place = at(&lex(source).unwrap(), source.find("#[m]").unwrap(), "made").unwrap();
            assert_eq!((place.attributes.join(" ").as_str(), place.namesake), (attributes, None), "{source}");
        }
        // The function is in the input of the macro.
        for source in ["macro_rules! n { ($f:item) => { #[m] $f } } #[test] fn f() {}", "#[m] n!(f); fn f() {}"] {
            assert_eq!(at(&lex(source).unwrap(), source.find("#[m]").unwrap(), "f"), None);
        }
    }

    /// Returns the brackets that close those that a text leaves open.
    fn lex_brackets(text: &str) -> Vec<char> {
        let closing = |count: usize| vec!['}'; count];
        (0..4)
            .map(closing)
            .find(|closing| lex(&format!("{text}{}", closing.iter().collect::<String>())).is_ok())
            .unwrap()
    }
}
