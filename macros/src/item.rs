//! The function as it was written, before anything is checked.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Error, GenericParam, Ident, Result, Signature, Visibility};

/// A function as its author wrote it. The body stays tokens: nothing in it matters here, and parsing would lose what macros
/// left in it.
pub(crate) struct Item {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    /// With its braces.
    pub(crate) body: TokenTree,
}

impl Parse for Item {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let not_a_function =
            |error: Error| Error::new(error.span(), format!("`#[memoize]` stands on a function; {error}"));
        let sig = input.parse().map_err(not_a_function)?;
        let bodiless =
            || Error::new(input.span(), "`#[memoize]` stands on a function with a body, and this one has none");
        let body = match input.parse() {
            Ok(TokenTree::Group(group)) if matches!(group.delimiter(), Delimiter::Brace | Delimiter::None) => {
                group.into()
            }
            _ => return Err(bodiless()),
        };
        Ok(Item { attrs, vis, sig, body })
    }
}

/// Returns the names of a function's type and const parameters.
pub(crate) fn type_parameters(sig: &Signature) -> (Vec<&Ident>, Vec<&Ident>) {
    let (mut types, mut constants) = (Vec::new(), Vec::new());
    for parameter in &sig.generics.params {
        match parameter {
            GenericParam::Type(parameter) => types.push(&parameter.ident),
            GenericParam::Const(parameter) => constants.push(&parameter.ident),
            _ => {}
        }
    }
    (types, constants)
}

/// Returns whether a name that `is_meant` accepts is among the tokens.
pub(crate) fn mentions(tokens: TokenStream, is_meant: &dyn Fn(&Ident) -> bool) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => is_meant(&ident),
        TokenTree::Group(group) => mentions(group.stream(), is_meant),
        _ => false,
    })
}
