//! Other attributes on the function, above and below `#[memoize]`, that do not go together with it.
//!
//! An attribute sees those below it. Those above it are found in the source file, or by what they made of the function.

use proc_macro2::Span;
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{Error, PathSegment, Result, Type, TypeParamBound};

use crate::companion::ADVICE;
use crate::context::{Context, Place};
use crate::item::Item;

/// Attributes that make a test of a function.
const TESTS: [&str; 10] = [
    "test",
    "bench",
    "rstest",
    "test_case",
    "test_matrix",
    "quickcheck",
    "proptest",
    "property_test",
    "gtest",
    "wasm_bindgen_test",
];

/// Attributes that make a type or module of the function's name.
const NAMESAKES: [&str; 3] = ["pyfunction", "pymodule", "fixture"];

/// Attributes that make a second function, and give it the attributes below.
const COPYING: [&str; 6] = ["fixture", "wasm_bindgen", "napi", "cached", "concurrent_cached", "io_cached"];

/// Attributes of the crate `maybe_async`, which remove `async` and `.await`.
const MAYBE_ASYNC: [&str; 3] = ["maybe_async", "must_be_async", "must_be_sync"];

/// Refuses attributes that do not go together with `#[memoize]`.
pub(crate) fn check(item: &Item, in_impl: bool, has_companions: bool, place: Option<&Place>) -> Result<()> {
    let find = |names: &[&str]| find(item, place, names);
    if let Some((name, span)) = find(&TESTS) {
        return Err(Error::new(
            span,
            format!(
                "the result of a test must not come from the cache: remove `#[memoize]` or `#[{name}]`, and memoize what the \
                 test calls"
            ),
        ));
    }
    let is_in_module = place.and_then(|place| place.context).is_none_or(|context| context == Context::Free) && !in_impl;
    let is_main = item.sig.ident == "main" && item.sig.inputs.is_empty() && is_in_module;
    if let Some(span) = find(&["main"]).map(|(_, span)| span).or(is_main.then(|| item.sig.ident.span())) {
        let message = "a memoized `main` does nothing when it is run again: memoize the functions that it calls";
        return Err(Error::new(span, message));
    }
    if below(item, &COPYING).is_none()
        && let Some((name, _)) = find(&COPYING)
    {
        let message = format!(
            "`#[{name}]` copies `#[memoize]` to a second function: put `#[memoize]` above it, or memoize a function that this \
             one calls"
        );
        return Err(Error::new(Span::call_site(), message));
    }
    if let Some((name, span)) = find(&NAMESAKES)
        && has_companions
        && !in_impl
    {
        let plain = item.sig.ident.unraw();
        return Err(Error::new(
            span,
            format!("both `#[memoize]` and `#[{name}]` put an item `{plain}` beside this function: {ADVICE}"),
        ));
    }
    if let Some((_, span)) = below(item, &["target_feature"])
        && has_companions
    {
        let message = "`#[memoize]` moves the body to a function without this attribute: write `#[memoize(companion = false)]`, \
                       or memoize a function that calls this one";
        return Err(Error::new(span, message));
    }
    if let Some((name, span)) = below(item, &MAYBE_ASYNC) {
        return Err(Error::new(
            span,
            format!(
                "put `#[{name}]` above `#[memoize]`: below, it removes `async` from the code that `#[memoize]` made"
            ),
        ));
    }
    Ok(())
}

/// Refuses a boxed future as a result.
pub(crate) fn check_future(output: &Type, function: Span) -> Result<()> {
    struct FindFuture(bool);
    impl<'ast> Visit<'ast> for FindFuture {
        fn visit_type_param_bound(&mut self, bound: &'ast TypeParamBound) {
            let is_future = |last: &PathSegment| last.ident == "Future";
            self.0 |=
                matches!(bound, TypeParamBound::Trait(bound) if bound.path.segments.last().is_some_and(is_future));
            visit::visit_type_param_bound(self, bound);
        }
    }
    let mut finder = FindFuture(false);
    finder.visit_type(output);
    if !finder.0 {
        return Ok(());
    }
    Err(Error::new(
        function,
        "this function returns a future, which can't be stored: write `async fn`. If an attribute made the future, put \
         `#[memoize]` above it; for `#[async_trait]`, memoize a function that the method calls",
    ))
}

/// Finds an attribute with one of these names. Prefers the name that the user wrote to one that another attribute made.
fn find(item: &Item, place: Option<&Place>, names: &[&str]) -> Option<(String, Span)> {
    let is_meant = |name: &&String| names.contains(&name.as_str());
    let written = place.and_then(|place| place.attributes.iter().find(is_meant).cloned());
    match (below(item, names), written) {
        (Some((name, span)), written) => Some((written.unwrap_or(name), span)),
        (None, written) => written.map(|name| (name, Span::call_site())),
    }
}

/// Finds an attribute with one of these names below `#[memoize]`.
fn below(item: &Item, names: &[&str]) -> Option<(String, Span)> {
    item.attrs.iter().find_map(|attribute| {
        let last = attribute.path().segments.last()?.ident.to_string();
        names.contains(&last.as_str()).then(|| (last, attribute.span()))
    })
}
