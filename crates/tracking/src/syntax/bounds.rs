//! The traits that a signature demands of types that its callers choose.

use std::ops::Range;

use crate::syntax::item_parser::after_generics;
use crate::syntax::symbols::{Symbol, known};
use crate::syntax::token::{TokenKind, Tokens};

/// The path of a trait, without generic arguments.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct TraitPath {
    pub(crate) segments: Vec<Symbol>,
    /// It begins with `::`.
    pub(crate) absolute: bool,
}

/// The bounds in a signature.
#[derive(Default, Debug)]
pub(crate) struct Bounds {
    /// Callers choose at least one type.
    pub(crate) is_generic: bool,
    pub(crate) traits: Vec<TraitPath>,
    /// The traits of `dyn Trait`. They are among `traits` as well.
    pub(crate) objects: Vec<TraitPath>,
}

/// An open bracket of a signature, angle brackets included.
struct Level {
    /// In the parameter list of a function, `:` is followed by a type; elsewhere, by bounds.
    is_parameter_list: bool,
    /// A `+` here continues the bounds of `dyn`.
    in_dyn: bool,
    /// Where the bracket closes; `None` for angle brackets.
    end: Option<usize>,
}

impl Bounds {
    /// Adds the bounds of a function's signature.
    pub(crate) fn add_signature(&mut self, tokens: &Tokens, range: Range<usize>) {
        let fn_at = range.clone().find(|at| tokens.is_name(*at, known::FN)).unwrap_or(range.start);
        self.add_generics(tokens, fn_at + 2, range.end);
        self.add(tokens, range);
    }

    /// Adds the bounds in the header of an `impl` block. `keyword` is the index of `impl`, and `open` that of its body.
    pub(crate) fn add_impl_header(&mut self, tokens: &Tokens, keyword: usize, open: usize) {
        if tokens.is(keyword + 1, b'<') {
            self.add_generics(tokens, keyword + 1, open);
            self.add(tokens, keyword + 1..after_generics(tokens, keyword + 1, open));
        }
        let mut at = keyword + 1;
        while at < open && !tokens.is_name(at, known::WHERE) {
            at = tokens.after(at);
        }
        self.add(tokens, at..open);
    }

    /// Adds the bounds in the header of a trait, whose `Self` is a type that callers choose.
    pub(crate) fn add_trait_header(&mut self, tokens: &Tokens, keyword: usize, open: usize) {
        self.is_generic = true;
        self.add(tokens, keyword + 1..open);
    }

    /// Notes whether the generic parameters that open at `at` include a type.
    fn add_generics(&mut self, tokens: &Tokens, at: usize, end: usize) {
        if !tokens.is(at, b'<') {
            return;
        }
        let mut begins = true;
        let mut depth = 0_usize;
        let mut index = at;
        let close = after_generics(tokens, at, end);
        while index < close {
            if tokens.is(index, b'<') {
                depth += 1;
            } else if tokens.is(index, b'>') && !(tokens.is(index - 1, b'-') || tokens.is(index - 1, b'=')) {
                depth = depth.saturating_sub(1);
            } else if tokens.is(index, b',') && depth == 1 {
                begins = true;
            } else if tokens.is(index, b'#') && begins {
                index += 1;
            } else if begins {
                self.is_generic |= tokens.name(index).is_some_and(|name| name != known::CONST);
                begins = false;
            }
            index = tokens.after(index);
        }
    }

    fn add(&mut self, tokens: &Tokens, range: Range<usize>) {
        let mut levels = vec![Level { is_parameter_list: false, in_dyn: false, end: None }];
        let mut at = range.start;
        while at < range.end {
            if levels.last().is_some_and(|level| level.end == Some(at)) {
                levels.pop();
                at += 1;
                continue;
            }
            let token = &tokens.list[at];
            let last = levels.len() - 1;
            match token.kind {
                // Constants, and attributes.
                TokenKind::Open if token.byte == b'{' || at > range.start && tokens.is(at - 1, b'#') => {
                    at = tokens.after(at);
                    continue;
                }
                TokenKind::Open => levels.push(Level {
                    is_parameter_list: token.byte == b'(',
                    in_dyn: false,
                    end: Some(tokens.close_of(at)),
                }),
                TokenKind::Punct => match token.byte {
                    b'<' => levels.push(Level { is_parameter_list: false, in_dyn: false, end: None }),
                    b'>' if at > range.start && (tokens.is(at - 1, b'-') || tokens.is(at - 1, b'=')) => {}
                    b'>' if levels.len() > 1 && levels[last].end.is_none() => {
                        levels.pop();
                    }
                    b':' if tokens.is_path_sign(at) => at += 1,
                    b':' => {
                        levels[last].in_dyn = false;
                        let of_const = at >= 2 && tokens.is_name(at - 2, known::CONST);
                        if !levels[last].is_parameter_list && !of_const {
                            at = self.bound(tokens, at + 1, range.end, false);
                            continue;
                        }
                    }
                    b'+' => {
                        at = self.bound(tokens, at + 1, range.end, levels[last].in_dyn);
                        continue;
                    }
                    b',' | b'=' => levels[last].in_dyn = false,
                    // The length of an array is an expression.
                    b';' => {
                        at = levels[last].end.unwrap_or(range.end);
                        continue;
                    }
                    _ => {}
                },
                TokenKind::Ident if token.data == known::IMPL || token.data == known::DYN => {
                    self.is_generic = true;
                    levels[last].in_dyn = token.data == known::DYN;
                    at = self.bound(tokens, at + 1, range.end, levels[last].in_dyn);
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
    }

    /// Adds the bound at `at`, if it is one. Returns the index after its path.
    fn bound(&mut self, tokens: &Tokens, mut at: usize, end: usize, in_dyn: bool) -> usize {
        // Modifiers: `?Sized`, `~const Trait`, `for<'a> Trait<'a>`, `(Trait)`.
        while at < end {
            if tokens.is_name(at, known::FOR) {
                at = after_generics(tokens, at + 1, end);
            } else if tokens.is(at, b'?')
                || tokens.is(at, b'~')
                || tokens.opens(at, b'(')
                || matches!(tokens.name(at), Some(known::CONST | known::ASYNC))
            {
                at += 1;
            } else {
                break;
            }
        }
        // `use<'a, T>` says which parameters a type captures.
        if tokens.is_name(at, known::USE) || matches!(tokens.name(at), Some(known::IMPL | known::DYN)) {
            return at;
        }
        let absolute = tokens.is_path_sign(at);
        at += if absolute { 2 } else { 0 };
        let mut segments = Vec::new();
        while let Some(name) = tokens.name(at).filter(|_| at < end) {
            segments.push(name);
            at += 1;
            if !tokens.is_path_sign(at) || tokens.name(at + 2).is_none() {
                break;
            }
            at += 2;
        }
        if !segments.is_empty() {
            let path = TraitPath { segments, absolute };
            if in_dyn {
                self.objects.push(path.clone());
            }
            self.traits.push(path);
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::lexer::lex;
    use crate::syntax::symbols::Symbols;

    fn describe(text: &str, add: impl Fn(&mut Bounds, &Tokens)) -> String {
        let mut symbols = Symbols::new();
        let tokens = lex(text.to_owned(), &mut symbols).unwrap();
        let mut bounds = Bounds::default();
        add(&mut bounds, &tokens);
        let names = |paths: &[TraitPath]| {
            let names = paths.iter().map(|path| {
                let segments: Vec<_> = path.segments.iter().map(|name| symbols.text(*name)).collect();
                format!("{}{}", if path.absolute { "::" } else { "" }, segments.join("::"))
            });
            names.collect::<Vec<_>>().join(" ")
        };
        let generic = if bounds.is_generic { "generic" } else { "plain" };
        format!("{generic} [{}] [{}]", names(&bounds.traits), names(&bounds.objects))
    }

    #[test]
    fn bounds_of_signatures_are_found_wherever_they_stand() {
        for (text, expected) in [
            ("fn f(a: u8, b: &[u8; N + 1]) -> Vec<u8>", "plain [] []"),
            ("fn f<'a, 'b: 'a, const N: usize>(a: &'a [u8; N])", "plain [] []"),
            ("fn f<T>(a: T)", "generic [] []"),
            ("fn f<'a, T: Clone + a::B<u8> + 'a>(a: T)", "generic [Clone a::B] []"),
            ("fn f<T: ?Sized>(a: &T)", "generic [Sized] []"),
            ("fn f<T>(a: T) where T: ::a::B, for<'a> &'a T: C<'a>, Vec<T>: D", "generic [::a::B C D] []"),
            ("fn f(a: impl A<B = impl C> + D, b: u8)", "generic [A C D] []"),
            ("fn f(a: &dyn A) -> u8", "generic [A] [A]"),
            ("fn f(a: Box<dyn Fn(u8) -> u8 + Send>, b: impl E)", "generic [Fn Send E] [Fn Send]"),
            ("fn f(a: &(dyn for<'a> A<'a> + Sync))", "generic [A Sync] [A Sync]"),
            ("fn f<T: A<B: C>>(a: T)", "generic [A C] []"),
            ("fn f<F: Fn(u8) -> G, G: H>(a: F)", "generic [Fn H] []"),
            ("fn f(a: fn(x: u8) -> u8, b: [u8; { 1 + 2 }]) -> a::B", "plain [] []"),
            ("fn f() -> impl A + use<'a, T>", "generic [A] []"),
            ("fn f<#[x(y: z)] const N: usize, #[w] T>(a: T)", "generic [] []"),
        ] {
            assert_eq!(describe(text, |bounds, tokens| bounds.add_signature(tokens, tokens.all())), expected, "{text}");
        }
    }

    #[test]
    fn bounds_of_headers_are_those_of_their_parameters() {
        let of_impl = |text| describe(text, |bounds, tokens| bounds.add_impl_header(tokens, 0, tokens.len()));
        assert_eq!(of_impl("impl A for B"), "plain [] []");
        assert_eq!(of_impl("impl<T: C> A<dyn X> for B<T> where T: D"), "generic [C D] []");
        assert_eq!(of_impl("impl<const N: usize> B<N>"), "plain [] []");
        let of_trait = |text| describe(text, |bounds, tokens| bounds.add_trait_header(tokens, 0, tokens.len()));
        assert_eq!(of_trait("trait A"), "generic [] []");
        assert_eq!(of_trait("trait A<T: B>: C + D where T: E"), "generic [B C D E] []");
    }
}
