//! Renames `self` in code that moves into a closure: only a parameter can have that name.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};

/// The new name.
pub(crate) const SELF: &str = "__larder_self";

/// Renames `self`, except in paths (`self::helper`) and in inner functions.
pub(crate) fn rename(tokens: TokenStream) -> TokenStream {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut renamed = Vec::with_capacity(tokens.len());
    // Within an inner function, from `fn name` to the end of its body.
    let mut in_function = false;
    for (index, token) in tokens.iter().enumerate() {
        let next = tokens.get(index + 1);
        renamed.push(match token {
            TokenTree::Group(group) if in_function => {
                in_function = group.delimiter() != Delimiter::Brace;
                token.clone()
            }
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), rename(group.stream()));
                inner.set_span(group.span());
                inner.into()
            }
            TokenTree::Ident(ident) if ident == "self" && !in_function && !is_colon(next) => {
                Ident::new(SELF, Span::mixed_site().located_at(ident.span())).into()
            }
            TokenTree::Ident(ident) if ident == "fn" && matches!(next, Some(TokenTree::Ident(_))) => {
                in_function = true;
                token.clone()
            }
            // The end of a function without a body.
            TokenTree::Punct(punct) if punct.as_char() == ';' => {
                in_function = false;
                token.clone()
            }
            _ => token.clone(),
        });
    }
    renamed.into_iter().collect()
}

fn is_colon(token: Option<&TokenTree>) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == ':')
}
