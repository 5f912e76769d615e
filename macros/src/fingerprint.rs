//! The fingerprint of a function's code: of its tokens, so that comments, documentation and
//! formatting are not part of it.

use proc_macro2::{Delimiter, Group, Spacing, TokenStream, TokenTree};
use quote::{ToTokens as _, format_ident};
use twox_hash::XxHash3_128;

use crate::function::Item;

/// Sixteen bytes: XXH3-128, which is made against accidents. What makes a key hard to forge is the
/// BLAKE3 around it.
pub(crate) fn of(item: &Item) -> [u8; 16] {
    let mut sig = item.sig.clone();
    // The function's name is a part of its path, or replaced by the option `name`.
    sig.ident = format_ident!("f");
    // rustfmt adds and removes commas at the end of lists.
    sig.inputs.pop_punct();
    sig.generics.params.pop_punct();
    if let Some(clause) = &mut sig.generics.where_clause {
        clause.predicates.pop_punct();
    }
    let mut hasher = XxHash3_128::new();
    let mut sink = |piece: &str| hasher.write(piece.as_bytes());
    walk(sig.to_token_stream(), Reading::Code, &mut sink);
    walk(item.body.clone().into(), Reading::Code, &mut sink);
    hasher.finish_128().to_be_bytes()
}

/// The fingerprint of code that is not a function.
pub(crate) fn of_tokens(tokens: TokenStream) -> [u8; 16] {
    let mut hasher = XxHash3_128::new();
    walk(tokens, Reading::Code, &mut |piece| hasher.write(piece.as_bytes()));
    hasher.finish_128().to_be_bytes()
}

/// The predicates of the `cfg`s in the body, whose truth is a part of the code as well.
pub(crate) fn predicates(item: &Item) -> Vec<TokenStream> {
    let mut predicates = Vec::new();
    find_predicates(item.body.clone().into(), &mut predicates);
    predicates
}

/// Finds `cfg!(P)`, `#[cfg(P)]` and `#[cfg_attr(P, …)]`.
fn find_predicates(tokens: TokenStream, predicates: &mut Vec<TokenStream>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (index, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else { continue };
        let name = match index.checked_sub(1).map(|before| &tokens[before]) {
            Some(TokenTree::Ident(ident)) => Some(ident),
            // `cfg!`
            Some(TokenTree::Punct(bang)) if bang.as_char() == '!' && index > 1 => match &tokens[index - 2] {
                TokenTree::Ident(ident) => Some(ident),
                _ => None,
            },
            _ => None,
        };
        if name.is_some_and(|name| name == "cfg" || name == "cfg_attr") {
            let is_comma = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',');
            predicates.push(group.stream().into_iter().take_while(|token| !is_comma(token)).collect());
        }
        find_predicates(group.stream(), predicates);
    }
}

/// How tokens are to be understood.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// Documentation and the commas at the end of lists mean nothing.
    Code,
    /// What is given to a macro, to which anything may mean something.
    Verbatim,
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

/// Hands each token to `sink`, each with a mark of its kind before and a zero byte after it: no two
/// different sequences of tokens give the same text, since no token holds a zero byte.
fn walk(tokens: TokenStream, reading: Reading, sink: &mut dyn FnMut(&str)) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut index = 0;
    while index < tokens.len() {
        if reading == Reading::Code
            && let Some(after) = doc_attribute(&tokens[index..])
        {
            index += after;
            continue;
        }
        match &tokens[index] {
            TokenTree::Group(group) => {
                let reading = if is_macro_input(&tokens[..index]) { Reading::Verbatim } else { reading };
                let may_end_with_comma = reading == Reading::Code && !is_tuple(&tokens[..index], group);
                walk_group(group, reading, may_end_with_comma, sink);
            }
            TokenTree::Ident(ident) => sink(&format!("i{ident}\0")),
            TokenTree::Literal(literal) => sink(&format!("l{literal}\0")),
            // Whether a sign belongs to the next one matters only if that is a sign as well.
            TokenTree::Punct(punct) => {
                let next_is_punct = matches!(tokens.get(index + 1), Some(TokenTree::Punct(_)));
                let joint = punct.spacing() == Spacing::Joint && next_is_punct;
                sink(&format!("{}{punct}\0", if joint { 'j' } else { 'p' }));
            }
        }
        index += 1;
    }
}

fn walk_group(group: &Group, reading: Reading, may_end_with_comma: bool, sink: &mut dyn FnMut(&str)) {
    let (open, close) = match group.delimiter() {
        Delimiter::Parenthesis => ("o(\0", "c)\0"),
        Delimiter::Brace => ("o{\0", "c}\0"),
        Delimiter::Bracket => ("o[\0", "c]\0"),
        // Left by macros around what they were given: they mean nothing by themselves.
        Delimiter::None => return walk(group.stream(), reading, sink),
    };
    sink(open);
    let mut inner: Vec<TokenTree> = group.stream().into_iter().collect();
    if may_end_with_comma && inner.last().is_some_and(is_comma) {
        inner.pop();
    }
    walk(inner.into_iter().collect(), reading, sink);
    sink(close);
}

fn is_comma(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',')
}

/// Whether what follows is the input of a macro that may make something of every token.
fn is_macro_input(before: &[TokenTree]) -> bool {
    match before {
        [.., TokenTree::Ident(name), TokenTree::Punct(bang)] if bang.as_char() == '!' => {
            !PLAIN_MACROS.contains(&name.to_string().as_str())
        }
        _ => false,
    }
}

/// Whether the parentheses are those of a tuple of one, in which the comma means something. Those of
/// a call follow a name, generic arguments or another group; and in those of two, it means nothing.
fn is_tuple(before: &[TokenTree], group: &Group) -> bool {
    let keyword = |name: &proc_macro2::Ident| {
        ["return", "in", "match", "if", "while", "let", "mut", "ref", "break", "else", "move", "as", "for", "dyn"]
            .contains(&name.to_string().as_str())
    };
    let is_call = match before.last() {
        Some(TokenTree::Ident(name)) => !keyword(name),
        Some(TokenTree::Group(before)) => before.delimiter() != Delimiter::Brace,
        Some(TokenTree::Punct(punct)) => punct.as_char() == '>' || punct.as_char() == '!',
        _ => false,
    };
    let commas = group.stream().into_iter().filter(is_comma).count();
    group.delimiter() == Delimiter::Parenthesis && !is_call && commas == 1
}

/// How many tokens the documentation attribute takes that begins here, if one does.
fn doc_attribute(tokens: &[TokenTree]) -> Option<usize> {
    let (TokenTree::Punct(hash), mut rest) = tokens.split_first()? else { return None };
    if hash.as_char() != '#' {
        return None;
    }
    let mut count = 2;
    if let Some((TokenTree::Punct(bang), after)) = rest.split_first()
        && bang.as_char() == '!'
    {
        rest = after;
        count = 3;
    }
    let Some(TokenTree::Group(group)) = rest.first() else { return None };
    match group.stream().into_iter().next() {
        Some(TokenTree::Ident(ident)) if group.delimiter() == Delimiter::Bracket && ident == "doc" => Some(count),
        _ => None,
    }
}
