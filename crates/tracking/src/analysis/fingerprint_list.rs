//! The list of everything that a function reaches: paths and fingerprints.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use crate::analysis::known_macros;
use crate::analysis::pure_macros::why_not_pure;
use crate::analysis::reachability::{Reached, label};
use crate::analysis::roots::Position;
use crate::compiled::rustc_args::RustcArgs;
use crate::compiled::units::Origin;
use crate::compiled::{native_libraries, paths};
use crate::digest;
use crate::program::manifest::Package;
use crate::program::resolver::{Definition, ExternItem, Resolver};
use crate::syntax::const_strings;
use crate::syntax::fingerprint::{self, Reading};
use crate::syntax::item_parser::ItemKind;
use crate::syntax::literal::str_value;
use crate::syntax::symbols::{Symbol, known};
use crate::syntax::token::{TokenKind, Tokens};

/// The line of an item in the list.
#[derive(Clone)]
pub(crate) struct ListedItem {
    path: String,
    /// The fingerprint of its tokens.
    pub(crate) digest: u128,
    /// It leads to functions of other languages.
    is_foreign: bool,
}

/// Returns the line of an item.
pub(crate) fn item(resolver: &mut Resolver, index: usize) -> ListedItem {
    let reading = if has_reader(resolver, index) { Reading::Documented } else { Reading::Code };
    let shadowed = resolver.shadowed().clone();
    let item = &resolver.sources.items[index];
    let tokens = &resolver.sources.files[item.file].tokens;
    let range = if item.is_inherent { item.range.start..item.open } else { item.range.clone() };
    let (path, digest) = (label(resolver, item), fingerprint::of(tokens, range, reading, &shadowed));
    ListedItem { path, digest, is_foreign: is_foreign(resolver, index) }
}

/// Attributes that no macro reads documentation for: those of tools, and those that known derives read.
const WITHOUT_READER: [&str; 10] =
    ["serde", "error", "from", "source", "skip", "backtrace", "rustfmt", "clippy", "diagnostic", "default"];

/// Returns whether a derive or an attribute macro may read the item's documentation.
fn has_reader(resolver: &mut Resolver, index: usize) -> bool {
    let item = &resolver.sources.items[index];
    let (module, range) = (item.module, item.range.start..item.keyword);
    let file = Arc::clone(&resolver.sources.files[item.file]);
    let tokens = &file.tokens;
    let mut at = range.start;
    let mut paths = Vec::new();
    while at < range.end {
        if tokens.is(at, b'#') && tokens.opens(at + 1, b'[') {
            let close = tokens.close_of(at + 1);
            macro_paths(tokens, at + 2..close, &mut paths);
            at = close;
        }
        at += 1;
    }
    paths.iter().any(|path| {
        let Some(name) = path.last() else { return false };
        let definitions = resolver.resolve(module, path, false).definitions;
        let mut used: Vec<ExternItem> = Vec::new();
        for definition in &definitions {
            match definition {
                Definition::Extern(found) => used.push(*found),
                // These are no derives or attributes, even if they have such a name.
                Definition::Item(_) | Definition::Module(_) => {}
            }
        }
        if used.is_empty() {
            let first = resolver.sources.symbols.text(path[0]);
            let is_known = WITHOUT_READER.contains(&first) || matches!(first, "std" | "core" | "larder");
            if is_known || resolver.is_built_in(*name) {
                return false;
            }
            let globs = if path.len() == 1 { resolver.extern_globs(module) } else { Vec::new() };
            if globs.is_empty() {
                return true;
            }
            used.extend(globs.into_iter().map(|glob| ExternItem { item: *name, ..glob }));
        }
        used.into_iter().any(|used| known_macros::may_read_documentation(resolver, used))
    })
}

/// Adds the paths of the derives and attribute macros in an attribute.
fn macro_paths(tokens: &Tokens, range: Range<usize>, paths: &mut Vec<Vec<Symbol>>) {
    let mut path = Vec::new();
    let mut at = range.start;
    while at < range.end {
        match tokens.name(at) {
            Some(name) => path.push(name),
            None if tokens.is(at, b':') => {}
            None => break,
        }
        at += 1;
    }
    let inner = match tokens.get(at) {
        Some(token) if token.kind == TokenKind::Open && at < range.end => at + 1..tokens.close_of(at),
        _ => range.end..range.end,
    };
    match path[..] {
        [known::DERIVE] => {
            for part in const_strings::arguments(tokens, inner) {
                paths.push(part.filter_map(|at| tokens.name(at)).collect());
            }
        }
        [known::CFG_ATTR] => {
            for part in const_strings::arguments(tokens, inner).into_iter().skip(1) {
                macro_paths(tokens, part, paths);
            }
        }
        [known::UNSAFE] => macro_paths(tokens, inner, paths),
        _ => paths.push(path),
    }
}

/// Returns all that is reached, except the function itself, sorted by path. What can't be tracked is added to `unseen`.
pub(crate) fn items(
    resolver: &mut Resolver,
    reached: &Reached,
    itself: Option<usize>,
    position: &Position,
    rustc_args: &RustcArgs,
    unseen: &mut BTreeSet<String>,
    listed: &mut dyn FnMut(&mut Resolver, usize) -> ListedItem,
) -> Vec<(String, u128)> {
    let mut items: BTreeSet<(String, u128)> = BTreeSet::new();
    let mut foreign = BTreeSet::new();
    for index in reached.items.iter().copied().filter(|index| Some(*index) != itself) {
        // Imports have no code.
        if !matches!(resolver.sources.items[index].kind, ItemKind::Use | ItemKind::ExternCrate | ItemKind::Module) {
            let known = listed(resolver, index);
            items.insert((known.path, known.digest));
            if known.is_foreign {
                foreign.insert(index);
            }
        }
    }
    items.extend(native_libraries(resolver, &foreign, rustc_args, unseen));
    for (package, name) in &reached.crates {
        let text = resolver.sources.symbols.text(*name).to_owned();
        for unit in resolver.units_named(*package, &text) {
            // A macro crate of the workspace counts with its sources, as its code runs in the compiler.
            let label = format!("crate {}", resolver.units.package(unit));
            match resolver.units.digest(unit) {
                Ok(digest) => {
                    items.insert((label, digest));
                }
                Err(why) => {
                    unseen.insert(why);
                }
            }
        }
    }
    let macro_crates: BTreeSet<(usize, Symbol)> =
        reached.macros.iter().map(|used| (used.package, used.crate_name)).collect();
    for (package, name) in macro_crates {
        let text = resolver.sources.symbols.text(name).to_owned();
        for unit in resolver.units_named(package, &text) {
            unseen.extend(why_not_pure(resolver, unit));
        }
    }
    items.extend(reached.inputs.files.iter().map(|(path, digest)| (path.clone(), *digest)));
    if reached.inputs.tells_positions {
        items.insert(("positions".to_owned(), positions(resolver, reached, position)));
    }
    if resolver.is_library {
        for (package, crate_name) in &reached.crates {
            let used = ExternItem { package: *package, crate_name: *crate_name, item: known::EMPTY };
            for name in resolver.packages_of(used).iter().filter(|name| REGISTRIES.contains(&name.as_str())) {
                unseen.insert(format!("what other crates register with `{name}`"));
            }
        }
    }
    for index in reached.packages.iter().copied().chain([resolver.own]).collect::<BTreeSet<_>>() {
        items.extend(settings(resolver, index, rustc_args, unseen));
    }
    items.into_iter().collect()
}

/// Crates that collect at link time what other crates register.
const REGISTRIES: [&str; 4] = ["inventory", "linkme", "typetag", "ctor"];

/// Returns a digest of the positions of all reached items, for code that reads its own.
fn positions(resolver: &Resolver, reached: &Reached, own: &Position) -> u128 {
    let sources = &resolver.sources;
    let mut places = vec![format!("{} {}", own.line, own.column)];
    for index in &reached.items {
        let item = &sources.items[*index];
        let file = &sources.files[item.file];
        let start = file.tokens.list.get(item.range.start).map_or(0, |token| token.start as usize);
        let lines = file.tokens.text.get(..start).map_or(0, |before| before.matches('\n').count());
        let base = &sources.packages[file.package].dir;
        places.push(format!("{} {lines}", paths::label(&file.path, base)));
    }
    digest::of_bytes(places.join("\n").as_bytes())
}

/// Returns the settings that change a package's code: the edition; for a dependency also its features and what its
/// build script sets. The compiler knows the latter two for the package that is being compiled.
fn settings(
    resolver: &mut Resolver,
    index: usize,
    rustc_args: &RustcArgs,
    unseen: &mut BTreeSet<String>,
) -> Vec<(String, u128)> {
    let Package { name, edition, unit, has_build_script, .. } = &resolver.sources.packages[index];
    let (name, edition, has_build_script) = (name.clone(), edition.clone(), *has_build_script);
    let digest = |text: &str| digest::of_bytes(text.as_bytes());
    let unit = *unit;
    let names = renames(resolver, index);
    let Some(unit) = unit else {
        let mut settings = vec![("edition".to_owned(), digest(&rustc_args.edition))];
        settings.extend((!names.is_empty()).then(|| ("names of crates".to_owned(), digest(&names))));
        return settings;
    };
    let features = resolver.units.features(unit);
    if features.is_empty() {
        unseen.insert(format!("the features of crate `{name}`"));
    }
    let mut settings =
        vec![(format!("{name} edition"), digest(&edition)), (format!("crate {name} features"), digest(&features))];
    settings.extend((!names.is_empty()).then(|| (format!("{name} names of crates"), digest(&names))));
    if has_build_script {
        match resolver.units.build_script(unit) {
            Some((output, _)) => {
                settings.push((format!("crate {name} build script"), digest(&native_libraries::settings(&output))));
            }
            None => {
                unseen.insert(format!("what the build script of `{name}` sets"));
            }
        }
    }
    settings
}

/// Returns the crates that the renamed dependencies of a package mean, a line each.
fn renames(resolver: &mut Resolver, index: usize) -> String {
    let package = &resolver.sources.packages[index];
    let names: Vec<String> = match package.unit {
        None => resolver.externs.iter().map(|(name, _)| name.clone()).collect(),
        Some(_) => package.renamed.keys().cloned().collect(),
    };
    let base = package.dir.clone();
    let mut lines = BTreeSet::new();
    for name in names {
        for unit in resolver.units_named(index, &name) {
            let known = resolver.units.get(unit);
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

/// Returns whether an item is or contains an `extern` block.
fn is_foreign(resolver: &Resolver, index: usize) -> bool {
    let item = &resolver.sources.items[index];
    let tokens = &resolver.sources.files[item.file].tokens;
    if item.kind == ItemKind::Foreign {
        return true;
    }
    let mut at = item.range.start;
    while at < item.range.end {
        if tokens.list[at].is_name(known::EXTERN) {
            let after = at + 1 + usize::from(tokens.get(at + 1).is_some_and(|token| token.kind == TokenKind::Str));
            if tokens.opens(after, b'{') {
                return true;
            }
        }
        at += 1;
    }
    false
}

/// Returns the libraries that `extern` blocks may lead to: those that the build scripts of their packages made, and
/// those in folders on the command line.
fn native_libraries(
    resolver: &mut Resolver,
    foreign: &BTreeSet<usize>,
    rustc_args: &RustcArgs,
    unseen: &mut BTreeSet<String>,
) -> BTreeSet<(String, u128)> {
    if foreign.is_empty() {
        return BTreeSet::new();
    }
    for index in foreign {
        let item = &resolver.sources.items[*index];
        let package = resolver.sources.package_of(item.module);
        let has_place = resolver.sources.packages[package].has_build_script
            || !rustc_args.native.is_empty()
            || resolver.sources.files[item.file].tokens.list[item.range.clone()]
                .iter()
                .any(|token| token.is_name(known::LINK));
        if !has_place {
            // Another crate may define them with `#[no_mangle]`.
            unseen.insert("where the functions of an `extern` block are".to_owned());
        }
    }
    let mut folders = rustc_args.native_dirs.clone();
    let mut names: BTreeSet<String> = rustc_args.native.iter().cloned().collect();
    for index in foreign {
        let item = &resolver.sources.items[*index];
        let tokens = &resolver.sources.files[item.file].tokens;
        // `#[link(name = "…")]`
        names.extend(item.range.clone().filter_map(|at| {
            let is_name = tokens.name(at).is_some_and(|_| tokens.text_of(&tokens.list[at]) == "name");
            let text =
                tokens.get(at + 2).filter(|token| is_name && tokens.is(at + 1, b'=') && token.kind == TokenKind::Str);
            str_value(tokens.text_of(text?))
        }));
        let package = &resolver.sources.packages[resolver.sources.package_of(item.module)];
        let (name, has_build_script) = (package.name.clone(), package.has_build_script);
        let made = match package.unit {
            _ if !has_build_script => continue,
            Some(unit) => resolver.units.build_script(unit),
            None => own_build_script(),
        };
        match made {
            Some((output, out_dir)) => {
                folders.push(out_dir);
                folders.extend(native_libraries::search_folders(&output));
                names.extend(native_libraries::linked(&output));
            }
            None => {
                unseen.insert(format!("the libraries that the build script of `{name}` makes"));
            }
        }
    }
    folders.sort();
    folders.dedup();
    native_libraries::libraries(&folders, &names)
}

/// Returns the output of the build script of the package that is being compiled, and `OUT_DIR`.
fn own_build_script() -> Option<(String, PathBuf)> {
    let out_dir = PathBuf::from(std::env::var_os("OUT_DIR")?);
    Some((std::fs::read_to_string(out_dir.parent()?.join("output")).ok()?, out_dir))
}
