//! Where a memoized function stands, and what can be reached from there at once.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proc_macro2::{Span, TokenTree};
use syn::visit::{self, Visit};

use super::item::{self, Form};
use super::names::{Meaning, Scope};
use super::program::begins_statement;
use super::scan::{Stand, dir_of, scan};
use super::symbols::{Symbol, known};
use super::token::{Kind, Tokens};
use super::walk::Roots;
use crate::compiled::paths::normal;
use crate::fingerprint;
use crate::function::Item as Function;

/// A place in a file, as the compiler counts: lines and characters from 1.
#[derive(Clone, Debug)]
pub(crate) struct Position {
    pub(crate) file: PathBuf,
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Position {
    /// `None` where the compiler does not say: rust-analyzer has no files.
    pub(crate) fn of(span: Span) -> Option<Self> {
        let span = span.unwrap();
        let file = normal(&span.local_file()?);
        Some(Position { file, line: span.start().line(), column: span.start().column() })
    }
}

/// The positions of all tokens, for a function that a macro made of parts from several places.
pub(crate) fn positions(function: &Function) -> Vec<Position> {
    fn gather(tree: TokenTree, positions: &mut Vec<Position>) {
        positions.extend(Position::of(tree.span()));
        if let TokenTree::Group(group) = tree {
            group.stream().into_iter().for_each(|tree| gather(tree, positions));
        }
    }
    let mut positions = Vec::new();
    let sig = quote::ToTokens::to_token_stream(&function.sig);
    sig.into_iter().chain([function.body.clone()]).for_each(|tree| gather(tree, &mut positions));
    positions
}

/// The innermost item at a position, and the index of the token there.
fn item_at(scope: &Scope, position: &Position) -> Option<(usize, usize)> {
    // A file may be two modules. Where in it, as the index of a token.
    let files = scope.program.files.iter().enumerate().filter(|(_, file)| file.path == position.file);
    let places = files.filter_map(|(index, file)| {
        let offset = offset_of(&file.tokens.text, position)?;
        Some((index, file.tokens.list.partition_point(|token| (token.end as usize) <= offset)))
    });
    let places: Vec<(usize, usize)> = places.collect();
    let mut found: Option<(usize, usize)> = None;
    for (index, item) in scope.program.items.iter().enumerate() {
        for (file, token) in &places {
            if item.file != *file || item.holder.is_some() || !item.range.contains(token) {
                continue;
            }
            let is_inner = found.is_none_or(|(before, _)| scope.program.items[before].range.len() > item.range.len());
            if is_inner {
                found = Some((index, *token));
            }
        }
    }
    found
}

fn offset_of(text: &str, position: &Position) -> Option<usize> {
    let start = match position.line.checked_sub(2) {
        None => 0,
        Some(line) => text.match_indices('\n').nth(line)?.0 + 1,
    };
    let before = text[start..].chars().take(position.column.saturating_sub(1));
    Some(start + before.map(char::len_utf8).sum::<usize>())
}

/// What the search for the roots of a function is given.
pub(crate) struct Search<'a> {
    pub(crate) function: Option<&'a Function>,
    /// Signature and body.
    pub(crate) tokens: &'a Tokens,
    /// The attributes besides `#[memoize]`.
    pub(crate) attributes: &'a Tokens,
    /// What the option `depends` names.
    pub(crate) depends: &'a Tokens,
    pub(crate) position: &'a Position,
    /// The positions of all its tokens.
    pub(crate) positions: &'a dyn Fn() -> Vec<Position>,
}

/// The roots, and the item that is the function itself.
pub(crate) fn find(scope: &mut Scope, search: &Search<'_>) -> (Roots, Option<usize>) {
    let Some((index, token)) = item_at(scope, search.position) else {
        let mut roots = Roots { is_generic: true, is_open: true, runs_callers_code: true, ..Roots::default() };
        let why = "the file that the function is in is not among the modules of its crate";
        roots.named.unseen.insert(why.to_owned());
        scope.read_all_beside();
        let stand = Stand { module: roots.module, anywhere: true, dir: None, around: None };
        for tokens in [search.tokens, search.attributes, search.depends] {
            scan(scope, tokens, tokens.all(), stand.clone(), &mut roots.named);
        }
        return (roots, None);
    };
    let item = &scope.program.items[index];
    let (module, form, open, block) = (item.module, item.form, item.open, item.block);
    let file = Arc::clone(&scope.program.files[item.file]);
    let range = item.range.clone();
    let mut roots = Roots { module, ..Roots::default() };
    let is_itself = form == Form::Function && token < open;
    let made_by_macro = matches!(form, Form::Macro | Form::Opaque);
    let mut around = None;
    if is_itself {
        roots.items.extend(block);
    } else if matches!(form, Form::Function | Form::Constant) {
        around = Some((&file.tokens, range.clone()));
    } else {
        roots.items.insert(index);
    }
    if form == Form::Trait {
        roots.named.items.insert(index);
    }
    if made_by_macro {
        for position in (search.positions)() {
            roots.items.extend(item_at(scope, &position).map(|(item, _)| item));
        }
    }
    let dir = if made_by_macro { None } else { dir_of(&file).map(Path::to_owned) };
    let stand = Stand { module, anywhere: made_by_macro, dir: dir.as_deref(), around };
    for tokens in [search.tokens, search.attributes, search.depends] {
        scan(scope, tokens, tokens.all(), stand.clone(), &mut roots.named);
    }
    if stand.around.is_some() {
        locals(scope, index, token, &mut roots);
    }
    let Some(function) = search.function else { return (roots, None) };
    // Whose types the callers choose: the function's own, and those of the block or trait around it.
    let mut bounds = Bounds::default();
    bounds.visit_signature(&function.sig);
    let is_around = matches!(form, Form::Trait | Form::Impl);
    if let Some(outer) = block.or(is_around.then_some(index)) {
        let item = &scope.program.items[outer];
        bounds.add_header(&file.tokens, item.form, item.keyword..item.open);
    }
    roots.is_generic = bounds.is_generic;
    if roots.is_generic {
        scope.read_all_beside();
    }
    let is_harmful = |path: &syn::Path| !is_one_of(path, &EMPTY);
    // In a trait, `Self` is the caller's.
    roots.runs_callers_code = form == Form::Trait || bounds.traits.iter().any(is_harmful);
    roots.derived = bounds
        .traits
        .iter()
        .filter(|path| is_harmful(path))
        .filter_map(|path| {
            let name = path.segments.last()?.ident.to_string();
            // One is implemented by deriving the other.
            scope.program.symbols.find(if name == "DeserializeOwned" { "Deserialize" } else { &name })
        })
        .filter(|name| scope.program.symbols.text(*name) != "Serialize")
        .collect();
    roots.has_trait_object = bounds.objects.iter().any(is_harmful);
    roots.is_open = bounds.is_generic && bounds.traits.iter().any(|path| is_outside(scope, module, path));
    if roots.has_trait_object && scope.is_library {
        roots.named.unseen.insert("the types of other crates that may be behind its `dyn`".to_owned());
    }
    (roots, is_itself.then_some(index))
}

/// Items beside a function within a function: those that it names, and what these name.
fn locals(scope: &mut Scope, holder: usize, token: usize, roots: &mut Roots) {
    let item = &scope.program.items[holder];
    let (module, number, range, start) = (item.module, item.file, item.range.clone(), item.keyword + 1);
    let file = Arc::clone(&scope.program.files[number]);
    let tokens = &file.tokens;
    let mut candidates = Vec::new();
    for at in start..range.end {
        let begins = tokens.list[at].kind == Kind::Name && begins_statement(&tokens.list, at);
        let raw = if begins { item::one(tokens, at, range.end) } else { continue };
        let is_item = matches!(
            raw.form,
            Form::Function | Form::Constant | Form::Type | Form::Trait | Form::Impl | Form::Macro | Form::Foreign
        );
        // Blocks such as `unsafe { … }` and `const { … }` have no names.
        let is_meant = is_item && (raw.name != known::EMPTY || matches!(raw.form, Form::Impl | Form::Foreign));
        if is_meant && !raw.range.contains(&token) {
            candidates.push(raw);
        }
    }
    // A macro that stands there may define anything.
    let is_unknown_macro = |at: usize| {
        tokens.is(at + 1, b'!')
            && tokens.get(at + 2).is_some_and(|token| token.kind == Kind::Open)
            && tokens.name(at).is_some()
            && !fingerprint::is_plain_macro(tokens.text_of(&tokens.list[at]))
            && begins_statement(&tokens.list, at)
    };
    if (start..range.end).any(is_unknown_macro) {
        roots.items.insert(holder);
    }
    let mut names: BTreeSet<Symbol> = roots.named.members.iter().copied().collect();
    let mut taken = BTreeSet::new();
    loop {
        let before = taken.len();
        for raw in &candidates {
            let is_named = matches!(raw.form, Form::Impl | Form::Foreign) || names.contains(&raw.name);
            if is_named && taken.insert(raw.range.start) {
                names.extend(tokens.list[raw.range.clone()].iter().filter_map(|token| token.name()));
                roots.items.insert(scope.local_item(module, number, raw, holder));
            }
        }
        if taken.len() == before {
            return;
        }
    }
}

impl Scope {
    /// The index of an item within a function, which becomes known.
    fn local_item(&mut self, module: usize, file: usize, raw: &item::Raw, holder: usize) -> usize {
        let is_same =
            |item: &super::program::Item| item.holder == Some(holder) && item.file == file && item.range == raw.range;
        if let Some(index) = self.program.items.iter().position(is_same) {
            return index;
        }
        let index = self.program.push_item(module, file, raw);
        self.program.items[index].holder = Some(holder);
        index
    }
}

/// The bounds of type parameters.
#[derive(Default)]
struct Bounds {
    is_generic: bool,
    traits: Vec<syn::Path>,
    /// Those of `dyn Trait`.
    objects: Vec<syn::Path>,
}

impl Bounds {
    /// The bounds in the header of an `impl` block or a trait.
    fn add_header(&mut self, tokens: &Tokens, form: Form, range: Range<usize>) {
        let text = format!(
            "{} {{}}",
            tokens.list[range].iter().map(|token| tokens.text_of(token)).fold(String::new(), |mut text, token| {
                text.push_str(token);
                text.push(' ');
                text
            },)
        );
        // `: :` and `- >` are no signs; join what the lexer cut.
        let text = text.replace(": :", "::").replace("- >", "->");
        if form == Form::Trait {
            self.is_generic = true;
        }
        match syn::parse_str::<syn::Item>(&text) {
            Ok(syn::Item::Impl(block)) => self.visit_generics(&block.generics),
            Ok(syn::Item::Trait(of)) => {
                self.visit_generics(&of.generics);
                of.supertraits.iter().for_each(|bound| self.visit_type_param_bound(bound));
            }
            _ => {
                self.is_generic = true;
                self.traits.push(syn::parse_quote!(unknown));
            }
        }
    }
}

impl<'ast> Visit<'ast> for Bounds {
    fn visit_type_param(&mut self, param: &'ast syn::TypeParam) {
        self.is_generic = true;
        visit::visit_type_param(self, param);
    }

    fn visit_type_impl_trait(&mut self, ty: &'ast syn::TypeImplTrait) {
        self.is_generic = true;
        visit::visit_type_impl_trait(self, ty);
    }

    fn visit_type_trait_object(&mut self, ty: &'ast syn::TypeTraitObject) {
        self.is_generic = true;
        for bound in &ty.bounds {
            if let syn::TypeParamBound::Trait(bound) = bound {
                self.objects.push(bound.path.clone());
            }
        }
        visit::visit_type_trait_object(self, ty);
    }

    fn visit_trait_bound(&mut self, bound: &'ast syn::TraitBound) {
        self.traits.push(bound.path.clone());
        visit::visit_trait_bound(self, bound);
    }
}

/// Traits without methods that could run, and those of closures, which can't be arguments that count.
const EMPTY: [&str; 10] =
    ["Send", "Sync", "Sized", "Copy", "Unpin", "UnwindSafe", "RefUnwindSafe", "Fn", "FnMut", "FnOnce"];

/// These, and those of keys and results.
const HARMLESS: [&str; 13] = [
    "Send",
    "Sync",
    "Sized",
    "Copy",
    "Unpin",
    "UnwindSafe",
    "RefUnwindSafe",
    "Serialize",
    "Deserialize",
    "DeserializeOwned",
    "Fn",
    "FnMut",
    "FnOnce",
];

fn is_one_of(path: &syn::Path, names: &[&str]) -> bool {
    path.segments.last().is_some_and(|segment| names.contains(&segment.ident.to_string().as_str()))
}

/// Whether a trait is another crate's, with methods that a caller's type brings along.
fn is_outside(scope: &mut Scope, module: usize, path: &syn::Path) -> bool {
    if is_one_of(path, &HARMLESS) {
        return false;
    }
    let names = path.segments.iter().map(|segment| scope.program.symbols.find(&segment.ident.to_string()));
    let Some(names) = names.collect::<Option<Vec<Symbol>>>() else { return true };
    let found = scope.resolve(module, &names, path.leading_colon.is_some());
    let is_known =
        |meaning: &Meaning| matches!(meaning, Meaning::Item(item) if scope.program.items[*item].form == Form::Trait);
    !found.meanings.iter().any(is_known)
}
