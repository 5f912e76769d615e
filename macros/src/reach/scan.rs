//! What a stretch of code names: items, members, crates, `cfg`s, variables and files.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::path::Path;

use super::built_in::text_value;
use super::item;
use super::names::{Meaning, Scope};
use super::notation::{begins_use, captured, memoize_attribute};
use super::program::File;
use super::symbols::{Symbol, known};
use super::token::{Kind, Tokens};
use crate::fingerprint;

/// What is named.
#[derive(Default, Debug, Clone)]
pub(crate) struct Named {
    pub(crate) items: BTreeSet<usize>,
    /// Modules in which something is looked for.
    pub(crate) modules: BTreeSet<usize>,
    /// All names, whatever they mean: among them are those of methods.
    pub(crate) members: Vec<Symbol>,
    /// Crates whose code is not read: the package that uses it, and its name there.
    pub(crate) crates: BTreeSet<(usize, Symbol)>,
    pub(crate) facts: Facts,
    /// Crates whose macros are used: the package that uses them, and their names there.
    pub(crate) macros: BTreeSet<(usize, Symbol)>,
    /// The names of these macros.
    pub(crate) macro_names: BTreeSet<Symbol>,
    /// What can't be told of what is named, a sentence each.
    pub(crate) unseen: BTreeSet<String>,
}

/// What the code depends on besides code.
#[derive(Default, Debug, Clone)]
pub(crate) struct Facts {
    /// The predicates of `cfg`s.
    pub(crate) predicates: BTreeSet<String>,
    pub(crate) environment: BTreeSet<String>,
    /// Files and variables of packages beside this one, and their digests.
    pub(crate) files: BTreeMap<String, u128>,
    /// The code asks for its position: `line!`, `file!`, `Location`.
    pub(crate) tells_positions: bool,
}

impl Facts {
    pub(crate) fn extend(&mut self, other: &Facts) {
        self.predicates.extend(other.predicates.iter().cloned());
        self.environment.extend(other.environment.iter().cloned());
        self.files.extend(other.files.iter().map(|(path, digest)| (path.clone(), *digest)));
        self.tells_positions |= other.tells_positions;
    }
}

/// Where code stands.
#[derive(Clone, Debug)]
pub(crate) struct Stand<'a> {
    pub(crate) module: usize,
    /// It is what a macro is made of: a name means any item of that name, as it may stand anywhere.
    pub(crate) anywhere: bool,
    /// The file, for paths that count from it; `None` where a macro may stand in any.
    pub(crate) dir: Option<&'a Path>,
    /// Where there may be `use`s besides those in the code itself.
    pub(crate) around: Option<(&'a Tokens, Range<usize>)>,
}

/// `use`s within functions.
#[derive(Default)]
pub(super) struct Local {
    pub(super) names: HashMap<Symbol, Vec<Meaning>>,
    globs: Vec<usize>,
    /// Crates outside whose names are all here.
    pub(super) outside: Vec<Meaning>,
}

pub(super) struct Scanner<'s, 't> {
    pub(super) scope: &'s mut Scope,
    pub(super) tokens: &'t Tokens,
    pub(super) stand: Stand<'t>,
    pub(super) local: Local,
    pub(super) named: &'s mut Named,
    /// The number of this scan, for `Scope::seen`.
    number: u32,
    /// Where the input of a macro ends that this is in: there, anything may become of a name.
    input_end: usize,
    /// This is in the input of a macro or in a text of an attribute.
    is_given: bool,
}

/// Adds what the tokens in a range name.
pub(crate) fn scan(scope: &mut Scope, tokens: &Tokens, range: Range<usize>, stand: Stand<'_>, named: &mut Named) {
    let mut scanner = Scanner::new(scope, tokens, stand, named);
    if let Some((tokens, range)) = scanner.stand.around.clone() {
        scanner.uses(tokens, range);
    }
    scanner.uses(tokens, range.clone());
    scanner.run(range);
}

impl<'s, 't> Scanner<'s, 't> {
    pub(super) fn new(scope: &'s mut Scope, tokens: &'t Tokens, stand: Stand<'t>, named: &'s mut Named) -> Self {
        let number = scope.begin_scan();
        Scanner { scope, tokens, stand, local: Local::default(), named, number, input_end: 0, is_given: false }
    }

    /// Takes notice of `use`s within a body.
    fn uses(&mut self, tokens: &Tokens, range: Range<usize>) {
        for at in range.clone() {
            if !tokens.is_name(at, known::USE) || at == range.start || !begins_use(tokens, at) {
                continue;
            }
            for import in item::imports(tokens, at, range.end) {
                let found = self.scope.resolve(self.stand.module, &import.path, import.absolute);
                self.named.modules.extend(&found.through);
                let mut meanings = found.meanings;
                if let [first] = import.path[..] {
                    meanings.extend(self.scope.crate_named(self.stand.module, first));
                }
                for meaning in &meanings {
                    match meaning {
                        Meaning::Module(module) if import.name.is_none() => self.local.globs.push(*module),
                        Meaning::Outside(..) if import.name.is_none() => self.local.outside.push(*meaning),
                        _ => {}
                    }
                    self.reach(*meaning);
                }
                if let Some(name) = import.name {
                    self.local.names.entry(name).or_default().extend(meanings);
                }
            }
        }
    }

    fn run(&mut self, range: Range<usize>) {
        let mut at = range.start;
        // Where the attribute ends that this is in.
        let mut attribute_end = 0;
        while at < range.end {
            let token = self.tokens.list[at];
            match token.kind {
                Kind::Name => {
                    at = self.name(at, &range, attribute_end > at);
                    continue;
                }
                Kind::Sign if token.sign == b'#' && self.tokens.opens(at + 1, b'[') => {
                    let close = self.tokens.close_of(at + 1);
                    if let Some(depends) = memoize_attribute(self.tokens, at + 2, close) {
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
                Kind::Text => self.text(at, attribute_end > at),
                _ => {}
            }
            at += 1;
        }
    }

    /// A name, and the path that it begins. Gives the index behind it.
    fn name(&mut self, at: usize, range: &Range<usize>, in_attribute: bool) -> usize {
        let tokens = self.tokens;
        let first = tokens.list[at].data;
        // Most names are those of variables, and come again and again.
        let is_plain = !self.scope.is_meaningful(first)
            && first >= known::COUNT
            && self.local.names.is_empty()
            && self.local.globs.is_empty()
            && !self.stand.anywhere;
        if is_plain && !tokens.is(at + 1, b'!') && !tokens.is(at + 1, b':') {
            if self.scope.is_first_sight(first, self.number, 0) {
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
            if self.scope.is_first_sight(*name, self.number, 0) {
                self.named.members.push(*name);
            }
        }
        let is_macro = tokens.is(next, b'!') && tokens.get(next + 1).is_some_and(|token| token.kind == Kind::Open);
        let last = path[path.len() - 1];
        if is_macro && !fingerprint::is_plain_macro(self.scope.program.symbols.text(last)) {
            self.input_end = self.input_end.max(tokens.close_of(next + 1));
            self.foreign_macro(&path);
        }
        if path.contains(&known::LOCATION) {
            self.named.facts.tells_positions = true;
        }
        match last {
            known::CFG | known::CFG_ATTR | known::CFG_SELECT => self.condition(last, next),
            known::ENV | known::OPTION_ENV if is_macro => self.variable(next + 1),
            known::LINE | known::COLUMN | known::FILE if is_macro => self.named.facts.tells_positions = true,
            // A macro may make a `cfg` of it.
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
        if is_field && !self.stand.anywhere && at > self.input_end && path.len() == 1 {
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
        if self.stand.anywhere {
            for symbol in path {
                let items = self.scope.names.items.get(symbol).into_iter().flatten();
                self.named.items.extend(items);
                self.named.modules.extend(self.scope.names.modules.get(symbol).into_iter().flatten());
            }
        }
        // `macro_rules!` are found by their place in the text as well, so here by their name alone.
        if is_macro {
            let krates = &self.scope.program.krates;
            let macros = krates.iter().filter_map(|krate| krate.macros.get(&last)).flatten();
            self.named.items.extend(macros);
        }
        let alone = path.len() == 1 && !absolute;
        if alone && !in_attribute && !self.scope.is_first_sight(first, self.number, 1) {
            return;
        }
        if let Some(meanings) = self.local.names.get(&first) {
            for meaning in meanings.clone() {
                self.follow(meaning, &path[1..]);
            }
        }
        for index in 0..self.local.globs.len() {
            let module = self.local.globs[index];
            self.follow(Meaning::Module(module), path);
        }
        if !self.scope.is_meaningful(first) {
            return;
        }
        let found = self.scope.resolve(self.stand.module, path, absolute);
        self.named.modules.extend(found.through);
        for meaning in found.meanings {
            self.reach(meaning);
        }
    }

    /// Reaches what a path from a known place on leads to.
    fn follow(&mut self, from: Meaning, rest: &[Symbol]) {
        match (from, rest.is_empty()) {
            (Meaning::Module(module), false) => {
                self.named.modules.insert(module);
                let found = self.scope.resolve(module, rest, false);
                // What is visible at the place itself is no part of the module, but means no harm.
                self.named.modules.extend(found.through);
                for meaning in found.meanings {
                    self.reach(meaning);
                }
            }
            _ => self.reach(from),
        }
    }

    fn reach(&mut self, meaning: Meaning) {
        match meaning {
            Meaning::Item(item) => {
                self.named.items.insert(item);
            }
            Meaning::Module(module) => {
                self.named.modules.insert(module);
                // A macro that gets a module may name any item in it.
                if self.is_given {
                    let items = self.scope.program.modules[module].names.values().flatten();
                    self.named.items.extend(items);
                }
            }
            Meaning::Outside(package, name) => {
                self.named.crates.insert((package, name));
            }
        }
    }

    /// The names in a format string, and the paths in those of attributes.
    fn text(&mut self, at: usize, in_attribute: bool) {
        let literal = self.tokens.text_of(&self.tokens.list[at]);
        if in_attribute {
            let Some(text) = text_value(literal) else { return };
            let Ok(tokens) = Tokens::of_text(text, &mut self.scope.program.symbols) else { return };
            let stand = Stand { around: None, ..self.stand.clone() };
            scan(self.scope, &tokens, tokens.all(), stand, self.named);
            // As in `#[serde(with = "module")]`.
            let path: Vec<Symbol> = tokens.all().filter_map(|at| tokens.name(at)).collect();
            if !path.is_empty() && self.scope.is_meaningful(path[0]) {
                self.is_given = true;
                for meaning in self.scope.resolve(self.stand.module, &path, false).meanings {
                    self.reach(meaning);
                }
                self.is_given = false;
            }
        } else if literal.contains('{') {
            for name in captured(literal) {
                if let Some(symbol) = self.scope.program.symbols.find(name) {
                    self.named.members.push(symbol);
                    self.path(&[symbol], false, false, false);
                }
            }
        }
    }

    pub(super) fn unseen(&mut self, why: &str) {
        self.named.unseen.insert(why.to_owned());
    }
}

/// The folder of a file, for paths that count from it.
pub(crate) fn dir_of(file: &File) -> Option<&Path> {
    file.path.parent()
}
