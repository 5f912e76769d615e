//! Checks that nothing is in the way of a free function's companion, which is a type of the function's name.

use syn::ext::IdentExt as _;
use syn::visit::{self, Visit};
use syn::{Error, Ident, Path, Result};

use crate::context::Place;
use crate::item::{Item, mentions};
use crate::tokens::follow;

/// What to write.
pub(crate) const ADVICE: &str =
    "write `#[memoize(companion = false)]` to do without `call` and `memo`, or rename the function";

/// Keywords of items that a path can begin with.
const ITEMS: [&str; 7] = ["use", "mod", "struct", "enum", "union", "trait", "type"];

/// Refuses a function whose name is that of a type, module or crate.
pub(crate) fn check(item: &Item, place: Option<&Place>) -> Result<()> {
    let name = &item.sig.ident;
    let plain = name.unraw();
    let is_conditional = item.attrs.iter().any(|attribute| attribute.path().is_ident("cfg"));
    if let Some(keyword) = place.and_then(|place| place.namesake.as_deref())
        && !is_conditional
    {
        let message = format!(
            "`#[memoize]` puts a type `{plain}` beside this function, and there is a `{keyword} {plain}`: {ADVICE}"
        );
        return Err(Error::new(name.span(), message));
    }
    let mut finder = FindPath { name, found: None };
    finder.visit_signature(&item.sig);
    let found = finder.found.or_else(|| in_body(item));
    match found {
        Some(found) => Err(Error::new(
            found.span(),
            format!("`{plain}` means the type that `#[memoize]` puts beside this function: {ADVICE}"),
        )),
        None => Ok(()),
    }
}

/// Finds a path that begins with the name, other than `name::call` and `name::memo`. An item in the body may have the name
/// as well, so a body with items is not searched.
fn in_body(item: &Item) -> Option<Ident> {
    if mentions(item.body.clone().into(), &|ident| ITEMS.iter().any(|item| ident == item)) {
        return None;
    }
    let name = &item.sig.ident;
    let is_companion = |ident: &Ident| *ident == "call" || *ident == "memo";
    follow(item.body.clone().into())
        .into_iter()
        .find_map(|(first, next)| (first == *name && !is_companion(&next)).then_some(first))
}

/// Finds a path in types that begins with the name.
struct FindPath<'n> {
    name: &'n Ident,
    found: Option<Ident>,
}

impl<'ast> Visit<'ast> for FindPath<'_> {
    fn visit_path(&mut self, path: &'ast Path) {
        if let Some(first) =
            path.segments.first().filter(|first| path.leading_colon.is_none() && first.ident == *self.name)
        {
            self.found.get_or_insert(first.ident.clone());
        }
        visit::visit_path(self, path);
    }
}
