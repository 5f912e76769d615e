//! `larder clear`: removes the entries of one function, or all.

use std::io::{self, IsTerminal as _, Write};

use larder::__text::{count, one_line, size};
use larder::FunctionInfo;
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::streams::{print_message, write_json};
use crate::select;

/// What was removed, of which functions.
#[derive(Serialize)]
struct Removed<'f> {
    functions: Vec<&'f str>,
    entries: u64,
    bytes: u64,
}

/// Names the only function, or says how many there are.
fn of(functions: &[FunctionInfo]) -> String {
    match functions {
        [function] => one_line(&function.name),
        functions => count(functions.len() as u64, "function", "functions"),
    }
}

fn contents(entries: u64, bytes: u64) -> String {
    format!("{} ({})", count(entries, "entry", "entries"), size(bytes))
}

/// Removes the entries of the functions of this name, or all. Asks first, unless `yes` is given.
pub(crate) fn clear(context: &Context, name: Option<&str>, yes: bool, out: &mut dyn Write) -> Result<(), Failure> {
    // Checked first, so that a script without --yes fails even if there is nothing to remove.
    if !yes && !io::stdin().is_terminal() {
        return Err(Failure::Usage("can't ask, as stdin is no terminal; pass --yes to clear".to_owned()));
    }
    let mut functions = context.open_to_read()?.functions()?;
    if let Some(name) = name {
        functions = select::functions_of_name(context, &functions, name)?;
    }
    let names = functions.iter().map(|function| &*function.name).collect();
    let mut removed = Removed { functions: names, entries: 0, bytes: 0 };
    let mut failed = None;
    if !functions.is_empty() {
        if name.is_some() && !(context.json && yes) {
            functions.iter().for_each(|function| print_message(&line(function)));
        }
        if !yes && !confirm(&question(context, &functions))? {
            return Err(Failure::Failed("nothing was removed".to_owned()));
        }
        let cache = context.open_with_progress(false, "removing")?;
        let reports = match name {
            // Only what was listed: other functions of the name may have been stored since.
            Some(_) => functions.iter().map(|function| cache.remove_function(function)).collect(),
            None => vec![cache.remove_all()],
        };
        for report in reports {
            match report {
                Ok(report) => {
                    removed.entries += report.entries;
                    removed.bytes += report.bytes;
                }
                Err(error) => failed = failed.or(Some(error)),
            }
        }
    }
    if let Some(error) = failed {
        return Err(error.into());
    }
    if context.json {
        return write_json(out, &removed);
    }
    print_message(&if functions.is_empty() {
        context.nothing_cached()
    } else {
        format!("removed {} of {}", contents(removed.entries, removed.bytes), of(&functions))
    });
    Ok(())
}

fn question(context: &Context, functions: &[FunctionInfo]) -> String {
    let entries = functions.iter().map(|function| function.entries).sum();
    let bytes = functions.iter().map(|function| function.bytes).sum();
    format!("Remove {} of {} from {}?", contents(entries, bytes), of(functions), context.root.display())
}

/// Describes a function that is cleared, with its folder, as several functions may have one name.
fn line(function: &FunctionInfo) -> String {
    let FunctionInfo { name, entries, bytes, path, .. } = function;
    one_line(&format!("{name}: {} in {}", contents(*entries, *bytes), path.display()))
}

/// Asks a question. Every answer but yes means no.
fn confirm(question: &str) -> Result<bool, Failure> {
    let failed = |error: io::Error| Failure::Failed(format!("can't ask: {error}"));
    let mut stderr = io::stderr().lock();
    write!(stderr, "{question} [y/N] ").map_err(failed)?;
    stderr.flush().map_err(failed)?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(failed)?;
    Ok(["y", "yes"].iter().any(|yes| answer.trim().eq_ignore_ascii_case(yes)))
}
