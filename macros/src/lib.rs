//! The attribute of [larder](https://docs.rs/larder). Depend on `larder`, not on this crate.
//!
//! Each file is a step: the options are parsed, the function is parsed and checked, its code is tracked, and the code that
//! calls into larder is generated.

mod duration;
mod options;
mod predicate;

mod companion;
mod context;
mod function;
mod item;
mod library;
mod lifetimes;
mod other_attributes;

mod code;
mod tokens;

mod expand;
mod rename_self;
mod size;

use proc_macro::TokenStream;
use quote::quote;

/// Stores the results of a function: a call loads its result, or computes and stores it.
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
/// The function is called as before. The attribute adds two companions: `f::call(..)` is a call that has not run yet
/// (`larder::Call`), and `f::memo()` is the memoized function (`larder::Memo`). In an `impl` block they
/// are `x.f_call(..)` and `Type::f_memo()`.
///
/// The result depends on the function's code, on all code that it reaches, and on the arguments. Arguments
/// implement `serde::Serialize`. The result implements `serde::Serialize` and `DeserializeOwned`. Of a
/// `Result`, only the value of `Ok` does: an `Err` is never stored.
///
/// # Options
///
/// | option | meaning | default |
/// |---|---|---|
/// | `cache = EXPR` | the cache: any expression that coerces to `&Cache`; it may use the arguments | `Cache::global()` |
/// | `name = "…"` | the function's identity and folder: with it, the function can be renamed and moved | its path |
/// | `version = N` | increase it to ignore the results of older versions | 0 |
/// | `track = "…"` | how far the code is tracked: `"reachable"`, `"body"` or `"none"` (below) | `"reachable"` |
/// | `depends(f, m::C)` | further items that the code depends on | none |
/// | `ignore(a, self)` | arguments that the result does not depend on | none |
/// | `key(a = EXPR)` | an expression that replaces the argument `a` in the key; `a` need not be serializable then | `a` itself |
/// | `compress = "zstd:3"` | the compressor of this function's results | the cache's |
/// | `max_age = "7d"` | results are used until they are this old: `w`, `d`, `h`, `m` or `min`, `s`, `ms`, also `"1h 30m"` | for ever |
/// | `stale_on_error = "1d"` | if the function returns an `Err`, a result is used that has expired for no longer than this | the `Err` |
/// | `valid = path` | a stored result is used if this function returns `true` | always |
/// | `store_if = \|r\| …` | a new result is stored if this function returns `true` | always |
/// | `max_bytes = "1 GB"`, `max_entries = 1000`, `max_idle = "30d"` | limits of this function's results, beside those of the cache | none |
/// | `memory_only` | results stay in this process, as they are, and need no serde | they are stored |
/// | `lossy` | store a result also if the value read back is not equal to it | it is not stored |
/// | `companion = false` | nothing is put beside the function: no `f::call` and no `f::memo` | `true` |
/// | `in_impl` | the function is an associated function without `self` in an `impl` block | |
/// | `in_trait` | the function is in a trait, or in the `impl` of one | |
/// | `crate = path` | where larder is, if another crate re-exports it | the dependency, also if it is renamed |
///
/// *`key`.* The expression may use all arguments. An argument whose type is a reference is passed as it is, any other by
/// reference, so nothing is moved. It is evaluated for each call, and each time that a key is asked for. Its value
/// implements `Serialize`. The expression itself is a part of the function's code. It does not make a `&mut` argument
/// possible: changes to that would still be lost.
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
/// *`valid` and `store_if`* are the same for every call, and get the stored value: for a `Result`, the value of
/// `Ok`. `valid` takes `fn(&larder::Entry) -> bool`, `fn(&T) -> bool` or
/// `fn(&T, &larder::Entry) -> bool`, as a path or a closure. A closure of one parameter needs its
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
/// *Durations and numbers.* `max_age`, `stale_on_error` and `max_idle` take text or an expression of type
/// [`Duration`](std::time::Duration), `max_bytes` text or a `u64`, `max_entries` a `u64`: `max_age = REFRESH_EVERY`. They
/// don't see the arguments. `max_age` is evaluated for each call, the others once in a process.
///
/// *Limits.* `max_bytes`, `max_entries` and `max_idle` are enforced whenever this process stores a result of the function:
/// the least recently used ones are evicted, an eighth of the limit at once from 16 entries on. A result that is
/// larger than `max_bytes` is not stored.
///
/// *`Arc` results.* As long as this process has the result of a call, further hits return the same allocation of an
/// `Arc<T>`, so don't change what is in it. `Arc::get_mut` gives `None` for such a result. An `Arc` of a `Mutex`, a
/// `RwLock`, a cell or an atomic is not shared. serde needs its feature `rc` for `Arc`.
///
/// *`memory_only`.* For results that can't be stored, such as a connection or a compiled pattern in an `Arc`. They implement
/// `Clone + Send + Sync + 'static`; of a `Result`, only the value of `Ok` does. A process keeps the `max_entries` results that
/// were used last, 1000 by default, until they are `max_age` old. Threads that make the same call at the same time wait
/// for one of them; async tasks do not. There is no `f::call(..)`. `f::memo().clear()` removes the results of this process.
///
/// ```
/// # use larder::memoize;
/// # use std::sync::Arc;
/// struct Pattern(Vec<String>); // no serde, no Clone
///
/// #[memoize(memory_only, max_entries = 100)]
/// fn compile(text: &str) -> Arc<Pattern> {
///     Arc::new(Pattern(text.split('*').map(str::to_owned).collect()))
/// }
///
/// assert!(Arc::ptr_eq(&compile("a*b"), &compile("a*b")));
/// ```
///
/// *`lossy`.* Before a result is stored, it is read back. If its type has `PartialEq`, both are compared, because the
/// `Serialize` of some types leaves something out: a field with `#[serde(skip)]`, the flag of an exhausted
/// `RangeInclusive`. If they differ, the result is not stored, and a warning in the log says what differs. With `lossy`
/// it is stored, and a hit returns the other value.
///
/// ```
/// # use larder::memoize;
/// #[derive(PartialEq, serde::Serialize, serde::Deserialize)]
/// struct Report {
///     total: u64,
///     #[serde(skip)]
///     seconds: f64, // 0.0 on a hit, which is fine
/// }
///
/// #[memoize(lossy)]
/// fn report(day: u32) -> Report {
///     Report { total: u64::from(day) * 3, seconds: 1.5 }
/// }
/// ```
///
/// *`in_trait`.* The `impl` of a trait may contain only the trait's items, so there are no companions:
/// [`Cache::functions`] lists such a function, and [`Cache::clear_function`] clears it. `Self` and the type arguments of
/// the trait and of the `impl` are parts of the key.
///
/// [`Cache::functions`]: https://docs.rs/larder/latest/larder/struct.Cache.html#method.functions
/// [`Cache::clear_function`]: https://docs.rs/larder/latest/larder/struct.Cache.html#method.clear_function
///
/// # Code
///
/// With `track = "reachable"`, a result is computed again when any code changes that the function can
/// reach. Comments, documentation, formatting and the order of items do not count, and neither does code that
/// can't be reached. In doubt, code counts as reached: an unneeded miss is no error. Going back to earlier code finds
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
/// | macros and derives of other crates, also through renamed imports and dependencies | the crate, if its macros are known to read nothing but their input; else **the running program** |
/// | types that a caller of a generic function brings | their crates; crates that use this one: **the running program** |
/// | `dyn Trait` arguments of a library | **the running program** |
/// | sources that can't be read, or that changed during the build; documentation tests | **the running program** |
/// | attributes below `#[memoize]`, `line!`, `file!`, `Location::caller` | the attributes; the places of all that is reached |
/// | what other crates register with a library (`inventory`, `linkme`, `typetag`) | **the running program** |
/// | functions of `extern` blocks without a library of C, such as `#[no_mangle]` ones elsewhere | **the running program** |
/// | target: architecture, system, C library, width of pointers | always |
///
/// Where the running program counts, only the same build finds the results again; a build of other code computes
/// them again. The compiler warns once for each such function, and [`Memo::unseen`], [`Call::explain`] and `larder doctor` show
/// the reasons. To accept it, write `track = "reachable"` in the attribute. For the whole package, or the workspace with
/// `[workspace.metadata.larder]`:
///
/// ```toml
/// [package.metadata.larder]
/// pure-macros = ["my-derive"]    # packages whose macros read no files and no variables, and make no `cfg`s
/// quiet = true                   # no warnings
/// ```
///
/// The following is not tracked, so increase `version` when it matters:
///
/// - data that is read while the program runs: files, variables, statics that change, libraries loaded with `dlopen`;
/// - closures and function pointers that callers pass in an ignored argument;
/// - libraries in the system's folders;
/// - the compiler, and its options unless a `cfg` in tracked code reads them: overflow checks, and
///   `debug_assertions` of other crates;
/// - spaces within `stringify!`, and letters that are written as one character or as two (Unicode normalization);
/// - the program, if it is linked with a fixed build id (`--build-id=0x…` with 16 bytes or more);
/// - larder itself.
///
/// `track = "body"` tracks only the function's own tokens, and the items in `depends`.
/// `track = "none"` tracks only `version`.
///
/// [`Memo::unseen`]: https://docs.rs/larder/latest/larder/struct.Memo.html#method.unseen
/// [`Call::explain`]: https://docs.rs/larder/latest/larder/struct.Call.html#method.explain
///
/// # Limits
///
/// - Each level of a recursion needs less than 1 KiB of stack in addition to the function itself, and less than 2 KiB
///   in a debug build. Large values that are passed by value count a few times more. When less than about 128 KiB are left
///   (192 KiB in a debug build, or a quarter of a small stack), calls are computed without the cache, and that is logged once.
///   A recursion that branches at each level, and is fast only with stored results, needs a large enough stack.
/// - A panic in `key(..)`, `valid` or `store_if`, or in the `Serialize` of an argument, is an error of the cache: it is logged and
///   counted, and the function runs.
/// - `&mut` arguments are refused unless ignored; results that borrow are refused.
/// - Two types of the same name in two blocks of one function count as the same type argument.
/// - If a function returns a `Result`, an `Err` is never stored. Within another type, as in
///   `Option<Result<T, E>>`, it is part of the value and is stored.
/// - The companion of a free function is a type of the same name. If a module, a type or a crate that the function uses has
///   that name, or another attribute such as `#[pyfunction]` or `#[fixture]` makes one, write `companion = false`.
/// - Tests and `main` are refused.
/// - An associated function without `self` needs `in_impl`, and a function in a trait's `impl` needs `in_trait`.
///   An attribute can't see its context, so it reads the source file to report this. Where it can't, as in
///   the expansion of a macro, the compiler reports "struct is not supported in `trait`s or `impl`s" for the
///   first, and "method `f_call` is not a member of trait" for the second.
/// - A type that hides a lifetime, such as `View<f64>` for `View<'_, f64>`, needs an explicit `'_`, except
///   `ndarray`'s views and `Cow`.
/// - An `async fn` must be `Send`, and so must its arguments and its result: `Box<dyn Error + Send + Sync>`.
/// - `#[track_caller]` gives the function the location of the attribute, not that of its caller.
/// - With `name`, a function may be renamed and moved; a method moves together with its type.
#[proc_macro_attribute]
pub fn memoize(options: TokenStream, item: TokenStream) -> TokenStream {
    let item = proc_macro2::TokenStream::from(item);
    match expand(options.into(), item.clone()) {
        Ok(expanded) => expanded.into(),
        // The function stays in place, so that the user sees only this message.
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
