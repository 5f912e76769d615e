//! `larder clear`: removes the entries of one function, or all.

use std::io::{self, IsTerminal as _, Write};

use larder::FunctionInfo;
use serde::Serialize;

use crate::failure::Failure;
use crate::format::{count, one_line, size};
use crate::output::{say, write_json};
use crate::place::Place;
use crate::select;

/// What was, or will be, removed.
#[derive(Serialize)]
struct Removed<'f> {
    functions: Vec<&'f str>,
    entries: u64,
    bytes: u64,
}

impl<'f> Removed<'f> {
    fn of(functions: &'f [FunctionInfo]) -> Self {
        Removed {
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
        format!("{} ({}) of {of}", count(self.entries, "entry", "entries"), size(self.bytes))
    }
}

/// Removes the entries of this function, or all, after asking if that is possible and needed.
pub(crate) fn clear(place: &Place, function: Option<&str>, yes: bool, out: &mut dyn Write) -> Result<(), Failure> {
    // First, so that a script without --yes fails always, and not only when there is something.
    if !yes && !io::stdin().is_terminal() {
        return Err(Failure::Usage("nobody can be asked, as stdin is no terminal; pass --yes to clear".to_owned()));
    }
    let mut functions = place.look()?.functions()?;
    if let Some(function) = function {
        functions = vec![select::function(place, &functions, function)?.clone()];
    }
    let removed = Removed::of(&functions);
    if !functions.is_empty() {
        if !yes && !confirm(&format!("Remove {} from {}?", removed.describe(), place.root.display()))? {
            return Err(Failure::Failed("nothing was removed".to_owned()));
        }
        let cache = place.watched(false, "removing")?;
        match (function, &functions[..]) {
            (Some(_), [function]) => {
                if !cache.clear_function(&function.name)? && function.entries > 0 {
                    let path = function.path.display();
                    return Err(Failure::Failed(format!("{path} was moved there by hand; remove it by hand")));
                }
            }
            _ => cache.clear()?,
        }
    }
    if place.json {
        return write_json(out, &removed);
    }
    say(&if functions.is_empty() { place.nothing_cached() } else { format!("removed {}", removed.describe()) });
    Ok(())
}

/// Asks a question; all but a yes is a no.
fn confirm(question: &str) -> Result<bool, Failure> {
    let failed = |error: io::Error| Failure::Failed(format!("can't ask: {error}"));
    let mut stderr = io::stderr().lock();
    write!(stderr, "{question} [y/N] ").map_err(failed)?;
    stderr.flush().map_err(failed)?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(failed)?;
    Ok(["y", "yes"].iter().any(|yes| answer.trim().eq_ignore_ascii_case(yes)))
}
