//! A method with all that belongs to it within: beside it, nothing but the trait's items may stand.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::{FnArg, Pat};

use super::Parts;
use super::steps::Speak;
use crate::function::Item;
use crate::in_place_of_self::{self, SELF};

impl Parts<'_> {
    /// The method, and nothing else.
    pub(super) fn method_alone(&self) -> TokenStream {
        let Parts { larder, function, .. } = self;
        let Item { attrs, vis, .. } = &function.item;
        let sig = self.signature();
        let steps = self.steps_with(Speak::Out, &self.memo_within(), &self.compute_within());
        let check = self.check_result();
        let (call, wait) = self.call_and_wait();
        quote_spanned! {Span::mixed_site()=>
            #(#attrs)*
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

    /// The memoized function, as `memo()` would give it.
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

    /// The body as a closure, in which `return` and `?` are what they were.
    fn compute_within(&self) -> TokenStream {
        let Item { sig, body, .. } = &self.function.item;
        let output = &self.function.output;
        let mut body = body.clone();
        let patterns: Vec<TokenStream> = sig
            .inputs
            .iter()
            .map(|input| match input {
                FnArg::Typed(typed) => {
                    let pat: &Pat = &typed.pat;
                    quote!(#pat)
                }
                // A copy of it is captured.
                FnArg::Receiver(_) if self.self_is_shared() => quote!(_),
                FnArg::Receiver(receiver) => {
                    body = renamed(&body);
                    let (mutability, name) = (&receiver.mutability, Ident::new(SELF, Span::mixed_site()));
                    quote!(#mutability #name)
                }
            })
            .collect();
        let asyncness = &sig.asyncness;
        quote!(#asyncness move |(#(#patterns,)*)| -> #output #body)
    }
}

fn renamed(body: &TokenTree) -> TokenTree {
    let mut tokens = in_place_of_self::rename(body.clone().into()).into_iter();
    tokens.next().unwrap_or_else(|| body.clone())
}
