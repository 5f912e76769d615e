//! What code reads that is not code: `cfg`s, environment variables and files.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use crate::analysis::includes;
use crate::analysis::references::{BuildInputs, CodeContext, References, Scanner, scan};
use crate::compiled::paths::is_written_by_build_script;
use crate::compiled::units::changed_meanwhile;
use crate::digest;
use crate::program::manifest::Package;
use crate::program::resolver::Resolver;
use crate::syntax::const_strings;
use crate::syntax::notation::is_predicate;
use crate::syntax::symbols::{Symbol, known};
use crate::syntax::token::{TokenKind, Tokens};

impl Scanner<'_, '_> {
    /// Notes the predicates of `cfg(P)`, `cfg!(P)`, `cfg_attr(P, …)` and of the arms of `cfg_select!`.
    pub(crate) fn condition(&mut self, name: Symbol, next: usize) {
        let tokens = self.tokens;
        let open = next + usize::from(tokens.is(next, b'!'));
        if tokens.get(open).is_none_or(|token| token.kind != TokenKind::Open) {
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
                if !tokens.opens(at - 1, b'{') && tokens.list[at - 1].kind != TokenKind::Close {
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

    pub(crate) fn predicate(&mut self, range: Range<usize>) {
        // Some ranges are no predicates: `_` in `cfg_select!`, `$x` in the body of a macro, the arguments of a function
        // named `cfg`.
        if is_predicate(self.tokens, range.clone()) {
            let text = self.tokens.readable(range);
            self.named.inputs.predicates.insert(text);
        }
    }

    /// Notes the variable of `env!("NAME")`.
    pub(crate) fn variable(&mut self, open: usize) {
        let tokens = self.tokens;
        let mut end = open + 1;
        while end < tokens.close_of(open) && !tokens.is(end, b',') {
            end = tokens.after(end);
        }
        let Some(name) = const_strings::text(tokens, open + 1..end, &|_| None) else {
            self.unseen("the name of a variable in `env!` is not written out");
            return;
        };
        match self.package().filter(|package| package.unit.is_some()) {
            // The compiler knows the value here.
            None => {
                self.named.inputs.environment.insert(name);
            }
            // The compiler recorded the value there.
            Some(package) => {
                let label = format!("variable {}::{name}", package.name);
                let is_place = matches!(name.as_str(), "OUT_DIR" | "CARGO_MANIFEST_DIR");
                let value = format!("{:?}", package.environment.get(&name).filter(|_| !is_place));
                self.named.inputs.files.insert(label, digest::of_bytes(value.as_bytes()));
            }
        }
    }

    /// Returns the package that the code is in.
    fn package(&self) -> Option<&Package> {
        let sources = &self.resolver.sources;
        sources.modules.get(self.context.module)?;
        sources.packages.get(sources.package_of(self.context.module))
    }

    /// Notes the file of `include!("path")`, `include_str!` or `include_bytes!`.
    pub(crate) fn file(&mut self, is_code: bool, open: usize) {
        let tokens = self.tokens;
        let number = self.resolver.sources.package_of(self.context.module);
        let package = &self.resolver.sources.packages[number];
        let variable = |name: &str| package.variable(name);
        let Some(path) = const_strings::text(tokens, open + 1..tokens.close_of(open), &variable) else {
            self.unseen("which file is included is not written out");
            return;
        };
        let path = match (Path::new(&path).is_absolute(), self.context.dir) {
            (true, _) => path.into(),
            (false, Some(dir)) => dir.join(path),
            (false, None) => {
                self.unseen("a macro includes a file by a path that depends on where the macro stands");
                return;
            }
        };
        let is_own = number == self.resolver.own;
        let out_dir = package.variable("OUT_DIR");
        let label = includes::label(&path, &package.dir, package.name.as_str(), out_dir.as_deref(), is_own);
        self.named.inputs.files.insert(label, digest::of_file(&path));
        if is_own {
            let build_start = self.resolver.build_start.as_ref();
            let is_before = build_start.is_some_and(|build_start| build_start.is_before(&path));
            if !is_before && !is_written_by_build_script(&path) {
                self.named.unseen.insert(changed_meanwhile(&path));
            }
        }
        if is_code {
            match self.resolver.sources.read_file(&path, number) {
                Ok(Some(file)) => {
                    let file = Arc::clone(&self.resolver.sources.files[file]);
                    let dir = file.path.parent().map(Path::to_owned);
                    let context =
                        CodeContext { module: self.context.module, anywhere: true, dir: dir.as_deref(), around: None };
                    scan(self.resolver, &file.tokens, file.tokens.all(), context, self.named);
                }
                // The `include!` may be disabled by a `cfg`.
                Ok(None) => {}
                Err(why) => self.unseen(&why),
            }
        }
    }
}

/// Returns what code reads by its own tokens, without resolving names.
pub(crate) fn inputs(tokens: &Tokens) -> (BuildInputs, BTreeSet<String>) {
    let mut resolver = Resolver::default();
    let mut named = References::default();
    let context = CodeContext { module: 0, anywhere: false, dir: None, around: None };
    let mut scanner = Scanner::new(&mut resolver, tokens, context, &mut named);
    for at in tokens.all() {
        match tokens.name(at) {
            Some(name @ (known::CFG | known::CFG_ATTR | known::CFG_SELECT)) => scanner.condition(name, at + 1),
            Some(known::ENV | known::OPTION_ENV) if tokens.is(at + 1, b'!') && tokens.opens(at + 2, b'(') => {
                scanner.variable(at + 2);
            }
            _ => {}
        }
    }
    (named.inputs, named.unseen)
}
