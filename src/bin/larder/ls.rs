//! `larder ls`: the functions, or the entries of one.

use std::cmp::Reverse;
use std::io::Write;

use comfy_table::{CellAlignment, Table, presets};
use larder::Entry;

use crate::format::{age, count, cut, cut_fairly, duration, one_line, size};
use crate::{Failure, Place, say, select, write_json};

/// Digits of a key that a table shows; they are enough for `larder show`.
const KEY_DIGITS: usize = 12;

/// Characters of the arguments that a table shows.
const ARGUMENTS_WIDTH: usize = 60;

/// Lists the functions by name.
pub(crate) fn functions(place: &Place, out: &mut dyn Write) -> Result<(), Failure> {
    let functions = place.look()?.functions()?;
    if place.json {
        return write_json(out, &functions);
    }
    if functions.is_empty() {
        say(&place.nothing_cached());
        return Ok(());
    }
    let rows =
        functions.iter().map(|function| [one_line(&function.name), function.entries.to_string(), size(function.bytes)]);
    write_table(out, ["FUNCTION", "ENTRIES", "SIZE"], &[1, 2], rows)?;
    out.flush()?;
    let entries = count(functions.iter().map(|function| function.entries).sum(), "entry", "entries");
    let bytes = size(functions.iter().map(|function| function.bytes).sum());
    say(&format!("{entries}, {bytes} in {}", place.root.display()));
    Ok(())
}

/// Lists the entries of one function, newest first.
pub(crate) fn entries(place: &Place, function: &str, out: &mut dyn Write) -> Result<(), Failure> {
    let functions = place.look()?.functions()?;
    let function = select::function(place, &functions, function)?;
    let mut entries: Vec<_> = function.entries()?.collect();
    entries.sort_by_key(|entry| (Reverse(entry.created), entry.key));
    if place.json {
        return write_json(out, &entries);
    }
    if entries.is_empty() {
        say(&format!("nothing is cached of {} in {}", one_line(&function.name), place.root.display()));
        return Ok(());
    }
    write_table(out, ["KEY", "AGE", "TOOK", "SIZE", "COMPRESSOR", "ARGUMENTS"], &[2, 3], entries.iter().map(row))
}

fn row(entry: &Entry) -> [String; 6] {
    let key = cut_key(entry);
    if let Some(fault) = &entry.fault {
        // The path would leave no room for what is wrong.
        let fault = fault.strip_prefix(&format!("{}: ", entry.path.display())).unwrap_or(fault);
        let unknown = || "?".to_owned();
        let fault = cut(&one_line(&format!("can't be read: {fault}")), ARGUMENTS_WIDTH);
        return [key, unknown(), unknown(), size(entry.size), unknown(), fault];
    }
    let arguments = entry.arguments.iter().map(|a| one_line(&format!("{} = {}", a.name, a.preview)));
    [
        key,
        age(entry.created.elapsed().unwrap_or_default()),
        duration(entry.took),
        size(entry.size),
        one_line(&entry.compressor),
        cut_fairly(arguments.collect(), ARGUMENTS_WIDTH).join(", "),
    ]
}

fn cut_key(entry: &Entry) -> String {
    entry.key.to_string().chars().take(KEY_DIGITS).collect()
}

/// Writes columns with two spaces between them, those of `numbers` to the right.
fn write_table<const N: usize>(
    out: &mut dyn Write,
    header: [&str; N],
    numbers: &[usize],
    rows: impl Iterator<Item = [String; N]>,
) -> Result<(), Failure> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header).add_rows(rows);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if numbers.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for line in table.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
