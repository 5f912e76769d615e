//! From what a function names, to all that it can reach.
//!
//! The invariant: if an item of the package can run, or decides how something runs, when the function
//! is called, the walk has been there. Where that can't be told exactly, it goes further. So a type that
//! is named somewhere brings the `impl`s of other crates' traits for it (operators, `Drop`, `Display`:
//! nothing names them where they are called); a trait that is named brings all its `impl`s; and a member
//! of a reached type is reached if its name occurs anywhere, since what it is called on can't be known.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use super::blocks::{Blocks, Of, trait_path};
use super::item::{Form, header};
use super::names::{Meaning, Scope};
use super::program::Item;
use super::scan::{Facts, Named, Stand, dir_of, scan};
use super::symbols::{Symbol, known};

/// What has been found out about a program, for all functions.
#[derive(Default)]
pub(crate) struct Ground {
    pub(crate) scope: Scope,
    blocks: Blocks,
    scans: HashMap<usize, Rc<Named>>,
    homes: HashMap<usize, Rc<Home>>,
    /// How many crates had been read when the above was found out.
    krates: usize,
}

/// What the modules around an item bring with them.
#[derive(Default)]
struct Home {
    crates: BTreeSet<(usize, Symbol)>,
    facts: Facts,
    /// Modules whose names are all here.
    globs: Vec<usize>,
    macros: BTreeSet<(usize, Symbol)>,
    unseen: BTreeSet<String>,
    /// What the attributes of `use`s name, with the name that the `use` brings if it is no trait's: that of a
    /// trait need not occur where its methods do.
    imports: Vec<(Option<Symbol>, Rc<Named>)>,
}

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

    fn scan_of(&mut self, index: usize) -> Rc<Named> {
        if let Some(known) = self.scans.get(&index) {
            return Rc::clone(known);
        }
        let item = &self.scope.program.items[index];
        let file = Arc::clone(&self.scope.program.files[item.file]);
        // What an `extern` block declares may be any function of that name.
        let (tokens, is_macro) = (&file.tokens, matches!(item.form, Form::Macro | Form::Foreign));
        let around = item.holder.map(|holder| (tokens, self.scope.program.items[holder].range.clone()));
        let dir = if is_macro { None } else { dir_of(&file) };
        let stand = Stand { module: item.module, anywhere: is_macro, dir, around };
        let mut named = Named::default();
        let (range, open) = (item.range.clone(), item.open);
        let parts: Vec<_> = match item.form {
            Form::Impl if item.is_inherent => std::iter::once(range.start..open).collect(),
            // Whether the trait is named decides about its other `impl`s; here it is not.
            Form::Impl => {
                let of = trait_path(tokens, header(tokens, item.keyword, open).of);
                vec![range.start..of.start, of.end..range.end]
            }
            // Its own name is not that of others.
            Form::Trait => vec![range.start..item.keyword + 1, item.keyword + 2..range.end],
            _ => std::iter::once(range).collect(),
        };
        for part in parts {
            scan(&mut self.scope, tokens, part, stand.clone(), &mut named);
        }
        let named = Rc::new(named);
        self.scans.insert(index, Rc::clone(&named));
        named
    }

    fn home_of(&mut self, module: usize) -> Rc<Home> {
        if let Some(known) = self.homes.get(&module) {
            return Rc::clone(known);
        }
        let mut home = Home::default();
        for (file, range) in self.scope.program.modules[module].attributes.clone() {
            let file = Arc::clone(&self.scope.program.files[file]);
            let stand = Stand { module, anywhere: false, dir: dir_of(&file), around: None };
            let mut named = Named::default();
            scan(&mut self.scope, &file.tokens, range, stand, &mut named);
            home.facts.extend(&named.facts);
            home.macros.extend(named.macros);
            home.unseen.extend(named.unseen);
        }
        for import in self.scope.program.modules[module].imports.clone() {
            let mut meanings = self.scope.resolve(module, &import.path, import.absolute).meanings;
            if let [name] = import.path[..] {
                meanings.extend(self.scope.crate_named(module, name));
            }
            if let Some((file, range)) = import.attributes {
                let file = Arc::clone(&self.scope.program.files[file]);
                let stand = Stand { module, anywhere: false, dir: dir_of(&file), around: None };
                let mut named = Named::default();
                scan(&mut self.scope, &file.tokens, range, stand, &mut named);
                let may_be_trait = meanings.is_empty()
                    || meanings.iter().any(|meaning| match meaning {
                        Meaning::Item(item) => self.scope.program.items[*item].form == Form::Trait,
                        Meaning::Outside(..) => true,
                        Meaning::Module(_) => false,
                    });
                let name = import.name.filter(|name| !may_be_trait && *name != known::UNDERSCORE);
                home.imports.push((name, Rc::new(named)));
            }
            for meaning in meanings {
                match meaning {
                    Meaning::Outside(package, name) => {
                        home.crates.insert((package, name));
                    }
                    Meaning::Module(there) if import.name.is_none() => home.globs.push(there),
                    _ => {}
                }
            }
        }
        let home = Rc::new(home);
        self.homes.insert(module, Rc::clone(&home));
        home
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
