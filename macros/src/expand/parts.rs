//! What the generated pieces have in common.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens as _, format_ident, quote};
use syn::{Attribute, FnArg, Pat, Signature, parse_quote};

use crate::code::Code;
use crate::function::{Function, Parameter, is_lint};
use crate::item::mentions;
use crate::library;
use crate::options::Options;

/// Whether a piece reports what is wrong with an argument: one message is enough.
#[derive(Clone, Copy)]
pub(super) enum Report {
    Yes,
    No,
}

/// What the generated pieces have in common.
pub(super) struct Parts<'f> {
    pub(super) options: &'f Options,
    pub(super) function: &'f Function,
    pub(super) larder: TokenStream,
    /// The paths by which the pieces refer to each other.
    pub(super) memo: TokenStream,
    pub(super) body: TokenStream,
    pub(super) memo_name: Ident,
    pub(super) call_name: Ident,
    pub(super) body_name: Ident,
    /// What is known of the function's code.
    pub(super) code: Code,
}

impl<'f> Parts<'f> {
    pub(super) fn new(options: &'f Options, function: &'f Function) -> Self {
        let (name, plain) = (function.name(), function.plain_name());
        let larder = match &options.krate {
            Some(path) => path.to_token_stream(),
            None => library::path(),
        };
        let (owner, [memo_name, call_name, body_name]) = if function.in_impl {
            let names =
                [format_ident!("{plain}_memo"), format_ident!("{plain}_call"), format_ident!("__larder_{plain}")];
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

    /// Returns the signature with a name for every parameter instead of its pattern. Attributes of the parameters are for
    /// other attributes, below `#[memoize]`.
    pub(super) fn signature(&self) -> Signature {
        let mut sig = self.function.item.sig.clone();
        for (input, parameter) in sig.inputs.iter_mut().zip(&self.function.parameters) {
            match input {
                FnArg::Typed(typed) => {
                    let ident = &parameter.ident;
                    typed.attrs.retain(|attribute| !is_lint(attribute));
                    *typed.pat = Pat::Verbatim(quote!(#ident));
                }
                FnArg::Receiver(receiver) => {
                    receiver.attrs.retain(|attribute| !is_lint(attribute));
                    receiver.mutability = None;
                }
            }
        }
        sig
    }

    /// Returns whether an option uses this parameter, so that it is no unused variable of the function.
    pub(super) fn is_used_by_options(&self, parameter: &Parameter) -> bool {
        let keys = self.options.key.iter().map(|key| &key.expr);
        let mut options = self.options.cache.iter().chain(keys);
        options.any(|expr| mentions(expr.to_token_stream(), &|ident| *ident == parameter.ident))
    }

    /// Returns the function's lint levels for the generated code. A lint that is expected in the function need not occur
    /// there, so it is allowed.
    pub(super) fn lints_as_allow(&self) -> impl Iterator<Item = Attribute> {
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
