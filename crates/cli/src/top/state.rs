//! The state of the screen. It neither reads the cache nor draws.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use larder::{Computation, Entry, FunctionInfo, Key, Process, Stats};

use super::events::{Event, Events};
use super::rows::{By, Order, Row};
use crate::output::entry::argument;

/// The most updates in the chart.
const MOST_RATES: usize = 300;

/// Everything that the screen depends on.
pub(crate) struct State {
    pub(crate) root: PathBuf,
    pub(crate) since: SystemTime,
    pub(crate) totals: Stats,
    /// The functions, in the order of the table.
    pub(crate) rows: Vec<Row>,
    pub(crate) order: Order,
    pub(crate) rates: VecDeque<Rate>,
    /// The processes that have been computing or waiting for a while.
    pub(crate) processes: Vec<Process>,
    pub(crate) events: Events,
    pub(crate) on_row: Cursor,
    pub(crate) on_event: Cursor,
    pub(crate) focus: Pane,
    /// The open pages, the topmost last.
    pub(crate) pages: Vec<Page>,
    pub(crate) question: Option<Removal>,
    pub(crate) help: bool,
    /// The outcome of the last action.
    pub(crate) message: Option<Result<String, String>>,
    /// Why the cache can't be read.
    pub(crate) trouble: Option<String>,
    /// Whether there was an update before.
    is_updated: bool,
}

/// Calls per second between two updates.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Rate {
    pub(crate) hits: f64,
    pub(crate) computed: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pane {
    Functions,
    Events,
}

/// A page that replaces the two panes.
pub(crate) enum Page {
    /// The entries of a function, most recently used first. `stale` means that they may have changed since they were listed.
    Entries { name: String, path: PathBuf, entries: Vec<Entry>, on: Cursor, listed: SystemTime, stale: bool },
    /// One entry, and why it was computed, if known.
    Entry { entry: Box<Entry>, why: Option<String>, scrolled: u16 },
}

/// What to remove if the user confirms.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Removal {
    /// All entries in the folder of a function.
    Function {
        name: String,
        path: PathBuf,
        entries: u64,
        bytes: u64,
    },
    Entry {
        key: Key,
        function: String,
        arguments: Vec<String>,
    },
}

/// The selected row of a list, and the visible part of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) at: usize,
    /// The first visible row, and the number of visible rows. The view sets both.
    pub(crate) offset: usize,
    pub(crate) visible: usize,
}

impl Cursor {
    pub(crate) fn go(&mut self, by: isize, len: usize) {
        self.at = self.at.saturating_add_signed(by).min(len.saturating_sub(1));
    }
}

impl State {
    pub(crate) fn new(root: &Path, now: SystemTime) -> Self {
        State {
            root: root.to_owned(),
            since: now,
            totals: Stats::default(),
            rows: Vec::new(),
            order: Order { by: By::Saved, reversed: false },
            rates: VecDeque::new(),
            processes: Vec::new(),
            events: Events::default(),
            on_row: Cursor::default(),
            on_event: Cursor::default(),
            focus: Pane::Functions,
            pages: Vec::new(),
            question: None,
            help: false,
            message: None,
            trouble: None,
            is_updated: false,
        }
    }

    /// Updates the functions, `after` this time since the last update. Returns the most calls that may have been stored or
    /// removed since.
    pub(crate) fn update(&mut self, functions: Vec<FunctionInfo>, totals: Stats, after: Duration) -> u64 {
        // A selection of the first row stays at the first row, whichever function that is.
        let selected = self.rows.get(self.on_row.at).filter(|_| self.on_row.at > 0).map(|row| row.path.clone());
        let before: HashMap<_, _> = self.rows.drain(..).map(|row| (row.path.clone(), row)).collect();
        self.rows = functions.into_iter().map(Row::of).collect();
        if self.is_updated {
            for row in &mut self.rows {
                let unknown = Row::default();
                row.compare(before.get(&row.path).unwrap_or(&unknown));
            }
            self.add_rate(&totals, after);
        }
        self.is_updated = true;
        self.totals = totals;
        self.sort(selected.as_deref());
        if let Some(Page::Entries { path, stale, .. }) = self.pages.first_mut() {
            *stale |= self.rows.iter().any(|row| row.path == *path && row.news != Default::default());
        }
        self.rows.iter().map(|row| row.news.changes).sum()
    }

    fn add_rate(&mut self, totals: &Stats, after: Duration) {
        let seconds = after.as_secs_f64().max(0.001);
        #[expect(clippy::cast_precision_loss, reason = "shown to people only")]
        let per_second = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds;
        self.rates.push_back(Rate {
            hits: per_second(totals.hits, self.totals.hits),
            computed: per_second(totals.misses, self.totals.misses),
        });
        if self.rates.len() > MOST_RATES {
            self.rates.pop_front();
        }
    }

    /// Adds the hits of this update as events.
    pub(crate) fn add_hits(&mut self, now: SystemTime) {
        let hits: Vec<_> = self.rows.iter().filter(|row| row.news.hits > 0).collect();
        let hits: Vec<_> =
            hits.iter().map(|row| Event::hits(&row.name, row.news.hits, row.news.hot_hits, now)).collect();
        hits.into_iter().for_each(|event| self.add_event(event));
    }

    /// Adds calls that were stored or removed as events.
    pub(crate) fn add_recent(&mut self, recent: Vec<Computation>) {
        recent.into_iter().map(Event::of).for_each(|event| self.add_event(event));
    }

    /// Adds an event. The selection stays at its event, unless it is the newest one.
    fn add_event(&mut self, event: Event) {
        let position = self.events.add(event);
        if position.is_some_and(|position| self.on_event.at > 0 && position <= self.on_event.at) {
            self.on_event.go(1, self.events.all().len());
        }
    }

    /// Sorts the functions. The selection stays at this function.
    fn sort(&mut self, selected: Option<&Path>) {
        self.order.sort(&mut self.rows);
        let position = selected.and_then(|path| self.rows.iter().position(|row| row.path == path));
        self.on_row.at = position.unwrap_or(self.on_row.at).min(self.rows.len().saturating_sub(1));
    }

    /// Sorts the functions by this column, and selects the first.
    pub(crate) fn sort_by(&mut self, by: By) {
        self.order.select(by);
        self.sort(None);
        self.on_row.at = 0;
    }
}

impl Removal {
    /// Removes one function only, even if others have its name.
    pub(crate) fn of_function(row: &Row) -> Self {
        let Row { name, path, entries, bytes, .. } = row;
        Removal::Function { name: name.clone(), path: path.clone(), entries: *entries, bytes: *bytes }
    }

    pub(crate) fn of_entry(entry: &Entry) -> Self {
        let arguments = entry.arguments.iter().map(argument).collect();
        Removal::Entry { key: entry.key, function: entry.function.clone(), arguments }
    }
}
