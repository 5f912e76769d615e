//! Finds the functions and entries that the user names.

use larder::__text::one_line;
use larder::{Cache, Entry, FunctionInfo};

use crate::args::KeyPrefix;
use crate::context::Context;
use crate::failure::Failure;

/// Candidates that an error lists.
const MOST_LISTED: usize = 10;

/// Returns the function of this name, or else the only one whose name ends with it after a `::`.
pub(crate) fn function<'f>(
    context: &Context,
    functions: &'f [FunctionInfo],
    wanted: &str,
) -> Result<&'f FunctionInfo, Failure> {
    if let Some(exact) = functions.iter().find(|function| function.name == wanted) {
        return Ok(exact);
    }
    let suffix = format!("::{wanted}");
    let mut found: Vec<_> = functions.iter().filter(|function| function.name.ends_with(&suffix)).collect();
    found.sort_by_key(|function| &function.name);
    found.dedup_by_key(|function| &function.name);
    match found[..] {
        [function] => Ok(function),
        [] => Err(unknown(context, functions, wanted)),
        _ => {
            let names = list(found.iter().map(|function| &*function.name));
            Err(Failure::Failed(format!("`{wanted}` is ambiguous; there are{names}")))
        }
    }
}

/// Returns all functions with the name that [`function`] finds. Functions of several packages may have the same name.
pub(crate) fn functions_of_name(
    context: &Context,
    functions: &[FunctionInfo],
    wanted: &str,
) -> Result<Vec<FunctionInfo>, Failure> {
    let name = &function(context, functions, wanted)?.name;
    Ok(functions.iter().filter(|function| function.name == *name).cloned().collect())
}

fn unknown(context: &Context, functions: &[FunctionInfo], wanted: &str) -> Failure {
    Failure::Failed(format!("no function is called `{wanted}`; {}", hint(context, functions, wanted)))
}

/// Suggests names that are similar to an unknown one.
fn hint(context: &Context, functions: &[FunctionInfo], wanted: &str) -> String {
    if functions.is_empty() {
        return context.nothing_cached();
    }
    let last = |name: &str| name.rsplit("::").next().unwrap_or(name).to_lowercase();
    let lower = wanted.to_lowercase();
    let most_edits = last(wanted).chars().count() / 3;
    let is_close = |name: &str| {
        name.to_lowercase().contains(&lower) || strsim::levenshtein(&last(name), &last(wanted)) <= most_edits
    };
    let names: Vec<_> = functions.iter().map(|function| &*function.name).filter(|name| is_close(name)).collect();
    if names.is_empty() {
        "none has a similar name, `larder ls` lists them all".to_owned()
    } else {
        format!("similar names are{}", list(names.into_iter()))
    }
}

/// Returns the only entry whose key begins with these digits.
pub(crate) fn entry(context: &Context, cache: &Cache, wanted: &KeyPrefix) -> Result<Entry, Failure> {
    let KeyPrefix(wanted) = wanted;
    let mut found = cache.find(wanted)?;
    match (found.pop(), &found[..]) {
        (None, _) if cache.entries()?.is_empty() => {
            Err(Failure::Failed(format!("no key begins with {wanted}; {}", context.nothing_cached())))
        }
        (None, _) => Err(Failure::Failed(format!("no key in {} begins with {wanted}", context.root.display()))),
        (Some(entry), []) => Ok(entry),
        (Some(last), _) => {
            found.push(last);
            let paths: Vec<_> = found.iter().map(|entry| entry.path.display().to_string()).collect();
            let paths = list(paths.iter().map(String::as_str));
            Err(Failure::Failed(format!("{wanted} is ambiguous; there are{paths}")))
        }
    }
}

/// Formats a list, each item after a line break.
fn list<'t>(texts: impl ExactSizeIterator<Item = &'t str>) -> String {
    let more = texts.len().saturating_sub(MOST_LISTED);
    let mut lines: String = texts.take(MOST_LISTED).map(|text| format!("\n  {}", one_line(text))).collect();
    if more > 0 {
        lines += &format!("\n  and {more} more");
    }
    lines
}
