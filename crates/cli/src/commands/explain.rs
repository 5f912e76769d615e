//! `larder explain`: why an entry was computed, and how it differs from another one.

use std::io::Write;

use larder::__text::{duration, one_line};
use larder::{Comparison, Computation, Entry};
use serde::Serialize;

use crate::args::KeyPrefix;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::entry::{ago, arguments, short_key};
use crate::output::streams::write_json;
use crate::select;

/// Characters of the arguments that are printed.
const ARGUMENTS_WIDTH: usize = 80;

#[derive(Serialize)]
struct Explained<'e> {
    entry: &'e Entry,
    history: Vec<Computation>,
    /// The entry to compare with.
    other: Option<&'e Entry>,
    comparison: Option<Comparison>,
}

/// Prints the history of an entry and the comparison with another one.
pub(crate) fn explain(
    context: &Context,
    key: &KeyPrefix,
    other: Option<&KeyPrefix>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let cache = context.open_to_read()?;
    let entry = expect_readable(select::entry(context, &cache, key)?)?;
    let named = other.map(|other| select::entry(context, &cache, other).and_then(expect_readable)).transpose()?;
    let is_named = named.is_some();
    let other = named.or_else(|| entry.nearest());
    let comparison = other.as_ref().map(|other| entry.compare(other));
    let explained = Explained { entry: &entry, history: entry.history(), other: other.as_ref(), comparison };
    if context.json {
        return write_json(out, &explained);
    }
    writeln!(out, "{}", describe(&entry))?;
    for event in explained.history {
        let when = ago(event.at);
        let line =
            event.why.map_or_else(|| format!("removed on request {when}"), |why| format!("stored {when}: {why}"));
        writeln!(out, "  {}", one_line(&line))?;
    }
    match (explained.other, explained.comparison) {
        (Some(other), Some(comparison)) => {
            let relation = if is_named { "compared with" } else { "most similar is" };
            writeln!(out, "{relation} {}", describe(other))?;
            for line in comparison.to_string().lines() {
                writeln!(out, "  {}", one_line(line))?;
            }
        }
        _ => writeln!(out, "it is the function's only entry")?,
    }
    Ok(())
}

/// Fails for an entry that can't be read, as its header has what is explained.
fn expect_readable(entry: Entry) -> Result<Entry, Failure> {
    match &entry.fault {
        None => Ok(entry),
        Some(fault) => Err(Failure::Failed(one_line(fault))),
    }
}

fn describe(entry: &Entry) -> String {
    let mut call = format!("{} `{}`", short_key(&entry.key), entry.function);
    if !entry.arguments.is_empty() {
        call += &format!(" with {}", arguments(&entry.arguments, ARGUMENTS_WIDTH));
    }
    one_line(&format!("{call}, computed {} in {}", ago(entry.created), duration(entry.took)))
}
