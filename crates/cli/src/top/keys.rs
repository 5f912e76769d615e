//! What keys do.

use std::path::PathBuf;

use larder::Key;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::events::EventKind;
use super::rows::By;
use super::state::{Page, Pane, Removal, State};

/// What the user asks for that needs the cache.
#[derive(Debug, PartialEq)]
pub(crate) enum Action {
    Nothing,
    Quit,
    OpenFunction { name: String, path: PathBuf },
    OpenEntry { key: Key, why: Option<String> },
    Remove(Removal),
}

/// Applies a key to the state.
pub(crate) fn press(state: &mut State, key: KeyEvent) -> Action {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return if key.code == KeyCode::Char('c') { Action::Quit } else { Action::Nothing };
    }
    state.message = None;
    if let Some(removal) = state.question.take() {
        return answer(state, removal, key.code);
    }
    if state.help {
        state.help = false;
        return Action::Nothing;
    }
    match key.code {
        KeyCode::Char('?') => state.help = true,
        KeyCode::Char('q') if state.pages.is_empty() => return Action::Quit,
        KeyCode::Char('q') | KeyCode::Esc => drop(state.pages.pop()),
        KeyCode::Char('c') => ask(state),
        KeyCode::Enter => return open(state),
        KeyCode::Tab | KeyCode::BackTab if state.pages.is_empty() => {
            state.focus = if state.focus == Pane::Functions { Pane::Events } else { Pane::Functions };
        }
        code => match (order(code), step(code)) {
            (Some(by), _) if state.pages.is_empty() => state.sort_by(by),
            (_, Some(step)) => go(state, step),
            _ => {}
        },
    }
    Action::Nothing
}

fn order(code: KeyCode) -> Option<By> {
    match code {
        KeyCode::Char('s') => Some(By::Saved),
        KeyCode::Char('h') => Some(By::HitRate),
        KeyCode::Char('z') => Some(By::Size),
        KeyCode::Char('n') => Some(By::Name),
        KeyCode::Char('e') => Some(By::Entries),
        _ => None,
    }
}

#[derive(Clone, Copy)]
enum Step {
    Rows(isize),
    Pages(isize),
    Start,
    End,
}

fn step(code: KeyCode) -> Option<Step> {
    match code {
        KeyCode::Up | KeyCode::Char('k') => Some(Step::Rows(-1)),
        KeyCode::Down | KeyCode::Char('j') => Some(Step::Rows(1)),
        KeyCode::PageUp => Some(Step::Pages(-1)),
        KeyCode::PageDown => Some(Step::Pages(1)),
        KeyCode::Home => Some(Step::Start),
        KeyCode::End => Some(Step::End),
        _ => None,
    }
}

fn go(state: &mut State, step: Step) {
    let (cursor, len) = match (state.pages.last_mut(), state.focus) {
        (Some(Page::Entry { scrolled, .. }), _) => {
            *scrolled = match step {
                Step::Rows(rows) => scrolled.saturating_add_signed(i16::try_from(rows).unwrap_or(0)),
                Step::Pages(pages) => scrolled.saturating_add_signed(i16::try_from(10 * pages).unwrap_or(0)),
                Step::Start => 0,
                // The view limits it to the last line.
                Step::End => u16::MAX,
            };
            return;
        }
        (Some(Page::Entries { entries, on, .. }), _) => (on, entries.len()),
        (None, Pane::Functions) => (&mut state.on_row, state.rows.len()),
        (None, Pane::Events) => (&mut state.on_event, state.events.all().len()),
    };
    let page = isize::try_from(cursor.visible.max(2) - 1).unwrap_or(1);
    let by = match step {
        Step::Rows(rows) => rows,
        Step::Pages(pages) => pages * page,
        Step::Start => isize::MIN,
        Step::End => isize::MAX,
    };
    cursor.go(by, len);
}

fn open(state: &mut State) -> Action {
    match (state.pages.last(), state.focus) {
        (Some(Page::Entry { .. }), _) => {}
        (Some(Page::Entries { entries, on, .. }), _) => {
            if let Some(entry) = entries.get(on.at).cloned() {
                state.pages.push(Page::Entry { entry: Box::new(entry), why: None, scrolled: 0 });
            }
        }
        (None, Pane::Functions) => {
            if let Some(row) = state.rows.get(state.on_row.at) {
                return Action::OpenFunction { name: row.name.clone(), path: row.path.clone() };
            }
        }
        (None, Pane::Events) => return open_event(state),
    }
    Action::Nothing
}

fn open_event(state: &State) -> Action {
    let Some(event) = state.events.all().get(state.on_event.at) else { return Action::Nothing };
    match &event.kind {
        EventKind::Computed { key, why, .. } => Action::OpenEntry { key: *key, why: Some(why.clone()) },
        EventKind::Removed { key } => Action::OpenEntry { key: *key, why: None },
        EventKind::Hits { .. } => match state.rows.iter().find(|row| row.name == event.function) {
            Some(row) => Action::OpenFunction { name: row.name.clone(), path: row.path.clone() },
            None => Action::Nothing,
        },
    }
}

/// Asks whether to remove the selected function or entry.
fn ask(state: &mut State) {
    state.question = match (state.pages.last(), state.focus) {
        (Some(Page::Entry { entry, .. }), _) => Some(Removal::of_entry(entry)),
        (Some(Page::Entries { entries, on, .. }), _) => entries.get(on.at).map(Removal::of_entry),
        (None, Pane::Functions) => state.rows.get(state.on_row.at).map(Removal::of_function),
        (None, Pane::Events) => state.events.all().get(state.on_event.at).and_then(|event| match &event.kind {
            EventKind::Computed { key, arguments, .. } => {
                Some(Removal::Entry { key: *key, function: event.function.clone(), arguments: arguments.clone() })
            }
            EventKind::Removed { .. } | EventKind::Hits { .. } => None,
        }),
    };
}

/// Every answer but yes means no.
fn answer(state: &mut State, removal: Removal, code: KeyCode) -> Action {
    if matches!(code, KeyCode::Char('y' | 'Y')) {
        return Action::Remove(removal);
    }
    state.message = Some(Ok("nothing was removed".to_owned()));
    Action::Nothing
}
