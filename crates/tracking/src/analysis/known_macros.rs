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
