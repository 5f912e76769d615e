//! Text in columns.

use std::io::{self, IsTerminal as _, Write};

use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, Table, presets};
use ratatui::crossterm::terminal;

use crate::failure::Failure;

const HEADER: Style = Style::new().bold();
const FAULT: Style = AnsiColor::Red.on_default();

/// Room for the last column of a table that is not written to a terminal.
const ROOM: usize = 100;

/// With less room than this in a terminal, a long last column is written below the others.
const LEAST_ROOM: usize = 60;

/// Indentation of what is written below the other columns.
const INDENT: usize = 2;

/// A row with a long text in its last column.
pub(crate) struct Row<T, const N: usize> {
    pub(crate) cells: [String; N],
    /// Returns the text, shortened to a number of characters.
    pub(crate) text: T,
    /// Whether the row reports a fault, and so is red.
    pub(crate) is_fault: bool,
}

/// Writes columns, two spaces apart. The columns of `numbers` are aligned to the right.
pub(crate) fn write<const N: usize>(
    out: &mut dyn Write,
    header: [&str; N],
    numbers: &[usize],
    rows: impl Iterator<Item = [String; N]>,
) -> Result<(), Failure> {
    lines(header, numbers, rows)
        .into_iter()
        .zip(std::iter::once(HEADER).chain(std::iter::repeat(Style::new())))
        .try_for_each(|(line, style)| write_line(out, &line, style))
}

/// Writes columns as [`write`] does, and a last one of long texts. They are shortened to the width of the terminal; if
/// that is narrow, each is on a line of its own below the other columns.
pub(crate) fn write_with_texts<T: Fn(usize) -> String, const N: usize>(
    out: &mut dyn Write,
    header: [&str; N],
    last: &str,
    numbers: &[usize],
    rows: Vec<Row<T, N>>,
) -> Result<(), Failure> {
    let (cells, texts): (Vec<_>, Vec<_>) =
        rows.into_iter().map(|Row { cells, text, is_fault }| (cells, (text, is_fault))).unzip();
    let lines = lines(header, numbers, cells.into_iter());
    let terminal = width();
    let taken = lines.first().map_or(0, |line| line.chars().count());
    let room = terminal.map_or(ROOM, |width| width.saturating_sub(taken));
    let is_long = |text: &T| text(room + 1).chars().count() > room;
    let is_below = room < LEAST_ROOM && texts.iter().any(|(text, _)| is_long(text));
    let limit = if is_below { terminal.unwrap_or(ROOM).saturating_sub(INDENT) } else { room };
    let header = (last.to_owned(), HEADER);
    let rows = texts.iter().map(|(text, is_fault)| (text(limit), if *is_fault { FAULT } else { Style::new() }));
    for (line, (text, style)) in lines.iter().zip(std::iter::once(header).chain(rows)) {
        if is_below {
            write_line(out, line, style)?;
            write_line(out, &format!("{:INDENT$}{text}", ""), style)?;
        } else {
            write_line(out, &format!("{line}{text}"), style)?;
        }
    }
    Ok(())
}

/// Returns the lines of a table. Each row is one line, as no cell has line breaks; the first line is the header.
fn lines<const N: usize>(header: [&str; N], numbers: &[usize], rows: impl Iterator<Item = [String; N]>) -> Vec<String> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header).add_rows(rows);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if numbers.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.lines().collect()
}

fn write_line(out: &mut dyn Write, line: &str, style: Style) -> Result<(), Failure> {
    Ok(writeln!(out, "{style}{}{style:#}", line.trim_end())?)
}

/// Returns the width of the terminal that stdout is; `None` if it is none.
fn width() -> Option<usize> {
    let (columns, _) = io::stdout().is_terminal().then(terminal::size)?.ok()?;
    (columns > 0).then_some(columns.into())
}
