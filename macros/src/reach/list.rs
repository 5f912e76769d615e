//! The list of what a function's code consists of: paths and digests.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::built_in::text_value;
use super::item::Form;
use super::manifest::Package;
use super::names::Scope;
use super::program::Item;
use super::pure::why_not_pure;
use super::roots::Position;
use super::symbols::known;
use super::token::{Kind, Tokens};
use super::walk::{Reached, label};
use crate::compiled::invocation::Invocation;
use crate::compiled::units::Origin;
use crate::compiled::{native, paths};
use crate::digest;
use crate::fingerprint::{self, Reading};

/// What is listed of an item.
#[derive(Clone)]
pub(crate) struct Listed {
    path: String,
    /// Of its tokens.
    digest: u128,
    /// It leads to functions that are no Rust.
    is_foreign: bool,
}

pub(crate) fn item(scope: &Scope, index: usize) -> Listed {
    let item = &scope.program.items[index];
    let tokens = &scope.program.files[item.file].tokens;
    let range = if item.is_inherent { item.range.start..item.open } else { item.range.clone() };
    let reading = if has_reader(tokens, item) { Reading::Documented } else { Reading::Code };
    let (path, digest) = (label(scope, item), fingerprint::of(tokens, range, reading));
    Listed { path, digest, is_foreign: is_foreign(scope, index) }
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

/// Everything that counts but the function's own body, sorted by its path. What can't be seen is added to
/// `unseen`.
pub(crate) fn items(
    scope: &mut Scope,
    reached: &Reached,
    itself: Option<usize>,
    position: &Position,
    invocation: &Invocation,
    unseen: &mut BTreeSet<String>,
    listed: &mut dyn FnMut(&Scope, usize) -> Listed,
) -> Vec<(String, u128)> {
    let mut items: BTreeSet<(String, u128)> = BTreeSet::new();
    let mut foreign = BTreeSet::new();
    for index in reached.items.iter().copied().filter(|index| Some(*index) != itself) {
        let item = &scope.program.items[index];
        // A `use` or the like has nothing of its own.
        if !matches!(item.form, Form::Use | Form::ExternCrate | Form::Module) {
            let known = listed(scope, index);
            items.insert((known.path, known.digest));
            if known.is_foreign {
                foreign.insert(index);
            }
        }
    }
    items.extend(native_libraries(scope, &foreign, invocation, unseen));
    for (package, name) in &reached.crates {
        let text = scope.program.symbols.text(*name).to_owned();
        for unit in scope.units_named(*package, &text) {
            // A macro crate beside this one counts with its sources, as its code runs in the compiler.
            let label = format!("crate {}", scope.units.package(unit));
            match scope.units.digest(unit) {
                Ok(digest) => {
                    items.insert((label, digest));
                }
                Err(why) => {
                    unseen.insert(why);
                }
            }
        }
    }
    for (package, name) in &reached.macros {
        let text = scope.program.symbols.text(*name).to_owned();
        for unit in scope.units_named(*package, &text) {
            unseen.extend(why_not_pure(scope, unit));
        }
    }
    items.extend(reached.facts.files.iter().map(|(path, digest)| (path.clone(), *digest)));
    if reached.facts.tells_positions {
        items.insert(("positions".to_owned(), positions(scope, reached, position)));
    }
    if scope.is_library {
        for (_, name) in &reached.crates {
            let text = scope.program.symbols.text(*name);
            if REGISTRIES.contains(&text) {
                unseen.insert(format!("what other crates register with `{text}`"));
            }
        }
    }
    for index in reached.packages.iter().copied().chain([scope.own]).collect::<BTreeSet<_>>() {
        items.extend(settings(scope, index, invocation, unseen));
    }
    items.into_iter().collect()
}

/// Crates that collect, when a program is linked, what its crates register.
const REGISTRIES: [&str; 4] = ["inventory", "linkme", "typetag", "ctor"];

/// The positions of all reached items, for code that asks for its own.
fn positions(scope: &Scope, reached: &Reached, own: &Position) -> u128 {
    let program = &scope.program;
    let mut places = vec![format!("{} {}", own.line, own.column)];
    for index in &reached.items {
        let item = &program.items[*index];
        let file = &program.files[item.file];
        let start = file.tokens.list.get(item.range.start).map_or(0, |token| token.start as usize);
        let lines = file.tokens.text.get(..start).map_or(0, |before| before.matches('\n').count());
        let base = &program.packages[file.package].dir;
        places.push(format!("{} {lines}", paths::label(&file.path, base)));
    }
    digest::of_bytes(places.join("\n").as_bytes())
}

/// What decides about a package's code beside it: its edition, and for one beside this one its features and what its
/// build script sets. Of the package that is compiled, the compiler knows the latter two.
fn settings(
    scope: &mut Scope,
    index: usize,
    invocation: &Invocation,
    unseen: &mut BTreeSet<String>,
) -> Vec<(String, u128)> {
    let Package { name, edition, unit, has_build_script, .. } = &scope.program.packages[index];
    let (name, edition, has_build_script) = (name.clone(), edition.clone(), *has_build_script);
    let digest = |text: &str| digest::of_bytes(text.as_bytes());
    let unit = *unit;
    let names = renames(scope, index);
    let Some(unit) = unit else {
        let mut settings = vec![("edition".to_owned(), digest(&invocation.edition))];
        settings.extend((!names.is_empty()).then(|| ("names of crates".to_owned(), digest(&names))));
        return settings;
    };
    let features = scope.units.features(unit);
    if features.is_empty() {
        unseen.insert(format!("the features of crate `{name}`"));
    }
    let mut settings =
        vec![(format!("{name} edition"), digest(&edition)), (format!("crate {name} features"), digest(&features))];
    settings.extend((!names.is_empty()).then(|| (format!("{name} names of crates"), digest(&names))));
    if has_build_script {
        match scope.units.build_script(unit) {
            Some((output, _)) => {
                settings.push((format!("crate {name} build script"), digest(&native::settings(&output))));
            }
            None => {
                unseen.insert(format!("what the build script of `{name}` sets"));
            }
        }
    }
    settings
}

/// Which crates the renamed names of a package mean, a line each.
fn renames(scope: &mut Scope, index: usize) -> String {
    let package = &scope.program.packages[index];
    let names: Vec<String> = match package.unit {
        None => scope.externs.iter().map(|(name, _)| name.clone()).collect(),
        Some(_) => package.renamed.keys().cloned().collect(),
    };
    let base = package.dir.clone();
    let mut lines = BTreeSet::new();
    for name in names {
        for unit in scope.units_named(index, &name) {
            let known = scope.units.get(unit);
            if known.name != name {
                let from = match &known.origin {
                    Origin::Fixed(id) => id.clone(),
                    Origin::Folder(dir) => paths::label(dir, &base),
                    Origin::Unknown => known.name.clone(),
                };
                lines.insert(format!("{name} is {from}"));
            }
        }
    }
    lines.into_iter().collect::<Vec<_>>().join("\n")
}

/// Whether code leads to functions that are no Rust: an `extern` block, or one within a function.
fn is_foreign(scope: &Scope, index: usize) -> bool {
    let item = &scope.program.items[index];
    let tokens = &scope.program.files[item.file].tokens;
    if item.form == Form::Foreign {
        return true;
    }
    let mut at = item.range.start;
    while at < item.range.end {
        if tokens.list[at].is_name(known::EXTERN) {
            let after = at + 1 + usize::from(tokens.get(at + 1).is_some_and(|token| token.kind == Kind::Text));
            if tokens.opens(after, b'{') {
                return true;
            }
        }
        at += 1;
    }
    false
}

/// The libraries that `extern` blocks may lead to: those that the build scripts of their packages made, and those in
/// folders that the compiler was told.
fn native_libraries(
    scope: &mut Scope,
    foreign: &BTreeSet<usize>,
    invocation: &Invocation,
    unseen: &mut BTreeSet<String>,
) -> BTreeSet<(String, u128)> {
    if foreign.is_empty() {
        return BTreeSet::new();
    }
    for index in foreign {
        let item = &scope.program.items[*index];
        let package = scope.program.package_of(item.module);
        let has_place = scope.program.packages[package].has_build_script
            || !invocation.native.is_empty()
            || scope.program.files[item.file].tokens.list[item.range.clone()]
                .iter()
                .any(|token| token.is_name(known::LINK));
        if !has_place {
            // Another crate may have them, with `#[no_mangle]`.
            unseen.insert("where the functions of an `extern` block are".to_owned());
        }
    }
    let mut folders = invocation.native_dirs.clone();
    let mut names: BTreeSet<String> = invocation.native.iter().cloned().collect();
    for index in foreign {
        let item = &scope.program.items[*index];
        let tokens = &scope.program.files[item.file].tokens;
        // `#[link(name = "…")]`
        names.extend(item.range.clone().filter_map(|at| {
            let is_name = tokens.name(at).is_some_and(|_| tokens.text_of(&tokens.list[at]) == "name");
            let text =
                tokens.get(at + 2).filter(|token| is_name && tokens.is(at + 1, b'=') && token.kind == Kind::Text);
            text_value(tokens.text_of(text?))
        }));
        let package = &scope.program.packages[scope.program.package_of(item.module)];
        let (name, has_build_script) = (package.name.clone(), package.has_build_script);
        let made = match package.unit {
            _ if !has_build_script => continue,
            Some(unit) => scope.units.build_script(unit),
            None => own_build_script(),
        };
        match made {
            Some((output, out_dir)) => {
                folders.push(out_dir);
                folders.extend(native::search_folders(&output));
                names.extend(native::linked(&output));
            }
            None => {
                unseen.insert(format!("the libraries that the build script of `{name}` makes"));
            }
        }
    }
    folders.sort();
    folders.dedup();
    native::libraries(&folders, &names)
}

/// What the build script of the package that is compiled printed, beside its `OUT_DIR`.
fn own_build_script() -> Option<(String, PathBuf)> {
    let out_dir = PathBuf::from(std::env::var_os("OUT_DIR")?);
    Some((std::fs::read_to_string(out_dir.parent()?.join("output")).ok()?, out_dir))
}
