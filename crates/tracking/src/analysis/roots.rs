//! Where the walk begins: the item at a position, and what can be reached from it directly.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::analysis::known_macros;
use crate::analysis::reachability::Roots;
use crate::analysis::references::{CodeContext, dir_of, scan};
use crate::compiled::paths::normal;
use crate::program::resolver::{Definition, Resolver};
use crate::syntax::bounds::{Bounds, TraitPath};
use crate::syntax::item_parser::{self, ItemKind, begins_statement};
use crate::syntax::symbols::{Symbol, known};
use crate::syntax::token::{TokenKind, Tokens};

/// A position in a source file. Lines and columns count from 1, columns in characters.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct Position {
    /// The canonical path of the file.
    pub file: PathBuf,
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Position {
    /// Makes a position. The path is made canonical if the file exists.
    #[must_use]
    pub fn new(file: &Path, line: usize, column: usize) -> Self {
        Position { file: normal(file), line, column }
    }
}

/// A function as its author wrote it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Function {
    /// The signature.
    pub signature: Tokens,
    /// The body, with its braces.
    pub body: Tokens,
    /// The attributes that may be macros.
    pub attributes: Tokens,
}

impl Function {
    /// Makes a function of its parts.
    #[must_use]
    pub fn new(signature: Tokens, body: Tokens, attributes: Tokens) -> Self {
        Function { signature, body, attributes }
    }
}

/// Returns the innermost item at a position, and the index of the token there.
fn item_at(resolver: &Resolver, position: &Position) -> Option<(usize, usize)> {
    // A file may be several modules. These are the indexes of the token in each.
    let files = resolver.sources.files.iter().enumerate().filter(|(_, file)| file.path == position.file);
    let places = files.filter_map(|(index, file)| {
        let offset = offset_of(&file.tokens.text, position)?;
        Some((index, file.tokens.list.partition_point(|token| (token.end as usize) <= offset)))
    });
    let places: Vec<(usize, usize)> = places.collect();
    let mut found: Option<(usize, usize)> = None;
    for (index, item) in resolver.sources.items.iter().enumerate() {
        for (file, token) in &places {
            if item.file != *file || item.holder.is_some() || !item.range.contains(token) {
                continue;
            }
            let is_inner =
                found.is_none_or(|(before, _)| resolver.sources.items[before].range.len() > item.range.len());
            if is_inner {
                found = Some((index, *token));
            }
        }
    }
    found
}

fn offset_of(text: &str, position: &Position) -> Option<usize> {
    let start = match position.line.checked_sub(2) {
        None => 0,
        Some(line) => text.match_indices('\n').nth(line)?.0 + 1,
    };
    let before = text[start..].chars().take(position.column.saturating_sub(1));
    Some(start + before.map(char::len_utf8).sum::<usize>())
}

/// A function whose roots are to be found. All tokens have symbols of the program.
pub(crate) struct RootQuery<'a> {
    /// `None` if only `depends` is asked for.
    pub(crate) function: Option<&'a Function>,
    /// The items that the option `depends` names.
    pub(crate) depends: &'a Tokens,
    pub(crate) position: &'a Position,
    /// Returns the positions of all tokens of the function: a macro may have put them together from several places.
    pub(crate) positions: &'a dyn Fn() -> Vec<Position>,
}

impl RootQuery<'_> {
    fn all_tokens(&self) -> impl Iterator<Item = &Tokens> {
        let function = self.function.into_iter();
        function.flat_map(|function| [&function.signature, &function.body, &function.attributes]).chain([self.depends])
    }
}

/// Returns the roots, and the item that is the function itself.
pub(crate) fn find(resolver: &mut Resolver, search: &RootQuery<'_>) -> (Roots, Option<usize>) {
    let Some((index, token)) = item_at(resolver, search.position) else {
        let mut roots = Roots { is_generic: true, is_open: true, runs_callers_code: true, ..Roots::default() };
        let why = "the file that the function is in is not among the modules of its crate";
        roots.named.unseen.insert(why.to_owned());
        resolver.read_all_beside();
        let context = CodeContext { module: roots.module, anywhere: true, dir: None, around: None };
        for tokens in search.all_tokens() {
            scan(resolver, tokens, tokens.all(), context.clone(), &mut roots.named);
        }
        return (roots, None);
    };
    let item = &resolver.sources.items[index];
    let (module, kind, open, block) = (item.module, item.kind, item.open, item.block);
    let file = Arc::clone(&resolver.sources.files[item.file]);
    let range = item.range.clone();
    let mut roots = Roots { module, ..Roots::default() };
    let is_itself = kind == ItemKind::Function && token < open;
    let made_by_macro = matches!(kind, ItemKind::Macro | ItemKind::Opaque);
    let mut around = None;
    if is_itself {
        roots.items.extend(block);
    } else if matches!(kind, ItemKind::Function | ItemKind::Constant) {
        around = Some((&file.tokens, range.clone()));
    } else {
        roots.items.insert(index);
    }
    if kind == ItemKind::Trait {
        roots.named.items.insert(index);
    }
    if made_by_macro {
        for position in (search.positions)() {
            roots.items.extend(item_at(resolver, &position).map(|(item, _)| item));
        }
    }
    let dir = if made_by_macro { None } else { dir_of(&file).map(Path::to_owned) };
    let context = CodeContext { module, anywhere: made_by_macro, dir: dir.as_deref(), around };
    for tokens in search.all_tokens() {
        scan(resolver, tokens, tokens.all(), context.clone(), &mut roots.named);
    }
    if context.around.is_some() {
        locals(resolver, index, token, &mut roots);
    }
    let Some(function) = search.function else { return (roots, None) };
    // The types that callers choose are those of the function itself and of the block or trait around it.
    let mut bounds = Bounds::default();
    bounds.add_signature(&function.signature, function.signature.all());
    let is_around = matches!(kind, ItemKind::Trait | ItemKind::Impl);
    if let Some(outer) = block.or(is_around.then_some(index)) {
        let item = &resolver.sources.items[outer];
        match item.kind {
            ItemKind::Trait => bounds.add_trait_header(&file.tokens, item.keyword, item.open),
            _ => bounds.add_impl_header(&file.tokens, item.keyword, item.open),
        }
    }
    roots.is_generic = bounds.is_generic;
    if roots.is_generic {
        resolver.read_all_beside();
    }
    let harmful = |resolver: &mut Resolver, paths: &[TraitPath]| -> Vec<TraitPath> {
        let paths = paths.iter().filter(|path| !known_macros::is_trait_without_code(resolver, module, path));
        paths.cloned().collect()
    };
    let traits = harmful(resolver, &bounds.traits);
    // In a trait, callers choose `Self`.
    roots.runs_callers_code = kind == ItemKind::Trait || !traits.is_empty();
    roots.derived = traits
        .iter()
        .filter_map(|path| {
            let name = resolver.sources.symbols.text(*path.segments.last()?);
            // `DeserializeOwned` is implemented by deriving `Deserialize`.
            resolver.sources.symbols.find(if name == "DeserializeOwned" { "Deserialize" } else { name })
        })
        .filter(|name| resolver.sources.symbols.text(*name) != "Serialize")
        .collect();
    roots.has_trait_object = !harmful(resolver, &bounds.objects).is_empty();
    roots.is_open = bounds.is_generic && bounds.traits.iter().any(|path| is_external(resolver, module, path));
    if roots.has_trait_object && resolver.is_library {
        roots.named.unseen.insert("the types of other crates that may be behind its `dyn`".to_owned());
    }
    (roots, is_itself.then_some(index))
}

/// Adds the items beside an inner function that it names, and those that these name.
fn locals(resolver: &mut Resolver, holder: usize, token: usize, roots: &mut Roots) {
    let item = &resolver.sources.items[holder];
    let (module, number, range, start) = (item.module, item.file, item.range.clone(), item.keyword + 1);
    let file = Arc::clone(&resolver.sources.files[number]);
    let tokens = &file.tokens;
    let mut candidates = Vec::new();
    for at in start..range.end {
        let begins = tokens.list[at].kind == TokenKind::Ident && begins_statement(&tokens.list, at);
        let raw = if begins { item_parser::one(tokens, at, range.end) } else { continue };
        let is_item = matches!(
            raw.kind,
            ItemKind::Function
                | ItemKind::Constant
                | ItemKind::Type
                | ItemKind::Trait
                | ItemKind::Impl
                | ItemKind::Macro
                | ItemKind::Foreign
        );
        // Blocks such as `unsafe { … }` and `const { … }` have no names.
        let is_meant = is_item && (raw.name != known::EMPTY || matches!(raw.kind, ItemKind::Impl | ItemKind::Foreign));
        if is_meant && !raw.range.contains(&token) {
            candidates.push(raw);
        }
    }
    // A macro call there may define anything.
    let is_unknown_macro = |at: usize| {
        tokens.is(at + 1, b'!')
            && tokens.get(at + 2).is_some_and(|token| token.kind == TokenKind::Open)
            && tokens.name(at).is_some()
            && !resolver.is_expression_macro(tokens.list[at].data)
            && begins_statement(&tokens.list, at)
    };
    if (start..range.end).any(is_unknown_macro) {
        roots.items.insert(holder);
    }
    let mut names: BTreeSet<Symbol> = roots.named.members.iter().copied().collect();
    let mut taken = BTreeSet::new();
    loop {
        let before = taken.len();
        for raw in &candidates {
            let is_named = matches!(raw.kind, ItemKind::Impl | ItemKind::Foreign) || names.contains(&raw.name);
            if is_named && taken.insert(raw.range.start) {
                names.extend(tokens.list[raw.range.clone()].iter().filter_map(|token| token.name()));
                roots.items.insert(resolver.local_item(module, number, raw, holder));
            }
        }
        if taken.len() == before {
            return;
        }
    }
}

impl Resolver {
    /// Returns the index of an item within a function, and adds the item if it is new.
    fn local_item(&mut self, module: usize, file: usize, raw: &item_parser::RawItem, holder: usize) -> usize {
        let is_same = |item: &crate::program::sources::Item| {
            item.holder == Some(holder) && item.file == file && item.range == raw.range
        };
        if let Some(index) = self.sources.items.iter().position(is_same) {
            return index;
        }
        let index = self.sources.push_item(module, file, raw);
        self.sources.items[index].holder = Some(holder);
        index
    }
}

/// Returns whether a trait is another crate's, with methods that a caller's type brings along.
fn is_external(resolver: &mut Resolver, module: usize, path: &TraitPath) -> bool {
    if known_macros::is_harmless_trait(resolver, module, path) {
        return false;
    }
    let found = resolver.resolve(module, &path.segments, path.absolute);
    let is_followed = |definition: &Definition| matches!(definition, Definition::Item(item) if resolver.sources.items[*item].kind == ItemKind::Trait);
    !found.definitions.iter().any(is_followed)
}
