//! The fingerprint of a function's code: of its tokens, so that comments, documentation and
//! formatting are not part of it.

use proc_macro2::{Delimiter, Group, Spacing, TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::ItemFn;
use twox_hash::XxHash3_128;

/// Sixteen bytes: XXH3-128, which is made against accidents. What makes a key hard to forge is the
/// BLAKE3 around it.
pub(crate) fn of(item: &ItemFn) -> [u8; 16] {
    let mut hasher = XxHash3_128::new();
    walk(item.sig.to_token_stream(), &mut |piece| hasher.write(piece.as_bytes()));
    walk(item.block.to_token_stream(), &mut |piece| hasher.write(piece.as_bytes()));
    hasher.finish_128().to_be_bytes()
}

/// Hands each token to `sink`, each with a mark of its kind before and a zero byte after it: no two
/// different sequences of tokens give the same text, since no token holds a zero byte.
fn walk(tokens: TokenStream, sink: &mut dyn FnMut(&str)) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut index = 0;
    while index < tokens.len() {
        if let Some(after) = doc_attribute(&tokens[index..]) {
            index += after;
            continue;
        }
        match &tokens[index] {
            TokenTree::Group(group) => walk_group(group, sink),
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

fn walk_group(group: &Group, sink: &mut dyn FnMut(&str)) {
    let (open, close) = match group.delimiter() {
        Delimiter::Parenthesis => ("o(\0", "c)\0"),
        Delimiter::Brace => ("o{\0", "c}\0"),
        Delimiter::Bracket => ("o[\0", "c]\0"),
        // Left by macros around what they were given: they mean nothing by themselves.
        Delimiter::None => return walk(group.stream(), sink),
    };
    sink(open);
    // rustfmt adds and removes commas at the end of braces and brackets. In parentheses one may make
    // a tuple.
    let mut inner: Vec<TokenTree> = group.stream().into_iter().collect();
    if group.delimiter() != Delimiter::Parenthesis
        && matches!(inner.last(), Some(TokenTree::Punct(punct)) if punct.as_char() == ',')
    {
        inner.pop();
    }
    walk(inner.into_iter().collect(), sink);
    sink(close);
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
