//! The attribute of [larder](https://docs.rs/larder). Depend on `larder`, not on this crate.
//!
//! Each file is a step: the options are read, the function is taken apart and checked, its code gets
//! a fingerprint, and the code is put together that calls into larder.

mod options;

mod function;
mod lifetimes;

mod code;
mod fingerprint;
mod reach;

mod expand;

use proc_macro::TokenStream;
use quote::quote;

/// Keeps the results of a function: it is loaded, or computed and kept.
///
/// ```
/// # use larder::{Cache, memoize};
/// # use std::sync::LazyLock;
/// # static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());
/// static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::open(FOLDER.path()).unwrap());
///
/// #[memoize(cache = &CACHE, compress = "gzip:6")]
/// fn primes_below(limit: u64) -> Vec<u64> {
///     (2..limit).filter(|n| (2..*n).all(|d| n % d > 0)).collect()
/// }
///
/// assert_eq!(primes_below(20), [2, 3, 5, 7, 11, 13, 17, 19]);
/// assert!(primes_below::call(20).is_cached());
/// assert_eq!(primes_below::memo().entries()?.len(), 1);
/// # Ok::<(), larder::Error>(())
/// ```
///
/// The function stays what it is. Beside it stand its companions: `f::call(..)` is a call in hand
/// (`larder::Call`), and `f::memo()` the memoized function (`larder::Memo`). In an `impl` block they
/// are `x.f_call(..)` and `Type::f_memo()`.
///
/// What the result depends on is the function's code and its arguments, which implement
/// `serde::Serialize`. What it returns implements `serde::Serialize` and `DeserializeOwned`; of a
/// `Result` only what `Ok` holds, for an `Err` is never kept.
///
/// # Options
///
/// | option | meaning | default |
/// |---|---|---|
/// | `cache = EXPR` | the cache: whatever coerces to `&Cache`; may use the arguments | `Cache::global()` |
/// | `name = "…"` | the function's identity and folder, so that it may be renamed and moved | its path |
/// | `version = N` | another version is another function: count up to leave old results behind | 0 |
/// | `ignore(a, self)` | arguments that the result does not depend on | none |
/// | `compress = "zstd:3"` | the compressor of this function's results | the cache's |
/// | `in_impl` | says that an associated function without `self` stands in an `impl` block | |
/// | `crate = path` | where larder is, if it is renamed or re-exported | `::larder` |
///
/// # Limits
///
/// - An attribute sees the function alone, not what it calls: when a helper, a constant or a type
///   changes, count up `version`. The function's own code is tracked, with the truth of the `cfg`s in
///   it; comments, documentation and formatting are not part of it.
/// - `&mut` arguments are refused unless ignored, and so are results that borrow.
/// - Of a function that returns a `Result`, an `Err` is never kept. One within another type, as in
///   `Option<Result<T, E>>`, is a part of that value, and is.
/// - The companion of a free function is a type of the same name. A module of that name can't stand
///   beside it; put the function into the module, or rename one of them.
/// - In an `impl` block, an associated function without `self` needs `in_impl`. Without it the compiler
///   says "struct is not supported in `trait`s or `impl`s".
/// - In the `impl` of a trait there is no place for companions ("method `f_call` is not a member of
///   trait"): memoize an inherent method, and call that.
/// - A type that hides a lifetime, such as `View<f64>` for `View<'_, f64>`, needs its `'_` spelt out, but
///   for `ndarray`'s views and `Cow`.
/// - An `async fn` has to be `Send`, and so have its arguments.
/// - `#[track_caller]` tells the function about the attribute, not about its caller.
/// - With `name`, a function may be renamed and moved; a method moves together with its type.
#[proc_macro_attribute]
pub fn memoize(options: TokenStream, item: TokenStream) -> TokenStream {
    let item = proc_macro2::TokenStream::from(item);
    match expand(options.into(), item.clone()) {
        Ok(expanded) => expanded.into(),
        // The function as it was, so that the user sees one message and not a cascade.
        Err(error) => {
            let error = error.into_compile_error();
            quote!(#error #item).into()
        }
    }
}

fn expand(options: proc_macro2::TokenStream, item: proc_macro2::TokenStream) -> syn::Result<proc_macro2::TokenStream> {
    let options = options::Options::parse(options)?;
    let function = function::Function::parse(item, &options)?;
    Ok(expand::expand(&options, &function))
}
