//! The table of functions.

use larder::__text::{duration, number, size};
use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Rect};
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::{Cell, Row as TableRow, Table, TableState};

use crate::output::text;
use crate::top::rows::{By, News, Row};
use crate::top::state::{Pane, State};
use crate::top::view::palette::Palette;
use crate::top::view::widgets::{end_of, rule, scroll, width};

/// Columns are left out before names get fewer characters than this.
const SHORTEST_NAME: usize = 14;

/// From this width on, columns are further apart and news are written out.
const WIDE: u16 = 110;

/// A column of numbers.
struct Column {
    title: &'static str,
    by: Option<By>,
    least: usize,
    text: fn(&Row, bool) -> String,
    style: fn(&Row, Palette) -> Style,
}

const PLAIN: fn(&Row, Palette) -> Style = |_, _| Style::new();

/// The most important columns first.
const COLUMNS: [Column; 7] = [
    Column {
        title: "SAVED",
        by: Some(By::Saved),
        least: 10,
        text: |row, _| if row.saved.is_zero() { "-".to_owned() } else { duration(row.saved) },
        style: |_, palette| palette.good(),
    },
    Column { title: "HIT %", by: Some(By::HitRate), least: 5, text: |row, _| percent(row), style: rate_style },
    Column { title: "ENTRIES", by: Some(By::Entries), least: 7, text: |row, _| number(row.entries), style: PLAIN },
    Column { title: "SIZE", by: Some(By::Size), least: 8, text: |row, _| size(row.bytes), style: PLAIN },
    Column {
        title: "NEWS",
        by: None,
        least: 10,
        text: |row, wide| news(row.news, wide),
        style: |_, palette| palette.accent().bold(),
    },
    Column { title: "HITS", by: None, least: 5, text: |row, _| number(row.hits), style: PLAIN },
    Column { title: "COMPUTED", by: None, least: 8, text: |row, _| number(row.computed), style: PLAIN },
];

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &mut State, palette: Palette) {
    let wide = area.width >= WIDE;
    let spacing = if wide { 2 } else { 1 };
    let longest = state.rows.iter().map(|row| width(&row.name)).max().unwrap_or(0);
    let mut columns = Vec::new();
    let mut room = usize::from(area.width);
    for column in COLUMNS {
        let texts: Vec<_> = state.rows.iter().map(|row| (column.text)(row, wide)).collect();
        let widest = texts.iter().map(|text| text.chars().count()).max().unwrap_or(0);
        let least = if wide && column.by.is_none() && column.title == "NEWS" { 24 } else { column.least };
        let widest = widest.max(least).max(column.title.len());
        if room < widest + spacing + longest.min(SHORTEST_NAME) {
            break;
        }
        room -= widest + spacing;
        columns.push((column, texts, widest));
    }
    // News are the last column.
    columns.sort_by_key(|(column, ..)| column.title == "NEWS");

    let header = columns.iter().map(|(column, ..)| {
        let sorted = column.by == Some(state.order.by);
        Cell::from(right(column.title.to_owned())).style(title_style(sorted, palette))
    });
    let name = Cell::from("FUNCTION").style(title_style(state.order.by == By::Name, palette));
    let rows = state.rows.iter().enumerate().map(|(index, row)| {
        let numbers = columns
            .iter()
            .map(|(column, texts, _)| Cell::from(right(texts[index].clone())).style((column.style)(row, palette)));
        TableRow::new(std::iter::once(Cell::from(end_of(&row.name, room))).chain(numbers))
    });
    let widths = columns.iter().map(|(.., width)| Constraint::Length(u16::try_from(*width).unwrap_or(u16::MAX)));
    let has_focus = state.focus == Pane::Functions;
    let title = format!("Functions by {}", order(state));
    let table = Table::new(rows, std::iter::once(Constraint::Fill(1)).chain(widths))
        .header(TableRow::new(std::iter::once(name).chain(header)))
        .column_spacing(u16::try_from(spacing).unwrap_or(1))
        .row_highlight_style(if has_focus { palette.selected() } else { Style::new() })
        .block(rule(&title, number(state.rows.len() as u64), has_focus, palette));
    scroll(&mut state.on_row, usize::from(area.height.saturating_sub(2)), state.rows.len());
    let mut place = TableState::new().with_offset(state.on_row.offset).with_selected(state.on_row.at);
    frame.render_stateful_widget(table, area, &mut place);
}

fn right(text: String) -> Line<'static> {
    Line::from(text).alignment(Alignment::Right)
}

fn title_style(sorted: bool, palette: Palette) -> Style {
    if sorted { Style::new().bold().underlined() } else { palette.quiet() }
}

fn order(state: &State) -> String {
    let by = match state.order.by {
        By::Saved => "time saved",
        By::HitRate => "hit rate",
        By::Entries => "entries",
        By::Size => "size",
        By::Name => "name",
    };
    format!("{by}{}", if state.order.reversed { ", reversed" } else { "" })
}

fn percent(row: &Row) -> String {
    row.hit_rate().map_or_else(|| "-".to_owned(), text::percent)
}

fn rate_style(row: &Row, palette: Palette) -> Style {
    match row.hit_rate() {
        None => palette.quiet(),
        Some(900..) => palette.good(),
        Some(500..) => Style::new(),
        Some(_) => palette.fresh(),
    }
}

fn news(news: News, wide: bool) -> String {
    let short = |count: u64| match count {
        ..1_000 => count.to_string(),
        1_000..1_000_000 => format!("{}k", count / 1_000),
        _ => format!("{}M", count / 1_000_000),
    };
    match (news.hits, news.computed) {
        (0, 0) => String::new(),
        (1, 0) => "+1 hit".to_owned(),
        (hits, 0) => format!("+{} hits", short(hits)),
        (0, computed) => format!("+{} new", short(computed)),
        (hits, computed) if wide => format!("+{} hits, +{} computed", short(hits), short(computed)),
        (hits, computed) => format!("+{} calls", short(hits + computed)),
    }
}
