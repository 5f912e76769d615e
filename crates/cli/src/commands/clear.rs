//! `larder clear`: removes the entries of one function, or all, or shows what would be removed.

use std::io::{self, IsTerminal as _, Write};
use std::path::Path;

use larder::__text::{count, one_line, size};
use larder::FunctionInfo;
use serde::Serialize;

use crate::args::Clear;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::progress::Bar;
use crate::output::streams::{print_message, write_json};
use crate::select;

/// What was removed, of which functions.
#[derive(Default, Serialize)]
struct Removed<'f> {
    functions: Vec<&'f str>,
    entries: u64,
    bytes: u64,
    /// What would be removed of each function; absent if it was removed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    would_remove: Vec<WouldRemove<'f>>,
}

/// What would be removed of one function.
#[derive(Serialize)]
struct WouldRemove<'f> {
    function: &'f str,
    path: &'f Path,
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

/// Removes the entries of the functions of this name, or all, or prints what would be removed. Asks first, unless `yes`
/// is given.
pub(crate) fn clear(context: &Context, clear: &Clear, out: &mut dyn Write) -> Result<(), Failure> {
    let Clear { function: ref name, yes, dry_run } = *clear;
    let name = name.as_deref();
    // Checked first, so that a script without --yes fails even if there is nothing to remove.
    if !yes && !dry_run && !io::stdin().is_terminal() {
        return Err(Failure::Usage("can't ask, as stdin is no terminal; pass --yes to clear".to_owned()));
    }
    let mut functions = context.open_to_read()?.functions()?;
    if let Some(name) = name {
        functions = select::functions_of_name(context, &functions, name)?;
    }
    if dry_run {
        return show_removal(context, &functions, out);
    }
    let names = functions.iter().map(|function| &*function.name).collect();
    let mut removed = Removed { functions: names, ..Removed::default() };
    let mut failed = None;
    if !functions.is_empty() {
        if name.is_some() && !(context.json && yes) {
            for FunctionInfo { name, entries, bytes, path, .. } in &functions {
                print_message(&line(name, *entries, *bytes, path));
            }
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
fn line(name: &str, entries: u64, bytes: u64, path: &Path) -> String {
    one_line(&format!("{name}: {} in {}", contents(entries, bytes), path.display()))
}

/// Prints what would be removed. Counts the files, as the counters may be older than the folder.
fn show_removal(context: &Context, functions: &[FunctionInfo], out: &mut dyn Write) -> Result<(), Failure> {
    let mut all = Removed::default();
    let (bar, total) = (Bar::new("reading"), functions.iter().map(|function| function.entries).sum());
    for function in functions {
        let (mut entries, mut bytes) = (0, 0);
        for entry in function.entries()? {
            entries += 1;
            bytes += entry.size;
            bar.set(all.entries + entries, total);
        }
        all.functions.push(&function.name);
        all.entries += entries;
        all.bytes += bytes;
        all.would_remove.push(WouldRemove { function: &function.name, path: &function.path, entries, bytes });
    }
    drop(bar);
    if context.json {
        return write_json(out, &all);
    }
    for WouldRemove { function, path, entries, bytes } in &all.would_remove {
        print_message(&line(function, *entries, *bytes, path));
    }
    print_message(&if functions.is_empty() {
        context.nothing_cached()
    } else {
        format!("would remove {} of {}", contents(all.entries, all.bytes), of(functions))
    });
    Ok(())
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
