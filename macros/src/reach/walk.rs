//! From what a function names, to all that it can reach.
//!
//! The invariant: if an item of the package can run, or decides how something runs, when the function
//! is called, the walk has been there. Where that can't be told exactly, it goes further. So a type that
//! is named somewhere brings the `impl`s of other crates' traits for it (operators, `Drop`, `Display`:
//! nothing names them where they are called); a trait that is named brings all its `impl`s; and a member
//! of a reached type is reached if its name occurs anywhere, since what it is called on can't be known.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use super::blocks::{Blocks, Of};
use super::ground::Ground;
use super::item::{Form, header};
use super::names::Scope;
use super::program::Item;
use super::scan::{Facts, Named};
use super::symbols::{Symbol, known};

/// Everything that a function reaches.
#[derive(Default)]
pub(crate) struct Reached {
    pub(crate) items: BTreeSet<usize>,
    pub(crate) crates: BTreeSet<(usize, Symbol)>,
    pub(crate) facts: Facts,
    pub(crate) packages: BTreeSet<usize>,
    /// Crates whose macros are used.
    pub(crate) macros: BTreeSet<(usize, Symbol)>,
    /// What can't be seen, a sentence each.
    pub(crate) unseen: BTreeSet<String>,
    /// What types do that the function's callers choose decides about the result.
    pub(crate) runs_callers_code: bool,
}

/// Where to begin.
#[derive(Clone, Default)]
pub(crate) struct Roots {
    pub(crate) named: Named,
    pub(crate) items: BTreeSet<usize>,
    pub(crate) module: usize,
    /// The function is generic: what its callers' types drop, it drops.
    pub(crate) is_generic: bool,
    /// A type that its callers choose may have any trait of other crates.
    pub(crate) is_open: bool,
    /// What types do that its callers choose decides about the result.
    pub(crate) runs_callers_code: bool,
    /// Traits that such a type has: types here may derive them.
    pub(crate) derived: BTreeSet<Symbol>,
    /// Such a type is behind `dyn`, where its name is unknown.
    pub(crate) has_trait_object: bool,
}

impl Ground {
    /// All that can be reached from what `roots` gives, which is asked again after more crates have
    /// been read.
    pub(crate) fn reach(&mut self, roots: &mut dyn FnMut(&mut Scope) -> Roots) -> Reached {
        loop {
            if self.krates != self.scope.program.krates.len() {
                self.krates = self.scope.program.krates.len();
                self.scope.refresh_names();
                self.scans.clear();
                self.homes.clear();
                self.blocks = Blocks::of(&mut self.scope);
            }
            let krates = self.scope.program.krates.len();
            let found = if krates == self.krates {
                let roots = roots(&mut self.scope);
                let mut walk = Walk { ground: self, reached: Reached::default(), todo: Todo::default() };
                walk.begin(&roots);
                walk.run();
                Some(walk.reached)
            } else {
                None
            };
            match found {
                Some(reached) if self.krates == self.scope.program.krates.len() => return reached,
                _ => {}
            }
        }
    }
}

/// What waits for a name to occur.
#[derive(Clone)]
enum Waiting {
    Member(usize),
    Block(usize),
    /// The attributes of a `use`.
    Import(Rc<Named>),
}

#[derive(Default)]
struct Todo {
    items: Vec<usize>,
    /// By symbol: whether the name has occurred.
    names: Vec<bool>,
    waiting: HashMap<Symbol, Vec<Waiting>>,
    traits: BTreeSet<usize>,
    homes: BTreeSet<usize>,
    touched: BTreeSet<usize>,
}

struct Walk<'g> {
    ground: &'g mut Ground,
    reached: Reached,
    todo: Todo,
}

impl Walk<'_> {
    fn begin(&mut self, roots: &Roots) {
        self.reached.runs_callers_code = roots.runs_callers_code;
        self.home(roots.module);
        self.absorb(&roots.named);
        for item in &roots.items {
            self.item(*item);
        }
        for block in 0..self.ground.blocks.infos.len() {
            let info = &self.ground.blocks.infos[block];
            if info.of == Of::Outside && (roots.is_open || roots.is_generic && info.is_drop) {
                self.block(block);
            }
        }
        if !roots.derived.is_empty() {
            for index in 0..self.ground.scope.program.items.len() {
                let item = &self.ground.scope.program.items[index];
                let attributes = item.range.start..item.keyword;
                if item.form != Form::Type || attributes.is_empty() {
                    continue;
                }
                let tokens = &self.ground.scope.program.files[item.file].tokens;
                let is_derived = |at: usize| tokens.name(at).is_some_and(|name| roots.derived.contains(&name));
                if attributes.clone().any(|at| tokens.is_name(at, known::DERIVE)) && attributes.clone().any(is_derived)
                {
                    self.item(index);
                }
            }
        }
        // An included file in the place of an item may hold anything for anything.
        for item in self.ground.blocks.opaque.get(&known::EMPTY).cloned().unwrap_or_default() {
            self.item(item);
        }
    }

    fn run(&mut self) {
        while let Some(index) = self.todo.items.pop() {
            let named = self.ground.scan_of(index);
            self.absorb(&named);
            let item = &self.ground.scope.program.items[index];
            let (module, form, name, block) = (item.module, item.form, item.name, item.block);
            self.home(module);
            if let Some(block) = block {
                self.item(block);
            }
            if matches!(form, Form::Type | Form::Trait) {
                self.blocks_of(index);
                for item in self.ground.blocks.opaque.get(&name).cloned().unwrap_or_default() {
                    self.item(item);
                }
            }
            if form == Form::Impl {
                self.quiet_traits(index);
                if self.ground.blocks.whole.contains(&index) {
                    for block in self.ground.blocks.by_item.get(&index).cloned().unwrap_or_default() {
                        for member in self.ground.scope.program.blocks[block].members.clone() {
                            self.item(member);
                        }
                    }
                }
            }
        }
    }

    fn item(&mut self, index: usize) {
        if self.reached.items.insert(index) {
            self.todo.items.push(index);
        }
    }

    fn absorb(&mut self, named: &Named) {
        self.reached.macros.extend(&named.macros);
        self.reached.unseen.extend(named.unseen.iter().cloned());
        for index in &named.items {
            if self.ground.scope.program.items[*index].form == Form::Trait {
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
        self.reached.facts.extend(&named.facts);
    }

    fn name(&mut self, name: Symbol) {
        if self.todo.names.len() <= name as usize {
            self.todo.names.resize(self.ground.scope.program.symbols.len(), false);
        }
        if std::mem::replace(&mut self.todo.names[name as usize], true) {
            return;
        }
        for waiting in self.todo.waiting.remove(&name).unwrap_or_default() {
            self.woken(waiting);
        }
        for item in self.ground.blocks.opaque_by_member.get(&name).cloned().unwrap_or_default() {
            self.item(item);
        }
        for block in self.ground.blocks.by_name.get(&name).cloned().unwrap_or_default() {
            self.block(block);
        }
    }

    fn wait(&mut self, name: Symbol, waiting: Waiting) {
        if self.todo.names.get(name as usize).copied().unwrap_or(false) {
            self.woken(waiting);
        } else {
            self.todo.waiting.entry(name).or_default().push(waiting);
        }
    }

    fn woken(&mut self, waiting: Waiting) {
        match waiting {
            Waiting::Member(item) => self.item(item),
            Waiting::Block(block) => self.block(block),
            Waiting::Import(named) => self.absorb(&named),
        }
    }

    fn block(&mut self, block: usize) {
        let known = &self.ground.scope.program.blocks[block];
        let (item, members) = (known.item, known.members.clone());
        self.item(item);
        for member in members {
            match self.ground.scope.program.items[member].name {
                // A macro, which may define any.
                known::EMPTY => self.item(member),
                name => self.wait(name, Waiting::Member(member)),
            }
        }
    }

    fn blocks_of(&mut self, ty: usize) {
        for block in self.ground.blocks.by_type.get(&ty).cloned().unwrap_or_default() {
            let info = &self.ground.blocks.infos[block];
            if info.of != Of::Known {
                self.block(block);
                continue;
            }
            let names: Vec<Symbol> =
                info.traits.iter().filter_map(|of| self.ground.blocks.members.get(of)).flatten().copied().collect();
            for name in names {
                self.wait(name, Waiting::Block(block));
            }
        }
    }

    fn named_trait(&mut self, index: usize) {
        if self.todo.traits.insert(index) {
            for block in self.ground.blocks.by_trait.get(&index).cloned().unwrap_or_default() {
                self.block(block);
            }
        }
    }

    /// The trait of a reached `impl` is reached, but not therefore its other `impl`s.
    fn quiet_traits(&mut self, index: usize) {
        for block in self.ground.blocks.by_item.get(&index).cloned().unwrap_or_default() {
            for of in self.ground.blocks.infos[block].traits.clone() {
                self.item(of);
            }
        }
    }

    /// Something is looked for in a module: a macro there may define it.
    fn touch(&mut self, module: usize) {
        if !self.todo.touched.insert(module) {
            return;
        }
        for item in self.ground.scope.program.modules[module].opaque.clone() {
            self.item(item);
        }
        let home = self.ground.home_of(module);
        // An attribute on the module may make anything of it.
        self.reached.macros.extend(&home.macros);
        self.reached.unseen.extend(home.unseen.iter().cloned());
        for glob in home.globs.clone() {
            self.touch(glob);
        }
    }

    /// Something in a module is reached: what it imports may be used, and its `cfg`s hold.
    fn home(&mut self, module: usize) {
        if !self.todo.homes.insert(module) {
            return;
        }
        self.touch(module);
        self.reached.packages.insert(self.ground.scope.program.package_of(module));
        let home = self.ground.home_of(module);
        self.reached.macros.extend(&home.macros);
        self.reached.unseen.extend(home.unseen.iter().cloned());
        for (name, named) in home.imports.clone() {
            match name {
                Some(name) => self.wait(name, Waiting::Import(named)),
                None => self.absorb(&named),
            }
        }
        self.reached.crates.extend(&home.crates);
        self.reached.facts.extend(&home.facts);
        for glob in home.globs.clone() {
            self.home(glob);
        }
        if let Some(parent) = self.ground.scope.program.modules[module].parent {
            let facts = self.ground.home_of(parent).facts.clone();
            self.reached.facts.extend(&facts);
            self.ancestors(parent);
        }
    }

    /// The `cfg`s on the modules around.
    fn ancestors(&mut self, mut module: usize) {
        while let Some(parent) = self.ground.scope.program.modules[module].parent {
            let facts = self.ground.home_of(parent).facts.clone();
            self.reached.facts.extend(&facts);
            module = parent;
        }
    }
}

/// An item's path, as people know it.
pub(crate) fn label(scope: &Scope, item: &Item) -> String {
    let program = &scope.program;
    let tokens = &program.files[item.file].tokens;
    let module = &program.modules[item.module].path;
    let name = program.symbols.text(item.name);
    let path = |name: &str| super::program::join(module, name);
    match item.form {
        Form::Impl if module.is_empty() => tokens.readable(item.keyword..item.open),
        Form::Impl => format!("{module}: {}", tokens.readable(item.keyword..item.open)),
        Form::Macro => format!("macro {}!", path(name)),
        Form::Foreign => path("extern"),
        Form::Opaque => path(&format!("{}!", tokens.readable(item.keyword..item.keyword + 1))),
        _ => match item.block {
            Some(block) => {
                let block = &program.items[block];
                let on = header(tokens, block.keyword, block.open).on;
                path(&format!("{}::{name}", tokens.readable(on)))
            }
            None => match item.holder {
                Some(holder) => path(&format!("{}::{name}", program.symbols.text(program.items[holder].name))),
                None => path(name),
            },
        },
    }
}
