//! The walk from the names in a function to everything that it can reach.
//!
//! The invariant: if an item of the program can run when the function is called, or can decide how something runs, the
//! walk reaches it. When in doubt, it includes more:
//!
//! - A reached type reaches the `impl`s of other crates' traits for it, such as operators, `Drop` and `Display`: nothing
//!   names them where they are called.
//! - A named trait reaches all its `impl`s.
//! - A member of a reached type is reached if its name occurs anywhere in the reached code: the type that it is called on is unknown.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use crate::analysis::impl_index::{ImplIndex, TraitOrigin};
use crate::analysis::program_index::ProgramIndex;
use crate::analysis::references::{BuildInputs, References};
use crate::program::resolver::{ExternItem, Resolver};
use crate::program::sources::Item;
use crate::syntax::item_parser::{ItemKind, header};
use crate::syntax::symbols::{Symbol, known};

/// Everything that a function reaches.
#[derive(Default)]
pub(crate) struct Reached {
    pub(crate) items: BTreeSet<usize>,
    pub(crate) crates: BTreeSet<(usize, Symbol)>,
    pub(crate) inputs: BuildInputs,
    pub(crate) packages: BTreeSet<usize>,
    /// The macros of other crates that are used.
    pub(crate) macros: BTreeSet<ExternItem>,
    /// What can't be tracked, a phrase each.
    pub(crate) unseen: BTreeSet<String>,
    /// The code of types that callers choose can change the result.
    pub(crate) runs_callers_code: bool,
}

/// Where the walk begins.
#[derive(Clone, Default)]
pub(crate) struct Roots {
    pub(crate) named: References,
    pub(crate) items: BTreeSet<usize>,
    pub(crate) module: usize,
    /// The function is generic, so it may drop a type that its callers choose.
    pub(crate) is_generic: bool,
    /// A type that callers choose may implement any trait of other crates.
    pub(crate) is_open: bool,
    /// The code of types that callers choose can change the result.
    pub(crate) runs_callers_code: bool,
    /// The traits that such a type must implement: types of the program may derive them.
    pub(crate) derived: BTreeSet<Symbol>,
    /// Such a type is behind `dyn`, so its name is unknown.
    pub(crate) has_trait_object: bool,
}

impl ProgramIndex {
    /// Returns all that can be reached from the roots. `roots` is called again if more crates have been read.
    pub(crate) fn reach(&mut self, roots: &mut dyn FnMut(&mut Resolver) -> Roots) -> Reached {
        loop {
            if self.source_crates != self.resolver.sources.source_crates.len() {
                self.source_crates = self.resolver.sources.source_crates.len();
                self.resolver.refresh_names();
                self.scans.clear();
                self.homes.clear();
                self.blocks = ImplIndex::of(&mut self.resolver);
            }
            let source_crates = self.resolver.sources.source_crates.len();
            let found = if source_crates == self.source_crates {
                let roots = roots(&mut self.resolver);
                let mut walk = Walk { program: self, reached: Reached::default(), worklist: Worklist::default() };
                walk.begin(&roots);
                walk.run();
                Some(walk.reached)
            } else {
                None
            };
            match found {
                Some(reached) if self.source_crates == self.resolver.sources.source_crates.len() => return reached,
                _ => {}
            }
        }
    }
}

/// What is reached when a name occurs.
#[derive(Clone)]
enum Pending {
    Member(usize),
    ImplBlock(usize),
    /// The attributes of an import.
    Import(Rc<References>),
}

#[derive(Default)]
struct Worklist {
    items: Vec<usize>,
    /// By symbol: the name has occurred.
    names: Vec<bool>,
    waiting: HashMap<Symbol, Vec<Pending>>,
    traits: BTreeSet<usize>,
    homes: BTreeSet<usize>,
    touched: BTreeSet<usize>,
    /// Modules whose attribute macros have been reached.
    made: BTreeSet<usize>,
}

struct Walk<'g> {
    program: &'g mut ProgramIndex,
    reached: Reached,
    worklist: Worklist,
}

impl Walk<'_> {
    fn begin(&mut self, roots: &Roots) {
        self.reached.runs_callers_code = roots.runs_callers_code;
        self.home(roots.module);
        self.absorb(&roots.named);
        for item in &roots.items {
            self.item(*item);
        }
        for block in 0..self.program.blocks.infos.len() {
            let info = &self.program.blocks.infos[block];
            if info.origin == TraitOrigin::External && (roots.is_open || roots.is_generic && info.is_drop) {
                self.block(block);
            }
        }
        if !roots.derived.is_empty() {
            for index in 0..self.program.resolver.sources.items.len() {
                let item = &self.program.resolver.sources.items[index];
                let attributes = item.range.start..item.keyword;
                if item.kind != ItemKind::Type || attributes.is_empty() {
                    continue;
                }
                let tokens = &self.program.resolver.sources.files[item.file].tokens;
                let is_derived = |at: usize| tokens.name(at).is_some_and(|name| roots.derived.contains(&name));
                if attributes.clone().any(|at| tokens.is_name(at, known::DERIVE)) && attributes.clone().any(is_derived)
                {
                    self.item(index);
                }
            }
        }
        // An included file may contain anything.
        for item in self.program.blocks.opaque.get(&known::EMPTY).cloned().unwrap_or_default() {
            self.item(item);
        }
    }

    fn run(&mut self) {
        while let Some(index) = self.worklist.items.pop() {
            let named = self.program.scan_of(index);
            self.absorb(&named);
            let item = &self.program.resolver.sources.items[index];
            let (module, kind, name, block) = (item.module, item.kind, item.name, item.block);
            self.home(module);
            if let Some(block) = block {
                self.item(block);
            }
            if matches!(kind, ItemKind::Type | ItemKind::Trait) {
                self.blocks_of(index);
                for item in self.program.blocks.opaque.get(&name).cloned().unwrap_or_default() {
                    self.item(item);
                }
            }
            if kind == ItemKind::Impl {
                self.quiet_traits(index);
                if self.program.blocks.whole.contains(&index) {
                    for block in self.program.blocks.by_item.get(&index).cloned().unwrap_or_default() {
                        for member in self.program.resolver.sources.blocks[block].members.clone() {
                            self.item(member);
                        }
                    }
                }
            }
        }
    }

    fn item(&mut self, index: usize) {
        if self.reached.items.insert(index) {
            self.worklist.items.push(index);
        }
    }

    fn absorb(&mut self, named: &References) {
        self.reached.macros.extend(&named.macros);
        self.reached.unseen.extend(named.unseen.iter().cloned());
        for index in &named.items {
            if self.program.resolver.sources.items[*index].kind == ItemKind::Trait {
                self.named_trait(*index);
            }
            self.item(*index);
        }
        for module in &named.modules {
            self.touch(*module);
        }
        for name in &named.members {
            self.name(*name);
        }
        self.reached.crates.extend(&named.crates);
        self.reached.inputs.extend(&named.inputs);
    }

    fn name(&mut self, name: Symbol) {
        if self.worklist.names.len() <= name as usize {
            self.worklist.names.resize(self.program.resolver.sources.symbols.len(), false);
        }
        if std::mem::replace(&mut self.worklist.names[name as usize], true) {
            return;
        }
        for waiting in self.worklist.waiting.remove(&name).unwrap_or_default() {
            self.woken(waiting);
        }
        for item in self.program.blocks.opaque_by_member.get(&name).cloned().unwrap_or_default() {
            self.item(item);
        }
        for block in self.program.blocks.by_name.get(&name).cloned().unwrap_or_default() {
            self.block(block);
        }
    }

    fn wait(&mut self, name: Symbol, waiting: Pending) {
        if self.worklist.names.get(name as usize).copied().unwrap_or(false) {
            self.woken(waiting);
        } else {
            self.worklist.waiting.entry(name).or_default().push(waiting);
        }
    }

    fn woken(&mut self, waiting: Pending) {
        match waiting {
            Pending::Member(item) => self.item(item),
            Pending::ImplBlock(block) => self.block(block),
            Pending::Import(named) => self.absorb(&named),
        }
    }

    fn block(&mut self, block: usize) {
        let known = &self.program.resolver.sources.blocks[block];
        let (item, members) = (known.item, known.members.clone());
        self.item(item);
        for member in members {
            match self.program.resolver.sources.items[member].name {
                // A macro, which may define any member.
                known::EMPTY => self.item(member),
                name => self.wait(name, Pending::Member(member)),
            }
        }
    }

    fn blocks_of(&mut self, ty: usize) {
        for block in self.program.blocks.by_type.get(&ty).cloned().unwrap_or_default() {
            let info = &self.program.blocks.infos[block];
            if info.origin != TraitOrigin::Followed {
                self.block(block);
                continue;
            }
            let names: Vec<Symbol> =
                info.traits.iter().filter_map(|of| self.program.blocks.members.get(of)).flatten().copied().collect();
            for name in names {
                self.wait(name, Pending::ImplBlock(block));
            }
        }
    }

    fn named_trait(&mut self, index: usize) {
        if self.worklist.traits.insert(index) {
            for block in self.program.blocks.by_trait.get(&index).cloned().unwrap_or_default() {
                self.block(block);
            }
        }
    }

    /// Reaches the trait of a reached `impl`, but not the other `impl`s of the trait.
    fn quiet_traits(&mut self, index: usize) {
        for block in self.program.blocks.by_item.get(&index).cloned().unwrap_or_default() {
            for of in self.program.blocks.infos[block].traits.clone() {
                self.item(of);
            }
        }
    }

    /// Notes that a name is looked up in a module: a macro there may define it.
    fn touch(&mut self, module: usize) {
        if !self.worklist.touched.insert(module) {
            return;
        }
        for item in self.program.resolver.sources.modules[module].opaque.clone() {
            self.item(item);
        }
        for outer in self.program.resolver.sources.with_parents(module) {
            self.attribute_macros(outer);
        }
        for glob in self.program.home_of(module).globs.clone() {
            self.touch(glob);
        }
    }

    /// Reaches the macros in the attributes of a module: they may generate anything in it.
    fn attribute_macros(&mut self, module: usize) {
        let home = self.program.home_of(module);
        let attributes = &home.attributes;
        if attributes.macros.is_empty() && attributes.unseen.is_empty() || !self.worklist.made.insert(module) {
            return;
        }
        self.reached.macros.extend(&attributes.macros);
        self.reached.crates.extend(&attributes.crates);
        self.reached.unseen.extend(attributes.unseen.iter().cloned());
        if home.is_made_by_macro {
            // The code may be made of any item in the module, and of what the attribute names.
            self.absorb(attributes);
            let sources = &self.program.resolver.sources;
            let is_inside = |item: &usize| sources.with_parents(sources.items[*item].module).contains(&module);
            let items: Vec<usize> = (0..sources.items.len()).filter(is_inside).collect();
            for item in items {
                self.item(item);
            }
        }
    }

    /// Notes that an item of a module is reached: the imports of the module may be used, and its `cfg`s apply.
    fn home(&mut self, module: usize) {
        if !self.worklist.homes.insert(module) {
            return;
        }
        self.touch(module);
        self.reached.packages.insert(self.program.resolver.sources.package_of(module));
        let home = self.program.home_of(module);
        for (name, named) in home.imports.clone() {
            match name {
                Some(name) => self.wait(name, Pending::Import(named)),
                None => self.absorb(&named),
            }
        }
        self.reached.crates.extend(&home.crates);
        for glob in home.globs.clone() {
            self.home(glob);
        }
        // The `cfg`s on a module apply to all modules in it.
        for outer in self.program.resolver.sources.with_parents(module) {
            self.reached.inputs.extend(&self.program.home_of(outer).attributes.inputs);
        }
    }
}

/// Returns the path of an item, for people.
pub(crate) fn label(resolver: &Resolver, item: &Item) -> String {
    let sources = &resolver.sources;
    let tokens = &sources.files[item.file].tokens;
    let module = &sources.modules[item.module].path;
    let name = sources.symbols.text(item.name);
    let path = |name: &str| crate::program::sources::join(module, name);
    match item.kind {
        ItemKind::Impl if module.is_empty() => tokens.readable(item.keyword..item.open),
        ItemKind::Impl => format!("{module}: {}", tokens.readable(item.keyword..item.open)),
        ItemKind::Macro => format!("macro {}!", path(name)),
        ItemKind::Foreign => path("extern"),
        ItemKind::Opaque => path(&format!("{}!", tokens.readable(item.keyword..item.keyword + 1))),
        _ => match item.block {
            Some(block) => {
                let block = &sources.items[block];
                let on = header(tokens, block.keyword, block.open).on;
                path(&format!("{}::{name}", tokens.readable(on)))
            }
            None => match item.holder {
                Some(holder) => path(&format!("{}::{name}", sources.symbols.text(sources.items[holder].name))),
                None => path(name),
            },
        },
    }
}
