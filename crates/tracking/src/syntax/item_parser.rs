//! Splits the tokens of a file into items: functions, types, `impl` blocks and so on. The body of a function stays
//! tokens.

use std::ops::Range;

use crate::syntax::symbols::{Symbol, known};
use crate::syntax::token::{Token, TokenKind, Tokens};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ItemKind {
    Function,
    /// A constant or a static.
    Constant,
    /// A struct, enum, union or alias.
    Type,
    Trait,
    Impl,
    Module,
    Use,
    ExternCrate,
    /// `extern { … }`.
    Foreign,
    /// `macro_rules!` and `macro`.
    Macro,
    /// A macro call as an item, and all that is unknown: it may define anything.
    Opaque,
}

/// An item as a range of tokens.
#[derive(Clone, Debug)]
pub(crate) struct RawItem {
    pub(crate) kind: ItemKind,
    /// The name. Empty if it has none.
    pub(crate) name: Symbol,
    /// All its tokens, with the attributes.
    pub(crate) range: Range<usize>,
    /// The index of its keyword, which follows attributes and visibility.
    pub(crate) keyword: usize,
    /// The index of the bracket that opens its body; `range.end` if it has none.
    pub(crate) open: usize,
}

/// Splits a file, or the tokens between two brackets, into items.
pub(crate) fn split(tokens: &Tokens, range: Range<usize>) -> Vec<RawItem> {
    let mut items = Vec::new();
    let mut index = range.start;
    while index < range.end {
        let token = &tokens.list[index];
        // Inner attributes and documentation belong to the parent.
        if token.kind == TokenKind::DocComment && tokens.text_of(token).as_bytes().get(2) == Some(&b'!')
            || token.is(b';')
        {
            index += 1;
        } else if token.is(b'#') && tokens.is(index + 1, b'!') {
            index = tokens.after(index + 2);
        } else {
            let item = one(tokens, index, range.end);
            index = item.range.end.max(index + 1);
            items.push(item);
        }
    }
    items
}

/// Returns the index after the attributes and the documentation at `index`.
pub(crate) fn after_attributes(tokens: &Tokens, mut index: usize) -> usize {
    loop {
        match tokens.get(index) {
            Some(token) if token.kind == TokenKind::DocComment => index += 1,
            Some(token) if token.is(b'#') && tokens.opens(index + 1, b'[') => index = tokens.after(index + 1),
            _ => return index,
        }
    }
}

/// Returns the item at `start`.
pub(crate) fn one(tokens: &Tokens, start: usize, end: usize) -> RawItem {
    let mut keyword = after_attributes(tokens, start);
    if tokens.is_name(keyword, known::PUB) {
        keyword += 1;
        if tokens.opens(keyword, b'(') {
            keyword = tokens.after(keyword);
        }
    }
    // The keyword is the last one of `const unsafe extern "C" fn`.
    let mut at = keyword;
    let kind = loop {
        let next = tokens.name(at + 1);
        match tokens.name(at) {
            Some(known::FN) => break ItemKind::Function,
            Some(known::CONST) if !matches!(next, Some(known::FN | known::UNSAFE | known::ASYNC | known::EXTERN)) => {
                break ItemKind::Constant;
            }
            Some(known::STATIC) => break ItemKind::Constant,
            Some(known::EXTERN) if next == Some(known::CRATE) => break ItemKind::ExternCrate,
            Some(known::EXTERN) => {
                let after = at + 1 + usize::from(tokens.get(at + 1).is_some_and(|token| token.kind == TokenKind::Str));
                if tokens.opens(after, b'{') {
                    break ItemKind::Foreign;
                }
                at = after;
            }
            Some(known::CONST | known::UNSAFE | known::ASYNC) => at += 1,
            Some(known::DEFAULT | known::SAFE | known::AUTO) if next.is_some() => at += 1,
            Some(known::STRUCT | known::ENUM | known::TYPE) => break ItemKind::Type,
            Some(known::UNION) if next.is_some() => break ItemKind::Type,
            Some(known::TRAIT) => break ItemKind::Trait,
            Some(known::IMPL) => break ItemKind::Impl,
            Some(known::MOD) => break ItemKind::Module,
            Some(known::USE) => break ItemKind::Use,
            Some(known::MACRO_RULES) if tokens.is(at + 1, b'!') && tokens.name(at + 2).is_some() => {
                break ItemKind::Macro;
            }
            Some(known::MACRO) if next.is_some() => break ItemKind::Macro,
            _ => break ItemKind::Opaque,
        }
        if at >= end {
            break ItemKind::Opaque;
        }
    };
    let keyword = if kind == ItemKind::Opaque { keyword } else { at };
    let name_at = match kind {
        ItemKind::Macro if tokens.is(keyword + 1, b'!') => keyword + 2,
        ItemKind::ExternCrate => keyword + 2,
        ItemKind::Constant if tokens.is_name(keyword + 1, known::MUT) => keyword + 2,
        ItemKind::Impl | ItemKind::Use | ItemKind::Foreign | ItemKind::Opaque => usize::MAX,
        _ => keyword + 1,
    };
    let name = if name_at == usize::MAX { None } else { tokens.name(name_at) };
    let (open, close) = extent(tokens, kind, keyword, end);
    RawItem { kind, name: name.unwrap_or(known::EMPTY), range: start..close, keyword, open }
}

/// Returns the index where the body of an item opens, and the one after the item.
fn extent(tokens: &Tokens, kind: ItemKind, keyword: usize, end: usize) -> (usize, usize) {
    let mut index = keyword;
    while index < end {
        let token = &tokens.list[index];
        if token.is(b';') {
            return (index + 1, index + 1);
        }
        let is_body = match kind {
            // The first bracket is that of the macro's input.
            ItemKind::Opaque => token.kind == TokenKind::Open && index > keyword,
            ItemKind::Constant | ItemKind::Use | ItemKind::ExternCrate => false,
            ItemKind::Type if tokens.is_name(keyword, known::TYPE) => false,
            ItemKind::Macro if tokens.is(keyword + 1, b'!') => token.kind == TokenKind::Open,
            _ => token.opens(b'{'),
        };
        if is_body {
            let after = tokens.after(index);
            // In `Matrix<{ N }>` it is a generic argument.
            let is_argument = kind != ItemKind::Opaque && (tokens.is(after, b'>') || tokens.is(after, b','));
            if !is_argument {
                let semicolon = matches!(kind, ItemKind::Opaque | ItemKind::Macro) && tokens.is(after, b';');
                return (index, (after + usize::from(semicolon)).min(end));
            }
        }
        index = tokens.after(index);
    }
    (end, end)
}

/// The header of an `impl` block: the tokens between its keyword and its body.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    /// The trait and its arguments; empty if there is none.
    pub(crate) of: Range<usize>,
    /// The type.
    pub(crate) on: Range<usize>,
}

/// Reads the header of the `impl` block whose keyword is at `keyword` and whose body opens at `open`.
pub(crate) fn header(tokens: &Tokens, keyword: usize, open: usize) -> Header {
    let mut index = keyword + 1;
    if tokens.is(index, b'<') {
        index = after_generics(tokens, index, open);
    }
    let start = index;
    let (mut depth, mut split, mut end) = (0_usize, None, open);
    while index < open {
        let token = &tokens.list[index];
        match token.kind {
            TokenKind::Punct if token.byte == b'<' => depth += 1,
            TokenKind::Punct if token.byte == b'>' && !is_arrow(tokens, index) => depth = depth.saturating_sub(1),
            TokenKind::Ident if token.data == known::FOR && depth == 0 && !tokens.is(index + 1, b'<') => {
                split = Some(index)
            }
            TokenKind::Ident if token.data == known::WHERE && depth == 0 => {
                end = index;
                break;
            }
            _ => {}
        }
        index = tokens.after(index);
    }
    match split {
        Some(split) => Header { of: start..split, on: split + 1..end },
        None => Header { of: start..start, on: start..end },
    }
}

/// Returns the index after the generic parameters or arguments that open at `index`.
pub(crate) fn after_generics(tokens: &Tokens, mut index: usize, end: usize) -> usize {
    let mut depth = 0_usize;
    while index < end {
        if tokens.is(index, b'<') {
            depth += 1;
        } else if tokens.is(index, b'>') && !is_arrow(tokens, index) {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return index + 1;
            }
        }
        index = tokens.after(index);
    }
    end
}

/// Returns whether the `>` at `index` is part of `->` or `=>`.
fn is_arrow(tokens: &Tokens, index: usize) -> bool {
    index > 0 && tokens.list[index - 1].joint && (tokens.is(index - 1, b'-') || tokens.is(index - 1, b'='))
}

/// One import of a `use`: a path, and its name here.
#[derive(Clone, Debug)]
pub(crate) struct Import {
    pub(crate) path: Vec<Symbol>,
    /// `None` for a glob.
    pub(crate) name: Option<Symbol>,
    /// It begins with `::`.
    pub(crate) absolute: bool,
    /// The attributes of the `use`: their file and range.
    pub(crate) attributes: Option<(usize, Range<usize>)>,
}

/// Returns the imports of the `use` whose keyword is at `keyword`.
pub(crate) fn imports(tokens: &Tokens, keyword: usize, end: usize) -> Vec<Import> {
    let mut imports = Vec::new();
    let absolute = tokens.is_path_sign(keyword + 1);
    branch(tokens, keyword + 1, end, &Vec::new(), absolute, &mut imports);
    imports
}

/// Adds the imports of one branch of the tree. Returns the index after it.
fn branch(
    tokens: &Tokens,
    mut index: usize,
    end: usize,
    prefix: &[Symbol],
    absolute: bool,
    imports: &mut Vec<Import>,
) -> usize {
    let mut path = prefix.to_vec();
    while index < end {
        if tokens.is_path_sign(index) {
            index += 2;
        } else if tokens.is(index, b'*') {
            imports.push(Import { path, name: None, absolute, attributes: None });
            return index + 1;
        } else if tokens.opens(index, b'{') {
            let close = tokens.close_of(index);
            let mut inner = index + 1;
            while inner < close {
                let absolute = absolute || tokens.is_path_sign(inner);
                // The comma is skipped at least.
                inner = branch(tokens, inner, close, &path, absolute, imports).max(inner + 1);
            }
            return close + 1;
        } else if tokens.is_name(index, known::AS) {
            let name = tokens.name(index + 1).unwrap_or(known::UNDERSCORE);
            drop_self(&mut path);
            imports.push(Import { path, name: Some(name), absolute, attributes: None });
            return index + 2;
        } else if let Some(name) = tokens.name(index) {
            path.push(name);
            index += 1;
            let goes_on = tokens.is_path_sign(index) || tokens.is_name(index, known::AS);
            if !goes_on {
                drop_self(&mut path);
                let name = path.last().copied();
                imports.push(Import {
                    name: Some(name.unwrap_or(known::UNDERSCORE)),
                    path,
                    absolute,
                    attributes: None,
                });
                return index;
            }
        } else if tokens.is(index, b'$') {
            // This is `$crate` in the body of a macro.
            index += 1;
        } else {
            return index;
        }
    }
    index
}

/// Removes `self` from the end of a path: `use a::b::{self}` is `use a::b`.
fn drop_self(path: &mut Vec<Symbol>) {
    if path.len() > 1 && path.last() == Some(&known::SELF) {
        path.pop();
    }
}

/// Returns whether a statement or an item can begin at an index.
pub(crate) fn begins_statement(list: &[Token], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).map(|before| &list[before]) else { return true };
    match before.kind {
        TokenKind::Open | TokenKind::Close => before.byte != b'(' && before.byte != b')',
        TokenKind::Ident => matches!(before.data, known::UNSAFE | known::DEFAULT | known::PUB),
        TokenKind::DocComment => true,
        _ => before.is(b';'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::lexer::lex;
    use crate::syntax::symbols::Symbols;

    #[test]
    fn a_file_is_cut_into_its_items() {
        let text = "#![allow(x)] //! Inner.
            /// Doc.
            #[inline] pub(crate) const unsafe extern \"C\" fn a<const N: usize>() -> Matrix<{ N }> where X<{ N }>: Y, { }
            const B: [u8; { 1 }] = [1]; static mut C: u8 = 1; struct D<const N: usize = { 3 }>(u8); struct E { x: u8 }
            enum F { A } union G { x: u8 } type H = u8; unsafe auto trait I {} impl<T> J<T> for K { fn no() {} }
            mod l; mod m { fn no() {} } use n::{o, p as q, *}; extern crate r as s; extern \"C\" { fn t(); }
            macro_rules! u { () => {}; } v! { x } w!(y); x::z![];";
        let mut symbols = Symbols::new();
        let tokens = lex(text.to_owned(), &mut symbols).unwrap();
        let items = split(&tokens, tokens.all());
        let found: Vec<_> = items.iter().map(|item| (item.kind, symbols.text(item.name))).collect();
        use ItemKind::*;
        assert_eq!(
            found,
            [
                (Function, "a"),
                (Constant, "B"),
                (Constant, "C"),
                (Type, "D"),
                (Type, "E"),
                (Type, "F"),
                (Type, "G"),
                (Type, "H"),
                (Trait, "I"),
                (Impl, ""),
                (Module, "l"),
                (Module, "m"),
                (Use, ""),
                (ExternCrate, "r"),
                (Foreign, ""),
                (Macro, "u"),
                (Opaque, ""),
                (Opaque, ""),
                (Opaque, ""),
            ]
        );
    }

    #[test]
    fn headers_and_imports_are_taken_apart() {
        let mut symbols = Symbols::new();
        let mut header_of = |text: &str| {
            let tokens = lex(text.to_owned(), &mut symbols).unwrap();
            let raw = one(&tokens, 0, tokens.list.len());
            let Header { of, on } = header(&tokens, raw.keyword, raw.open);
            (tokens.readable(of), tokens.readable(on))
        };
        let pair = |of: &str, on: &str| (of.to_owned(), on.to_owned());
        assert_eq!(header_of("impl A { }"), pair("", "A"));
        assert_eq!(header_of("impl<T: for<'a> F<&'a T> + G> a::B<T> for C<T> where T: D {}"), pair("a::B<T>", "C<T>"));
        assert_eq!(header_of("impl<F: Fn() -> X> A<dyn for<'a> B<'a>> for fn(F) -> C {}").1, "fn(F)-> C");
        let tokens = lex("use a::{b, c::{self, d as e}, f::*, g::h};".to_owned(), &mut symbols).unwrap();
        let found: Vec<String> = imports(&tokens, 0, tokens.list.len())
            .iter()
            .map(|import| {
                let path: Vec<_> = import.path.iter().map(|name| symbols.text(*name)).collect();
                format!("{} as {}", path.join("::"), import.name.map_or("*", |name| symbols.text(name)))
            })
            .collect();
        assert_eq!(found, ["a::b as b", "a::c as c", "a::c::d as e", "a::f as *", "a::g::h as h"]);
    }
}
