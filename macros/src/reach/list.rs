//! The list of what a function's code consists of: paths and digests.

use std::collections::BTreeSet;

use super::invocation::Invocation;
use super::item::Form;
use super::manifest::{Extern, Lock};
use super::names::Scope;
use super::program::Item;
use super::symbols::known;
use super::token::{Kind, Tokens};
use super::walk::{Reached, label};
use super::{files, paths};
use crate::fingerprint::{self, Reading};

/// The path of an item, and the digest of its tokens.
pub(crate) fn item(scope: &Scope, index: usize) -> (String, u128) {
    let item = &scope.program.items[index];
    let tokens = &scope.program.files[item.file].tokens;
    let range = if item.is_inherent { item.range.start..item.open } else { item.range.clone() };
    let reading = if has_reader(tokens, item) { Reading::Documented } else { Reading::Code };
    (label(scope, item), fingerprint::of(tokens, range, reading))
}

/// Attributes that don't look at documentation.
const BLIND: [&str; 55] = [
    "allow",
    "expect",
    "warn",
    "deny",
    "forbid",
    "must_use",
    "inline",
    "cold",
    "repr",
    "non_exhaustive",
    "derive",
    "serde",
    "default",
    "test",
    "ignore",
    "should_panic",
    "track_caller",
    "target_feature",
    "no_mangle",
    "link",
    "path",
    "macro_use",
    "macro_export",
    "automatically_derived",
    "deprecated",
    "global_allocator",
    "memoize",
    "error",
    "from",
    "source",
    "cfg",
    "doc",
    "rustfmt",
    "clippy",
    "diagnostic",
    "Clone",
    "Copy",
    "Debug",
    "Default",
    "Eq",
    "Hash",
    "Ord",
    "PartialEq",
    "PartialOrd",
    "Serialize",
    "Deserialize",
    "Error",
    "std",
    "core",
    "larder",
    "thiserror",
    "cfg_attr",
    "unsafe",
    "skip",
    "instrument",
];

/// Whether a derive or an attribute macro may read the item's documentation.
fn has_reader(tokens: &Tokens, item: &Item) -> bool {
    let mut at = item.range.start;
    while at < item.keyword {
        if tokens.is(at, b'#') && tokens.opens(at + 1, b'[') {
            let close = tokens.close_of(at + 1);
            let is_derive = tokens.is_name(at + 2, known::DERIVE) || tokens.is_name(at + 2, known::CFG_ATTR);
            // Of an attribute, its path; of a derive, all that is derived.
            let mut next = at + 2;
            while next < close && (is_derive || tokens.list[next].kind != Kind::Open && !tokens.is(next, b'=')) {
                let token = &tokens.list[next];
                let is_value = tokens.is(next.wrapping_sub(1), b'=') || tokens.is(next + 1, b'=');
                if token.kind == Kind::Name && !is_value && !BLIND.contains(&tokens.text_of(token)) {
                    return true;
                }
                next += 1;
            }
            at = close;
        }
        at += 1;
    }
    false
}

/// Everything that counts but the function's own body, sorted by its path.
pub(crate) fn items(
    scope: &Scope,
    reached: &Reached,
    itself: Option<usize>,
    invocation: &Invocation,
    lock: Option<&Lock>,
    listed: &mut dyn FnMut(usize) -> (String, u128),
) -> Result<Vec<(String, u128)>, String> {
    let program = &scope.program;
    let mut items: BTreeSet<(String, u128)> = BTreeSet::new();
    for index in reached.items.iter().copied().filter(|index| Some(*index) != itself) {
        let item = &program.items[index];
        // A `use` or the like has nothing of its own.
        if !matches!(item.form, Form::Use | Form::ExternCrate | Form::Module) {
            items.insert(listed(index));
        }
    }
    for (package, name) in &reached.crates {
        let package = &program.packages[*package];
        let text = program.symbols.text(*name);
        let known = || lock.ok_or("there is no Cargo.lock that has the versions of the crates");
        let (name, digest) = match package.externs.get(text) {
            Some(Extern::Path(dir)) => (text.to_owned(), sources(dir)),
            Some(Extern::Locked(name)) => {
                let versions = known()?.versions(name).unwrap_or_else(|| lock.map(Lock::whole).unwrap_or_default());
                (name.clone(), fingerprint::of_bytes(versions.as_bytes()))
            }
            None => (text.to_owned(), fingerprint::of_bytes(known()?.whole().as_bytes())),
        };
        items.insert((format!("crate {name}"), digest));
    }
    let facts = &reached.facts;
    items.extend(facts.files.iter().map(|(path, digest)| (path.clone(), *digest)));
    for index in reached.packages.iter().copied().chain([scope.own]).collect::<BTreeSet<_>>() {
        let package = &program.packages[index];
        let is_own = index == scope.own;
        let edition = if is_own { &invocation.edition } else { &package.edition };
        let prefix = if is_own { String::new() } else { format!("{} ", package.name) };
        items.insert((format!("{prefix}edition"), fingerprint::of_bytes(edition.as_bytes())));
        if let (false, Some((lib, _))) = (is_own, &package.lib) {
            let features = invocation.features_of(&package.name, lib);
            items.insert((format!("crate {} features", package.name), fingerprint::of_bytes(features.as_bytes())));
        }
        let depends_on_build = !(facts.predicates.is_empty() && facts.environment.is_empty() && facts.files.is_empty());
        let build_script = package.build_script.as_ref().filter(|_| depends_on_build);
        let manifest = package.dir.join("Cargo.toml");
        let is_about_package = |name: &String| name.starts_with("CARGO_PKG_");
        let manifest = (!is_own && facts.environment.iter().any(is_about_package)).then_some(&manifest);
        for path in build_script.into_iter().chain(manifest) {
            items.insert((files::label(path, &package.dir, &package.name, is_own), files::digest(path)));
        }
    }
    Ok(items.into_iter().collect())
}

/// One digest for a macro crate and the crates beside it that it uses: what its code does, it does in
/// the compiler.
fn sources(dir: &std::path::Path) -> u128 {
    let mut dirs = vec![paths::normal(dir)];
    let mut seen = BTreeSet::new();
    let mut bytes = Vec::new();
    while let Some(dir) = dirs.pop() {
        if !seen.insert(dir.clone()) {
            continue;
        }
        bytes.extend_from_slice(&files::digest_of_sources(&dir.join("src")).to_be_bytes());
        let package = super::manifest::Package::read(&dir);
        for known in package.iter().flat_map(|package| package.externs.values()) {
            if let Extern::Path(dir) = known {
                dirs.push(paths::normal(dir));
            }
        }
    }
    fingerprint::of_bytes(&bytes)
}
