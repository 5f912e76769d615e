//! The pane of events.

use std::time::SystemTime;

use larder::__text::{count, cut, cut_fairly, number, one_line};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{List, ListItem, ListState};

use crate::output::text::age;
use crate::top::events::{Event, EventKind};
use crate::top::state::{Pane, State};
use crate::top::view::palette::Palette;
use crate::top::view::widgets::{end_of, rule, scroll, width as columns};

/// Characters of an age with the space after it.
const AGE: usize = 11;

/// Characters of a reason that are shown before arguments get more room.
const LEAST_WHY: usize = 15;

/// The most lines of the selected event, which is shown in full.
const MOST_LINES: usize = 4;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, state: &mut State, palette: Palette) {
    let has_focus = state.focus == Pane::Events;
    let all = state.events.all();
    let visible = usize::from(area.height.saturating_sub(1));
    let width = usize::from(area.width);
    let now = SystemTime::now();
    let name_width = all.iter().take(100).map(|event| columns(&event.function)).max().unwrap_or(0).min(width / 4);
    let texts: Vec<_> = all
        .iter()
        .enumerate()
        .map(|(index, event)| {
            let lines = if has_focus && index == state.on_event.at { MOST_LINES.min(visible) } else { 1 };
            text(event, now, name_width, width, lines, palette)
        })
        .collect();
    // The selected event may take lines from the others.
    let tallest = texts.get(state.on_event.at).map_or(1, Text::height);
    scroll(&mut state.on_event, (visible + 1).saturating_sub(tallest).max(1), texts.len());
    let list = List::new(texts.into_iter().map(ListItem::new))
        .highlight_style(if has_focus { palette.selected() } else { Style::new() })
        .block(rule(
            "Events",
            if all.is_empty() { "none yet".to_owned() } else { number(all.len() as u64) },
            has_focus,
            palette,
        ));
    let mut place = ListState::default().with_offset(state.on_event.offset).with_selected(Some(state.on_event.at));
    frame.render_stateful_widget(list, area, &mut place);
}

fn text(
    event: &Event,
    now: SystemTime,
    name_width: usize,
    width: usize,
    lines: usize,
    palette: Palette,
) -> Text<'static> {
    let (mark, style) = match event.kind {
        EventKind::Computed { .. } => ("●", palette.fresh()),
        EventKind::Removed { .. } => ("×", palette.wrong()),
        EventKind::Hits { .. } => ("○", palette.good()),
    };
    let ago = age(now.duration_since(event.at).unwrap_or_default());
    let name = end_of(&event.function, name_width);
    let gap = " ".repeat((name_width + 2).saturating_sub(columns(&name)));
    let before = AGE + 2 + name_width + 2;
    let room = width.saturating_sub(before);
    let mut rest = wrap(event, room, lines).into_iter();
    let (strong, weak) = rest.next().unwrap_or_default();
    let first = Line::from_iter([
        Span::styled(format!("{ago:>width$} ", width = AGE - 1), palette.quiet()),
        Span::styled(format!("{mark} "), style),
        Span::raw(name + &gap),
        Span::raw(strong),
        Span::styled(weak, palette.quiet()),
    ]);
    let more = rest.map(|(strong, weak)| Line::from_iter([" ".repeat(before), strong, weak]));
    Text::from_iter(std::iter::once(first).chain(more))
}

/// Describes an event in lines. Each line has a prominent part and a quiet rest.
fn wrap(event: &Event, room: usize, lines: usize) -> Vec<(String, String)> {
    let (arguments, why) = match &event.kind {
        EventKind::Hits { hits, hot, .. } => return vec![(hits_text(*hits, *hot), String::new())],
        EventKind::Removed { .. } => return vec![("removed on request".to_owned(), String::new())],
        EventKind::Computed { arguments, why, .. } => (arguments, one_line(why)),
    };
    let arguments: Vec<_> = arguments.iter().map(|argument| one_line(argument)).collect();
    if lines == 1 {
        let all = arguments.join(", ");
        // The first words of a reason say which kind it is.
        let share = room.saturating_sub(2 + why.chars().count().min(LEAST_WHY));
        let shown = if all.chars().count() <= share { all } else { cut_fairly(arguments, share).join(", ") };
        let gap = if shown.is_empty() { "" } else { "  " };
        let left = room.saturating_sub(shown.chars().count() + gap.len());
        return vec![(format!("{shown}{gap}"), cut(&why, left))];
    }
    let shown = cut_fairly(arguments, room).join(", ");
    let mut wrapped: Vec<_> = (!shown.is_empty()).then_some((shown, String::new())).into_iter().collect();
    wrapped.extend(break_lines(&why, room, lines - wrapped.len()).into_iter().map(|line| (String::new(), line)));
    wrapped
}

/// Breaks a text between words into at most `most` lines.
fn break_lines(text: &str, room: usize, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut words = text.split(' ');
    while let Some(word) = words.next() {
        let full = lines.len() == most;
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < room => {
                line.push(' ');
                line.push_str(word);
            }
            Some(line) if full => {
                let rest: Vec<_> = words.by_ref().collect();
                *line = cut(&format!("{line} {word} {}", rest.join(" ")), room);
            }
            _ => lines.push(cut(word, room)),
        }
    }
    lines
}

fn hits_text(hits: u64, hot: u64) -> String {
    let all = count(hits, "hit", "hits");
    match hot {
        0 => all,
        hot if hot == hits => format!("{all}, from memory"),
        hot => format!("{all}, {} of them from memory", number(hot)),
    }
}
