//! Which `impl` blocks belong to which types and traits.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use super::item::{self, Form};
use super::names::{Meaning, Scope};
use super::scan::{Named, Stand, dir_of, scan};
use super::symbols::{Symbol, known};
use super::token::{Kind, Tokens};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Of {
    /// No trait.
    Nothing,
    /// A trait whose code is read.
    Known,
    /// A trait of another crate, whose methods may be called without being named: operators, `Drop`.
    Outside,
}

#[derive(Debug)]
pub(crate) struct Info {
    pub(crate) of: Of,
    pub(crate) is_drop: bool,
    /// The traits that it may be of.
    pub(crate) traits: BTreeSet<usize>,
}

/// The `impl` blocks of a program, by what their headers name.
#[derive(Default)]
pub(crate) struct Blocks {
    pub(crate) infos: Vec<Info>,
    /// By the item that is the block, or holds it.
    pub(crate) by_item: HashMap<usize, Vec<usize>>,
    /// By an item that is a type, or a trait as in `dyn Trait`.
    pub(crate) by_type: HashMap<usize, Vec<usize>>,
    pub(crate) by_trait: HashMap<usize, Vec<usize>>,
    /// Those that wait for a name: of their type, which nobody knows; or of a member of their trait,
    /// whose type can be any.
    pub(crate) by_name: HashMap<Symbol, Vec<usize>>,
    /// Uses of macros, and what else may hold `impl` blocks, by the names of types in them.
    pub(crate) opaque: HashMap<Symbol, Vec<usize>>,
    /// The same, by the names of members of traits in them: the `impl`s may be for any type.
    pub(crate) opaque_by_member: HashMap<Symbol, Vec<usize>>,
    /// `impl` blocks of which a macro makes more: all their members are one.
    pub(crate) whole: BTreeSet<usize>,
    /// The names of a trait's members.
    pub(crate) members: HashMap<usize, BTreeSet<Symbol>>,
}

impl Blocks {
    pub(crate) fn of(scope: &mut Scope) -> Self {
        let mut blocks = Blocks::default();
        for index in 0..scope.program.items.len() {
            if scope.program.items[index].form == Form::Trait {
                let members = members(scope, index);
                blocks.members.insert(index, members);
            }
        }
        for index in 0..scope.program.items.len() {
            let form = scope.program.items[index].form;
            if form == Form::Opaque || form != Form::Macro && makes_names(scope, index) {
                blocks.add_opaque(scope, index);
                if form == Form::Impl {
                    blocks.whole.insert(index);
                }
            }
        }
        for index in 0..scope.program.blocks.len() {
            blocks.add(scope, index);
        }
        blocks
    }

    fn add(&mut self, scope: &mut Scope, index: usize) {
        let block = &scope.program.blocks[index];
        let (item, header) = (block.item, block.header.clone());
        let known = &scope.program.items[item];
        let (module, file, form) = (known.module, Arc::clone(&scope.program.files[known.file]), known.form);
        let tokens = &file.tokens;
        let around = (form != Form::Impl).then(|| (tokens, known.range.clone()));
        let stand = Stand { module, anywhere: false, dir: dir_of(&file), around };
        let path = trait_path(tokens, header.of.clone());
        let mut of = Named::default();
        scan(scope, tokens, path.clone(), stand.clone(), &mut of);
        let traits: BTreeSet<usize> =
            of.items.into_iter().filter(|item| scope.program.items[*item].form == Form::Trait).collect();
        let mut on = Named::default();
        scan(scope, tokens, path.end..header.of.end, stand.clone(), &mut on);
        scan(scope, tokens, header.on.clone(), stand, &mut on);
        let mut types = BTreeSet::new();
        for item in on.items {
            self.expand(scope, item, &mut types);
        }
        self.by_item.entry(item).or_default().push(index);
        for ty in &types {
            self.by_type.entry(*ty).or_default().push(index);
        }
        for of in &traits {
            self.by_trait.entry(*of).or_default().push(index);
        }
        let kind = match (path.is_empty(), traits.is_empty()) {
            (true, _) => Of::Nothing,
            (false, false) => Of::Known,
            (false, true) => Of::Outside,
        };
        if types.is_empty() {
            if kind == Of::Known {
                for name in traits.iter().filter_map(|of| self.members.get(of)).flatten() {
                    self.by_name.entry(*name).or_default().push(index);
                }
            } else if !is_local(tokens, &scope.program.items[item].range, &header.on) || form == Form::Impl {
                for name in tokens.list[header.on].iter().filter_map(|token| token.name()) {
                    self.by_name.entry(name).or_default().push(index);
                }
            }
        }
        let is_drop = tokens.list[path].iter().any(|token| token.is_name(known::DROP));
        self.infos.push(Info { of: kind, is_drop, traits });
    }

    /// A type; of an alias, also what it stands for.
    fn expand(&self, scope: &mut Scope, item: usize, types: &mut BTreeSet<usize>) {
        let known = &scope.program.items[item];
        if !matches!(known.form, Form::Type | Form::Trait) || !types.insert(item) {
            return;
        }
        let file = Arc::clone(&scope.program.files[known.file]);
        if known.form == Form::Type && file.tokens.is_name(known.keyword, known::TYPE) {
            let stand = Stand { module: known.module, anywhere: false, dir: dir_of(&file), around: None };
            let (range, mut named) = (known.keyword + 2..known.range.end, Named::default());
            scan(scope, &file.tokens, range, stand, &mut named);
            for item in named.items {
                self.expand(scope, item, types);
            }
        }
    }

    fn add_opaque(&mut self, scope: &mut Scope, index: usize) {
        let item = &scope.program.items[index];
        let (module, keyword) = (item.module, item.keyword);
        let file = Arc::clone(&scope.program.files[item.file]);
        let tokens = &file.tokens;
        if item.form != Form::Opaque && !scope.program.modules[module].opaque.contains(&index) {
            scope.program.modules[module].opaque.push(index);
        }
        let item = &scope.program.items[index];
        let mut names = BTreeSet::new();
        let mut macros = vec![(item.file, item.range.clone())];
        let mut seen = BTreeSet::new();
        while let Some((file, range)) = macros.pop() {
            let tokens = &scope.program.files[file].tokens;
            for at in range {
                let Some(name) = tokens.name(at) else { continue };
                names.insert(name);
                if !tokens.is(at + 1, b'!') || !seen.insert(name) {
                    continue;
                }
                for item in scope.program.krates.iter().filter_map(|krate| krate.macros.get(&name)).flatten() {
                    let item = &scope.program.items[*item];
                    macros.push((item.file, item.range.clone()));
                }
            }
        }
        // A macro may have been renamed on its way here.
        let path: Vec<Symbol> = (keyword..tokens.list.len())
            .take_while(|at| !tokens.is(*at, b'!'))
            .filter_map(|at| tokens.name(at))
            .collect();
        for meaning in scope.resolve(module, &path, false).meanings {
            if let Meaning::Item(item) = meaning {
                let item = &scope.program.items[item];
                let tokens = &scope.program.files[item.file].tokens;
                names.extend(tokens.list[item.range.clone()].iter().filter_map(|token| token.name()));
            }
        }
        // An included file is searched for names when it is reached; before that, it may hold any.
        let is_include = tokens.is_name(keyword, known::INCLUDE) && tokens.is(keyword + 1, b'!');
        if is_include {
            names.insert(known::EMPTY);
        }
        for item in names.iter().filter_map(|name| scope.names.items.get(name)).flatten() {
            for member in self.members.get(item).into_iter().flatten() {
                self.opaque_by_member.entry(*member).or_default().push(index);
            }
        }
        for name in names {
            if name == known::EMPTY || scope.names.items.contains_key(&name) {
                self.opaque.entry(name).or_default().push(index);
            }
        }
    }
}

/// Derives and attributes of other crates that make `impl`s, and no items with names of their own.
const MAKES_NO_NAMES: [&str; 38] = [
    "Serialize",
    "Deserialize",
    "Serialize_repr",
    "Deserialize_repr",
    "JsonSchema",
    "Error",
    "Parser",
    "Args",
    "Subcommand",
    "ValueEnum",
    "Display",
    "From",
    "Into",
    "Add",
    "Sub",
    "Mul",
    "Div",
    "Deref",
    "DerefMut",
    "AsRef",
    "FromStr",
    "Pod",
    "Zeroable",
    "FromBytes",
    "IntoBytes",
    "Constructor",
    "IsVariant",
    "TryFrom",
    "Sum",
    "Not",
    "Neg",
    "serde_as",
    "async_trait",
    "instrument",
    "main",
    "test",
    "memoize",
    "async_recursion",
];

/// Whether a derive or an attribute of another crate may make items beside an item.
fn makes_names(scope: &mut Scope, index: usize) -> bool {
    let item = &scope.program.items[index];
    let (module, range, file) =
        (item.module, item.range.start..item.keyword, Arc::clone(&scope.program.files[item.file]));
    let tokens = &file.tokens;
    if range.is_empty() || !tokens.list[range.clone()].iter().any(|token| token.is(b'#')) {
        return false;
    }
    let mut named = Named::default();
    scan(scope, tokens, range, Stand { module, anywhere: false, dir: None, around: None }, &mut named);
    named.macro_names.iter().any(|name| !MAKES_NO_NAMES.contains(&scope.program.symbols.text(*name)))
}

/// The names of the members of a trait.
fn members(scope: &Scope, index: usize) -> BTreeSet<Symbol> {
    let item = &scope.program.items[index];
    let tokens = &scope.program.files[item.file].tokens;
    if !tokens.opens(item.open, b'{') {
        return BTreeSet::new();
    }
    item::split(tokens, item.open + 1..tokens.close_of(item.open)).iter().map(|member| member.name).collect()
}

/// The path of the trait, without its arguments.
pub(crate) fn trait_path(tokens: &Tokens, range: Range<usize>) -> Range<usize> {
    let mut end = range.start;
    while end < range.end && !tokens.is(end, b'<') && tokens.list[end].kind != Kind::Open {
        end += 1;
    }
    range.start..end
}

/// Whether the type of a block within a function is defined there as well.
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
