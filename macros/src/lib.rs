//! The attribute of [larder](https://docs.rs/larder). Depend on `larder`, not on this crate.
//!
//! Each file is a step: the options are read, the function is taken apart and checked, what it
//! reaches is found, all that gets fingerprints, and the code is put together that calls into larder.

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
/// What the result depends on is the function's code with all that it reaches, and its arguments, which
/// implement `serde::Serialize`. What it returns implements `serde::Serialize` and `DeserializeOwned`; of a
/// `Result` only what `Ok` holds, for an `Err` is never kept.
///
/// # Options
///
/// | option | meaning | default |
/// |---|---|---|
/// | `cache = EXPR` | the cache: whatever coerces to `&Cache`; may use the arguments | `Cache::global()` |
/// | `name = "…"` | the function's identity and folder, so that it may be renamed and moved | its path |
/// | `version = N` | another version is another function: count up to leave old results behind | 0 |
/// | `track = "…"` | how far the code is followed: `"reachable"`, `"body"` or `"none"` (below) | `"reachable"` |
/// | `depends(f, m::C)` | items that the code depends on besides | none |
/// | `ignore(a, self)` | arguments that the result does not depend on | none |
/// | `compress = "zstd:3"` | the compressor of this function's results | the cache's |
/// | `in_impl` | says that an associated function without `self` stands in an `impl` block | |
/// | `crate = path` | where larder is, if it is renamed or re-exported | `::larder` |
///
/// # Code
///
/// With `track = "reachable"`, a result is computed anew when anything changes that the function can
/// reach in its package, or in the packages beside it (path dependencies): functions, methods,
/// constants, types, `impl`s of operators and `Drop`, macros; files that this code includes, the `cfg`s
/// and the `env!`s in it; and the versions in `Cargo.lock` of other crates that it names. Comments,
/// documentation, formatting and the order of items do not count, and neither does what can't be
/// reached. In doubt more is reached: what costs a miss is no error. Going back to earlier code finds
/// the earlier results.
///
/// Not seen, so count up `version` when it matters:
///
/// - other crates beyond the version of those that are named, such as their own dependencies;
/// - what is read while the program runs: files, variables, statics that change;
/// - code that callers bring along from another crate: the `impl`s of a type argument that is defined
///   in a crate which uses this one, closures and function pointers;
/// - what a build script of another package switches with `cfg`s or variables of its own;
/// - how the compiler and its options change what code does, and larder itself.
///
/// `track = "body"` looks at the function's own tokens alone, and at what `depends` names.
/// `track = "none"` looks at nothing but `version`. Where sources can't be read, as in an editor,
/// `"body"` is used instead, and larder knows why.
///
/// # Limits
///
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
