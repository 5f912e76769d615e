//! Uses of macros: which of them are other crates'.

use super::built_in;
use super::names::Meaning;
use super::scan::Scanner;
use super::symbols::Symbol;
use super::token::Kind;

impl Scanner<'_, '_> {
    /// What an attribute is, or derives: all of these are macros. `at` is behind its bracket.
    pub(super) fn attribute(&mut self, mut at: usize, close: usize) {
        let tokens = self.tokens;
        let mut path = Vec::new();
        while at < close {
            if let Some(name) = tokens.name(at) {
                path.push(name);
            } else if !tokens.is(at, b':') && !tokens.is(at, b'$') {
                break;
            }
            at += 1;
        }
        let Some(last) = path.last().copied() else { return };
        let inner = match tokens.get(at) {
            Some(token) if token.kind == Kind::Open && at < close => at + 1..tokens.close_of(at),
            _ => close..close,
        };
        match self.scope.program.symbols.text(last) {
            "derive" if path.len() == 1 => {
                for part in built_in::arguments(tokens, inner) {
                    let path: Vec<Symbol> = part.filter_map(|at| tokens.name(at)).collect();
                    self.foreign_macro(&path);
                }
            }
            "cfg_attr" if path.len() == 1 => {
                for part in built_in::arguments(tokens, inner).into_iter().skip(1) {
                    self.attribute(part.start, part.end);
                }
            }
            "unsafe" if path.len() == 1 => self.attribute(inner.start, inner.end),
            _ => self.foreign_macro(&path),
        }
    }

    /// The use of a macro: if it may be another crate's, that crate is noted.
    pub(super) fn foreign_macro(&mut self, path: &[Symbol]) {
        let (Some(first), Some(last)) = (path.first(), path.last()) else { return };
        // Most macros are std's.
        let is_built_in = self.scope.is_built_in(*last);
        let is_meaningful = self.scope.is_meaningful(*first) || self.local.names.contains_key(first);
        if !is_meaningful && !self.stand.anywhere && (is_built_in || path.len() > 1) {
            return;
        }
        let mut meanings: Vec<Meaning> = self.local.names.get(first).cloned().unwrap_or_default();
        if self.scope.is_meaningful(*first) {
            meanings.extend(self.scope.resolve(self.stand.module, path, false).meanings);
        }
        if self.stand.anywhere && path.len() == 1 {
            meanings.extend(self.scope.outside_imports(*last));
        }
        let is_ours = self.scope.program.krates.iter().any(|krate| krate.macros.contains_key(last));
        if path.len() == 1 && meanings.is_empty() && !is_ours && !is_built_in {
            meanings.clone_from(&self.local.outside);
            meanings.extend(self.scope.outside_globs(self.stand.module));
        }
        for meaning in meanings {
            if let Meaning::Outside(package, name) = meaning {
                self.named.macros.insert((package, name));
                self.named.macro_names.insert(*last);
                if self.scope.program.symbols.text(name) == "clap" {
                    // What `#[command(version)]` and its like ask for.
                    let variables =
                        ["CARGO_PKG_NAME", "CARGO_PKG_VERSION", "CARGO_PKG_AUTHORS", "CARGO_PKG_DESCRIPTION"];
                    self.named.facts.environment.extend(variables.map(str::to_owned));
                }
                self.named.crates.insert((package, name));
            }
        }
    }
}
