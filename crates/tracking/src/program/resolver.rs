//! What a name means in a module. If it may mean several things, it means all of them: items for different `cfg`s, a
//! function and a type of the same name, a glob and an import.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::rc::Rc;

use crate::compiled::build_start::BuildStart;
use crate::compiled::units::Units;
use crate::program::sources::Sources;
use crate::syntax::builtin_macros::{is_built_in, is_expression_macro};
use crate::syntax::fingerprint::Shadowed;
use crate::syntax::item_parser::ItemKind;
use crate::syntax::item_parser::imports;
use crate::syntax::notation::begins_use;
use crate::syntax::symbols::{Symbol, known};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Definition {
    Item(usize),
    Module(usize),
    /// Something in a crate whose code is not read.
    Extern(ExternItem),
}

/// A crate whose code is not read, or something in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct ExternItem {
    /// The package whose code names it.
    pub(crate) package: usize,
    /// The name of the crate in that package.
    pub(crate) crate_name: Symbol,
    /// The last segment of the path within the crate, whatever name it has here. Empty for the crate itself.
    pub(crate) item: Symbol,
}

/// What is known about names.
#[derive(Default)]
pub(crate) struct NameTable {
    known: HashMap<(usize, Symbol), Rc<Vec<Definition>>>,
    /// By symbol: an item, a module, an import or an enum variant has this name.
    meaningful: Vec<bool>,
    /// By symbol: all items of this name.
    pub(crate) items: HashMap<Symbol, Vec<usize>>,
    /// By symbol: all modules of this name.
    pub(crate) modules: HashMap<Symbol, Vec<usize>>,
}

/// What a path leads to, and the modules that it leads through.
#[derive(Default, Debug)]
pub(crate) struct Resolution {
    pub(crate) definitions: Vec<Definition>,
    pub(crate) through: Vec<usize>,
}

/// The names that are being looked up, to stop at cyclic imports.
type LookupTrail = Vec<(usize, Symbol)>;

/// The program and the names in it.
#[derive(Default)]
pub(crate) struct Resolver {
    pub(crate) sources: Sources,
    pub(crate) names: NameTable,
    /// The package that is being compiled.
    pub(crate) own: usize,
    /// The libraries of the build.
    pub(crate) units: Units,
    /// The libraries that rustc was given: their names in code, and the files.
    pub(crate) externs: Vec<(String, PathBuf)>,
    /// The root file as rustc was given it.
    pub(crate) named_root: PathBuf,
    /// The crate is a library for other crates.
    pub(crate) is_library: bool,
    /// When the compilation started.
    pub(crate) build_start: Option<BuildStart>,
    /// The numbers of crates and files when files were last checked.
    pub(crate) checked: (usize, usize),
    /// The names of std's macros that have another definition somewhere in the program, once they are known.
    shadowed: Option<Shadowed>,
    /// By library: the names of std's macros for which it exports another macro.
    pub(crate) exported: HashMap<usize, Rc<Shadowed>>,
    /// By library: why its macros can't be tracked, or `None` if they are pure.
    pub(crate) purity: HashMap<usize, Option<String>>,
    /// Why code can't be read, or differs from the compiled code.
    pub(crate) unseen: BTreeSet<String>,
    /// By symbol: the last scan that saw the name, and the last one that looked it up.
    seen: [Vec<u32>; 2],
    scans: u32,
}

impl Resolver {
    /// Rebuilds the table of names. To be called when crates were read, which may change what names mean.
    pub(crate) fn refresh_names(&mut self) {
        let sources = &self.sources;
        let mut names = NameTable { meaningful: vec![false; sources.symbols.len()], ..NameTable::default() };
        for known in [known::CRATE, known::SELF, known::SUPER] {
            names.meaningful[known as usize] = true;
        }
        for module in &sources.modules {
            for import in &module.imports {
                for symbol in import.name.iter().chain(&import.path) {
                    names.meaningful[*symbol as usize] = true;
                }
            }
            for symbol in module.names.keys().chain(module.children.keys()) {
                names.meaningful[*symbol as usize] = true;
            }
            for (symbol, children) in &module.children {
                names.modules.entry(*symbol).or_default().extend(children);
            }
            for (symbol, items) in &module.names {
                names.items.entry(*symbol).or_default().extend(items);
            }
        }
        for item in sources.items.iter().filter(|item| item.kind == ItemKind::Type) {
            let tokens = &sources.files[item.file].tokens;
            if tokens.is_name(item.keyword, known::ENUM) {
                for symbol in tokens.list[item.range.clone()].iter().filter_map(|token| token.name()) {
                    names.meaningful[symbol as usize] = true;
                }
            }
        }
        for symbol in self.crate_names().iter().filter_map(|name| self.sources.symbols.find(name)) {
            names.meaningful[symbol as usize] = true;
        }
        self.names = names;
        self.shadowed = None;
    }

    /// Returns the number of a new scan.
    pub(crate) fn begin_scan(&mut self) -> u32 {
        self.scans += 1;
        self.scans
    }

    /// Returns whether a scan sees a name for the first time, for one of two purposes.
    pub(crate) fn is_first_sight(&mut self, name: Symbol, scan: u32, purpose: usize) -> bool {
        let seen = &mut self.seen[purpose];
        if seen.len() <= name as usize {
            seen.resize(self.sources.symbols.len().max(name as usize + 1), 0);
        }
        std::mem::replace(&mut seen[name as usize], scan) != scan
    }

    /// Returns whether a macro, a derive or an attribute of this name is std's.
    pub(crate) fn is_built_in(&mut self, name: Symbol) -> bool {
        let text = self.sources.symbols.text(name);
        if !is_built_in(text) {
            return false;
        }
        let text = text.to_owned();
        !self.shadowed().contains(&text)
    }

    /// Returns whether a macro of this name is one of std's that take expressions.
    pub(crate) fn is_expression_macro(&mut self, name: Symbol) -> bool {
        is_expression_macro(self.sources.symbols.text(name)) && self.is_built_in(name)
    }

    /// Returns the names of std's macros that have another definition somewhere in the program.
    pub(crate) fn shadowed(&mut self) -> &Shadowed {
        if self.shadowed.is_none() {
            let shadowed = self.find_shadowed();
            self.shadowed = Some(shadowed);
        }
        self.shadowed.get_or_insert_default()
    }

    /// Looks for `macro_rules!`, for imports in any place, and for globs of crates that export such a macro.
    fn find_shadowed(&mut self) -> Shadowed {
        let mut names: BTreeSet<Symbol> = BTreeSet::new();
        for source_crate in &self.sources.source_crates {
            names.extend(source_crate.macros.keys());
        }
        let is_of_std = |path: &[Symbol]| match path.first() {
            Some(first) => matches!(self.sources.symbols.text(*first), "std" | "core" | "alloc"),
            None => true,
        };
        for file in &self.sources.files {
            let tokens = &file.tokens;
            for at in tokens.all() {
                if tokens.is_name(at, known::USE) && begins_use(tokens, at) {
                    let imports = imports(tokens, at, tokens.len());
                    names.extend(
                        imports.iter().filter(|import| !is_of_std(&import.path)).filter_map(|import| import.name),
                    );
                } else if tokens.is_name(at, known::MACRO_RULES) && tokens.is(at + 1, b'!') {
                    names.extend(tokens.name(at + 2));
                }
            }
        }
        let mut shadowed: Shadowed = names.iter().map(|name| self.sources.symbols.text(*name).to_owned()).collect();
        // larder's own attribute is imported by its users; another one is found by resolving its name.
        shadowed.retain(|name| is_built_in(name) && name != "memoize");
        for module in 0..self.sources.modules.len() {
            for glob in self.extern_globs(module) {
                shadowed.extend(self.exported_macros(glob));
            }
        }
        shadowed
    }

    /// Returns whether a name can have a definition. Most names are variables and have none.
    pub(crate) fn is_meaningful(&self, symbol: Symbol) -> bool {
        self.names.meaningful.get(symbol as usize).copied().unwrap_or(false)
    }

    /// Returns what a path leads to.
    pub(crate) fn resolve(&mut self, module: usize, path: &[Symbol], absolute: bool) -> Resolution {
        self.resolve_on(module, path, absolute, &mut Vec::new())
    }

    fn resolve_on(&mut self, module: usize, path: &[Symbol], absolute: bool, trail: &mut LookupTrail) -> Resolution {
        let mut found = Resolution::default();
        let Some((first, mut rest)) = path.split_first() else {
            return found;
        };
        let mut here = match *first {
            known::CRATE => vec![Definition::Module(self.sources.root_of(module))],
            known::SELF => vec![Definition::Module(module)],
            known::SUPER => {
                let mut at = self.sources.modules[module].parent.unwrap_or(module);
                while let Some((&known::SUPER, after)) = rest.split_first() {
                    at = self.sources.modules[at].parent.unwrap_or(at);
                    rest = after;
                }
                vec![Definition::Module(at)]
            }
            first if absolute => {
                // In edition 2015 it is relative to the root of the crate.
                let mut all = self.crate_named(module, first);
                all.extend(self.look_up(self.sources.root_of(module), first, trail).iter().copied());
                all
            }
            first => {
                let mut all = self.look_up(module, first, trail).as_ref().clone();
                if path.len() > 1 && !all.iter().any(|definition| matches!(definition, Definition::Module(_))) {
                    all.extend(self.crate_named(module, first));
                }
                all
            }
        };
        for segment in rest {
            let mut next = Vec::new();
            for definition in here {
                match definition {
                    Definition::Module(module) => {
                        found.through.push(module);
                        next.extend(self.look_up(module, *segment, trail).iter().copied());
                    }
                    Definition::Extern(found) => next.push(Definition::Extern(ExternItem { item: *segment, ..found })),
                    // The rest of the path is found among the members of the type.
                    item @ Definition::Item(_) => next.push(item),
                }
            }
            here = next;
        }
        found.definitions = here;
        found
    }

    /// Returns what a name means in a module.
    pub(crate) fn look_up(&mut self, module: usize, name: Symbol, trail: &mut LookupTrail) -> Rc<Vec<Definition>> {
        if let Some(known) = self.names.known.get(&(module, name)) {
            return Rc::clone(known);
        }
        if !self.is_meaningful(name) || trail.contains(&(module, name)) || trail.len() > 200 {
            return Rc::default();
        }
        trail.push((module, name));
        let mut definitions = Vec::new();
        let here = &self.sources.modules[module];
        definitions.extend(here.names.get(&name).into_iter().flatten().map(|item| Definition::Item(*item)));
        definitions.extend(here.children.get(&name).into_iter().flatten().map(|child| Definition::Module(*child)));
        if here.parent.is_none() {
            // `#[macro_export]` puts macros of any module here.
            let macros = self.sources.source_crates[here.source_crate].macros.get(&name);
            definitions.extend(macros.into_iter().flatten().map(|item| Definition::Item(*item)));
        }
        for index in 0..self.sources.modules[module].imports.len() {
            let import = &self.sources.modules[module].imports[index];
            let is_glob = import.name.is_none();
            if !is_glob && import.name != Some(name) {
                continue;
            }
            let import = import.clone();
            let mut found = self.resolve_on(module, &import.path, import.absolute, trail);
            if found.definitions.is_empty() || import.path.len() == 1 {
                // It may be a crate, or in edition 2015 a path from the root.
                if let [name] = import.path[..] {
                    found.definitions.extend(self.crate_named(module, name));
                }
                let root = self.sources.root_of(module);
                if root != module {
                    found.definitions.extend(self.resolve_on(root, &import.path, false, trail).definitions);
                }
            }
            if !is_glob && found.definitions.is_empty() {
                // `use scale;` makes a path of a macro whose scope depends on its place in the text.
                let source_crate = &self.sources.source_crates[self.sources.modules[module].source_crate];
                let macros = import.path.last().and_then(|name| source_crate.macros.get(name)).into_iter().flatten();
                found.definitions.extend(macros.map(|item| Definition::Item(*item)));
                // A macro in the last of these modules may define the name.
                found.definitions.extend(found.through.last().map(|module| Definition::Module(*module)));
            }
            if is_glob {
                for definition in found.definitions {
                    self.look_up_in_glob(definition, name, trail, &mut definitions);
                }
            } else {
                definitions.extend(found.definitions);
            }
        }
        trail.pop();
        let mut unique: Vec<Definition> = Vec::with_capacity(definitions.len());
        for definition in definitions {
            if !unique.contains(&definition) {
                unique.push(definition);
            }
        }
        let definitions = Rc::new(unique);
        // An answer within a cycle may be incomplete.
        if trail.is_empty() {
            self.names.known.insert((module, name), Rc::clone(&definitions));
        }
        definitions
    }

    fn look_up_in_glob(
        &mut self,
        glob: Definition,
        name: Symbol,
        trail: &mut LookupTrail,
        definitions: &mut Vec<Definition>,
    ) {
        match glob {
            Definition::Module(module) => definitions.extend(self.look_up(module, name, trail).iter().copied()),
            // The variants of an enum.
            Definition::Item(item) => {
                let known = &self.sources.items[item];
                let tokens = &self.sources.files[known.file].tokens;
                if tokens.list[known.range.clone()].iter().any(|token| token.is_name(name)) {
                    definitions.push(glob);
                }
            }
            Definition::Extern(_) => {}
        }
    }
}
