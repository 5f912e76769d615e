//! Pages that replace the panes: the entries of a function, and one entry.

use larder::__text::{count, cut, duration, number, one_line, size};
use larder::Entry;
use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Cell, Paragraph, Row, Table, TableState};

use crate::output::entry::{ago, argument, arguments, short_key, without_path};
use crate::top::state::Cursor;
use crate::top::view::palette::Palette;
use crate::top::view::widgets::{rule, scroll, width};

/// The widths of all columns but the last.
const COLUMNS: [u16; 4] = [12, 10, 10, 10];

/// Characters of the label before each value of an entry.
const LABEL: usize = 12;

/// Draws the entries of a function: the title, the listed entries, and the number of all entries.
pub(super) fn draw_entries(
    frame: &mut Frame<'_>,
    area: Rect,
    (title, entries, all): (&str, &[Entry], u64),
    on: &mut Cursor,
    palette: Palette,
) {
    let fixed = usize::from(COLUMNS.iter().sum::<u16>()) + COLUMNS.len();
    let room = usize::from(area.width).saturating_sub(fixed);
    let rows = entries.iter().map(|entry| {
        let [took, arguments] = match &entry.fault {
            None => [duration(entry.took), arguments(&entry.arguments, room)],
            Some(fault) => {
                let fault = without_path(fault, &entry.path);
                ["?".to_owned(), cut(&one_line(&format!("can't be read: {fault}")), room)]
            }
        };
        let row = Row::new([
            Cell::from(short_key(&entry.key)).style(palette.accent()),
            Cell::from(Line::from(ago(entry.used)).right_aligned()),
            Cell::from(Line::from(took).right_aligned()),
            Cell::from(Line::from(size(entry.size)).right_aligned()),
            Cell::from(arguments),
        ]);
        if entry.fault.is_some() { row.style(palette.wrong()) } else { row }
    });
    let right = |title: &'static str| Cell::from(Line::from(title).right_aligned());
    let header = [Cell::from("KEY"), right("USED"), right("TOOK"), right("SIZE"), Cell::from("ARGUMENTS")];
    let shown = entries.len() as u64;
    let how_many = match all.max(shown) {
        all if all > shown => format!("{} of {}", number(shown), count(all, "entry", "entries")),
        all => count(all, "entry", "entries"),
    };
    let table = Table::new(rows, COLUMNS.map(Constraint::Length).into_iter().chain([Constraint::Fill(1)]))
        .header(Row::new(header).style(palette.quiet()))
        .row_highlight_style(palette.selected())
        .block(rule(title, how_many, true, palette));
    scroll(on, usize::from(area.height.saturating_sub(2)), entries.len());
    let mut place = TableState::new().with_offset(on.offset).with_selected(on.at);
    frame.render_stateful_widget(table, area, &mut place);
}

/// Draws the metadata of an entry.
pub(super) fn draw_entry(
    frame: &mut Frame<'_>,
    area: Rect,
    entry: &Entry,
    why: Option<&str>,
    scrolled: &mut u16,
    palette: Palette,
) {
    let mut lines = Vec::new();
    let room = usize::from(area.width).saturating_sub(LABEL + 2).max(1);
    for (label, value, style) in fields(entry, why, palette) {
        let mut pieces = broken(&one_line(&value), room).into_iter();
        // An empty value also has a line.
        let first = pieces.next().unwrap_or_default();
        lines.push(Line::from_iter([
            Span::styled(format!(" {label:<LABEL$}"), palette.quiet()),
            Span::styled(first, style),
        ]));
        lines.extend(pieces.map(|piece| Line::styled(format!(" {:LABEL$}{piece}", ""), style)));
    }
    let most = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_sub(area.height.saturating_sub(1));
    *scrolled = (*scrolled).min(most);
    let position =
        if most > 0 { format!("{} of {} lines", lines.len() - usize::from(most), lines.len()) } else { String::new() };
    let page = Paragraph::new(Text::from(lines)).scroll((*scrolled, 0)).block(rule("Entry", position, true, palette));
    frame.render_widget(page, area);
}

/// Splits a text into pieces of at most `room` columns.
fn broken(text: &str, room: usize) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    let mut left = 0;
    for c in text.chars() {
        let columns = width(c.encode_utf8(&mut [0; 4]));
        match pieces.last_mut() {
            Some(piece) if columns <= left => piece.push(c),
            _ => {
                pieces.push(c.into());
                left = room;
            }
        }
        left = left.saturating_sub(columns);
    }
    pieces
}

fn fields(entry: &Entry, why: Option<&str>, palette: Palette) -> Vec<(&'static str, String, Style)> {
    let plain = Style::new();
    let mut fields = vec![("key", entry.key.to_string(), palette.accent())];
    if let Some(fault) = &entry.fault {
        fields.push(("fault", fault.clone(), palette.wrong()));
        fields.push(("size", size(entry.size), plain));
        fields.push(("file", entry.path.display().to_string(), plain));
        return fields;
    }
    fields.push(("function", entry.function.clone(), plain.bold()));
    for (index, each) in entry.arguments.iter().enumerate() {
        let label = if index == 0 { "arguments" } else { "" };
        fields.push((label, argument(each), palette.fresh()));
    }
    fields.extend(why.map(|why| ("why", why.to_owned(), plain)));
    let created = humantime::format_rfc3339_seconds(entry.created);
    fields.push(("created", format!("{created} ({})", ago(entry.created)), plain));
    fields.push(("used", ago(entry.used), plain));
    fields.push(("took", duration(entry.took), palette.good()));
    fields.push((
        "size",
        format!("{}, {} of CBOR before compression", size(entry.size), size(entry.document_size)),
        plain,
    ));
    fields.push(("compressor", entry.compressor.clone(), plain));
    fields.push(("type", entry.type_name.clone(), plain));
    fields.push(("code", entry.code.clone(), plain));
    if entry.version > 0 {
        fields.push(("version", entry.version.to_string(), plain));
    }
    fields.push(("package", entry.package.clone(), plain));
    fields.push(("file", entry.path.display().to_string(), plain));
    fields
}
