//! Drawing what is shown.

mod events;
mod functions;
mod header;
mod over;
mod pages;
mod running;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph};

use super::state::{Cursor, Page, Pane, State};
use crate::format::one_line;

/// On less, nothing can be made out.
const SMALLEST: (u16, u16) = (40, 10);

/// Lines that the header takes where there is room.
const HEADER: u16 = 4;

/// Colours, for those who want them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Palette {
    colours: bool,
}

impl Palette {
    /// See <https://no-color.org>.
    pub(crate) fn from_environment() -> Self {
        Palette { colours: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) }
    }

    fn ink(self, colour: Color) -> Style {
        if self.colours { Style::new().fg(colour) } else { Style::new() }
    }

    /// What is good, new, computed, wrong, and what names things.
    fn good(self) -> Style {
        self.ink(Color::Green)
    }

    fn fresh(self) -> Style {
        self.ink(Color::Yellow)
    }

    fn wrong(self) -> Style {
        self.ink(Color::Red)
    }

    fn accent(self) -> Style {
        self.ink(Color::Cyan)
    }

    fn quiet(self) -> Style {
        if self.colours { Style::new().fg(Color::DarkGray) } else { Style::new().dim() }
    }

    fn selected(self) -> Style {
        if self.colours { Style::new().fg(Color::Black).bg(Color::Cyan) } else { Style::new().reversed() }
    }
}

/// Draws all of it. Where the view scrolls to is kept in the state.
pub(crate) fn draw(frame: &mut Frame<'_>, state: &mut State, palette: Palette) {
    let area = frame.area();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        frame.render_widget(Paragraph::new("too small"), area);
        return;
    }
    let header = if area.height < 16 { HEADER - 2 } else { HEADER };
    let said = said(state, palette);
    // What is computed is shown where there is room for it, and nothing else was opened.
    let running = if state.pages.is_empty() && area.height >= 16 { running::height(state) } else { 0 };
    let [top, now, middle, line, bottom] = Layout::vertical([
        Constraint::Length(header),
        Constraint::Length(running),
        Constraint::Fill(1),
        Constraint::Length(u16::from(said.is_some())),
        Constraint::Length(1),
    ])
    .areas(area);
    header::draw(frame, top, state, palette);
    running::draw(frame, now, state, palette);
    let keys = keys(state);
    match state.pages.last_mut() {
        Some(Page::Entries { name, path, entries, on, listed, stale }) => {
            let title = match stale {
                true => format!("{}, used last first, as of {}", one_line(name), pages::ago(*listed)),
                false => format!("{}, used last first", one_line(name)),
            };
            let all = state.rows.iter().find(|row| row.path == *path).map_or(0, |row| row.entries);
            pages::draw_entries(frame, middle, (&title, entries.as_slice(), all), on, palette);
        }
        Some(Page::Entry { entry, why, scrolled }) => {
            pages::draw_entry(frame, middle, entry, why.as_deref(), scrolled, palette);
        }
        None if state.rows.is_empty() => over::draw_hint(frame, middle, state, palette),
        None => panes(frame, middle, state, palette),
    }
    if let Some(said) = said {
        frame.render_widget(said, line);
    }
    frame.render_widget(footer(&keys, palette), bottom);
    if let Some(question) = &state.question {
        over::draw_question(frame, area, question, palette);
    } else if state.help {
        over::draw_help(frame, area, palette);
    }
}

fn panes(frame: &mut Frame<'_>, area: Rect, state: &mut State, palette: Palette) {
    // A title, a header, and the functions; the rest is for events, which need the more room.
    let wanted = u16::try_from(state.rows.len()).unwrap_or(u16::MAX).saturating_add(2);
    let functions = wanted.min(area.height * 3 / 5).max(4);
    let gap = u16::from(area.height >= 20);
    let [above, below] =
        Layout::vertical([Constraint::Length(functions), Constraint::Fill(1)]).spacing(gap).areas(area);
    functions::draw(frame, above, state, palette);
    events::draw(frame, below, state, palette);
}

/// The line above a pane.
fn rule<'t>(title: &'t str, right: String, has_focus: bool, palette: Palette) -> Block<'t> {
    let style = if has_focus { palette.accent().bold() } else { palette.quiet() };
    Block::new()
        .borders(Borders::TOP)
        .border_style(if has_focus { palette.accent() } else { palette.quiet() })
        .title(Span::styled(format!(" {title} "), style))
        .title(Line::styled(format!(" {right} "), palette.quiet()).right_aligned())
}

/// Moves what is seen of a list so that the selected row is in it.
fn scroll(cursor: &mut Cursor, seen: usize, len: usize) {
    cursor.seen = seen;
    let last = len.saturating_sub(seen);
    cursor.offset = cursor.offset.min(cursor.at).max((cursor.at + 1).saturating_sub(seen)).min(last);
}

/// What came of the last wish, or why the cache can't be looked at.
fn said(state: &State, palette: Palette) -> Option<Line<'static>> {
    let (text, style) = match (&state.said, &state.trouble) {
        (Some(Err(error)), _) | (None, Some(error)) => (error, palette.wrong().bold()),
        (Some(Ok(done)), _) => (done, palette.good()),
        (None, None) => return None,
    };
    Some(Line::styled(format!(" {}", one_line(text)), style))
}

/// The most important keys, and what they do.
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

/// Columns of a terminal that a text takes: two for some characters.
fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// The end of a name, as far as it fits into so many columns: it says more than the beginning.
fn end_of(name: &str, limit: usize) -> String {
    let name = one_line(name);
    if width(&name) <= limit {
        return name;
    }
    let ends = name.char_indices().map(|(at, _)| &name[at..]);
    let end = ends.skip(1).find(|end| width(end) < limit).unwrap_or_default();
    format!("…{end}")
}
