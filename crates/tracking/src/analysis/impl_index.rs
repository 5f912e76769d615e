//! An index of `impl` blocks by type and by trait.

use crate::analysis::known_macros;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use crate::analysis::references::{CodeContext, References, dir_of, scan};
use crate::program::resolver::{Definition, Resolver};
use crate::syntax::item_parser::{self, ItemKind};
use crate::syntax::symbols::{Symbol, known};
use crate::syntax::token::{TokenKind, Tokens};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TraitOrigin {
    /// No trait.
    Inherent,
    /// A trait whose code is read.
    Followed,
    /// A trait of another crate. Its methods may be called without being named: operators, `Drop`.
    External,
}

#[derive(Debug)]
pub(crate) struct ImplInfo {
    pub(crate) origin: TraitOrigin,
    pub(crate) is_drop: bool,
    /// The traits that it may implement.
    pub(crate) traits: BTreeSet<usize>,
}

/// The `impl` blocks of a program, by the names in their headers.
#[derive(Default)]
pub(crate) struct ImplIndex {
    pub(crate) infos: Vec<ImplInfo>,
    /// By the item that is the block or contains it.
    pub(crate) by_item: HashMap<usize, Vec<usize>>,
    /// By type, or by trait for `dyn Trait`.
    pub(crate) by_type: HashMap<usize, Vec<usize>>,
    pub(crate) by_trait: HashMap<usize, Vec<usize>>,
    /// Blocks that are reached when a name occurs: that of their type, if it is not resolved; or that of a member of
    /// their trait, if they are for any type.
    pub(crate) by_name: HashMap<Symbol, Vec<usize>>,
    /// Macro calls and other items that may contain `impl` blocks, by the names of types in them.
    pub(crate) opaque: HashMap<Symbol, Vec<usize>>,
    /// The same, by the names of members of traits in them: such blocks may be for any type.
    pub(crate) opaque_by_member: HashMap<Symbol, Vec<usize>>,
    /// `impl` blocks with a macro on them that may add more blocks: all their members are reached together.
    pub(crate) whole: BTreeSet<usize>,
    /// The names of the members of each trait.
    pub(crate) members: HashMap<usize, BTreeSet<Symbol>>,
}

impl ImplIndex {
    pub(crate) fn of(resolver: &mut Resolver) -> Self {
        let mut blocks = ImplIndex::default();
        for index in 0..resolver.sources.items.len() {
            if resolver.sources.items[index].kind == ItemKind::Trait {
                let members = members(resolver, index);
                blocks.members.insert(index, members);
            }
        }
        for index in 0..resolver.sources.items.len() {
            let kind = resolver.sources.items[index].kind;
            if kind == ItemKind::Opaque || kind != ItemKind::Macro && makes_names(resolver, index) {
                blocks.add_opaque(resolver, index);
                if kind == ItemKind::Impl {
                    blocks.whole.insert(index);
                }
            }
        }
        for index in 0..resolver.sources.blocks.len() {
            blocks.add(resolver, index);
        }
        blocks
    }

    fn add(&mut self, resolver: &mut Resolver, index: usize) {
        let block = &resolver.sources.blocks[index];
        let (item, header) = (block.item, block.header.clone());
        let known = &resolver.sources.items[item];
        let (module, file, kind) = (known.module, Arc::clone(&resolver.sources.files[known.file]), known.kind);
        let tokens = &file.tokens;
        let around = (kind != ItemKind::Impl).then(|| (tokens, known.range.clone()));
        let context = CodeContext { module, anywhere: false, dir: dir_of(&file), around };
        let path = trait_path(tokens, header.of.clone());
        let mut of = References::default();
        scan(resolver, tokens, path.clone(), context.clone(), &mut of);
        let traits: BTreeSet<usize> =
            of.items.into_iter().filter(|item| resolver.sources.items[*item].kind == ItemKind::Trait).collect();
        let mut on = References::default();
        scan(resolver, tokens, path.end..header.of.end, context.clone(), &mut on);
        scan(resolver, tokens, header.on.clone(), context, &mut on);
        let mut types = BTreeSet::new();
        for item in on.items {
            self.expand(resolver, item, &mut types);
        }
        self.by_item.entry(item).or_default().push(index);
        for ty in &types {
            self.by_type.entry(*ty).or_default().push(index);
        }
        for of in &traits {
            self.by_trait.entry(*of).or_default().push(index);
        }
        let origin = match (path.is_empty(), traits.is_empty()) {
            (true, _) => TraitOrigin::Inherent,
            (false, false) => TraitOrigin::Followed,
            (false, true) => TraitOrigin::External,
        };
        if types.is_empty() {
            if origin == TraitOrigin::Followed {
                for name in traits.iter().filter_map(|of| self.members.get(of)).flatten() {
                    self.by_name.entry(*name).or_default().push(index);
                }
            } else if !is_local(tokens, &resolver.sources.items[item].range, &header.on) || kind == ItemKind::Impl {
                for name in tokens.list[header.on].iter().filter_map(|token| token.name()) {
                    self.by_name.entry(name).or_default().push(index);
                }
            }
        }
        let is_drop = tokens.list[path].iter().any(|token| token.is_name(known::DROP));
        self.infos.push(ImplInfo { origin, is_drop, traits });
    }

    /// Adds a type. For an alias, adds its target as well.
    fn expand(&self, resolver: &mut Resolver, item: usize, types: &mut BTreeSet<usize>) {
        let known = &resolver.sources.items[item];
        if !matches!(known.kind, ItemKind::Type | ItemKind::Trait) || !types.insert(item) {
            return;
        }
        let file = Arc::clone(&resolver.sources.files[known.file]);
        if known.kind == ItemKind::Type && file.tokens.is_name(known.keyword, known::TYPE) {
            let context = CodeContext { module: known.module, anywhere: false, dir: dir_of(&file), around: None };
            let (range, mut named) = (known.keyword + 2..known.range.end, References::default());
            scan(resolver, &file.tokens, range, context, &mut named);
            for item in named.items {
                self.expand(resolver, item, types);
            }
        }
    }

    fn add_opaque(&mut self, resolver: &mut Resolver, index: usize) {
        let item = &resolver.sources.items[index];
        let (module, keyword) = (item.module, item.keyword);
        let file = Arc::clone(&resolver.sources.files[item.file]);
        let tokens = &file.tokens;
        if item.kind != ItemKind::Opaque && !resolver.sources.modules[module].opaque.contains(&index) {
            resolver.sources.modules[module].opaque.push(index);
        }
        let item = &resolver.sources.items[index];
        let mut names = BTreeSet::new();
        let mut macros = vec![(item.file, item.range.clone())];
        let mut seen = BTreeSet::new();
        while let Some((file, range)) = macros.pop() {
            let tokens = &resolver.sources.files[file].tokens;
            for at in range {
                let Some(name) = tokens.name(at) else { continue };
                names.insert(name);
                if !tokens.is(at + 1, b'!') || !seen.insert(name) {
                    continue;
                }
                for item in resolver
                    .sources
                    .source_crates
                    .iter()
                    .filter_map(|source_crate| source_crate.macros.get(&name))
                    .flatten()
                {
                    let item = &resolver.sources.items[*item];
                    macros.push((item.file, item.range.clone()));
                }
            }
        }
        // The macro may have been renamed by an import.
        let path: Vec<Symbol> = (keyword..tokens.list.len())
            .take_while(|at| !tokens.is(*at, b'!'))
            .filter_map(|at| tokens.name(at))
            .collect();
        for definition in resolver.resolve(module, &path, false).definitions {
            if let Definition::Item(item) = definition {
                let item = &resolver.sources.items[item];
                let tokens = &resolver.sources.files[item.file].tokens;
                names.extend(tokens.list[item.range.clone()].iter().filter_map(|token| token.name()));
            }
        }
        // An included file is searched when it is reached. Until then it may contain any name.
        let is_include = tokens.is_name(keyword, known::INCLUDE) && tokens.is(keyword + 1, b'!');
        if is_include {
            names.insert(known::EMPTY);
        }
        for item in names.iter().filter_map(|name| resolver.names.items.get(name)).flatten() {
            for member in self.members.get(item).into_iter().flatten() {
                self.opaque_by_member.entry(*member).or_default().push(index);
            }
        }
        for name in names {
            if name == known::EMPTY || resolver.names.items.contains_key(&name) {
                self.opaque.entry(name).or_default().push(index);
            }
        }
    }
}

/// Returns whether a derive or an attribute of another crate may add items beside an item.
fn makes_names(resolver: &mut Resolver, index: usize) -> bool {
    let item = &resolver.sources.items[index];
    let (module, range, file) =
        (item.module, item.range.start..item.keyword, Arc::clone(&resolver.sources.files[item.file]));
    let tokens = &file.tokens;
    if range.is_empty() || !tokens.list[range.clone()].iter().any(|token| token.is(b'#')) {
        return false;
    }
    let mut named = References::default();
    scan(resolver, tokens, range, CodeContext { module, anywhere: false, dir: None, around: None }, &mut named);
    named.macros.into_iter().any(|used| known_macros::may_add_items(resolver, used))
}

/// Returns the names of the members of a trait.
fn members(resolver: &Resolver, index: usize) -> BTreeSet<Symbol> {
    let item = &resolver.sources.items[index];
    let tokens = &resolver.sources.files[item.file].tokens;
    if !tokens.opens(item.open, b'{') {
        return BTreeSet::new();
    }
    item_parser::split(tokens, item.open + 1..tokens.close_of(item.open)).iter().map(|member| member.name).collect()
}

/// Returns the path of the trait, without its arguments.
pub(crate) fn trait_path(tokens: &Tokens, range: Range<usize>) -> Range<usize> {
    let mut end = range.start;
    while end < range.end && !tokens.is(end, b'<') && tokens.list[end].kind != TokenKind::Open {
        end += 1;
    }
    range.start..end
}

/// Returns whether the type of a block within a function is defined there as well.
fn is_local(tokens: &Tokens, holder: &Range<usize>, on: &Range<usize>) -> bool {
    let first = tokens.list[on.clone()].iter().find_map(|token| token.name());
    first.is_some_and(|name| {
        let mut within = holder.clone();
        within.any(|at| {
            tokens.is_name(at, name)
                && at > holder.start
                && matches!(tokens.name(at - 1), Some(known::STRUCT | known::ENUM | known::UNION))
        })
    })
}
