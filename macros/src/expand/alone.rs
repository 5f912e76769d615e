//! A function without companions, with everything inside it: nothing may stand beside a trait's method.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::{FnArg, Pat};

use super::parts::{Parts, Report};
use crate::item::Item;
use crate::rename_self::{self, SELF};

impl Parts<'_> {
    /// Returns the function, and nothing beside it.
    pub(super) fn alone(&self) -> TokenStream {
        let function = self.function;
        let Item { attrs, vis, .. } = &function.item;
        let sig = self.signature();
        let steps = self.steps_with(Report::Yes, &self.memo_within(), &self.compute_within());
        let run = self.run();
        let (inner, _) = split_attributes(&function.item.body);
        quote_spanned! {Span::mixed_site()=>
            #(#attrs)*
            #inner
            #[allow(clippy::items_after_statements, clippy::used_underscore_binding)]
            #vis #sig {
                #steps
                #run
            }
        }
    }

    /// Returns an expression for the memoized function, as `memo()` would return it.
    fn memo_within(&self) -> TokenStream {
        let Parts { larder, options, function, .. } = self;
        let name = function.plain_name().to_string();
        let module = quote_spanned!(Span::mixed_site()=> ::core::module_path!());
        let place = quote_spanned!(Span::mixed_site()=> (::core::line!(), ::core::column!()));
        let (path, position) = match &options.name {
            Some(name) => (
                quote_spanned!(Span::mixed_site()=> ::core::convert::Into::into(#name)),
                quote_spanned!(Span::mixed_site()=> ::core::option::Option::None),
            ),
            None => (
                quote!(#larder::__private::path_within::<Here>(#module, #name)),
                match function.in_impl {
                    true => quote!(#larder::__private::position_within::<Here>(#module, #place)),
                    false => {
                        quote_spanned!(Span::mixed_site()=> #larder::__private::position_of(&path, #module, false, #place))
                    }
                },
            ),
        };
        let memo = self.static_memo(&path, &position);
        quote_spanned! {Span::mixed_site()=> {
            #[allow(dead_code)]
            struct Here;
            #[allow(unexpected_cfgs)]
            let memo = { #memo };
            memo
        }}
    }

    /// Returns the body as a closure, in which `return` and `?` mean the same.
    fn compute_within(&self) -> TokenStream {
        let Item { sig, body, .. } = &self.function.item;
        let output = &self.function.output;
        let (_, mut body) = split_attributes(body);
        let patterns: Vec<TokenStream> = sig
            .inputs
            .iter()
            .map(|input| match input {
                FnArg::Typed(typed) => {
                    let pat: &Pat = &typed.pat;
                    quote!(#pat)
                }
                // The closure captures a copy.
                FnArg::Receiver(_) if self.self_is_shared() => quote!(_),
                FnArg::Receiver(receiver) => {
                    body = renamed(&body);
                    let (mutability, name) = (&receiver.mutability, Ident::new(SELF, Span::mixed_site()));
                    quote!(#mutability #name)
                }
            })
            .collect();
        let asyncness = &sig.asyncness;
        let used = self.function.parameters.iter().filter(|parameter| self.is_used_by_options(parameter));
        let used: Vec<_> = used.filter(|parameter| parameter.ty.is_some()).map(|parameter| &parameter.ident).collect();
        let body = if used.is_empty() { quote!(#body) } else { quote!({ #(let _ = &#used;)* #body }) };
        quote!(#asyncness move |(#(#patterns,)*)| -> #output #body)
    }
}

fn renamed(body: &TokenTree) -> TokenTree {
    let mut tokens = rename_self::rename(body.clone().into()).into_iter();
    tokens.next().unwrap_or_else(|| body.clone())
}

/// Splits a body into the attributes at its beginning (`#![allow(..)]`), as attributes of the function, and the rest: they
/// can't stand in a closure.
fn split_attributes(body: &TokenTree) -> (TokenStream, TokenTree) {
    let TokenTree::Group(group) = body else { return (TokenStream::new(), body.clone()) };
    let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
    let is = |index: usize, sign: char| matches!(tokens.get(index), Some(TokenTree::Punct(punct)) if punct.as_char() == sign);
    let mut end = 0;
    let mut attributes = Vec::new();
    while is(end, '#') && is(end + 1, '!') && end + 2 < tokens.len() {
        attributes.extend([tokens[end].clone(), tokens[end + 2].clone()]);
        end += 3;
    }
    let mut rest = Group::new(group.delimiter(), tokens[end..].iter().cloned().collect());
    rest.set_span(group.span());
    (attributes.into_iter().collect(), rest.into())
}
