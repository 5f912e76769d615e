//! `larder clear`: removes the entries of one function, or all.

use std::io::{self, IsTerminal as _, Write};

use larder::FunctionInfo;
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::streams::{print_message, write_json};
use crate::output::text::{count, one_line, size};
use crate::select;

/// The functions that are cleared, and what they have stored.
#[derive(Serialize)]
struct Removal<'f> {
    functions: Vec<&'f str>,
    entries: u64,
    bytes: u64,
}

impl<'f> Removal<'f> {
    fn new(functions: &'f [FunctionInfo]) -> Self {
        Removal {
            functions: functions.iter().map(|function| &*function.name).collect(),
            entries: functions.iter().map(|function| function.entries).sum(),
            bytes: functions.iter().map(|function| function.bytes).sum(),
        }
    }

    fn describe(&self) -> String {
        let of = match self.functions[..] {
            [name] => one_line(name),
            ref names => format!("{} functions", names.len()),
        };
        format!("{} of {of}", contents(self.entries, self.bytes))
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
    let removal = Removal::new(&functions);
    if !functions.is_empty() {
        if name.is_some() && !(context.json && yes) {
            functions.iter().for_each(|function| print_message(&line(function)));
        }
        if !yes && !confirm(&format!("Remove {} from {}?", removal.describe(), context.root.display()))? {
            return Err(Failure::Failed("nothing was removed".to_owned()));
        }
        let cache = context.open_with_progress(false, "removing")?;
        match name {
            // Only what was listed: other functions of the name may have been stored since.
            Some(_) => {
                for function in &functions {
                    cache.remove_function(function)?;
                }
            }
            None => cache.clear()?,
        }
    }
    if context.json {
        return write_json(out, &removal);
    }
    print_message(&if functions.is_empty() {
        context.nothing_cached()
    } else {
        format!("removed {}", removal.describe())
    });
    Ok(())
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
