//! Reads the cache at intervals that keep the cost low.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use larder::{Cache, Entry, FunctionInfo, Key};

use super::state::{Page, Removal, State};
use crate::context::Context;
use crate::failure::Failure;

/// The most calls to read at once. Finding the reason of a call takes a search through earlier calls.
const MOST_RECENT: usize = 40;

/// Calls to read beyond the counted ones, as calls are recorded a little before they are counted.
const AHEAD: usize = 8;

/// Reads of the histories after a change of the counters, as calls may be recorded a little after they are counted.
const READS_AFTER: u8 = 2;

/// The most entries of a function that are listed.
pub(crate) const MOST_ENTRIES: usize = 1000;

/// One kind of reading takes at most this part of the time: a tenth.
const PART: u32 = 10;

/// A list that takes longer is not refreshed while it is open, as keys would have to wait.
const LONG: Duration = Duration::from_millis(100);

/// Limits how often an operation runs, by the time that it took last.
struct Throttle {
    next: Instant,
    took: Duration,
}

impl Throttle {
    fn new() -> Self {
        Throttle { next: Instant::now(), took: Duration::ZERO }
    }

    fn is_due(&self) -> bool {
        Instant::now() >= self.next
    }

    fn run<T>(&mut self, at_least: Duration, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        self.took = start.elapsed();
        self.next = start + at_least.max(self.took * PART);
        result
    }
}

/// Watches a cache.
pub(crate) struct Watcher<'c> {
    context: &'c Context,
    every: Duration,
    cache: Option<Cache>,
    updates: Throttle,
    last: Instant,
    histories: Throttle,
    /// The most calls that may be new in the histories, and how many times to read them there.
    counted: usize,
    reads_left: u8,
    lists: Throttle,
}

impl<'c> Watcher<'c> {
    pub(crate) fn new(context: &'c Context, every: Duration) -> Self {
        Watcher {
            context,
            every,
            cache: None,
            updates: Throttle::new(),
            last: Instant::now(),
            histories: Throttle::new(),
            counted: MOST_RECENT,
            reads_left: 1,
            lists: Throttle::new(),
        }
    }

    /// Returns the time until the next update.
    pub(crate) fn wait(&self) -> Duration {
        self.updates.next.saturating_duration_since(Instant::now())
    }

    /// Updates the state if it is time to. Returns whether the state changed.
    pub(crate) fn update(&mut self, state: &mut State) -> bool {
        if !self.updates.is_due() {
            return false;
        }
        let mut updates = std::mem::replace(&mut self.updates, Throttle::new());
        let updated = updates.run(self.every, || self.update_now(state));
        self.updates = updates;
        state.trouble = updated.err();
        if state.trouble.is_some() {
            self.cache = None;
        }
        true
    }

    fn update_now(&mut self, state: &mut State) -> Result<(), String> {
        let cache = self.cache()?;
        let functions = cache.functions().map_err(message)?;
        let listed = match state.pages.first() {
            Some(Page::Entries { path, .. }) => functions.iter().find(|function| function.path == *path).cloned(),
            _ => None,
        };
        let totals = cache.stats().map_err(message)?;
        state.processes = cache.processes().map_err(message)?;
        let after = std::mem::replace(&mut self.last, Instant::now()).elapsed();
        let changes = state.update(functions, totals, after);
        if changes > 0 {
            self.counted = self.counted.saturating_add(usize::try_from(changes).unwrap_or(usize::MAX));
            self.reads_left = READS_AFTER;
        }
        if self.reads_left > 0 && self.histories.is_due() {
            let most = self.counted.saturating_add(AHEAD).min(MOST_RECENT);
            state.add_recent(self.histories.run(Duration::ZERO, || cache.recent(most)).map_err(message)?);
            self.reads_left -= 1;
            if self.reads_left == 0 {
                self.counted = 0;
            }
        }
        state.add_hits(SystemTime::now());
        self.refresh_list(state, listed.as_ref())
    }

    /// Returns the cache, which is opened once, and again after a failure.
    fn cache(&mut self) -> Result<Cache, String> {
        if let Some(cache) = &self.cache {
            return Ok(cache.clone());
        }
        let cache = self.context.open_to_read().map_err(failure_message)?;
        Ok(self.cache.insert(cache).clone())
    }

    /// Lists the entries of this function again if the open list is out of date.
    fn refresh_list(&mut self, state: &mut State, function: Option<&FunctionInfo>) -> Result<(), String> {
        let Some(Page::Entries { entries, on, stale, listed, .. }) = state.pages.first_mut() else {
            return Ok(());
        };
        if *stale && self.lists.took < LONG && self.lists.is_due() {
            let selected = entries.get(on.at).map(|entry| entry.key);
            *entries = self.entries_of(function)?;
            let position = selected.and_then(|key| entries.iter().position(|entry| entry.key == key));
            // A selection of the first row stays there, so that new entries are visible.
            on.at = if on.at == 0 { 0 } else { position.unwrap_or(on.at).min(entries.len().saturating_sub(1)) };
            *stale = false;
            *listed = SystemTime::now();
        }
        Ok(())
    }

    /// Returns the most recently used entries of the function in this folder.
    pub(crate) fn entries(&mut self, path: &Path) -> Result<Vec<Entry>, String> {
        let functions = self.cache()?.functions().map_err(message)?;
        self.entries_of(functions.iter().find(|function| function.path == path))
    }

    fn entries_of(&mut self, function: Option<&FunctionInfo>) -> Result<Vec<Entry>, String> {
        match function {
            Some(function) => self.lists.run(Duration::ZERO, || function.recently_used(MOST_ENTRIES)).map_err(message),
            None => Ok(Vec::new()),
        }
    }

    /// Returns the entry of this key, if it exists.
    pub(crate) fn entry(&mut self, key: &Key) -> Result<Option<Entry>, String> {
        Ok(self.cache()?.find(&key.to_string()).map_err(message)?.pop())
    }

    /// Removes what the user confirmed. Returns the number of removed entries.
    pub(crate) fn remove(&mut self, removal: &Removal) -> Result<u64, String> {
        // Opening a cache to change it creates it, so this checks first that there is something to remove.
        let removed = match removal {
            Removal::Function { path, .. } => {
                let functions = self.cache()?.functions().map_err(message)?;
                match functions.iter().find(|function| function.path == *path) {
                    Some(function) => self.open_to_change()?.remove_function(function).map_err(message)?.entries,
                    None => 0,
                }
            }
            Removal::Entry { key, .. } => match self.entry(key)? {
                Some(entry) => u64::from(self.open_to_change()?.remove(&entry).map_err(message)?),
                None => 0,
            },
        };
        // The next update is due at once, so that the removal is visible.
        self.updates = Throttle::new();
        Ok(removed)
    }

    fn open_to_change(&self) -> Result<Cache, String> {
        self.context.open_to_change().map_err(failure_message)
    }
}

fn message(error: larder::Error) -> String {
    error.to_string()
}

fn failure_message(failure: Failure) -> String {
    match failure {
        Failure::Usage(message) | Failure::Failed(message) => message,
        Failure::ReaderGone => String::new(),
    }
}
