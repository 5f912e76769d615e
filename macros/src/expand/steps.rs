//! The first steps of the wrapper and of the call: they gather what a call needs.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{GenericParam, ReceiverKind, Safety, Type};

use super::parts::{Parts, Report};
use crate::function::Parameter;
use crate::item::{mentions, type_parameters};
use crate::predicate;
use crate::rename_self::{self, SELF};

impl Parts<'_> {
    /// Returns the steps for a function whose body has another name.
    pub(super) fn steps(&self, report: Report) -> TokenStream {
        let bound = self.bound();
        let body = &self.body;
        // In the order of their declaration, in which types and constants may alternate.
        let generics: Vec<_> = self.function.item.sig.generics.params.iter().filter_map(name_of_generic).collect();
        let turbofish = (!generics.is_empty()).then(|| quote!(::<#(#generics),*>));
        let compute = quote!(#body #turbofish (#(#bound),*));
        let compute = match self.function.item.sig.safety {
            Safety::Unsafe(_) => quote!(unsafe { #compute }),
            _ => compute,
        };
        self.steps_with(report, &self.memo, &quote!(|(#(#bound,)*)| #compute))
    }

    /// Returns `let memo, cache, rules, arguments, describe, compute = …;`.
    pub(super) fn steps_with(&self, report: Report, memo: &TokenStream, compute: &TokenStream) -> TokenStream {
        let larder = &self.larder;
        let idents = self.function.parameters.iter().map(|parameter| &parameter.ident);
        let (cache, rules, describe) = (self.cache(), self.rules(), self.describe(report));
        quote_spanned! {Span::mixed_site()=>
            #[allow(unused_imports)]
            use #larder::__private::shapes::*;
            let __larder_memo: &'static #larder::Memo = #memo;
            #cache
            #rules
            let __larder_arguments = (#(#idents,)*);
            let __larder_describe = #larder::__private::describe_fn(&__larder_arguments, #describe);
            let __larder_compute = #larder::__private::compute_fn(&__larder_arguments, #compute);
        }
    }

    /// Returns a check that the result can be stored, which gives one message.
    pub(super) fn check_result(&self) -> TokenStream {
        let larder = &self.larder;
        quote_spanned! {Span::mixed_site().located_at(self.function.output.span())=>
            (&&&&#larder::__private::wanted(__larder_shape)).__larder_check();
        }
    }

    /// Returns new names for the arguments: `self` can't be bound.
    fn bound(&self) -> Vec<Ident> {
        let name = |index| format_ident!("__larder_{}", index, span = Span::mixed_site());
        (0..self.function.parameters.len()).map(name).collect()
    }

    /// Returns the rules by which a result is used and stored.
    fn rules(&self) -> TokenStream {
        let (larder, output, options) = (&self.larder, &self.function.output, &self.options);
        let mixed = Span::mixed_site();
        let max_age = options.max_age.as_ref().map(|max_age| quote_spanned!(mixed=> .max_age(#max_age)));
        let valid = options.valid.as_ref().map(|valid| {
            let by = match predicate::takes_both(valid) {
                true => quote!(valid_both),
                false => quote!(valid_one),
            };
            quote_spanned! {mixed.located_at(valid.span())=>
                .valid(|__larder_entry, __larder_stored| {
                    #larder::__private::#by(__larder_stored, __larder_entry, #valid)
                })
            }
        });
        let store_if = options
            .store_if
            .as_ref()
            .map(|store_if| quote_spanned!(mixed.located_at(store_if.span())=> .store_if(#store_if)));
        let compared = (!options.lossy).then(
            || quote_spanned!(mixed=> .compared((&&&&#larder::__private::stored(__larder_shape)).__larder_comparable())),
        );
        let shared =
            quote_spanned!(mixed=> .shared((&&#larder::__private::stored(__larder_shape)).__larder_shareable()));
        // Where the user wrote the type, for messages.
        let shape = quote_spanned! {mixed.located_at(output.span())=>
            (&&&&#larder::__private::Probe::<#output>::NEW).__larder_shape()
        };
        quote_spanned! {mixed=>
            let __larder_shape = #shape;
            let __larder_rules = #larder::__private::Rules::<#output, _>::new(__larder_shape) #max_age #valid #store_if #compared #shared;
        }
    }

    /// Returns the closure that describes a call.
    fn describe(&self, report: Report) -> TokenStream {
        let Parts { larder, function, .. } = self;
        let mixed = Span::mixed_site();
        let (types, constants) = type_parameters(&function.item.sig);
        let (type_names, constant_names) = (to_strings(&types), to_strings(&constants));
        let of_self = function.in_impl.then(
            || quote_spanned!(mixed=> #larder::__private::Describe::type_parameter::<Self>(__larder_description, "Self");),
        );
        // The type name of a closure contains all the parameters around it, including those of the `impl` and the trait.
        let of_impl = function.in_trait.then(
            || quote_spanned!(mixed=> #larder::__private::Describe::type_of(__larder_description, "impl", &|| ());),
        );
        let crates = self.crates_of_types();
        let (of_types, of_own, of_impl_types) = match &crates {
            None => (Vec::new(), None, None),
            Some(crates) => (
                types.iter().map(|ty| quote_spanned!(mixed=> #larder::__private::Describe::crates_of::<#ty>(__larder_description, #crates);)).collect(),
                function.in_impl.then(|| quote_spanned!(mixed=> #larder::__private::Describe::crates_of::<Self>(__larder_description, #crates);)),
                function.in_trait.then(|| quote_spanned!(mixed=> #larder::__private::Describe::crates_of_value(__larder_description, &|| (), #crates);)),
            ),
        };
        let parameters = function.parameters.iter().enumerate();
        let arguments = parameters
            .filter(|(_, parameter)| parameter.counts)
            .map(|(index, parameter)| self.describe_argument(index, parameter, report));
        quote_spanned! {mixed=>
            |__larder_arguments, __larder_description| {
                #(#larder::__private::Describe::type_parameter::<#types>(__larder_description, #type_names);)*
                #(#larder::__private::Describe::constant(__larder_description, #constant_names, &#constants);)*
                #of_self
                #of_impl
                #(#of_types)*
                #of_own
                #of_impl_types
                #(#arguments)*
            }
        }
    }

    fn describe_argument(&self, index: usize, parameter: &Parameter, report: Report) -> TokenStream {
        let (larder, name) = (&self.larder, &parameter.name);
        let index = Literal::usize_unsuffixed(index);
        let mixed = Span::mixed_site();
        let type_of = parameter
            .has_impl_trait
            .then(|| quote_spanned!(mixed=> #larder::__private::Describe::type_of(__larder_description, #name, &__larder_arguments.#index);));
        let crates_of = self.crates_of_types().filter(|_| parameter.has_impl_trait).map(
            |crates| quote_spanned!(mixed=> #larder::__private::Describe::crates_of_value(__larder_description, &__larder_arguments.#index, #crates);),
        );
        // Where the user wrote it, for messages; but with names of our own.
        let written = mixed.located_at(match (&parameter.keyed_by, &parameter.ty) {
            (Some(expr), _) => expr.span(),
            (None, Some(ty)) => ty.span(),
            (None, None) => parameter.ident.span(),
        });
        let (scope, value) = match &parameter.keyed_by {
            None => (Vec::new(), quote_spanned!(written=> __larder_arguments.#index)),
            Some(expr) => {
                let expr = rename_self::rename(expr.to_token_stream());
                (self.scope().collect(), quote_spanned!(written=> (#expr)))
            }
        };
        let value = match report {
            Report::Yes => quote_spanned!(written=> #larder::__private::key_part(&#value)),
            Report::No => quote_spanned!(written=> &#value),
        };
        let describe = quote_spanned! {written=>
            (&&&&&#larder::__private::Part(#value)).__larder_argument(__larder_description, #name);
        };
        quote!({ #type_of #crates_of #(#scope)* #describe })
    }

    /// Returns the crates that callers' types can come from, if these types can change the result.
    fn crates_of_types(&self) -> Option<TokenStream> {
        let crates = self.code.types.as_ref()?.iter().map(|(name, digest)| quote!((#name, #digest)));
        Some(quote!(&[#(#crates),*]))
    }

    /// Returns bindings for the arguments: references as they are, others as references.
    fn scope(&self) -> impl Iterator<Item = TokenStream> {
        let mixed = Span::mixed_site();
        self.function.parameters.iter().enumerate().map(move |(index, parameter)| {
            let index = Literal::usize_unsuffixed(index);
            let (ident, is_reference) = match &parameter.ty {
                Some(ty) => (parameter.ident.clone(), is_shared_reference(ty)),
                None => (Ident::new(SELF, mixed), self.self_is_shared()),
            };
            let by_reference = (!is_reference).then(|| quote!(&));
            quote_spanned! {mixed=>
                #[allow(unused_variables)]
                let #ident = #by_reference __larder_arguments.#index;
            }
        })
    }

    /// Returns whether the method takes `&self`.
    pub(super) fn self_is_shared(&self) -> bool {
        let receiver = self.function.item.sig.receiver();
        receiver.is_some_and(|receiver| matches!(&receiver.kind, ReceiverKind::Reference(_, _, None)))
    }

    /// Returns `let cache: &Cache = …;`.
    pub(super) fn cache(&self) -> TokenStream {
        let larder = &self.larder;
        match &self.options.cache {
            None => {
                quote_spanned!(Span::mixed_site()=> let __larder_cache: &#larder::Cache = #larder::Cache::global();)
            }
            // It may borrow from an argument that moves next.
            Some(cache) if self.cache_depends_on_arguments() => quote_spanned! {Span::mixed_site()=>
                let __larder_cache: &#larder::Cache = #cache;
                let __larder_cache = &::core::clone::Clone::clone(__larder_cache);
            },
            Some(cache) => quote_spanned!(Span::mixed_site()=> let __larder_cache: &#larder::Cache = #cache;),
        }
    }

    /// Returns whether the cache is unknown before the first call.
    pub(super) fn cache_depends_on_arguments(&self) -> bool {
        let (types, constants) = type_parameters(&self.function.item.sig);
        let is_meant = |ident: &Ident| {
            self.function.parameters.iter().any(|parameter| parameter.ident == *ident)
                || types.contains(&ident)
                || constants.contains(&ident)
        };
        let cache = self.options.cache.as_ref();
        cache.is_some_and(|cache| mentions(cache.to_token_stream(), &is_meant))
    }
}

fn name_of_generic(param: &GenericParam) -> Option<&Ident> {
    match param {
        GenericParam::Type(param) => Some(&param.ident),
        GenericParam::Const(param) => Some(&param.ident),
        _ => None,
    }
}

fn is_shared_reference(ty: &Type) -> bool {
    match ty {
        Type::Reference(reference) => reference.mutability.is_none(),
        Type::Group(group) => is_shared_reference(&group.elem),
        Type::Paren(paren) => is_shared_reference(&paren.elem),
        _ => false,
    }
}

fn to_strings(idents: &[&Ident]) -> Vec<String> {
    idents.iter().map(ToString::to_string).collect()
}
