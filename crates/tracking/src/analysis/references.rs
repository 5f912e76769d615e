//! The names in a range of tokens: items, members, crates, `cfg`s, variables and files.

use crate::syntax::lexer::lex;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::path::Path;

use crate::program::resolver::{Definition, ExternItem, Resolver};
use crate::program::sources::SourceFile;
use crate::syntax::item_parser;
use crate::syntax::literal::str_value;
use crate::syntax::notation::{begins_use, captured, memoize_attribute};
use crate::syntax::symbols::{Symbol, known};
use crate::syntax::token::{TokenKind, Tokens};

/// The names that were found.
#[derive(Default, Debug, Clone)]
pub(crate) struct References {
    pub(crate) items: BTreeSet<usize>,
    /// Modules in which a name is looked up.
    pub(crate) modules: BTreeSet<usize>,
    /// All names, including those of methods.
    pub(crate) members: Vec<Symbol>,
    /// Crates whose code is not read: the package that uses the crate, and the name of the crate there.
    pub(crate) crates: BTreeSet<(usize, Symbol)>,
    pub(crate) inputs: BuildInputs,
    /// The macros of other crates that are used.
    pub(crate) macros: BTreeSet<ExternItem>,
    /// What can't be tracked, a phrase each.
    pub(crate) unseen: BTreeSet<String>,
}

/// What code depends on besides code.
#[derive(Default, Debug, Clone)]
pub(crate) struct BuildInputs {
    /// The predicates of `cfg`s.
    pub(crate) predicates: BTreeSet<String>,
    pub(crate) environment: BTreeSet<String>,
    /// Files, and variables of other packages: their labels and digests.
    pub(crate) files: BTreeMap<String, u128>,
    /// The code reads its own position: `line!`, `file!`, `Location`.
    pub(crate) tells_positions: bool,
}

impl BuildInputs {
    pub(crate) fn extend(&mut self, other: &BuildInputs) {
        self.predicates.extend(other.predicates.iter().cloned());
        self.environment.extend(other.environment.iter().cloned());
        self.files.extend(other.files.iter().map(|(path, digest)| (path.clone(), *digest)));
        self.tells_positions |= other.tells_positions;
    }
}

/// Where a range of tokens stands.
#[derive(Clone, Debug)]
pub(crate) struct CodeContext<'a> {
    pub(crate) module: usize,
    /// The body of a macro: it may be expanded in any place, so a name means any item of that name.
    pub(crate) anywhere: bool,
    /// The folder of the file, for relative paths. `None` for the body of a macro, which may be expanded in any file.
    pub(crate) dir: Option<&'a Path>,
    /// A range that may have further `use`s.
    pub(crate) around: Option<(&'a Tokens, Range<usize>)>,
}

/// Imports within functions.
#[derive(Default)]
pub(crate) struct LocalImports {
    pub(crate) names: HashMap<Symbol, Vec<Definition>>,
    globs: Vec<usize>,
    /// Crates whose names are all imported.
    pub(crate) extern_globs: Vec<ExternItem>,
}

pub(crate) struct Scanner<'s, 't> {
    pub(crate) resolver: &'s mut Resolver,
    pub(crate) tokens: &'t Tokens,
    pub(crate) context: CodeContext<'t>,
    pub(crate) local: LocalImports,
    pub(crate) named: &'s mut References,
    /// The number of this scan, for [`Resolver::is_first_sight`].
    number: u32,
    /// The end of the macro input around the current token: a macro may make anything of a name in it.
    input_end: usize,
    /// The current token is in the input of a macro or in a string of an attribute.
    is_given: bool,
}

/// Adds the names in a range of tokens.
pub(crate) fn scan(
    resolver: &mut Resolver,
    tokens: &Tokens,
    range: Range<usize>,
    context: CodeContext<'_>,
    named: &mut References,
) {
    let mut scanner = Scanner::new(resolver, tokens, context, named);
    if let Some((tokens, range)) = scanner.context.around.clone() {
        scanner.uses(tokens, range);
    }
    scanner.uses(tokens, range.clone());
    scanner.run(range);
}

impl<'s, 't> Scanner<'s, 't> {
    pub(crate) fn new(
        resolver: &'s mut Resolver,
        tokens: &'t Tokens,
        context: CodeContext<'t>,
        named: &'s mut References,
    ) -> Self {
        let number = resolver.begin_scan();
        Scanner {
            resolver,
            tokens,
            context,
            local: LocalImports::default(),
            named,
            number,
            input_end: 0,
            is_given: false,
        }
    }

    /// Notes the imports within a body.
    fn uses(&mut self, tokens: &Tokens, range: Range<usize>) {
        for at in range.clone() {
            if !tokens.is_name(at, known::USE) || at == range.start || !begins_use(tokens, at) {
                continue;
            }
            for import in item_parser::imports(tokens, at, range.end) {
                let found = self.resolver.resolve(self.context.module, &import.path, import.absolute);
                self.named.modules.extend(&found.through);
                let mut definitions = found.definitions;
                if let [first] = import.path[..] {
                    definitions.extend(self.resolver.crate_named(self.context.module, first));
                }
                for definition in &definitions {
                    match definition {
                        Definition::Module(module) if import.name.is_none() => self.local.globs.push(*module),
                        Definition::Extern(glob) if import.name.is_none() => self.local.extern_globs.push(*glob),
                        _ => {}
                    }
                    self.reach(*definition);
                }
                if let Some(name) = import.name {
                    self.local.names.entry(name).or_default().extend(definitions);
                }
            }
        }
    }

    fn run(&mut self, range: Range<usize>) {
        let mut at = range.start;
        // The end of the attribute around the current token.
        let mut attribute_end = 0;
        while at < range.end {
            let token = self.tokens.list[at];
            match token.kind {
                TokenKind::Ident => {
                    at = self.name(at, &range, attribute_end > at);
                    continue;
                }
                TokenKind::Punct if token.byte == b'#' && self.tokens.opens(at + 1, b'[') => {
                    let close = self.tokens.close_of(at + 1);
                    if let Some(depends) = memoize_attribute(self.tokens, at + 2, close)
                        && self.is_of_larder(at + 2)
                    {
                        self.run(depends);
                        at = close + 1;
                        continue;
                    }
                    if self.tokens.is_name(at + 2, known::DOC) {
                        at = close + 1;
                        continue;
                    }
                    self.attribute(at + 2, close);
                    attribute_end = close;
                }
                TokenKind::Str => self.text(at, attribute_end > at),
                _ => {}
            }
            at += 1;
        }
    }

    /// Handles a name and the path that it begins. Returns the index after the path.
    fn name(&mut self, at: usize, range: &Range<usize>, in_attribute: bool) -> usize {
        let tokens = self.tokens;
        let first = tokens.list[at].data;
        // Most names are variables, and occur many times.
        let is_plain = !self.resolver.is_meaningful(first)
            && first >= known::COUNT
            && self.local.names.is_empty()
            && self.local.globs.is_empty()
            && !self.context.anywhere;
        if is_plain && !tokens.is(at + 1, b'!') && !tokens.is(at + 1, b':') {
            if self.resolver.is_first_sight(first, self.number, 0) {
                self.named.members.push(first);
            }
            return at + 1;
        }
        let mut path = vec![first];
        let mut next = at + 1;
        while next + 2 < range.end && tokens.is_path_sign(next) {
            let Some(segment) = tokens.name(next + 2) else { break };
            path.push(segment);
            next += 3;
        }
        for name in &path {
            if self.resolver.is_first_sight(*name, self.number, 0) {
                self.named.members.push(*name);
            }
        }
        let is_macro = tokens.is(next, b'!') && tokens.get(next + 1).is_some_and(|token| token.kind == TokenKind::Open);
        let last = path[path.len() - 1];
        if is_macro && !self.resolver.is_expression_macro(last) {
            self.input_end = self.input_end.max(tokens.close_of(next + 1));
            self.foreign_macro(&path);
        }
        if path.contains(&known::LOCATION) {
            self.named.inputs.tells_positions = true;
        }
        match last {
            known::CFG | known::CFG_ATTR | known::CFG_SELECT => self.condition(last, next),
            known::ENV | known::OPTION_ENV if is_macro => self.variable(next + 1),
            known::LINE | known::COLUMN | known::FILE if is_macro => self.named.inputs.tells_positions = true,
            // A macro may turn it into a `cfg`.
            known::TEST | known::DEBUG_ASSERTIONS | known::UNIX | known::WINDOWS if at < self.input_end => {
                self.predicate(at..at + 1);
            }
            known::FEATURE if tokens.is(at + 1, b'=') && at < self.input_end => self.predicate(at..at + 3),
            known::INCLUDE | known::INCLUDE_STR | known::INCLUDE_BYTES if is_macro => {
                self.file(last == known::INCLUDE, next + 1);
                return tokens.after(next + 1);
            }
            _ => {}
        }
        let is_field = at > range.start
            && tokens.is(at - 1, b'.')
            && !(at > range.start + 1 && tokens.is(at - 2, b'.') && tokens.list[at - 2].joint);
        if is_field && !self.context.anywhere && at > self.input_end && path.len() == 1 {
            return next;
        }
        let absolute = at > range.start + 1
            && tokens.is_path_sign(at - 2)
            && !(at > range.start + 2 && (tokens.name(at - 3).is_some() || tokens.is(at - 3, b'>')));
        self.is_given = at < self.input_end;
        self.path(&path, absolute, is_macro, in_attribute);
        self.is_given = false;
        next
    }

    fn path(&mut self, path: &[Symbol], absolute: bool, is_macro: bool, in_attribute: bool) {
        let (first, last) = (path[0], path[path.len() - 1]);
        if self.context.anywhere {
            for symbol in path {
                let items = self.resolver.names.items.get(symbol).into_iter().flatten();
                self.named.items.extend(items);
                self.named.modules.extend(self.resolver.names.modules.get(symbol).into_iter().flatten());
            }
        }
        // The scope of `macro_rules!` depends on their order in the text, so they are found by name alone.
        if is_macro {
            let source_crates = &self.resolver.sources.source_crates;
            let macros = source_crates.iter().filter_map(|source_crate| source_crate.macros.get(&last)).flatten();
            self.named.items.extend(macros);
        }
        let alone = path.len() == 1 && !absolute;
        if alone && !in_attribute && !self.resolver.is_first_sight(first, self.number, 1) {
            return;
        }
        if let Some(definitions) = self.local.names.get(&first) {
            for definition in definitions.clone() {
                self.follow(definition, &path[1..]);
            }
        }
        for index in 0..self.local.globs.len() {
            let module = self.local.globs[index];
            self.follow(Definition::Module(module), path);
        }
        if !self.resolver.is_meaningful(first) {
            return;
        }
        let found = self.resolver.resolve(self.context.module, path, absolute);
        self.named.modules.extend(found.through);
        for definition in found.definitions {
            self.reach(definition);
        }
    }

    /// Adds what a path leads to, from a definition on.
    fn follow(&mut self, from: Definition, rest: &[Symbol]) {
        match (from, rest.is_empty()) {
            (Definition::Module(module), false) => {
                self.named.modules.insert(module);
                let found = self.resolver.resolve(module, rest, false);
                // This also finds names from outside of the module, which does no harm.
                self.named.modules.extend(found.through);
                for definition in found.definitions {
                    self.reach(definition);
                }
            }
            _ => self.reach(from),
        }
    }

    fn reach(&mut self, definition: Definition) {
        match definition {
            Definition::Item(item) => {
                self.named.items.insert(item);
            }
            Definition::Module(module) => {
                self.named.modules.insert(module);
                // A macro that is given a module may name any item in it.
                if self.is_given {
                    let items = self.resolver.sources.modules[module].names.values().flatten();
                    self.named.items.extend(items);
                }
            }
            Definition::Extern(used) => {
                self.named.crates.insert((used.package, used.crate_name));
            }
        }
    }

    /// Adds the names in a format string, or the paths in a string of an attribute.
    fn text(&mut self, at: usize, in_attribute: bool) {
        let literal = self.tokens.text_of(&self.tokens.list[at]);
        if in_attribute {
            let Some(text) = str_value(literal) else { return };
            let Ok(tokens) = lex(text, &mut self.resolver.sources.symbols) else { return };
            let context = CodeContext { around: None, ..self.context.clone() };
            scan(self.resolver, &tokens, tokens.all(), context, self.named);
            // As in `#[serde(with = "module")]`.
            let path: Vec<Symbol> = tokens.all().filter_map(|at| tokens.name(at)).collect();
            if !path.is_empty() && self.resolver.is_meaningful(path[0]) {
                self.is_given = true;
                for definition in self.resolver.resolve(self.context.module, &path, false).definitions {
                    self.reach(definition);
                }
                self.is_given = false;
            }
        } else if literal.contains('{') {
            for name in captured(literal) {
                if let Some(symbol) = self.resolver.sources.symbols.find(name) {
                    self.named.members.push(symbol);
                    self.path(&[symbol], false, false, false);
                }
            }
        }
    }

    pub(crate) fn unseen(&mut self, why: &str) {
        self.named.unseen.insert(why.to_owned());
    }
}

/// Returns the folder of a file, for relative paths.
pub(crate) fn dir_of(file: &SourceFile) -> Option<&Path> {
    file.path.parent()
}
