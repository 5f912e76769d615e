//! Text in columns.

use std::io::Write;

use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, Table, presets};

use crate::failure::Failure;

const HEADER: Style = Style::new().bold();
const FAULT: Style = AnsiColor::Red.on_default();

/// Writes columns, two spaces apart. The columns of `numbers` are aligned to the right.
pub(crate) fn write<const N: usize>(
    out: &mut dyn Write,
    header: [&str; N],
    numbers: &[usize],
    rows: impl Iterator<Item = [String; N]>,
) -> Result<(), Failure> {
    write_marked(out, header, numbers, rows.map(|row| (row, false)))
}

/// Writes columns as [`write`] does; rows that are marked report faults, and are red.
pub(crate) fn write_marked<const N: usize>(
    out: &mut dyn Write,
    header: [&str; N],
    numbers: &[usize],
    rows: impl Iterator<Item = ([String; N], bool)>,
) -> Result<(), Failure> {
    let (rows, faults): (Vec<_>, Vec<_>) = rows.unzip();
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header).add_rows(rows);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if numbers.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    // Each row is one line, as no cell has line breaks; the first line is the header.
    let styles =
        std::iter::once(HEADER).chain(faults.into_iter().map(|fault| if fault { FAULT } else { Style::new() }));
    for (line, style) in table.lines().zip(styles) {
        writeln!(out, "{style}{}{style:#}", line.trim_end())?;
    }
    Ok(())
}
