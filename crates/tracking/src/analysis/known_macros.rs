//! Macros and traits of other crates whose effect is known, by the package that they come from.
//!
//! A name alone says nothing: any crate may have a derive `Error` or a trait `Serialize`. So each name is resolved first,
//! and what does not come from one of these packages is unknown.

use crate::program::resolver::{Definition, ExternItem, Resolver};
use crate::syntax::bounds::TraitPath;
use crate::syntax::symbols::Symbol;

/// Derives and attribute macros that make `impl` blocks, or change the item that they are on, but add no other items.
struct KnownMacros {
    packages: &'static [&'static str],
    macros: &'static [&'static str],
    /// They may put the documentation of the item into what they make.
    reads_documentation: bool,
}

const fn known(
    packages: &'static [&'static str],
    macros: &'static [&'static str],
    reads_documentation: bool,
) -> KnownMacros {
    KnownMacros { packages, macros, reads_documentation }
}

#[rustfmt::skip]
const KNOWN: &[KnownMacros] = &[
    known(&["serde", "serde_derive"], &["Serialize", "Deserialize"], false),
    known(&["thiserror", "thiserror-impl"], &["Error"], false),
    known(&["tracing", "tracing-attributes"], &["instrument"], false),
    known(&["derive_more", "derive_more-impl"], &["Debug", "Error"], false),
    known(&["derive_more", "derive_more-impl"], &[
        "Display", "From", "Into", "Add", "Sub", "Mul", "Div", "Deref", "DerefMut", "AsRef", "FromStr", "Constructor",
        "IsVariant", "TryFrom", "Sum", "Not", "Neg",
    ], true),
    known(&["strum", "strum_macros"], &["Display"], true),
    known(&["serde_repr"], &["Serialize_repr", "Deserialize_repr"], true),
    known(&["serde_with", "serde_with_macros"], &["serde_as"], true),
    known(&["schemars", "schemars_derive"], &["JsonSchema"], true),
    known(&["clap", "clap_derive"], &["Parser", "Args", "Subcommand", "ValueEnum"], true),
    known(&["bytemuck", "bytemuck_derive"], &["Pod", "Zeroable"], true),
    known(&["zerocopy", "zerocopy-derive"], &["FromBytes", "IntoBytes"], true),
    known(&["async-trait"], &["async_trait"], true),
    known(&["async-recursion"], &["async_recursion"], true),
    known(&["tokio", "tokio-macros"], &["main", "test"], true),
];

/// Traits of the standard library without methods that could run, and those of closures, which can't be arguments that
/// count.
const STD_TRAITS: [&str; 10] =
    ["Send", "Sync", "Sized", "Copy", "Unpin", "UnwindSafe", "RefUnwindSafe", "Fn", "FnMut", "FnOnce"];

/// The traits of keys and results.
const SERDE_TRAITS: [&str; 3] = ["Serialize", "Deserialize", "DeserializeOwned"];

const SERDE: [&str; 2] = ["serde", "serde_core"];

/// Returns whether a macro of another crate may add items beside the one that it is on.
pub(crate) fn may_add_items(resolver: &mut Resolver, used: ExternItem) -> bool {
    find(resolver, used).is_none()
}

/// Returns whether a macro of another crate may read the documentation of the item that it is on.
pub(crate) fn may_read_documentation(resolver: &mut Resolver, used: ExternItem) -> bool {
    find(resolver, used).is_none_or(|known| known.reads_documentation)
}

fn find(resolver: &mut Resolver, used: ExternItem) -> Option<&'static KnownMacros> {
    let packages = resolver.packages_of(used);
    let name = resolver.sources.symbols.text(used.item);
    let is_from = |known: &&KnownMacros| packages.iter().all(|package| known.packages.contains(&package.as_str()));
    KNOWN.iter().filter(|_| !packages.is_empty()).find(|known| known.macros.contains(&name) && is_from(known))
}

/// Returns whether a bound brings no code of the caller's type that could change the result.
pub(crate) fn is_trait_without_code(resolver: &mut Resolver, module: usize, path: &TraitPath) -> bool {
    is_of_std(resolver, module, path)
}

/// Returns whether a bound is one of std's traits without code, or one of the traits of keys and results.
pub(crate) fn is_harmless_trait(resolver: &mut Resolver, module: usize, path: &TraitPath) -> bool {
    is_of_std(resolver, module, path) || is_of_serde(resolver, module, path)
}

fn is_of_std(resolver: &mut Resolver, module: usize, path: &TraitPath) -> bool {
    let Some(name) = path.segments.last().copied() else { return false };
    let is_known = STD_TRAITS.contains(&resolver.sources.symbols.text(name));
    let from_std = path.segments.len() == 1 || is_std_crate(resolver, path.segments[0]);
    is_known && from_std && resolver.resolve(module, &path.segments, path.absolute).definitions.is_empty()
}

fn is_of_serde(resolver: &mut Resolver, module: usize, path: &TraitPath) -> bool {
    let Some(name) = path.segments.last().copied() else { return false };
    if !SERDE_TRAITS.contains(&resolver.sources.symbols.text(name)) {
        return false;
    }
    let definitions = resolver.resolve(module, &path.segments, path.absolute).definitions;
    let mut used: Vec<ExternItem> = Vec::new();
    for definition in &definitions {
        match definition {
            Definition::Extern(found) if found.item == name => used.push(*found),
            // A trait of another name, or one whose code is read.
            _ => return false,
        }
    }
    if definitions.is_empty() && path.segments.len() == 1 {
        used = resolver.extern_globs(module);
    }
    used.into_iter().any(|used| resolver.packages_of(used).iter().any(|package| SERDE.contains(&package.as_str())))
}

/// Returns whether this is the name of a crate of the standard library.
pub(crate) fn is_std_crate(resolver: &Resolver, name: Symbol) -> bool {
    matches!(resolver.sources.symbols.text(name), "std" | "core" | "alloc")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::fixture::Fixture;
    use crate::syntax::lexer::lex;

    /// Crates under their own names.
    const PLAIN: &[(&str, &str, &str)] = &[
        ("thiserror", "thiserror", ""),
        ("serde", "serde", ""),
        ("tokio", "tokio", ""),
        ("other", "other", "macro_rules! vec { () => {} }"),
    ];

    /// Returns whether documentation counts for the item `Item` of this text, and whether it may have items beside it.
    #[track_caller]
    fn effect(crates: &[(&str, &str, &str)], text: &str) -> (bool, bool) {
        let mut one = Fixture::new(crates, &text.replace("struct Item", "/// One.\nstruct Item"));
        let mut other = Fixture::new(crates, &text.replace("struct Item", "/// Other.\nstruct Item"));
        (one.fingerprint("Item") != other.fingerprint("Item"), one.is_opaque("Item"))
    }

    const KNOWN: (bool, bool) = (false, false);
    const UNKNOWN: (bool, bool) = (true, true);

    #[test]
    fn a_derive_is_known_if_it_comes_from_the_known_crate() {
        for (text, expected) in [
            ("use thiserror::Error; #[derive(Debug, Error)] struct Item;", KNOWN),
            ("#[derive(thiserror::Error)] #[error(\"x\")] struct Item;", KNOWN),
            ("#[derive(serde::Serialize)] #[serde(transparent)] struct Item { x: u8 }", KNOWN),
            ("use other::Error; #[derive(Error)] struct Item;", UNKNOWN),
            ("#[derive(other::Serialize)] struct Item;", UNKNOWN),
            ("#[other::instrument] struct Item;", UNKNOWN),
            ("use other::instrument; #[instrument(skip(x))] struct Item;", UNKNOWN),
            ("#[cfg_attr(all(), derive(other::Error))] struct Item;", UNKNOWN),
            // A name of a known crate that is not known.
            ("use thiserror::Surprise; #[derive(Surprise)] struct Item;", UNKNOWN),
            // A known name of another known crate.
            ("use tokio::Serialize; #[derive(Serialize)] struct Item;", UNKNOWN),
        ] {
            assert_eq!(effect(PLAIN, text), expected, "{text}");
        }
    }

    #[test]
    fn a_renamed_import_is_known_by_its_own_name() {
        for (text, expected) in [
            ("use thiserror::Error as Fail; #[derive(Fail)] struct Item;", KNOWN),
            ("use thiserror as t; #[derive(t::Error)] struct Item;", KNOWN),
            ("mod m { pub use thiserror::Error as Fail; } use m::Fail as F; #[derive(F)] struct Item;", KNOWN),
            ("use thiserror::Surprise as Error; #[derive(Error)] struct Item;", UNKNOWN),
            ("use other::Weird as Serialize; #[derive(Serialize)] struct Item;", UNKNOWN),
            ("mod m { pub use other::Weird as Error; } use m::*; #[derive(Error)] struct Item;", UNKNOWN),
        ] {
            assert_eq!(effect(PLAIN, text), expected, "{text}");
        }
    }

    #[test]
    fn a_glob_brings_what_its_crate_exports() {
        for (text, expected) in [
            ("use thiserror::*; #[derive(Error)] struct Item;", KNOWN),
            ("use other::*; #[derive(Error)] struct Item;", UNKNOWN),
            ("#[macro_use] extern crate other; #[derive(Serialize)] struct Item;", UNKNOWN),
            ("use thiserror::*; use other::*; #[derive(Error)] struct Item;", UNKNOWN),
            // The crate exports no derive of this name.
            ("use other::*; #[derive(Clone)] struct Item;", KNOWN),
        ] {
            assert_eq!(effect(PLAIN, text), expected, "{text}");
        }
        let exporting: &[(&str, &str, &str)] = &[("other", "other", "pub use other_derive::{Clone, Debug};")];
        assert_eq!(effect(exporting, "use other::*; #[derive(Clone)] struct Item;"), UNKNOWN);
    }

    #[test]
    fn a_renamed_dependency_is_known_by_its_package() {
        let renamed: &[(&str, &str, &str)] = &[("err", "thiserror", ""), ("thiserror", "other", "")];
        for (text, expected) in [
            ("use err::Error; #[derive(Error)] struct Item;", KNOWN),
            ("use thiserror::Error; #[derive(Error)] struct Item;", UNKNOWN),
            ("extern crate err as e; #[derive(e::Error)] struct Item;", KNOWN),
        ] {
            assert_eq!(effect(renamed, text), expected, "{text}");
        }
    }

    #[test]
    fn a_macro_of_std_is_known_unless_the_program_has_another_of_its_name() {
        let commas_count = |text: &str| {
            let mut one = Fixture::new(PLAIN, &format!("{text} fn item() {{ vec![1] }}"));
            let mut other = Fixture::new(PLAIN, &format!("{text} fn item() {{ vec![1,] }}"));
            one.fingerprint("item") != other.fingerprint("item")
        };
        assert!(!commas_count(""));
        assert!(!commas_count("use std::vec; use std::*;"));
        assert!(!commas_count("use thiserror::*;"));
        assert!(commas_count("macro_rules! vec { ($x:expr) => { 1 }; ($x:expr,) => { 2 } }"));
        assert!(commas_count("fn f() { macro_rules! vec { () => { 1 } } }"));
        assert!(commas_count("use other::vec;"));
        assert!(commas_count("use other::list as vec;"));
        assert!(commas_count("fn f() { use other::vec; }"));
        assert!(commas_count("use other::*;"));
        assert!(commas_count("#[macro_use] extern crate other;"));
    }

    #[test]
    fn a_trait_is_harmless_if_it_comes_from_the_known_crate() {
        let is_harmless = |crates, text: &str, path: &str| {
            let mut fixture = Fixture::new(crates, text);
            let tokens = lex(path.to_owned(), &mut fixture.resolver.sources.symbols).unwrap();
            let segments = tokens.all().filter_map(|at| tokens.name(at)).collect();
            let path = TraitPath { segments, absolute: tokens.is_path_sign(0) };
            is_harmless_trait(&mut fixture.resolver, 0, &path)
        };
        for (text, path, expected) in [
            ("", "Send", true),
            ("", "std::marker::Sync", true),
            ("use serde::Serialize;", "Serialize", true),
            ("", "serde::de::DeserializeOwned", true),
            ("", "::serde::Serialize", true),
            ("use serde::*;", "Serialize", true),
            ("use serde::Serialize as S;", "S", false),
            ("use other::Serialize;", "Serialize", false),
            ("use other::*;", "Serialize", false),
            ("", "other::Send", false),
            ("use other::Copy;", "Copy", false),
            ("trait Serialize { fn go(&self) -> u8; }", "Serialize", false),
            ("mod m { pub trait Fn {} } use m::Fn;", "Fn", false),
            ("", "Clone", false),
        ] {
            assert_eq!(is_harmless(PLAIN, text, path), expected, "{text} {path}");
        }
        let renamed: &[(&str, &str, &str)] = &[("s", "serde", ""), ("serde", "other", "")];
        assert!(is_harmless(renamed, "use s::Serialize;", "Serialize"));
        assert!(!is_harmless(renamed, "use serde::Serialize;", "Serialize"));
    }

    #[test]
    fn a_memoize_of_another_crate_is_an_unknown_macro() {
        let text = |name: &str| format!("use {name}::memoize; #[memoize(x)] struct Item;");
        assert_eq!(effect(PLAIN, &text("other")), UNKNOWN);
        assert_eq!(effect(PLAIN, &text("larder")), KNOWN);
    }
}
