//! What a name means where it stands. Where it may mean several things, it means all of them: items
//! for different `cfg`s, a function and a type of one name, a glob and an import.

use std::collections::HashMap;
use std::rc::Rc;

use super::item::Form;
use super::manifest::{Extern, Package};
use super::program::Program;
use super::symbols::{Symbol, known};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Meaning {
    Item(usize),
    Module(usize),
    /// A crate that a package uses and whose code is not read: the package and the crate's name there.
    Outside(usize, Symbol),
}

/// What is known of names so far.
#[derive(Default)]
pub(crate) struct Names {
    known: HashMap<(usize, Symbol), Rc<Vec<Meaning>>>,
    /// By symbol: whether any item, module or import has this name, or a variant of an enum.
    meaningful: Vec<bool>,
    /// By symbol: all items of this name.
    pub(crate) items: HashMap<Symbol, Vec<usize>>,
    /// By symbol: all modules of this name.
    pub(crate) modules: HashMap<Symbol, Vec<usize>>,
}

/// Where a path leads, and through which modules.
#[derive(Default, Debug)]
pub(crate) struct Found {
    pub(crate) meanings: Vec<Meaning>,
    pub(crate) through: Vec<usize>,
}

/// The names that are being looked up, so that imports in a circle end.
type Trail = Vec<(usize, Symbol)>;

/// The program and the names in it.
#[derive(Default)]
pub(crate) struct Scope {
    pub(crate) program: Program,
    pub(crate) names: Names,
    /// The package that is compiled.
    pub(crate) own: usize,
    /// Why code that is needed can't be read.
    pub(crate) failure: Option<String>,
    /// By symbol: the last scan that saw it, and the last that looked it up alone.
    seen: [Vec<u32>; 2],
    scans: u32,
}

impl Scope {
    /// To be called when crates have been read: what names mean may have changed.
    pub(crate) fn refresh_names(&mut self) {
        let program = &self.program;
        let mut names = Names { meaningful: vec![false; program.symbols.len()], ..Names::default() };
        for known in [known::CRATE, known::SELF, known::SUPER] {
            names.meaningful[known as usize] = true;
        }
        for module in &program.modules {
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
        for item in program.items.iter().filter(|item| item.form == Form::Type) {
            let tokens = &program.files[item.file].tokens;
            if tokens.is_name(item.keyword, known::ENUM) {
                for symbol in tokens.list[item.range.clone()].iter().filter_map(|token| token.name()) {
                    names.meaningful[symbol as usize] = true;
                }
            }
        }
        let externs = program.packages.iter().flat_map(|package| {
            let own = package.lib.as_ref().map(|(name, _)| name);
            package.externs.keys().chain(own)
        });
        for symbol in externs.filter_map(|name| program.symbols.find(name)) {
            names.meaningful[symbol as usize] = true;
        }
        self.names = names;
    }

    /// The number of a new scan.
    pub(crate) fn begin_scan(&mut self) -> u32 {
        self.scans += 1;
        self.scans
    }

    /// Whether a scan had not seen a name before, for one of two purposes.
    pub(crate) fn is_first_sight(&mut self, name: Symbol, scan: u32, purpose: usize) -> bool {
        let seen = &mut self.seen[purpose];
        if seen.len() <= name as usize {
            seen.resize(self.program.symbols.len().max(name as usize + 1), 0);
        }
        std::mem::replace(&mut seen[name as usize], scan) != scan
    }

    /// Whether a name can mean anything; most are those of variables.
    pub(crate) fn is_meaningful(&self, symbol: Symbol) -> bool {
        self.names.meaningful.get(symbol as usize).copied().unwrap_or(false)
    }

    /// What a path leads to.
    pub(crate) fn resolve(&mut self, module: usize, path: &[Symbol], absolute: bool) -> Found {
        self.resolve_on(module, path, absolute, &mut Vec::new())
    }

    fn resolve_on(&mut self, module: usize, path: &[Symbol], absolute: bool, trail: &mut Trail) -> Found {
        let mut found = Found::default();
        let Some((first, mut rest)) = path.split_first() else {
            return found;
        };
        let mut here = match *first {
            known::CRATE => vec![Meaning::Module(self.program.root_of(module))],
            known::SELF => vec![Meaning::Module(module)],
            known::SUPER => {
                let mut at = self.program.modules[module].parent.unwrap_or(module);
                while let Some((&known::SUPER, after)) = rest.split_first() {
                    at = self.program.modules[at].parent.unwrap_or(at);
                    rest = after;
                }
                vec![Meaning::Module(at)]
            }
            first if absolute => {
                // In edition 2015 that is the crate's root.
                let mut all = self.crate_named(module, first);
                all.extend(self.look_up(self.program.root_of(module), first, trail).iter().copied());
                all
            }
            first => {
                let mut all = self.look_up(module, first, trail).as_ref().clone();
                if path.len() > 1 && !all.iter().any(|meaning| matches!(meaning, Meaning::Module(_))) {
                    all.extend(self.crate_named(module, first));
                }
                all
            }
        };
        for segment in rest {
            let mut next = Vec::new();
            for meaning in here {
                match meaning {
                    Meaning::Module(module) => {
                        found.through.push(module);
                        next.extend(self.look_up(module, *segment, trail).iter().copied());
                    }
                    // What comes behind a type is found among its members.
                    other => next.push(other),
                }
            }
            here = next;
        }
        found.meanings = here;
        found
    }

    /// What a name means in a module.
    pub(crate) fn look_up(&mut self, module: usize, name: Symbol, trail: &mut Trail) -> Rc<Vec<Meaning>> {
        if let Some(known) = self.names.known.get(&(module, name)) {
            return Rc::clone(known);
        }
        if !self.is_meaningful(name) || trail.contains(&(module, name)) || trail.len() > 200 {
            return Rc::default();
        }
        trail.push((module, name));
        let mut meanings = Vec::new();
        let here = &self.program.modules[module];
        meanings.extend(here.names.get(&name).into_iter().flatten().map(|item| Meaning::Item(*item)));
        meanings.extend(here.children.get(&name).into_iter().flatten().map(|child| Meaning::Module(*child)));
        if here.parent.is_none() {
            // `#[macro_export]` puts macros here, wherever they are.
            let macros = self.program.krates[here.krate].macros.get(&name);
            meanings.extend(macros.into_iter().flatten().map(|item| Meaning::Item(*item)));
        }
        for index in 0..self.program.modules[module].imports.len() {
            let import = &self.program.modules[module].imports[index];
            let is_glob = import.name.is_none();
            if !is_glob && import.name != Some(name) {
                continue;
            }
            let import = import.clone();
            let mut found = self.resolve_on(module, &import.path, import.absolute, trail);
            if found.meanings.is_empty() || import.path.len() == 1 {
                // A crate by itself; in edition 2015, a path from the root.
                if let [name] = import.path[..] {
                    found.meanings.extend(self.crate_named(module, name));
                }
                let root = self.program.root_of(module);
                if root != module {
                    found.meanings.extend(self.resolve_on(root, &import.path, false, trail).meanings);
                }
            }
            if !is_glob && found.meanings.is_empty() {
                // `use scale;` makes a path of a macro that is found by its place in the text.
                let krate = &self.program.krates[self.program.modules[module].krate];
                let macros = import.path.last().and_then(|name| krate.macros.get(name)).into_iter().flatten();
                found.meanings.extend(macros.map(|item| Meaning::Item(*item)));
                // What is not found may be made by a macro in the last of these.
                found.meanings.extend(found.through.last().map(|module| Meaning::Module(*module)));
            }
            if is_glob {
                for meaning in found.meanings {
                    self.look_up_in_glob(meaning, name, trail, &mut meanings);
                }
            } else {
                meanings.extend(found.meanings);
            }
        }
        trail.pop();
        let mut unique: Vec<Meaning> = Vec::with_capacity(meanings.len());
        for meaning in meanings {
            if !unique.contains(&meaning) {
                unique.push(meaning);
            }
        }
        let meanings = Rc::new(unique);
        // Within a circle, an answer may be incomplete.
        if trail.is_empty() {
            self.names.known.insert((module, name), Rc::clone(&meanings));
        }
        meanings
    }

    fn look_up_in_glob(&mut self, glob: Meaning, name: Symbol, trail: &mut Trail, meanings: &mut Vec<Meaning>) {
        match glob {
            Meaning::Module(module) => meanings.extend(self.look_up(module, name, trail).iter().copied()),
            // The variants of an enum.
            Meaning::Item(item) => {
                let known = &self.program.items[item];
                let tokens = &self.program.files[known.file].tokens;
                if tokens.list[known.range.clone()].iter().any(|token| token.is_name(name)) {
                    meanings.push(glob);
                }
            }
            Meaning::Outside(..) => {}
        }
    }

    /// The crate that a package's code calls by this name.
    pub(crate) fn crate_named(&mut self, module: usize, name: Symbol) -> Vec<Meaning> {
        let package = self.program.package_of(module);
        let text = self.program.symbols.text(name).to_owned();
        let known = &self.program.packages[package];
        // The other targets of a package use its library.
        if let Some((lib, path)) = &known.lib
            && *lib == text
            && !is_larder(&known.name)
        {
            let path = path.clone();
            return self.root_module(&path, package, &text);
        }
        let Some(place) = known.externs.get(&text).cloned() else { return Vec::new() };
        match place {
            Extern::Locked(package) if is_larder(&package) => Vec::new(),
            Extern::Locked(_) => vec![Meaning::Outside(package, name)],
            Extern::Path(dir) => match self.package_at(&dir) {
                Ok(there) => {
                    let known = &self.program.packages[there];
                    match &known.lib {
                        _ if is_larder(&known.name) => Vec::new(),
                        _ if known.is_proc_macro => vec![Meaning::Outside(package, name)],
                        Some((lib, path)) => {
                            let (lib, path) = (lib.clone(), path.clone());
                            self.root_module(&path, there, &lib)
                        }
                        None => Vec::new(),
                    }
                }
                Err(why) => {
                    self.failure.get_or_insert(why);
                    Vec::new()
                }
            },
        }
    }

    /// What a `use` names that leads nowhere: it may be a crate whose library is called otherwise than
    /// its package.
    pub(crate) fn unknown_crate(&self, module: usize, path: &[Symbol]) -> Option<(usize, Symbol)> {
        let (first, _) = path.split_first().filter(|(_, rest)| !rest.is_empty())?;
        let package = self.program.package_of(module);
        let known = &self.program.packages[package];
        let text = self.program.symbols.text(*first);
        let is_known = known.externs.contains_key(text)
            || known.lib.as_ref().is_some_and(|(lib, _)| lib == text)
            || matches!(text, "std" | "core" | "alloc" | "proc_macro" | "test" | "crate" | "self" | "super" | "Self")
            || is_larder(text);
        (!is_known).then_some((package, *first))
    }

    fn root_module(&mut self, path: &std::path::Path, package: usize, label: &str) -> Vec<Meaning> {
        let path = super::paths::normal(path);
        match self.program.read_krate(&path, package, label) {
            Ok(krate) => vec![Meaning::Module(self.program.krates[krate].root)],
            Err(why) => {
                self.failure.get_or_insert(why);
                Vec::new()
            }
        }
    }

    /// Reads all crates beside this one that it can get types from.
    pub(crate) fn read_all_beside(&mut self) {
        for krate in 0..self.program.krates.len() {
            let (package, root) = (self.program.krates[krate].package, self.program.krates[krate].root);
            let externs: Vec<String> = self.program.packages[package].externs.keys().cloned().collect();
            for name in externs {
                let symbol = self.program.symbols.intern(&name);
                self.crate_named(root, symbol);
            }
        }
    }

    /// The index of the package in a folder, which becomes known.
    pub(crate) fn package_at(&mut self, dir: &std::path::Path) -> Result<usize, String> {
        let dir = super::paths::normal(dir);
        if let Some(index) = self.program.packages.iter().position(|package| package.dir == dir) {
            return Ok(index);
        }
        let package = Package::read(&dir)?;
        self.add_package(package);
        Ok(self.program.packages.len() - 1)
    }

    pub(crate) fn add_package(&mut self, package: Package) {
        for name in package.externs.keys().chain(package.lib.iter().map(|(name, _)| name)) {
            self.program.symbols.intern(name);
        }
        self.program.packages.push(package);
    }
}

/// This crate itself: what a result is does not depend on how it is kept.
pub(crate) fn is_larder(package: &str) -> bool {
    matches!(package, "larder" | "larder-macros")
}
