//! The memoized function: `f::memo()`.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::Signature;
use syn::spanned::Spanned as _;

use super::parts::Parts;
use crate::code::Code;

impl Parts<'_> {
    /// Returns `f::memo()`.
    pub(super) fn memo(&self) -> TokenStream {
        let Parts { larder, memo_name, .. } = self;
        let (vis, name) = (&self.function.item.vis, self.function.plain_name().to_string());
        let memo_text = memo_name.to_string();
        let path = match (&self.options.name, self.function.in_impl) {
            (Some(name), _) => quote_spanned!(Span::mixed_site()=> ::core::convert::Into::into(#name)),
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
        // A function with the option `name` may move.
        let position = match &self.options.name {
            Some(_) => quote_spanned!(Span::mixed_site()=> ::core::option::Option::None),
            None => quote_spanned! {Span::mixed_site()=>
                #larder::__private::position_of(
                    &path,
                    ::core::module_path!(),
                    #in_impl,
                    (::core::line!(), ::core::column!()),
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

    /// Returns code that makes the memoized function when it is first needed.
    pub(super) fn static_memo(&self, path: &TokenStream, position: &TokenStream) -> TokenStream {
        let larder = &self.larder;
        let version = self.options.version.as_ref().map_or_else(|| quote!(0), |version| quote!(#version));
        let code = self.code();
        let signature = readable(&self.function.item.sig);
        let compression = match &self.options.compress {
            // In a const, so that it is checked at compile time.
            Some(text) => {
                let larder = respanned(larder, text.span());
                quote_spanned! {text.span()=> {
                    const COMPRESSION: #larder::Compression = #larder::Compression::checked(#text);
                    ::core::option::Option::Some(COMPRESSION)
                }}
            }
            None => quote_spanned!(Span::mixed_site()=> ::core::option::Option::None),
        };
        let option = |option: Option<&TokenStream>| match option {
            Some(value) => quote_spanned!(Span::mixed_site()=> ::core::option::Option::Some(#value)),
            None => quote_spanned!(Span::mixed_site()=> ::core::option::Option::None),
        };
        let [stale_on_error, max_bytes, max_entries, max_idle] =
            [&self.options.stale_on_error, &self.options.max_bytes, &self.options.max_entries, &self.options.max_idle]
                .map(|value| option(value.as_ref()));
        let limits = quote_spanned! {Span::mixed_site()=>
            #larder::Limits {
                max_bytes: #max_bytes,
                max_entries: #max_entries,
                max_idle: #max_idle,
                ..::core::default::Default::default()
            }
        };
        // A cache that depends on the arguments is known after the first call.
        let cache = match &self.options.cache {
            Some(_) if self.cache_depends_on_arguments() => quote!(#larder::Cache::disabled()),
            _ => {
                let cache = self.cache();
                quote_spanned!(Span::mixed_site()=> { #cache ::core::clone::Clone::clone(__larder_cache) })
            }
        };
        quote_spanned! {Span::mixed_site()=>
            static MEMO: #larder::__private::Once<#larder::Memo> = #larder::__private::Once::new();
            MEMO.get_or_init(|| {
                let path = #path;
                let definition = #larder::__private::Definition {
                    package: ::core::env!("CARGO_PKG_NAME"),
                    position: #position,
                    path,
                    version: #version,
                    code: #code,
                    signature: #signature,
                    compression: #compression,
                    limits: #limits,
                    stale_on_error: #stale_on_error,
                };
                #larder::Memo::new(definition, #cache)
            })
        }
    }

    /// Returns what is known of the function's code.
    fn code(&self) -> TokenStream {
        let larder = &self.larder;
        let Code { track, unseen, note, items, predicates, environment, .. } = &self.code;
        let depends = self.options.depends.iter();
        let uses = depends.map(|path| quote_spanned!(path.span()=> #[allow(unused_imports)] use #path as _;));
        let texts = predicates.iter().map(ToString::to_string);
        let note = note.as_ref().map(|note| {
            // An attribute can't emit a warning, but it can use something deprecated.
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
            // Reports a path that does not exist.
            #(#uses)*
            #note
            #larder::__private::Code {
                track: #larder::__private::Track::#track,
                unseen: &[#(#unseen),*],
                items: #larder::__private::Items::new(#items),
                // Only the compiler knows whether they are true.
                predicates: &[#((#texts, ::core::cfg!(#predicates))),*],
                environment: &[#((#environment, ::core::option_env!(#environment))),*],
            }
        }}
    }
}

/// Gives tokens a span, so that messages point there.
fn respanned(tokens: &TokenStream, span: Span) -> TokenStream {
    let at = |mut token: TokenTree| {
        token.set_span(token.span().located_at(span));
        token
    };
    tokens.clone().into_iter().map(at).collect()
}

/// Formats a signature as a person would.
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
