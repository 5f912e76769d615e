//! The attribute of [larder](https://docs.rs/larder). Depend on `larder`, not on this crate.
//!
//! Each file is a step: the options are parsed, the function is parsed and checked, its code is tracked, and the code that
//! calls into larder is generated.

mod duration;
mod options;
mod predicate;

mod context;
mod function;
mod item;
mod lifetimes;

mod code;
mod tokens;

mod expand;
mod rename_self;

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
/// | `key(a = EXPR)` | what stands in the key for the argument `a`, which need not be serialisable then | `a` itself |
/// | `compress = "zstd:3"` | the compressor of this function's results | the cache's |
/// | `max_age = "7d"` | results are used until they are this old: `w`, `d`, `h`, `m` or `min`, `s`, `ms`, also `"1h 30m"` | for ever |
/// | `valid = path` | a stored result is used if this function says so | always |
/// | `store_if = \|r\| …` | a new result is kept if this function says so | always |
/// | `in_impl` | says that an associated function without `self` stands in an `impl` block | |
/// | `in_trait` | says that a function stands in a trait, or in the `impl` of one | |
/// | `crate = path` | where larder is, if it is renamed or re-exported | `::larder` |
///
/// *`key`.* The expression may use all arguments: those whose type is written as a reference are what they
/// are, others are references, so nothing is moved. It is made for each call, and for each that is asked for
/// its key; what it gives implements `Serialize`. The expression itself is a part of the function's code. A
/// `&mut` argument is ignored, or refused: `key` makes no difference to what is lost.
///
/// ```
/// # use larder::{FileDigest, memoize};
/// # use std::path::Path;
/// #[memoize(key(path = FileDigest::of(path)), max_age = "1d")]
/// fn count_lines(path: &Path) -> usize {
///     std::fs::read_to_string(path).map_or(0, |text| text.lines().count())
/// }
/// ```
///
/// *`valid` and `store_if`* are the same for every call, and look at what is stored: of a `Result`, at what
/// `Ok` holds. `valid` takes `fn(&larder::Entry) -> bool`, `fn(&T) -> bool` or
/// `fn(&T, &larder::Entry) -> bool`, by its path or as a closure; a closure of one parameter says its
/// type. `store_if` takes `fn(&T) -> bool`.
///
/// ```
/// # use larder::{Entry, memoize};
/// #[memoize(store_if = |x| x.is_finite(), valid = |entry: &Entry| entry.took.as_millis() < 50)]
/// fn ratio(a: f64, b: f64) -> f64 {
///     a / b
/// }
/// ```
///
/// *`in_trait`.* In the `impl` of a trait nothing but the trait's items may stand, so there are no companions:
/// [`Cache::functions`] lists such a function, and [`Cache::clear_function`] clears it. The
/// types that the trait and the `impl` are used with are parts of the key, as `Self` is.
///
/// [`Cache::functions`]: https://docs.rs/larder/latest/larder/struct.Cache.html#method.functions
/// [`Cache::clear_function`]: https://docs.rs/larder/latest/larder/struct.Cache.html#method.clear_function
///
/// # Code
///
/// With `track = "reachable"`, a result is computed again when anything changes that the function can
/// reach. Comments, documentation, formatting and the order of items do not count, and neither does what
/// can't be reached. In doubt more is reached: a miss too many is no error. Going back to earlier code finds
/// the earlier results.
///
/// | what | counts |
/// |---|---|
/// | functions, methods, constants, statics, types, `impl`s, `macro_rules!` of the package and of path dependencies | item by item, if reached |
/// | files of `include!`, `include_str!`, `include_bytes!`, also from `OUT_DIR` | their bytes; items of `include!` one by one |
/// | `cfg`s, `env!`, `option_env!` in reached code | their values in this build |
/// | editions, features and build-script `cfg`s of path dependencies | if code there is reached |
/// | crates from registries and git that reached code names | version or commit, features, and the same of all that they use |
/// | `[patch]`, `paths`, vendored and renamed crates, `workspace = true` | as cargo resolved them for this build |
/// | `extern` blocks | the libraries that build scripts made or linked, outside the system's folders |
/// | macros and derives of other crates | the crate, if its macros are known to read nothing but their input; else **the running program** |
/// | types that a caller of a generic function brings | their crates; crates that use this one: **the running program** |
/// | `dyn Trait` arguments of a library | **the running program** |
/// | sources that can't be read, or that changed during the build; documentation tests | **the running program** |
/// | attributes below `#[memoize]`, `line!`, `file!`, `Location::caller` | the attributes; the places of all that is reached |
/// | what other crates register with a library (`inventory`, `linkme`, `typetag`) | **the running program** |
/// | functions of `extern` blocks without a library of C, such as `#[no_mangle]` ones elsewhere | **the running program** |
/// | target: architecture, system, C library, width of pointers | always |
///
/// Where the running program counts, its results are found again by the same build, and another build of other code computes
/// them again. The compiler warns once for each such function, and [`Memo::unseen`], [`Call::explain`] and `larder doctor` tell
/// the reasons. To accept it, write `track = "reachable"` in the attribute. For the whole package, or the workspace with
/// `[workspace.metadata.larder]`:
///
/// ```toml
/// [package.metadata.larder]
/// pure-macros = ["my-derive"]    # packages whose macros read no files and no variables, and make no `cfg`s
/// quiet = true                   # no warnings
/// ```
///
/// Not seen, so count up `version` when it matters:
///
/// - what is read while the program runs: files, variables, statics that change, libraries loaded with `dlopen`;
/// - closures and function pointers that callers bring along in an ignored argument;
/// - libraries in the system's folders;
/// - the compiler, and its options where they are not asked for by a `cfg` in followed code: overflow checks, and
///   `debug_assertions` of other crates;
/// - spaces within `stringify!`, and letters that are written as one character or as two (Unicode normalization);
/// - a link with a build id that was chosen by hand (`--build-id=0x…` with 16 bytes or more);
/// - larder itself.
///
/// `track = "body"` looks at the function's own tokens alone, and at what `depends` names.
/// `track = "none"` looks at nothing but `version`.
///
/// [`Memo::unseen`]: https://docs.rs/larder/latest/larder/struct.Memo.html#method.unseen
/// [`Call::explain`]: https://docs.rs/larder/latest/larder/struct.Call.html#method.explain
///
/// # Limits
///
/// - A recursion takes less than 1 KiB of the stack for each level beside what the function itself takes, and less than 2 KiB
///   in a debug build; what is passed by value, and large, counts a few times more. Where less than about 128 KiB are left
///   (192 KiB in a debug build, or a quarter of a small stack), calls are computed without the cache, and that is logged once.
///   So one that branches at each level, and is fast only as its parts are kept, wants a stack that is large enough.
/// - A panic in `key(..)`, `valid` or `store_if`, or in the `Serialize` of an argument, is a fault of the cache: it is logged and
///   counted, and the function runs.
/// - `&mut` arguments are refused unless ignored; results that borrow are refused.
/// - Two types of one name in two blocks of one function count as one type parameter.
/// - Of a function that returns a `Result`, an `Err` is never kept. One within another type, as in
///   `Option<Result<T, E>>`, is a part of that value, and is.
/// - The companion of a free function is a type of the same name. A module of that name can't stand
///   beside it; put the function into the module, or rename one of them.
/// - An associated function without `self` needs `in_impl`, and a function in a trait's `impl` needs `in_trait`.
///   An attribute is not told where it stands, so it looks into the source to say so. Where it can't, as in
///   what a macro puts together, the compiler says "struct is not supported in `trait`s or `impl`s" for the
///   first, and "method `f_call` is not a member of trait" for the second.
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
    Ok(expand::expansion::expand(&options, &function))
}
