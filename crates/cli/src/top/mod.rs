//! `larder top`: watches the cache in a terminal.

mod events;
mod keys;
mod rows;
mod state;
mod view;
mod watch;

use std::io::{self, IsTerminal as _};
use std::time::{Duration, SystemTime};

use larder::__text::{count, one_line};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};

use crate::context::Context;
use crate::failure::Failure;
use keys::Action;
use state::{Cursor, Page, Removal, State};
use view::palette::Palette;
use watch::Watcher;

/// The shortest time between updates.
const SHORTEST: Duration = Duration::from_millis(100);

/// The longest wait for a key, as some systems can't wait longer.
const LONGEST: Duration = Duration::from_secs(3600);

/// Shows the cache until the user quits.
pub(crate) fn top(context: &Context, every: Duration) -> Result<(), Failure> {
    if context.json {
        return Err(Failure::Usage(
            "`top` is for terminals; `larder stats --json` and `larder ls --json` are for programs".to_owned(),
        ));
    }
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(Failure::Usage(
            "`top` needs a terminal to show itself and to read keys; use `larder stats` or `larder ls` instead"
                .to_owned(),
        ));
    }
    // From here on, a panic also restores the terminal.
    let mut terminal = ratatui::try_init().map_err(failed)?;
    let result = run(&mut terminal, context, every.max(SHORTEST));
    let restored = ratatui::try_restore();
    result.and(restored).map_err(failed)
}

fn failed(error: io::Error) -> Failure {
    Failure::Failed(format!("can't use the terminal: {error}"))
}

fn run(terminal: &mut DefaultTerminal, context: &Context, every: Duration) -> io::Result<()> {
    let palette = Palette::from_environment();
    let mut state = State::new(&context.root, SystemTime::now());
    let mut watcher = Watcher::new(context, every);
    let mut is_changed = true;
    loop {
        is_changed |= watcher.update(&mut state);
        if is_changed {
            terminal.draw(|frame| view::draw(frame, &mut state, palette))?;
        }
        is_changed = event::poll(watcher.wait().min(LONGEST))?;
        // Handles all pending keys before the next drawing.
        while event::poll(Duration::ZERO)? {
            let Event::Key(key) = event::read()? else { continue };
            if key.kind == KeyEventKind::Release {
                continue;
            }
            match keys::press(&mut state, key) {
                Action::Quit => return Ok(()),
                Action::Nothing => {}
                action => {
                    state.message = perform(action, &mut state, &mut watcher).transpose();
                }
            }
        }
    }
}

/// Performs an action that needs the cache. Returns a message about the outcome.
fn perform(action: Action, state: &mut State, watcher: &mut Watcher<'_>) -> Result<Option<String>, String> {
    match action {
        Action::Nothing | Action::Quit => Ok(None),
        Action::OpenFunction { name, path } => {
            let entries = watcher.entries(&path)?;
            let (on, listed) = (Cursor::default(), SystemTime::now());
            state.pages.push(Page::Entries { name, path, entries, on, listed, stale: false });
            Ok(None)
        }
        Action::OpenEntry { key, why } => match watcher.entry(&key)? {
            Some(entry) => {
                state.pages.push(Page::Entry { entry: Box::new(entry), why, scrolled: 0 });
                Ok(None)
            }
            None => Ok(Some("this entry is gone".to_owned())),
        },
        Action::Remove(removal) => {
            let removed = watcher.remove(&removal)?;
            close_removed(state, &removal);
            Ok(Some(match removal {
                _ if removed == 0 => "there was nothing to remove any more".to_owned(),
                Removal::Function { name, .. } => {
                    format!("removed {} of {}", count(removed, "entry", "entries"), one_line(&name))
                }
                Removal::Entry { function, .. } => format!("removed an entry of {}", one_line(&function)),
            }))
        }
    }
}

/// Closes the page of a removed entry, and takes the entry off the list.
fn close_removed(state: &mut State, removal: &Removal) {
    let Removal::Entry { key, .. } = removal else { return };
    state.pages.retain(|page| !matches!(page, Page::Entry { entry, .. } if entry.key == *key));
    if let Some(Page::Entries { entries, on, .. }) = state.pages.last_mut() {
        entries.retain(|entry| entry.key != *key);
        on.go(0, entries.len());
    }
}
