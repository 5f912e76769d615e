//! A trait's method, with everything inside it: only the trait's items may stand beside it.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::{FnArg, Pat};

use super::parts::{Parts, Report};
use crate::item::Item;
use crate::rename_self::{self, SELF};

impl Parts<'_> {
    /// Returns the method, and nothing beside it.
    pub(super) fn method_alone(&self) -> TokenStream {
        let Parts { larder, function, .. } = self;
        let Item { attrs, vis, .. } = &function.item;
        let sig = self.signature();
        let steps = self.steps_with(Report::Yes, &self.memo_within(), &self.compute_within());
        let check = self.check_result();
        let (call, wait) = self.call_and_wait();
        let (inner, _) = split_attributes(&function.item.body);
        quote_spanned! {Span::mixed_site()=>
            #(#attrs)*
            #inner
            #[allow(clippy::items_after_statements, clippy::used_underscore_binding)]
            #vis #sig {
                #steps
                #check
                #larder::__private::#call(
                    __larder_memo, __larder_cache, __larder_arguments, __larder_describe, __larder_compute, __larder_rules
                ) #wait
            }
        }
    }

    /// Returns an expression for the memoized function, as `memo()` would return it.
    fn memo_within(&self) -> TokenStream {
        let Parts { larder, options, function, .. } = self;
        let name = function.name().to_string();
        let path = match &options.name {
            Some(name) => quote!(::std::string::String::from(#name)),
            None => quote!(#larder::__private::path_in_trait::<Here>(::std::module_path!(), #name)),
        };
        let position = match &options.name {
            Some(_) => quote!(::std::option::Option::None),
            None => quote_spanned! {Span::mixed_site()=>
                #larder::__private::position_in_trait::<Here>(::std::module_path!(), (::std::line!(), ::std::column!()))
            },
        };
        let memo = self.static_memo(&path, &position);
        quote_spanned!(Span::mixed_site()=> { #[allow(dead_code)] struct Here; #memo })
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
