//! What code asks that is not code: `cfg`s, variables of the environment, files.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::manifest::Package;
use super::names::Scope;
use super::notation::is_predicate;
use super::scan::{Facts, Named, Scanner, Stand, scan};
use super::symbols::{Symbol, known};
use super::token::{Kind, Tokens};
use super::{built_in, files};
use crate::compiled::paths::is_written_by_build_script;
use crate::compiled::units::changed_meanwhile;
use crate::digest;

impl Scanner<'_, '_> {
    /// `cfg(P)`, `cfg!(P)`, `cfg_attr(P, …)`, and the arms of `cfg_select!`.
    pub(super) fn condition(&mut self, name: Symbol, next: usize) {
        let tokens = self.tokens;
        let open = next + usize::from(tokens.is(next, b'!'));
        if tokens.get(open).is_none_or(|token| token.kind != Kind::Open) {
            return;
        }
        let close = tokens.close_of(open);
        if name != known::CFG_SELECT {
            let mut end = open + 1;
            while end < close && !tokens.is(end, b',') {
                end = tokens.after(end);
            }
            self.predicate(open + 1..end);
            return;
        }
        let (mut start, mut at) = (open + 1, open + 1);
        while at < close {
            if tokens.is(at, b'=') && tokens.is(at + 1, b'>') {
                self.predicate(start..at);
                at = tokens.after(at + 2);
                // An arm ends with its block, or with a comma.
                if !tokens.opens(at - 1, b'{') && tokens.list[at - 1].kind != Kind::Close {
                    while at < close && !tokens.is(at, b',') {
                        at = tokens.after(at);
                    }
                }
                at += usize::from(tokens.is(at, b','));
                start = at;
            } else {
                at = tokens.after(at);
            }
        }
    }

    pub(super) fn predicate(&mut self, range: Range<usize>) {
        // `_` in `cfg_select!` is always true; a macro's `$x` is known only where the macro stands; and a
        // function may be called `cfg`.
        if is_predicate(self.tokens, range.clone()) {
            let text = self.tokens.readable(range);
            self.named.facts.predicates.insert(text);
        }
    }

    /// `env!("NAME")`.
    pub(super) fn variable(&mut self, open: usize) {
        let tokens = self.tokens;
        let mut end = open + 1;
        while end < tokens.close_of(open) && !tokens.is(end, b',') {
            end = tokens.after(end);
        }
        let Some(name) = built_in::text(tokens, open + 1..end, &|_| None) else {
            self.unseen("the name of a variable in `env!` is not written out");
            return;
        };
        match self.package().filter(|package| package.unit.is_some()) {
            // The compiler says what it is here.
            None => {
                self.named.facts.environment.insert(name);
            }
            // The compiler has noted what it was there.
            Some(package) => {
                let label = format!("variable {}::{name}", package.name);
                let is_place = matches!(name.as_str(), "OUT_DIR" | "CARGO_MANIFEST_DIR");
                let value = format!("{:?}", package.environment.get(&name).filter(|_| !is_place));
                self.named.facts.files.insert(label, digest::of_bytes(value.as_bytes()));
            }
        }
    }

    /// The package that the code is in.
    fn package(&self) -> Option<&Package> {
        let program = &self.scope.program;
        program.modules.get(self.stand.module)?;
        program.packages.get(program.package_of(self.stand.module))
    }

    /// `include!("path")` and the like.
    pub(super) fn file(&mut self, is_code: bool, open: usize) {
        let tokens = self.tokens;
        let number = self.scope.program.package_of(self.stand.module);
        let package = &self.scope.program.packages[number];
        let variable = |name: &str| package.variable(name);
        let Some(path) = built_in::text(tokens, open + 1..tokens.close_of(open), &variable) else {
            self.unseen("which file is included is not written out");
            return;
        };
        let path = match (Path::new(&path).is_absolute(), self.stand.dir) {
            (true, _) => path.into(),
            (false, Some(dir)) => dir.join(path),
            (false, None) => {
                self.unseen("a macro includes a file by a path that depends on where the macro stands");
                return;
            }
        };
        let is_own = number == self.scope.own;
        let out_dir = package.variable("OUT_DIR");
        let label = files::label(&path, &package.dir, package.name.as_str(), out_dir.as_deref(), is_own);
        self.named.facts.files.insert(label, digest::of_file(&path));
        if is_own {
            let beginning = self.scope.beginning.as_ref();
            let is_before = beginning.is_some_and(|beginning| beginning.is_before(&path));
            if !is_before && !is_written_by_build_script(&path) {
                self.named.unseen.insert(changed_meanwhile(&path));
            }
        }
        if is_code {
            match self.scope.program.read_file(&path, number) {
                Ok(Some(file)) => {
                    let file = Arc::clone(&self.scope.program.files[file]);
                    let dir = file.path.parent().map(Path::to_owned);
                    let stand = Stand { module: self.stand.module, anywhere: true, dir: dir.as_deref(), around: None };
                    scan(self.scope, &file.tokens, file.tokens.all(), stand, self.named);
                }
                // A switched-off `include!` may have no file.
                Ok(None) => {}
                Err(why) => self.unseen(&why),
            }
        }
    }
}

/// What code asks of `cfg`s and variables, as far as its own tokens tell.
pub(crate) fn facts(tokens: &Tokens) -> (Facts, BTreeSet<String>) {
    let mut scope = Scope::default();
    let mut named = Named::default();
    let stand = Stand { module: 0, anywhere: false, dir: None, around: None };
    let mut scanner = Scanner::new(&mut scope, tokens, stand, &mut named);
    for at in tokens.all() {
        match tokens.name(at) {
            Some(name @ (known::CFG | known::CFG_ATTR | known::CFG_SELECT)) => scanner.condition(name, at + 1),
            Some(known::ENV | known::OPTION_ENV) if tokens.is(at + 1, b'!') && tokens.opens(at + 2, b'(') => {
                scanner.variable(at + 2);
            }
            _ => {}
        }
    }
    (named.facts, named.unseen)
}
