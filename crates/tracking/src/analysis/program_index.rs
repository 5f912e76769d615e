//! What is found once for a program, for all functions: the names in each item, and what each module adds.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use crate::analysis::impl_index::{ImplIndex, trait_path};
use crate::analysis::known_macros;
use crate::analysis::references::{CodeContext, References, dir_of, scan};
use crate::program::resolver::{Definition, Resolver};
use crate::program::sources::Module;
use crate::syntax::item_parser::{ItemKind, header};
use crate::syntax::symbols::{Symbol, known};

/// What is known of a program.
#[derive(Default)]
pub(crate) struct ProgramIndex {
    pub(crate) resolver: Resolver,
    pub(crate) blocks: ImplIndex,
    pub(crate) scans: HashMap<usize, Rc<References>>,
    pub(crate) homes: HashMap<usize, Rc<ModuleContext>>,
    /// The number of crates that had been read when this was computed.
    pub(crate) source_crates: usize,
}

/// What a module adds to each item in it.
#[derive(Default)]
pub(crate) struct ModuleContext {
    /// The crates that it imports from.
    pub(crate) crates: BTreeSet<(usize, Symbol)>,
    /// Modules whose names are all imported.
    pub(crate) globs: Vec<usize>,
    /// The names in the attributes of the module.
    pub(crate) attributes: References,
    /// An attribute macro of another crate makes the module's code from all that is in it.
    pub(crate) is_made_by_macro: bool,
    /// The names in the attributes of imports, each with the imported name. It is `None` for a trait: its name need not
    /// occur where its methods are called.
    pub(crate) imports: Vec<(Option<Symbol>, Rc<References>)>,
}

impl ProgramIndex {
    pub(crate) fn scan_of(&mut self, index: usize) -> Rc<References> {
        if let Some(known) = self.scans.get(&index) {
            return Rc::clone(known);
        }
        let item = &self.resolver.sources.items[index];
        let file = Arc::clone(&self.resolver.sources.files[item.file]);
        // An `extern` block may declare any function of that name.
        let (tokens, is_macro) = (&file.tokens, matches!(item.kind, ItemKind::Macro | ItemKind::Foreign));
        let around = item.holder.map(|holder| (tokens, self.resolver.sources.items[holder].range.clone()));
        let dir = if is_macro { None } else { dir_of(&file) };
        let context = CodeContext { module: item.module, anywhere: is_macro, dir, around };
        let mut named = References::default();
        let (range, open) = (item.range.clone(), item.open);
        let parts: Vec<_> = match item.kind {
            ItemKind::Impl if item.is_inherent => std::iter::once(range.start..open).collect(),
            // The names here must not include the trait: that would reach all its other `impl`s.
            ItemKind::Impl => {
                let of = trait_path(tokens, header(tokens, item.keyword, open).of);
                vec![range.start..of.start, of.end..range.end]
            }
            // Its own name must not reach other items of that name.
            ItemKind::Trait => vec![range.start..item.keyword + 1, item.keyword + 2..range.end],
            _ => std::iter::once(range).collect(),
        };
        for part in parts {
            scan(&mut self.resolver, tokens, part, context.clone(), &mut named);
        }
        let named = Rc::new(named);
        self.scans.insert(index, Rc::clone(&named));
        named
    }

    pub(crate) fn home_of(&mut self, module: usize) -> Rc<ModuleContext> {
        if let Some(known) = self.homes.get(&module) {
            return Rc::clone(known);
        }
        let mut home = ModuleContext::default();
        let Module { parent, attributes, inner_attributes, .. } = &self.resolver.sources.modules[module];
        // The names in an attribute on a module are those of the code around the module.
        let outer = attributes.clone().into_iter().map(|part| (parent.unwrap_or(module), part));
        let inner = inner_attributes.clone().into_iter().map(|part| (module, part));
        for (module, (file, range)) in outer.chain(inner).collect::<Vec<_>>() {
            let file = Arc::clone(&self.resolver.sources.files[file]);
            let context = CodeContext { module, anywhere: false, dir: dir_of(&file), around: None };
            scan(&mut self.resolver, &file.tokens, range, context, &mut home.attributes);
        }
        home.is_made_by_macro = self.resolver.sources.modules[module].is_inline
            && home.attributes.macros.iter().any(|used| known_macros::may_add_items(&mut self.resolver, *used));
        for import in self.resolver.sources.modules[module].imports.clone() {
            let mut definitions = self.resolver.resolve(module, &import.path, import.absolute).definitions;
            if let [name] = import.path[..] {
                definitions.extend(self.resolver.crate_named(module, name));
            }
            if let Some((file, range)) = import.attributes {
                let file = Arc::clone(&self.resolver.sources.files[file]);
                let context = CodeContext { module, anywhere: false, dir: dir_of(&file), around: None };
                let mut named = References::default();
                scan(&mut self.resolver, &file.tokens, range, context, &mut named);
                let may_be_trait = definitions.is_empty()
                    || definitions.iter().any(|definition| match definition {
                        Definition::Item(item) => self.resolver.sources.items[*item].kind == ItemKind::Trait,
                        Definition::Extern(_) => true,
                        Definition::Module(_) => false,
                    });
                let name = import.name.filter(|name| !may_be_trait && *name != known::UNDERSCORE);
                home.imports.push((name, Rc::new(named)));
            }
            for definition in definitions {
                match definition {
                    Definition::Extern(used) => {
                        home.crates.insert((used.package, used.crate_name));
                    }
                    Definition::Module(there) if import.name.is_none() => home.globs.push(there),
                    _ => {}
                }
            }
        }
        let home = Rc::new(home);
        self.homes.insert(module, Rc::clone(&home));
        home
    }
}
