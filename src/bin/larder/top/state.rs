//! What is shown, and what the user is at. Nothing here looks at a cache or draws.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use larder::{Computation, Entry, FunctionInfo, Key, Process, Stats};

use super::events::{Event, Events};
use super::rows::{By, Order, Row};

/// Looks that are remembered for the little chart.
const MOST_PACES: usize = 300;

/// All that the screen depends on.
pub(crate) struct State {
    pub(crate) root: PathBuf,
    pub(crate) since: SystemTime,
    pub(crate) totals: Stats,
    /// The functions, in their order.
    pub(crate) rows: Vec<Row>,
    pub(crate) order: Order,
    pub(crate) paces: VecDeque<Pace>,
    /// Who computes for long at the moment.
    pub(crate) processes: Vec<Process>,
    pub(crate) events: Events,
    pub(crate) on_row: Cursor,
    pub(crate) on_event: Cursor,
    pub(crate) focus: Pane,
    /// What was opened, one over the other.
    pub(crate) pages: Vec<Page>,
    pub(crate) question: Option<Removal>,
    pub(crate) help: bool,
    /// What came of the last thing that was asked for.
    pub(crate) said: Option<Result<String, String>>,
    /// Why the cache can't be looked at.
    pub(crate) trouble: Option<String>,
    looked: bool,
}

/// Calls a second, from one look to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Pace {
    pub(crate) hits: f64,
    pub(crate) computed: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pane {
    Functions,
    Events,
}

/// What covers the two panes.
pub(crate) enum Page {
    /// The entries of a function, used last first; `stale` if something happened since they were listed.
    Entries { name: String, path: PathBuf, entries: Vec<Entry>, on: Cursor, listed: SystemTime, stale: bool },
    /// One entry, and why it was computed if that is known.
    Entry { entry: Box<Entry>, why: Option<String>, scrolled: u16 },
}

/// What is to be removed, if the user says yes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Removal {
    /// All entries of a function.
    Function {
        name: String,
        entries: u64,
        bytes: u64,
    },
    Entry {
        key: Key,
        function: String,
        arguments: Vec<String>,
    },
}

/// A place in a list, and how much of the list is seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) at: usize,
    /// The first row that is seen, and how many are; the view sets both.
    pub(crate) offset: usize,
    pub(crate) seen: usize,
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
            paces: VecDeque::new(),
            processes: Vec::new(),
            events: Events::default(),
            on_row: Cursor::default(),
            on_event: Cursor::default(),
            focus: Pane::Functions,
            pages: Vec::new(),
            question: None,
            help: false,
            said: None,
            trouble: None,
            looked: false,
        }
    }

    /// Takes in a look, so long after the one before: how many calls may have been stored or removed since.
    pub(crate) fn look(&mut self, functions: Vec<FunctionInfo>, totals: Stats, after: Duration) -> u64 {
        // Who is at the first one wants to see whichever is first.
        let selected = self.rows.get(self.on_row.at).filter(|_| self.on_row.at > 0).map(|row| row.path.clone());
        let before: HashMap<_, _> = self.rows.drain(..).map(|row| (row.path.clone(), row)).collect();
        self.rows = functions.into_iter().map(Row::of).collect();
        if self.looked {
            for row in &mut self.rows {
                let unknown = Row::default();
                row.compare(before.get(&row.path).unwrap_or(&unknown));
            }
            self.add_pace(&totals, after);
        }
        self.looked = true;
        self.totals = totals;
        self.sort(selected.as_deref());
        if let Some(Page::Entries { path, stale, .. }) = self.pages.first_mut() {
            *stale |= self.rows.iter().any(|row| row.path == *path && row.news != Default::default());
        }
        self.rows.iter().map(|row| row.news.changes).sum()
    }

    fn add_pace(&mut self, totals: &Stats, after: Duration) {
        let seconds = after.as_secs_f64().max(0.001);
        #[expect(clippy::cast_precision_loss, reason = "for people")]
        let pace = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds;
        self.paces.push_back(Pace {
            hits: pace(totals.hits, self.totals.hits),
            computed: pace(totals.misses, self.totals.misses),
        });
        if self.paces.len() > MOST_PACES {
            self.paces.pop_front();
        }
    }

    /// Adds the hits of this look, after the calls that were stored before it.
    pub(crate) fn add_hits(&mut self, now: SystemTime) {
        let hits: Vec<_> = self.rows.iter().filter(|row| row.news.hits > 0).collect();
        let hits: Vec<_> =
            hits.iter().map(|row| Event::hits(&row.name, row.news.hits, row.news.hot_hits, now)).collect();
        hits.into_iter().for_each(|event| self.add_event(event));
    }

    /// Takes in calls that were stored or removed.
    pub(crate) fn recent(&mut self, recent: Vec<Computation>) {
        recent.into_iter().map(Event::of).for_each(|event| self.add_event(event));
    }

    /// The selection stays at its event, unless it is at the newest.
    fn add_event(&mut self, event: Event) {
        let place = self.events.add(event);
        if place.is_some_and(|place| self.on_event.at > 0 && place <= self.on_event.at) {
            self.on_event.go(1, self.events.all().len());
        }
    }

    /// Sorts the functions; the selection stays at this one.
    fn sort(&mut self, selected: Option<&Path>) {
        self.order.sort(&mut self.rows);
        let place = selected.and_then(|path| self.rows.iter().position(|row| row.path == path));
        self.on_row.at = place.unwrap_or(self.on_row.at).min(self.rows.len().saturating_sub(1));
    }

    /// Sorts the functions by this, and goes to the first.
    pub(crate) fn sort_by(&mut self, by: By) {
        self.order.ask(by);
        self.sort(None);
        self.on_row.at = 0;
    }

    /// The function of this name, as it would be cleared: there may be several of one name.
    pub(crate) fn clearing(&self, name: &str) -> Removal {
        let same = || self.rows.iter().filter(|row| row.name == name);
        let entries = same().map(|row| row.entries).sum();
        Removal::Function { name: name.to_owned(), entries, bytes: same().map(|row| row.bytes).sum() }
    }
}

impl Removal {
    pub(crate) fn of(entry: &Entry) -> Self {
        let arguments = entry.arguments.iter().map(|a| format!("{} = {}", a.name, a.preview)).collect();
        Removal::Entry { key: entry.key, function: entry.function.clone(), arguments }
    }
}
