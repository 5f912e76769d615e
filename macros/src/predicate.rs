//! The options `valid` and `store_if`: functions and closures that are the same for every call.

use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{Error, Expr, ExprPath, Ident, Pat, PatIdent, Result};

/// Checks what does not depend on the function.
pub(crate) fn check_form(option: &str, expr: &Expr) -> Result<()> {
    let (takes, most) = match option {
        "valid" => ("the stored value, the entry, or both: `|value, entry| …`", 2),
        _ => ("the value that would be stored: `|value| …`", 1),
    };
    match expr {
        Expr::Lit(_) => Err(Error::new(expr.span(), format!("`{option}` takes a function or a closure of {takes}"))),
        Expr::Closure(closure) if closure.inputs.is_empty() || closure.inputs.len() > most => {
            Err(Error::new(expr.span(), format!("`{option}` takes a closure of {takes}")))
        }
        Expr::Closure(closure) if option == "valid" && closure.inputs.len() == 1 => match &closure.inputs[0] {
            Pat::Type(_) => Ok(()),
            untyped => Err(Error::new(
                untyped.span(),
                "say what this closure looks at: `|entry: &larder::Entry| …` or, with the type of the stored value, \
                 `|value: &f64| …`",
            )),
        },
        _ => Ok(()),
    }
}

/// Returns whether this is a closure of two parameters: the value and the entry.
pub(crate) fn takes_both(expr: &Expr) -> bool {
    matches!(expr, Expr::Closure(closure) if closure.inputs.len() == 2)
}

/// Checks that it does not use the arguments of a call.
pub(crate) fn check_names(option: &str, expr: &Expr, arguments: &[&Ident]) -> Result<()> {
    let mut names = Names { bound: Vec::new(), used: Vec::new() };
    names.visit_expr(expr);
    let is_bound = |ident: &Ident| names.bound.iter().any(|bound| **bound == *ident);
    let argument = |ident: &&&Ident| arguments.contains(*ident);
    match names.used.iter().filter(|used| !is_bound(used)).find(argument) {
        Some(used) => Err(Error::new(
            used.span(),
            format!("`{option}` is the same for every call: it sees what is stored, and not the argument `{used}`"),
        )),
        None => Ok(()),
    }
}

struct Names<'ast> {
    /// Names that are bound anywhere in the expression: these are not arguments.
    bound: Vec<&'ast Ident>,
    used: Vec<&'ast Ident>,
}

impl<'ast> Visit<'ast> for Names<'ast> {
    fn visit_pat_ident(&mut self, pat: &'ast PatIdent) {
        self.bound.push(&pat.ident);
        visit::visit_pat_ident(self, pat);
    }

    fn visit_expr_path(&mut self, path: &'ast ExprPath) {
        self.used.extend(path.path.get_ident());
    }

    fn visit_item(&mut self, _: &'ast syn::Item) {}
}
