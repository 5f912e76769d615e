//! What is found out of a program once, for all functions: what each item names, and what modules bring with them.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use super::blocks::{Blocks, trait_path};
use super::item::{Form, header};
use super::names::{Meaning, Scope};
use super::scan::{Facts, Named, Stand, dir_of, scan};
use super::symbols::{Symbol, known};

/// What has been found out about a program, for all functions.
#[derive(Default)]
pub(crate) struct Ground {
    pub(crate) scope: Scope,
    pub(super) blocks: Blocks,
    pub(super) scans: HashMap<usize, Rc<Named>>,
    pub(super) homes: HashMap<usize, Rc<Home>>,
    /// How many crates had been read when the above was found out.
    pub(super) krates: usize,
}

/// What the modules around an item bring with them.
#[derive(Default)]
pub(super) struct Home {
    pub(super) crates: BTreeSet<(usize, Symbol)>,
    pub(super) facts: Facts,
    /// Modules whose names are all here.
    pub(super) globs: Vec<usize>,
    pub(super) macros: BTreeSet<(usize, Symbol)>,
    pub(super) unseen: BTreeSet<String>,
    /// What the attributes of `use`s name, with the name that the `use` brings if it is no trait's: that of a
    /// trait need not occur where its methods do.
    pub(super) imports: Vec<(Option<Symbol>, Rc<Named>)>,
}

impl Ground {
    pub(super) fn scan_of(&mut self, index: usize) -> Rc<Named> {
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

    pub(super) fn home_of(&mut self, module: usize) -> Rc<Home> {
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
