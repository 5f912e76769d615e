//! Finding what the user means: a function by its name, an entry by its key.

use larder::{Cache, Entry, FunctionInfo};

use crate::args::KeyPrefix;
use crate::failure::Failure;
use crate::format::one_line;
use crate::place::Place;

/// How many of the things that could be meant an error lists.
const MOST_LISTED: usize = 10;

/// The function of this name, or else the only one whose name ends so, after a `::`.
pub(crate) fn function<'f>(
    place: &Place,
    functions: &'f [FunctionInfo],
    wanted: &str,
) -> Result<&'f FunctionInfo, Failure> {
    if let Some(exact) = functions.iter().find(|function| function.name == wanted) {
        return Ok(exact);
    }
    let suffix = format!("::{wanted}");
    let found: Vec<_> = functions.iter().filter(|function| function.name.ends_with(&suffix)).collect();
    match found[..] {
        [function] => Ok(function),
        [] => Err(Failure::Failed(format!("no function is called `{wanted}`; {}", hint(place, functions, wanted)))),
        _ => {
            let names = found.iter().map(|function| &*function.name);
            Err(Failure::Failed(format!("`{wanted}` is ambiguous; there are{}", list(names))))
        }
    }
}

/// Which names are close to one that does not exist.
fn hint(place: &Place, functions: &[FunctionInfo], wanted: &str) -> String {
    if functions.is_empty() {
        return place.nothing_cached();
    }
    let last = |name: &str| name.rsplit("::").next().unwrap_or(name).to_lowercase();
    let lower = wanted.to_lowercase();
    let most_edits = last(wanted).chars().count() / 3;
    let close = |name: &str| {
        name.to_lowercase().contains(&lower) || strsim::levenshtein(&last(name), &last(wanted)) <= most_edits
    };
    let names: Vec<_> = functions.iter().map(|function| &*function.name).filter(|name| close(name)).collect();
    if names.is_empty() {
        "none has a similar name, `larder ls` lists them all".to_owned()
    } else {
        format!("similar names are{}", list(names.into_iter()))
    }
}

/// The entry whose key begins so.
pub(crate) fn entry(place: &Place, cache: &Cache, wanted: &KeyPrefix) -> Result<Entry, Failure> {
    let KeyPrefix(wanted) = wanted;
    let mut found = cache.find(wanted)?;
    match (found.pop(), &found[..]) {
        (None, _) if cache.entries()?.is_empty() => {
            Err(Failure::Failed(format!("no key begins with {wanted}; {}", place.nothing_cached())))
        }
        (None, _) => Err(Failure::Failed(format!("no key in {} begins with {wanted}", place.root.display()))),
        (Some(entry), []) => Ok(entry),
        (Some(last), _) => {
            found.push(last);
            let paths: Vec<_> = found.iter().map(|entry| entry.path.display().to_string()).collect();
            let paths = list(paths.iter().map(String::as_str));
            Err(Failure::Failed(format!("{wanted} is ambiguous; there are{paths}")))
        }
    }
}

/// One a line.
fn list<'t>(texts: impl ExactSizeIterator<Item = &'t str>) -> String {
    let more = texts.len().saturating_sub(MOST_LISTED);
    let mut lines: String = texts.take(MOST_LISTED).map(|text| format!("\n  {}", one_line(text))).collect();
    if more > 0 {
        lines += &format!("\n  and {more} more");
    }
    lines
}
