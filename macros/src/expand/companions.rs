//! The wrapper, the call and the body of a function with companions.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{FnArg, ReceiverKind, parse_quote};

use super::parts::{Parts, Report};
use crate::function::is_lint;
use crate::item::{Item, type_parameters};
use crate::lifetimes::{self, name_elided};

impl Parts<'_> {
    /// Returns the function as it was, under another name.
    pub(super) fn body(&self) -> TokenStream {
        let mut sig = self.function.item.sig.clone();
        sig.ident = self.body_name.clone();
        for (input, parameter) in sig.inputs.iter_mut().zip(&self.function.parameters) {
            match input {
                FnArg::Typed(typed) => {
                    typed.attrs.retain(is_lint);
                    if self.is_used_by_options(parameter) {
                        typed.attrs.push(parse_quote!(#[allow(unused_variables)]));
                    }
                }
                FnArg::Receiver(receiver) => receiver.attrs.retain(is_lint),
            }
        }
        let Item { vis, body, .. } = &self.function.item;
        let lints = self.lints_as_allow();
        let conditions = self.function.conditions();
        // As visible as the function: some lints are stricter with private functions.
        quote! {
            #(#conditions)*
            #(#lints)*
            #[doc(hidden)]
            #[allow(
                clippy::missing_errors_doc, clippy::missing_panics_doc, clippy::missing_safety_doc,
                clippy::must_use_candidate, clippy::used_underscore_items
            )]
            #vis #sig #body
        }
    }

    /// Returns the function that the user calls.
    pub(super) fn wrapper(&self) -> TokenStream {
        let attributes = self.function.other_attributes();
        let lints = self.lints_as_allow();
        let vis = &self.function.item.vis;
        let sig = self.signature();
        let (steps, run) = (self.steps(Report::Yes), self.run());
        quote_spanned! {Span::mixed_site()=>
            #(#attributes)*
            #(#lints)*
            #[allow(clippy::used_underscore_binding)]
            #vis #sig {
                #steps
                #run
            }
        }
    }

    /// Returns the expression that runs the call.
    pub(super) fn run(&self) -> TokenStream {
        let (larder, output) = (&self.larder, &self.function.output);
        let (call, wait) = self.call_and_wait();
        if !self.options.memory_only {
            let check = self.check_result();
            return quote_spanned! {Span::mixed_site()=>
                #check
                #larder::__private::#call(
                    __larder_memo, __larder_cache, __larder_arguments, __larder_describe, __larder_compute, __larder_rules
                ) #wait
            };
        }
        let max_age = match &self.options.max_age {
            Some(max_age) => quote_spanned!(Span::mixed_site()=> ::core::option::Option::Some(#max_age)),
            None => quote_spanned!(Span::mixed_site()=> ::core::option::Option::None),
        };
        let call = match self.function.item.sig.asyncness {
            Some(_) => quote!(call_in_memory_async),
            None => quote!(call_in_memory),
        };
        // Where the user wrote the type, for messages.
        let shape = quote_spanned! {Span::mixed_site().located_at(output.span())=>
            (&&#larder::__private::Probe::<#output>::NEW).__larder_in_memory()
        };
        quote_spanned! {Span::mixed_site()=>
            let _ = __larder_rules;
            #larder::__private::#call(
                __larder_memo, __larder_cache, __larder_arguments, __larder_describe, __larder_compute, (#shape, #max_age)
            ) #wait
        }
    }

    /// Returns what runs the call, and how to wait for it.
    pub(super) fn call_and_wait(&self) -> (TokenStream, Option<TokenStream>) {
        match self.function.item.sig.asyncness {
            Some(_) => (quote!(call_async), Some(quote!(.await))),
            None => (quote!(call), None),
        }
    }

    /// Returns `f::call(..)`.
    pub(super) fn call(&self) -> TokenStream {
        let lints = self.lints_as_allow();
        let (vis, larder, output) = (&self.function.item.vis, &self.larder, &self.function.output);
        let lifetime = lifetimes::lifetime();
        let mut sig = self.signature();
        sig.ident = self.call_name.clone();
        for input in &mut sig.inputs {
            match input {
                FnArg::Typed(typed) => {
                    typed.attrs.clear();
                    *typed.ty = name_elided(&typed.ty);
                }
                FnArg::Receiver(receiver) => {
                    receiver.attrs.clear();
                    match &mut receiver.kind {
                        ReceiverKind::Reference(_, name, _) => {
                            name.get_or_insert(lifetime.clone());
                        }
                        ReceiverKind::Typed(_, ty) => **ty = name_elided(ty),
                        _ => {}
                    }
                }
            }
        }
        // The call holds all of these.
        let (types, _) = type_parameters(&self.function.item.sig);
        let others: Vec<_> = sig.generics.lifetimes().map(|param| param.lifetime.clone()).collect();
        let clause = sig.generics.make_where_clause();
        for ty in types {
            clause.predicates.push(parse_quote!(#ty: #lifetime));
        }
        for other in others {
            clause.predicates.push(parse_quote!(#other: #lifetime));
        }
        if self.function.in_impl {
            clause.predicates.push(parse_quote!(Self: #lifetime));
        }
        sig.generics.params.insert(0, parse_quote!(#lifetime));
        let call = if sig.asyncness.take().is_some() { quote!(AsyncCall) } else { quote!(Call) };
        let output = name_elided(output);
        sig.output = parse_quote!(-> #larder::#call<#lifetime, #output>);
        let deprecation = self.function.deprecation();
        let hiding = self.function.hiding().filter(|_| self.function.in_impl);
        let doc = format!(
            "The call of [`{}`](Self) with these arguments, in hand: it has not run.",
            self.function.plain_name()
        );
        let steps = self.steps(Report::No);
        let conditions = self.function.conditions();
        quote_spanned! {Span::mixed_site()=>
            #(#conditions)*
            #(#lints)*
            #(#deprecation)*
            #(#hiding)*
            #[doc = #doc]
            #[allow(dead_code, clippy::needless_lifetimes, clippy::multiple_bound_locations, clippy::used_underscore_binding)]
            #vis #sig {
                #steps
                #larder::#call::new(
                    __larder_memo, __larder_cache, __larder_arguments, __larder_describe, __larder_compute, __larder_rules
                )
            }
        }
    }
}
