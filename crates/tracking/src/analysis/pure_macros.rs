//! Pure macros of other crates: they read nothing but their input.
//! Any other macro may read files or variables or generate `cfg`s, which can't be tracked. Then the identity of the
//! running program becomes part of the key.

use crate::program::resolver::Resolver;
use crate::syntax::lexer::lex;
use crate::syntax::symbols::{Symbols, known};
use crate::syntax::token::{TokenKind, Tokens};

/// Packages whose macros read no files and no variables, generate no `cfg`s, and do not build names of other items; and
/// crates that re-export such macros. The list is by package, from their documentation, for the versions in the
/// comments. A macro that one of them adds later counts as pure too.
#[rustfmt::skip]
const PURE: [&str; 125] = [
    // serde 1, serde_with 3, serde_json 1, serde_repr 0.1, schemars 1, rkyv 0.8, borsh 1, postcard 1, minicbor 2
    "serde", "serde_core", "serde_derive", "serde_json", "serde_repr", "serde_with", "serde_with_macros", "schemars",
    "schemars_derive", "rkyv", "rkyv_derive", "bytecheck", "bytecheck_derive", "ptr_meta", "ptr_meta_derive", "borsh",
    "borsh-derive", "postcard", "postcard-derive", "minicbor", "minicbor-derive", "typetag", "typetag-impl", "erased-serde",
    // thiserror 2, anyhow 1, eyre 0.6, snafu 0.8, miette 7, displaydoc 0.2
    "thiserror", "thiserror-impl", "anyhow", "eyre", "color-eyre", "snafu", "snafu-derive", "miette", "miette-derive",
    "displaydoc",
    // clap 4 reads variables of the package. They are noted wherever it is used.
    "clap", "clap_builder", "clap_derive",
    // tracing 0.1, log 0.4
    "tracing", "tracing-core", "tracing-attributes", "log",
    // tokio 1, futures 0.3, async-trait 0.1, async-stream 0.3, async-recursion 1, pin-project 1, smol 2, rayon 1
    "tokio", "tokio-macros", "futures", "futures-util", "futures-macro", "async-trait", "async-stream",
    "async-stream-impl", "async-recursion", "pin-project", "pin-project-internal", "pin-project-lite", "smol", "rayon",
    "rayon-core",
    // derive_more 2, strum 0.27, bon 3, derive_builder 0.20, typed-builder 0.21, derive-new 0.7, derive-where 1,
    // getset 0.1, educe 0.6, derivative 2, smart-default 0.7, auto_impl 1, delegate 0.13, enum-map 2, num_enum 0.7
    "derive_more", "derive_more-impl", "strum", "strum_macros", "bon", "bon-macros", "derive_builder",
    "derive_builder_macro", "derive_builder_core", "typed-builder", "typed-builder-macro", "derive-new", "derive-where",
    "getset", "educe", "derivative", "smart-default", "auto_impl", "delegate", "enum-map", "enum-map-derive",
    "num_enum", "num_enum_derive", "num-derive", "bitflags", "bitfield", "modular-bitfield", "modular-bitfield-impl",
    "enumflags2", "enumflags2_derive",
    // ndarray 0.17, nalgebra 0.34, num 0.4, bytemuck 1, zerocopy 0.8, zeroize 1, smallvec 1, arrayvec 0.7, hex 0.4
    "ndarray", "nalgebra", "nalgebra-macros", "num-complex", "num-traits", "num-bigint", "num-rational", "bytemuck",
    "bytemuck_derive", "zerocopy", "zerocopy-derive", "zeroize", "zeroize_derive", "smallvec", "arrayvec", "hex-literal",
    "approx", "ordered-float", "rust_decimal", "rust_decimal_macros", "uuid", "chrono", "time-macros", "jiff", "faer",
    "indexmap", "phf_macros", "maplit", "itertools",
    // quote 1, indoc 2, lazy_static 1, once_cell 1, cfg-if 1, static_assertions 1, matches 0.1, regex 1
    "cfg-if", "quote", "indoc", "unindent", "lazy_static", "once_cell", "static_assertions",
    // For tests only: criterion 0.8, proptest 1, approx 0.5, test-case 3
    "pretty_assertions", "proptest", "criterion",
];

/// Names in a `macro_rules!` whose effect depends on where the macro is used.
const TELLING: [&str; 8] =
    ["include", "include_str", "include_bytes", "env", "option_env", "cfg", "cfg_attr", "cfg_select"];

/// Returns why the macros of a library can't be tracked, or `None` if they are pure.
pub(crate) fn why_not_pure(resolver: &mut Resolver, unit: usize) -> Option<String> {
    if let Some(known) = resolver.purity.get(&unit) {
        return known.clone();
    }
    let why = judge(resolver, unit);
    resolver.purity.insert(unit, why.clone());
    why
}

fn judge(resolver: &mut Resolver, unit: usize) -> Option<String> {
    if is_known(resolver, unit) {
        return None;
    }
    let package = resolver.units.package(unit);
    let unknown = |package: &str| {
        format!(
            "what macros of `{package}` read when they are expanded; if that is nothing but their input, name the \
             package in `pure-macros` of `[package.metadata.larder]`"
        )
    };
    if resolver.units.is_proc_macro(unit) {
        return Some(unknown(&package));
    }
    // It may re-export macros of other crates.
    for used in resolver.units.closure(unit) {
        if resolver.units.is_proc_macro(used) && !is_known(resolver, used) {
            return Some(unknown(&resolver.units.package(used)));
        }
    }
    let Some(info) = resolver.units.get(unit).info.clone() else { return Some(unknown(&package)) };
    let mut symbols = Symbols::new();
    for source in info.sources {
        let Ok(text) = std::fs::read_to_string(&source) else { continue };
        if !text.contains("macro_rules!") {
            continue;
        }
        let Ok(tokens) = lex(text, &mut symbols) else { return Some(unknown(&package)) };
        if (0..tokens.list.len()).any(|at| is_telling(&tokens, at)) {
            return Some(unknown(&package));
        }
    }
    None
}

fn is_known(resolver: &mut Resolver, unit: usize) -> bool {
    let package = resolver.units.package(unit);
    PURE.contains(&package.as_str()) || resolver.sources.packages[resolver.own].settings.pure_macros.contains(&package)
}

/// Returns whether a `macro_rules!` begins at `at` whose effect depends on where it is used.
fn is_telling(tokens: &Tokens, at: usize) -> bool {
    let is_macro = tokens.is_name(at, known::MACRO_RULES)
        && tokens.is(at + 1, b'!')
        && tokens.get(at + 3).is_some_and(|token| token.kind == TokenKind::Open);
    is_macro
        && (at + 4..tokens.close_of(at + 3)).any(|at| {
            let token = &tokens.list[at];
            token.kind == TokenKind::Ident && TELLING.contains(&tokens.text_of(token))
        })
}
