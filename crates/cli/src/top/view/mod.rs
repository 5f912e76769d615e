//! Draws the screen.

mod events;
mod functions;
mod header;
mod overlays;
mod pages;
pub(crate) mod palette;
mod running;
mod widgets;

use larder::__text::one_line;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::output::entry::ago;
use crate::top::state::{Page, Pane, State};
use palette::Palette;

/// Columns and rows of the smallest screen that has room for the panes.
const SMALLEST: (u16, u16) = (40, 10);

/// Lines of the header on a screen that is high enough.
const HEADER: u16 = 4;

/// Draws the whole screen. The scroll positions are updated in the state.
pub(crate) fn draw(frame: &mut Frame<'_>, state: &mut State, palette: Palette) {
    let area = frame.area();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        frame.render_widget(Paragraph::new("too small"), area);
        return;
    }
    let header = if area.height < 16 { HEADER - 2 } else { HEADER };
    let message = message(state, palette);
    // Running calls are shown if no page is open and there is room.
    let running = if state.pages.is_empty() && area.height >= 16 { running::height(state) } else { 0 };
    let [top, calls, middle, line, bottom] = Layout::vertical([
        Constraint::Length(header),
        Constraint::Length(running),
        Constraint::Fill(1),
        Constraint::Length(u16::from(message.is_some())),
        Constraint::Length(1),
    ])
    .areas(area);
    header::draw(frame, top, state, palette);
    running::draw(frame, calls, state, palette);
    let keys = keys(state);
    match state.pages.last_mut() {
        Some(Page::Entries { name, path, entries, on, listed, stale }) => {
            let title = match stale {
                true => format!("{}, used last first, as of {}", one_line(name), ago(*listed)),
                false => format!("{}, used last first", one_line(name)),
            };
            let all = state.rows.iter().find(|row| row.path == *path).map_or(0, |row| row.entries);
            pages::draw_entries(frame, middle, (&title, entries.as_slice(), all), on, palette);
        }
        Some(Page::Entry { entry, why, scrolled }) => {
            pages::draw_entry(frame, middle, entry, why.as_deref(), scrolled, palette);
        }
        None if state.rows.is_empty() => overlays::draw_hint(frame, middle, state, palette),
        None => panes(frame, middle, state, palette),
    }
    if let Some(message) = message {
        frame.render_widget(message, line);
    }
    frame.render_widget(footer(&keys, palette), bottom);
    if let Some(question) = &state.question {
        overlays::draw_question(frame, area, question, palette);
    } else if state.help {
        overlays::draw_help(frame, area, palette);
    }
}

fn panes(frame: &mut Frame<'_>, area: Rect, state: &mut State, palette: Palette) {
    // A title, a header, and the functions. The rest is for events, which need more room.
    let wanted = u16::try_from(state.rows.len()).unwrap_or(u16::MAX).saturating_add(2);
    let functions = wanted.min(area.height * 3 / 5).max(4);
    let gap = u16::from(area.height >= 20);
    let [above, below] =
        Layout::vertical([Constraint::Length(functions), Constraint::Fill(1)]).spacing(gap).areas(area);
    functions::draw(frame, above, state, palette);
    events::draw(frame, below, state, palette);
}

/// Returns the outcome of the last action, or why the cache can't be read.
fn message(state: &State, palette: Palette) -> Option<Line<'static>> {
    let (text, style) = match (&state.message, &state.trouble) {
        (Some(Err(error)), _) | (None, Some(error)) => (error, palette.wrong().bold()),
        (Some(Ok(done)), _) => (done, palette.good()),
        (None, None) => return None,
    };
    Some(Line::styled(format!(" {}", one_line(text)), style))
}

/// Returns the most important keys, with what they do.
fn keys(state: &State) -> Vec<(&'static str, &'static str)> {
    if state.question.is_some() {
        return vec![("y", "remove"), ("n", "keep")];
    }
    let mut keys = match (state.pages.last(), state.focus) {
        (Some(Page::Entry { .. }), _) => vec![("Esc", "back"), ("↑↓", "scroll"), ("c", "remove")],
        (Some(Page::Entries { .. }), _) => vec![("Esc", "back"), ("↑↓", "move"), ("Enter", "open"), ("c", "remove")],
        (None, Pane::Functions) => {
            vec![("q", "quit"), ("s h z n e", "sort"), ("Enter", "entries"), ("c", "clear"), ("Tab", "events")]
        }
        (None, Pane::Events) => {
            vec![("q", "quit"), ("↑↓", "move"), ("Enter", "open"), ("c", "remove"), ("Tab", "functions")]
        }
    };
    keys.push(("?", "keys"));
    keys
}

fn footer(keys: &[(&'static str, &'static str)], palette: Palette) -> Line<'static> {
    let spans = keys.iter().flat_map(|(key, does)| {
        [Span::styled(format!(" {key}"), palette.accent().bold()), Span::styled(format!(" {does} "), palette.quiet())]
    });
    Line::from_iter(spans)
}
