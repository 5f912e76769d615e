//! The code that stands in the function's place.
//!
//! ```text
//! fn fit(data: &Data, alpha: f64) -> Model      the wrapper: calls into larder
//! struct fit {}                                 the companion: fit::call(..), fit::memo()
//! fn __larder_body(data, alpha) -> Model        the function as it was
//! ```

mod in_trait;
mod steps;

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Attribute, FnArg, Pat, ReceiverKind, Signature, parse_quote};

use self::steps::Speak;
use crate::code::Code;
use crate::function::{Function, Item, type_parameters};
use crate::lifetimes::{self, name_elided};
use crate::options::Options;

pub(crate) fn expand(options: &Options, function: &Function) -> TokenStream {
    let parts = Parts::new(options, function);
    if function.in_trait {
        return parts.method_alone();
    }
    let (body, wrapper) = (parts.body(), parts.wrapper());
    let (call, memo) = (parts.call(), parts.memo());
    if function.in_impl {
        return quote! { #wrapper #call #memo #body };
    }
    let (vis, name) = (&function.item.vis, function.name());
    let doc = format!("The memoized function [`{name}()`]: its calls and what is kept of them.");
    let hiding = function.hiding();
    let conditions: Vec<_> = function.conditions().collect();
    quote! {
        #wrapper

        #(#conditions)*
        #(#hiding)*
        #[doc = #doc]
        #[allow(non_camel_case_types, clippy::empty_structs_with_brackets)]
        #vis struct #name {}

        #(#conditions)*
        #[allow(clippy::multiple_inherent_impl)]
        impl #name { #call #memo #body }
    }
}

/// What the pieces have in common.
struct Parts<'f> {
    options: &'f Options,
    function: &'f Function,
    larder: TokenStream,
    /// The paths by which the pieces find each other.
    memo: TokenStream,
    body: TokenStream,
    memo_name: Ident,
    call_name: Ident,
    body_name: Ident,
    /// What is known of the function's code.
    code: Code,
}

impl<'f> Parts<'f> {
    fn new(options: &'f Options, function: &'f Function) -> Self {
        let name = function.name();
        let larder = match &options.krate {
            Some(path) => path.to_token_stream(),
            None => quote!(::larder),
        };
        let (owner, [memo_name, call_name, body_name]) = if function.in_impl {
            let names = [format_ident!("{name}_memo"), format_ident!("{name}_call"), format_ident!("__larder_{name}")];
            (quote!(Self), names)
        } else {
            let names = ["memo", "call", "__larder_body"].map(|text| Ident::new(text, name.span()));
            (quote!(#name), names)
        };
        let memo = quote!(#owner::#memo_name());
        let body = quote!(#owner::#body_name);
        let code = Code::of(options, &function.item);
        Parts { options, function, larder, memo, body, memo_name, call_name, body_name, code }
    }

    /// The function as it was, under another name.
    fn body(&self) -> TokenStream {
        let mut sig = self.function.item.sig.clone();
        sig.ident = self.body_name.clone();
        let Item { vis, body, .. } = &self.function.item;
        let lints = self.lints_as_allow();
        let conditions = self.function.conditions();
        // As visible as the function, since some lints are stricter with private ones.
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

    /// What the user calls.
    fn wrapper(&self) -> TokenStream {
        let attributes = self.function.other_attributes();
        let lints = self.lints_as_allow();
        let (vis, larder) = (&self.function.item.vis, &self.larder);
        let sig = self.signature();
        let (steps, check) = (self.steps(Speak::Out), self.check_result());
        let (call, wait) = self.call_and_wait();
        quote_spanned! {Span::mixed_site()=>
            #(#attributes)*
            #(#lints)*
            #[allow(clippy::used_underscore_binding)]
            #vis #sig {
                #steps
                #check
                #larder::__private::#call(
                    __larder_memo, __larder_cache, __larder_arguments, __larder_describe, __larder_compute, __larder_rules
                ) #wait
            }
        }
    }

    /// What runs the call.
    fn call_and_wait(&self) -> (TokenStream, Option<TokenStream>) {
        match self.function.item.sig.asyncness {
            Some(_) => (quote!(call_async), Some(quote!(.await))),
            None => (quote!(call), None),
        }
    }

    /// `f::call(..)`.
    fn call(&self) -> TokenStream {
        let lints = self.lints_as_allow();
        let (vis, larder, output) = (&self.function.item.vis, &self.larder, &self.function.output);
        let lifetime = lifetimes::lifetime();
        let mut sig = self.signature();
        sig.ident = self.call_name.clone();
        for input in &mut sig.inputs {
            match input {
                FnArg::Typed(typed) => *typed.ty = name_elided(&typed.ty),
                FnArg::Receiver(receiver) => match &mut receiver.kind {
                    ReceiverKind::Reference(_, name, _) => {
                        name.get_or_insert(lifetime.clone());
                    }
                    ReceiverKind::Typed(_, ty) => **ty = name_elided(ty),
                    _ => {}
                },
            }
        }
        // All that the call holds lives as long as the call.
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
        let doc =
            format!("The call of [`{}`](Self) with these arguments, in hand: it has not run.", self.function.name());
        let steps = self.steps(Speak::Not);
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

    /// `f::memo()`.
    fn memo(&self) -> TokenStream {
        let Parts { larder, memo_name, .. } = self;
        let (vis, name) = (&self.function.item.vis, self.function.name().to_string());
        let memo_text = memo_name.to_string();
        let path = match (&self.options.name, self.function.in_impl) {
            (Some(name), _) => quote!(::std::string::String::from(#name)),
            (None, true) => quote!({
                struct Here;
                #larder::__private::path_of_method::<Here>(#name, #memo_text)
            }),
            (None, false) => {
                let companion = self.function.name();
                quote!(#larder::__private::path_of_function::<#companion>())
            }
        };
        let in_impl = self.function.in_impl;
        // What has a name of its own may move.
        let position = match &self.options.name {
            Some(_) => quote!(::std::option::Option::None),
            None => quote_spanned! {Span::mixed_site()=>
                #larder::__private::position_of(
                    &path,
                    ::std::module_path!(),
                    #in_impl,
                    (::std::line!(), ::std::column!()),
                )
            },
        };
        let doc = format!("What larder keeps of [`{name}`](Self).");
        let conditions = self.function.conditions();
        let hiding = self.function.hiding().filter(|_| self.function.in_impl);
        let memo = self.static_memo(&path, &position);
        quote_spanned! {Span::mixed_site()=>
            #(#conditions)*
            #(#hiding)*
            #[doc = #doc]
            #[allow(dead_code, unexpected_cfgs)]
            #vis fn #memo_name() -> &'static #larder::Memo {
                #memo
            }
        }
    }

    /// What is kept of the function, made when it is first asked for.
    fn static_memo(&self, path: &TokenStream, position: &TokenStream) -> TokenStream {
        let larder = &self.larder;
        let version = self.options.version.as_ref().map_or_else(|| quote!(0), |version| quote!(#version));
        let code = self.code();
        let signature = readable(&self.function.item.sig);
        let compression = match &self.options.compress {
            // In a const, so that it is checked now.
            Some(text) => {
                let larder = respanned(larder, text.span());
                quote_spanned! {text.span()=> {
                    const COMPRESSION: #larder::Compression = #larder::Compression::checked(#text);
                    ::std::option::Option::Some(COMPRESSION)
                }}
            }
            None => quote!(::std::option::Option::None),
        };
        // A cache that depends on the arguments is known from the first call on.
        let cache = match &self.options.cache {
            Some(_) if self.cache_depends_on_arguments() => quote!(#larder::Cache::disabled()),
            _ => {
                let cache = self.cache();
                quote_spanned!(Span::mixed_site()=> { #cache ::std::clone::Clone::clone(__larder_cache) })
            }
        };
        quote_spanned! {Span::mixed_site()=>
            static MEMO: #larder::__private::Once<#larder::Memo> = #larder::__private::Once::new();
            MEMO.get_or_init(|| {
                let path = #path;
                let definition = #larder::__private::Definition {
                    package: ::std::env!("CARGO_PKG_NAME"),
                    position: #position,
                    path,
                    version: #version,
                    code: #code,
                    signature: #signature,
                    compression: #compression,
                };
                #larder::Memo::new(definition, #cache)
            })
        }
    }

    /// What is known of the function's code.
    fn code(&self) -> TokenStream {
        let larder = &self.larder;
        let Code { track, unseen, note, items, predicates, environment, .. } = &self.code;
        let depends = self.options.depends.iter();
        let uses = depends.map(|path| quote_spanned!(path.span()=> #[allow(unused_imports)] use #path as _;));
        let texts = predicates.iter().map(ToString::to_string);
        let note = note.as_ref().map(|note| {
            // An attribute can warn of nothing by itself; the use of what is deprecated is a warning.
            let not_all_is_seen =
                Ident::new("not_all_is_seen", Span::mixed_site().located_at(self.function.name().span()));
            quote! {
                #[deprecated(note = #note)]
                #[allow(non_upper_case_globals)]
                const #not_all_is_seen: () = ();
                #not_all_is_seen;
            }
        });
        quote_spanned! {Span::mixed_site()=> {
            // What does not exist can't be depended on.
            #(#uses)*
            #note
            #larder::__private::Code {
                track: #larder::__private::Track::#track,
                unseen: &[#(#unseen),*],
                items: #larder::__private::Items::new(#items),
                // The compiler knows whether they are true; an attribute does not.
                predicates: &[#((#texts, ::core::cfg!(#predicates))),*],
                environment: &[#((#environment, ::core::option_env!(#environment))),*],
            }
        }}
    }

    /// The signature with a name for every parameter in place of its pattern.
    fn signature(&self) -> Signature {
        let mut sig = self.function.item.sig.clone();
        for (input, parameter) in sig.inputs.iter_mut().zip(&self.function.parameters) {
            match input {
                FnArg::Typed(typed) => {
                    let ident = &parameter.ident;
                    typed.attrs.clear();
                    *typed.pat = Pat::Verbatim(quote!(#ident));
                }
                FnArg::Receiver(receiver) => {
                    receiver.attrs.clear();
                    receiver.mutability = None;
                }
            }
        }
        sig
    }

    /// What the user allows in the function is allowed in what is made of it; what is expected there
    /// need not occur.
    fn lints_as_allow(&self) -> impl Iterator<Item = Attribute> {
        self.function.lints().map(|attribute| {
            let mut attribute = attribute.clone();
            if attribute.path().is_ident("expect")
                && let syn::Meta::List(list) = &mut attribute.meta
            {
                list.path = parse_quote!(allow);
            }
            attribute
        })
    }
}

/// So that a message points there.
fn respanned(tokens: &TokenStream, span: Span) -> TokenStream {
    let at = |mut token: TokenTree| {
        token.set_span(token.span().located_at(span));
        token
    };
    tokens.clone().into_iter().map(at).collect()
}

/// A signature as one would write it.
fn readable(sig: &Signature) -> String {
    // The compiler breaks long lines when it prints tokens.
    let tokens = sig.to_token_stream().to_string();
    let mut text = tokens.split_whitespace().collect::<Vec<_>>().join(" ");
    for (spaced, tight) in [
        (" :: ", "::"),
        (" < ", "<"),
        (" <", "<"),
        ("< ", "<"),
        (" >", ">"),
        (" ,", ","),
        (" :", ":"),
        ("& ", "&"),
        ("( ", "("),
        (" )", ")"),
        (" (", "("),
        ("[ ", "["),
        (" ]", "]"),
        (" ;", ";"),
        ("' ", "'"),
        (",)", ")"),
    ] {
        text = text.replace(spaced, tight);
    }
    text.replace("->", " -> ").split_whitespace().collect::<Vec<_>>().join(" ")
}
