//! Where a function stands: in a module, in the `impl` of a type or of a trait, or in a trait.
//!
//! An attribute can't see this, so the source file is read, but for messages only. Where it can't be read, and where a
//! macro may have moved the function, the compiler reports errors itself.

use std::cell::RefCell;

use larder_tracking::{TokenKind, Tokens, lex};
use proc_macro2::Ident;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Context {
    /// In a module or another function.
    Free,
    Impl,
    TraitImpl,
    Trait,
}

thread_local! {
    /// The last file, with its tokens. The compiler expands the functions of a file one after another.
    static LAST: RefCell<Option<(String, Tokens)>> = const { RefCell::new(None) };
}

/// Returns the context of the function with this name, if it is certain.
pub(crate) fn of(name: &Ident) -> Option<Context> {
    let span = name.span().unwrap();
    let source = std::fs::read_to_string(span.local_file()?).ok()?;
    let line = source.split_inclusive('\n').nth(span.line().checked_sub(1)?)?;
    let start = line.as_ptr() as usize - source.as_ptr() as usize;
    let (column, _) = line.char_indices().nth(span.column().checked_sub(1)?)?;
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

/// Returns the context of the function whose name is at this byte of a file.
fn at(tokens: &Tokens, offset: usize, name: &str) -> Option<Context> {
    let texts: Vec<&str> = tokens.iter().map(|token| tokens.text_of(token)).collect();
    let index = tokens.iter().position(|token| token.range().start == offset)?;
    // A name that a macro made is elsewhere.
    if texts[index] != name || index == 0 || texts[index - 1] != "fn" {
        return None;
    }
    let headers = headers(tokens, &texts, index)?;
    // A macro may do anything with its input.
    if headers.iter().any(|header| is_macro(header)) {
        return None;
    }
    headers.last().map_or(Some(Context::Free), |header| context(header))
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
    let qualifiers = ["pub", "unsafe", "default", "const", "async", "auto", "extern", "#"];
    let mut words = header.iter().copied().skip_while(|word| qualifiers.contains(word) || word.starts_with('"'));
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
            let mut source = format!("{before}fn f() {{}}");
            let offset = source.len() - "f() {}".len();
            let (mut closing, mut rest) = (String::new(), lex_brackets(before));
            while let Some(bracket) = rest.pop() {
                closing.push(bracket);
            }
            source.push_str(&closing);
            let tokens = lex(&source).unwrap();
            assert_eq!(at(&tokens, offset, "f"), expected, "{source}");
            assert_eq!(at(&tokens, offset, "g"), None, "{source}");
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
