//! Which macros come from other crates.

use crate::analysis::references::Scanner;
use crate::program::resolver::{Definition, ExternItem};
use crate::syntax::const_strings;
use crate::syntax::symbols::Symbol;
use crate::syntax::token::TokenKind;

impl Scanner<'_, '_> {
    /// Notes the macros of an attribute: those that it derives, or itself. `at` is after its bracket.
    pub(crate) fn attribute(&mut self, mut at: usize, close: usize) {
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
            Some(token) if token.kind == TokenKind::Open && at < close => at + 1..tokens.close_of(at),
            _ => close..close,
        };
        match self.resolver.sources.symbols.text(last) {
            "derive" if path.len() == 1 => {
                for part in const_strings::arguments(tokens, inner) {
                    let path: Vec<Symbol> = part.filter_map(|at| tokens.name(at)).collect();
                    self.foreign_macro(&path);
                }
            }
            "cfg_attr" if path.len() == 1 => {
                for part in const_strings::arguments(tokens, inner).into_iter().skip(1) {
                    self.attribute(part.start, part.end);
                }
            }
            "unsafe" if path.len() == 1 => self.attribute(inner.start, inner.end),
            _ => self.foreign_macro(&path),
        }
    }

    /// Returns whether an attribute is larder's. Paths to larder resolve to nothing, as it is never followed.
    pub(crate) fn is_of_larder(&mut self, at: usize) -> bool {
        let mut path = Vec::new();
        let mut index = at;
        while let Some(name) = self.tokens.name(index) {
            path.push(name);
            index += if self.tokens.is_path_sign(index + 1) { 3 } else { break };
        }
        let absolute = self.tokens.is_path_sign(at);
        let definitions = self.resolver.resolve(self.context.module, &path, absolute).definitions;
        !definitions.iter().any(|definition| matches!(definition, Definition::Extern(_)))
    }

    /// Notes the use of a macro, if it may be another crate's.
    pub(crate) fn foreign_macro(&mut self, path: &[Symbol]) {
        let (Some(first), Some(last)) = (path.first(), path.last()) else { return };
        // Most macros are std's.
        let is_built_in = self.resolver.is_built_in(*last);
        let is_meaningful = self.resolver.is_meaningful(*first) || self.local.names.contains_key(first);
        if !is_meaningful && !self.context.anywhere && (is_built_in || path.len() > 1) {
            return;
        }
        let mut definitions: Vec<Definition> = self.local.names.get(first).cloned().unwrap_or_default();
        if path.len() > 1 {
            for definition in &mut definitions {
                if let Definition::Extern(used) = definition {
                    used.item = *last;
                }
            }
        }
        if self.resolver.is_meaningful(*first) {
            definitions.extend(self.resolver.resolve(self.context.module, path, false).definitions);
        }
        if self.context.anywhere && path.len() == 1 {
            definitions.extend(self.resolver.extern_imports(*last));
        }
        let is_ours =
            self.resolver.sources.source_crates.iter().any(|source_crate| source_crate.macros.contains_key(last));
        let is_extern = definitions.iter().any(|definition| matches!(definition, Definition::Extern(_)));
        if path.len() == 1 && !is_extern && !is_ours && !is_built_in {
            let mut globs = self.local.extern_globs.clone();
            globs.extend(self.resolver.extern_globs(self.context.module));
            definitions.extend(globs.into_iter().map(|glob| Definition::Extern(ExternItem { item: *last, ..glob })));
        }
        for definition in definitions {
            let Definition::Extern(used) = definition else { continue };
            if self.resolver.packages_of(used).contains("clap") {
                // `#[command(version)]` and similar attributes read these.
                let variables = ["CARGO_PKG_NAME", "CARGO_PKG_VERSION", "CARGO_PKG_AUTHORS", "CARGO_PKG_DESCRIPTION"];
                self.named.inputs.environment.extend(variables.map(str::to_owned));
            }
            self.named.macros.insert(used);
            self.named.crates.insert((used.package, used.crate_name));
        }
    }
}
