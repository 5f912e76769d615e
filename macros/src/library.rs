//! The path of larder in the user's crate.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

/// Returns the path, which differs if the dependency is renamed: `larder_x = { package = "larder", .. }`.
pub(crate) fn path() -> TokenStream {
    thread_local! {
        /// A compiler process compiles one crate.
        static NAME: Option<String> = larder_tracking::name_of_library("larder");
    }
    let name = NAME.with(|name| name.as_deref().map(|name| Ident::new(name, Span::call_site())));
    let name = name.unwrap_or_else(|| Ident::new("larder", Span::call_site()));
    quote!(::#name)
}
