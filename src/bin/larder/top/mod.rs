//! `larder top`: watches the cache at work, on a terminal.

mod events;
mod keys;
mod rows;
mod state;
mod view;
mod watch;

use std::io::{self, IsTerminal as _};
use std::time::{Duration, SystemTime};

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};

use crate::failure::Failure;
use crate::format::{count, one_line};
use crate::place::Place;
use keys::Wish;
use state::{Cursor, Page, Removal, State};
use view::Palette;
use watch::Watch;

/// Nobody sees more than this.
const SHORTEST: Duration = Duration::from_millis(100);

/// For longer, systems can't wait.
const LONGEST: Duration = Duration::from_secs(3600);

/// Shows the cache until the user leaves.
pub(crate) fn top(place: &Place, every: Duration) -> Result<(), Failure> {
    if place.json {
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
    // From here on, a panic restores the terminal as well.
    let mut terminal = ratatui::try_init().map_err(failed)?;
    let result = run(&mut terminal, place, every.max(SHORTEST));
    let restored = ratatui::try_restore();
    result.and(restored).map_err(failed)
}

fn failed(error: io::Error) -> Failure {
    Failure::Failed(format!("can't use the terminal: {error}"))
}

fn run(terminal: &mut DefaultTerminal, place: &Place, every: Duration) -> io::Result<()> {
    let palette = Palette::from_environment();
    let mut state = State::new(&place.root, SystemTime::now());
    let mut watch = Watch::new(place, every);
    let mut is_new = true;
    loop {
        is_new |= watch.look(&mut state);
        if is_new {
            terminal.draw(|frame| view::draw(frame, &mut state, palette))?;
        }
        is_new = event::poll(watch.wait().min(LONGEST))?;
        // Whatever was typed meanwhile is done before it is shown.
        while event::poll(Duration::ZERO)? {
            let Event::Key(key) = event::read()? else { continue };
            if key.kind == KeyEventKind::Release {
                continue;
            }
            match keys::press(&mut state, key) {
                Wish::Leave => return Ok(()),
                Wish::Nothing => {}
                wish => {
                    state.said = grant(wish, &mut state, &mut watch).transpose();
                }
            }
        }
    }
}

/// Does what needs the cache: what to say of it.
fn grant(wish: Wish, state: &mut State, watch: &mut Watch<'_>) -> Result<Option<String>, String> {
    match wish {
        Wish::Nothing | Wish::Leave => Ok(None),
        Wish::OpenFunction { name, path } => {
            let entries = watch.entries(&path)?;
            let (on, listed) = (Cursor::default(), SystemTime::now());
            state.pages.push(Page::Entries { name, path, entries, on, listed, stale: false });
            Ok(None)
        }
        Wish::OpenEntry { key, why } => match watch.entry(&key)? {
            Some(entry) => {
                state.pages.push(Page::Entry { entry: Box::new(entry), why, scrolled: 0 });
                Ok(None)
            }
            None => Ok(Some("this entry is gone".to_owned())),
        },
        Wish::Remove(removal) => {
            let removed = watch.remove(&removal)?;
            left(state, &removal);
            let what = match &removal {
                Removal::Function { name, entries, .. } => {
                    format!("{} of {}", count(*entries, "entry", "entries"), one_line(name))
                }
                Removal::Entry { function, .. } => format!("an entry of {}", one_line(function)),
            };
            Ok(Some(if removed {
                format!("removed {what}")
            } else {
                "there was nothing to remove any more".to_owned()
            }))
        }
    }
}

/// What was removed is open no longer.
fn left(state: &mut State, removal: &Removal) {
    let Removal::Entry { key, .. } = removal else { return };
    state.pages.retain(|page| !matches!(page, Page::Entry { entry, .. } if entry.key == *key));
    if let Some(Page::Entries { entries, on, .. }) = state.pages.last_mut() {
        entries.retain(|entry| entry.key != *key);
        on.go(0, entries.len());
    }
}
