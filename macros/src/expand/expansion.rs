//! All that the attribute puts in the function's place.

use proc_macro2::TokenStream;
use quote::quote;

use super::parts::Parts;
use crate::function::Function;
use crate::options::Options;

/// Returns the code that replaces the function.
pub(crate) fn expand(options: &Options, function: &Function) -> TokenStream {
    let parts = Parts::new(options, function);
    if !function.has_companions {
        return parts.alone();
    }
    let (body, wrapper) = (parts.body(), parts.wrapper());
    let (call, memo) = ((!options.memory_only).then(|| parts.call()), parts.memo());
    if function.in_impl {
        return quote! { #wrapper #call #memo #body };
    }
    let (vis, name) = (&function.item.vis, function.name());
    let plain = function.plain_name();
    let doc = format!("The memoized function [`{plain}()`](fn@{name}): its calls and what is kept of them.");
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
