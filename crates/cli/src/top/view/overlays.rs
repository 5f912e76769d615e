//! Boxes over the panes: a question, and the keys. Also the hint that replaces the panes of an empty cache.

use larder::__text::{count, cut_fairly, one_line, size};
use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Rect};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Block, BorderType, Clear, Padding, Paragraph, Wrap};

use crate::output::entry::short_key;
use crate::top::state::{Removal, State};
use crate::top::view::palette::Palette;
use crate::top::view::widgets::{end_of, rule};

const KEYS: [(&str, &str); 11] = [
    ("↑ ↓ or k j", "move, or scroll"),
    ("PgUp PgDn", "move by a page"),
    ("Home End", "go to the first or the last"),
    ("Tab", "functions or events"),
    ("Enter", "open the entries, or the entry"),
    ("Esc", "go back"),
    ("s h z", "sort by saved time, hit rate, size"),
    ("n e", "sort by name, entries"),
    ("", "(again: in reverse order)"),
    ("c", "clear the function, remove the entry"),
    ("q", "go back, or quit"),
];

pub(super) fn draw_help(frame: &mut Frame<'_>, area: Rect, palette: Palette) {
    let lines = KEYS.map(|(key, does)| {
        Line::from_iter([Span::styled(format!("{key:<12}"), palette.accent().bold()), Span::raw(does)])
    });
    draw_box(frame, area, "Keys", Text::from_iter(lines), 52, palette);
}

pub(super) fn draw_question(frame: &mut Frame<'_>, area: Rect, removal: &Removal, palette: Palette) {
    let width = 60.min(usize::from(area.width) - 4);
    let room = width - 4;
    let mut lines = match removal {
        Removal::Function { name, path, entries, bytes } => vec![
            Line::raw(format!("Remove {} ({}) of", count(*entries, "entry", "entries"), size(*bytes))),
            Line::styled(format!("{}?", one_line(name)), palette.accent().bold()),
            Line::styled(end_of(&path.display().to_string(), room), palette.quiet()),
        ],
        Removal::Entry { key, function, arguments } => {
            let key = short_key(key);
            let arguments = cut_fairly(arguments.iter().map(|argument| one_line(argument)).collect(), room);
            vec![
                Line::raw(format!("Remove the entry {key} of")),
                Line::styled(format!("{}?", one_line(function)), palette.accent().bold()),
                Line::raw(arguments.join(", ")),
            ]
        }
    };
    lines.push(Line::default());
    let key = |key: &'static str| Span::styled(key, palette.accent().bold());
    lines.push(Line::from_iter([key("y"), Span::raw(" remove   "), key("N"), Span::raw(" keep")]));
    draw_box(frame, area, "Remove?", Text::from(lines), width, palette);
}

/// Draws a box in the middle of the screen.
fn draw_box(frame: &mut Frame<'_>, area: Rect, title: &str, text: Text<'_>, width: usize, palette: Palette) {
    let width = u16::try_from(width).unwrap_or(u16::MAX).min(area.width);
    let lines = text.lines.iter().map(|line| line.width().div_ceil(usize::from(width.saturating_sub(4)).max(1)).max(1));
    let height = u16::try_from(lines.sum::<usize>() + 2).unwrap_or(u16::MAX).min(area.height);
    let place = area.centered(Constraint::Length(width), Constraint::Length(height));
    let block = Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(palette.accent())
        .title(Span::styled(format!(" {title} "), palette.accent().bold()))
        .padding(Padding::horizontal(1));
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: false }).block(block), place);
}

/// Draws a hint for a cache without functions.
pub(super) fn draw_hint(frame: &mut Frame<'_>, area: Rect, state: &State, palette: Palette) {
    let root = one_line(&state.root.display().to_string());
    let lines = [
        Line::default(),
        Line::styled(format!("nothing is cached in {root}"), palette.accent()),
        Line::default(),
        Line::raw("Results that programs store there appear here."),
    ];
    let hint = Paragraph::new(Text::from_iter(lines)).wrap(Wrap { trim: false }).alignment(Alignment::Center);
    frame.render_widget(hint.block(rule("Functions", "0".to_owned(), true, palette)), area);
}
