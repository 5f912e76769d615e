//! Looking at the cache, no more often than it is worth.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use larder::{Cache, Entry, Key};

use super::state::{Page, Removal, State};
use crate::failure::Failure;
use crate::place::Place;

/// Calls that are asked for at once; reasons are found by looking through the calls before.
const MOST_RECENT: usize = 40;

/// Calls that are asked for beyond those that were counted: who computes is a bit ahead of who counts.
const AHEAD: usize = 8;

/// Looks at the histories after something was counted: calls are noted shortly after they are counted.
const LOOKS_AFTER: u8 = 2;

/// Entries of a function that are listed.
pub(crate) const MOST_ENTRIES: usize = 1000;

/// Of all time, at most this part is for one kind of looking.
const PART: u32 = 10;

/// A list that took longer to make stays as it is until it is opened again: keys would wait for it.
const LONG: Duration = Duration::from_millis(100);

/// How often something may be done that took so long the last time.
struct Pace {
    next: Instant,
    took: Duration,
}

impl Pace {
    fn new() -> Self {
        Pace { next: Instant::now(), took: Duration::ZERO }
    }

    fn is_due(&self) -> bool {
        Instant::now() >= self.next
    }

    fn spend<T>(&mut self, at_least: Duration, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        self.took = start.elapsed();
        self.next = start + at_least.max(self.took * PART);
        result
    }
}

/// Keeps a cache in sight.
pub(crate) struct Watch<'p> {
    place: &'p Place,
    every: Duration,
    cache: Option<Cache>,
    looks: Pace,
    last: Instant,
    histories: Pace,
    /// Calls that may be in the histories, and how often to look there for them.
    counted: usize,
    owed: u8,
    lists: Pace,
}

impl<'p> Watch<'p> {
    pub(crate) fn new(place: &'p Place, every: Duration) -> Self {
        Watch {
            place,
            every,
            cache: None,
            looks: Pace::new(),
            last: Instant::now(),
            histories: Pace::new(),
            counted: MOST_RECENT,
            owed: 1,
            lists: Pace::new(),
        }
    }

    /// The time until the next look.
    pub(crate) fn wait(&self) -> Duration {
        self.looks.next.saturating_duration_since(Instant::now())
    }

    /// Looks, if it is time to: whether there is anything new to show.
    pub(crate) fn look(&mut self, state: &mut State) -> bool {
        if !self.looks.is_due() {
            return false;
        }
        let mut looks = std::mem::replace(&mut self.looks, Pace::new());
        let looked = looks.spend(self.every, || self.look_now(state));
        self.looks = looks;
        state.trouble = looked.err();
        if state.trouble.is_some() {
            self.cache = None;
        }
        true
    }

    fn look_now(&mut self, state: &mut State) -> Result<(), String> {
        let cache = self.cache()?;
        let functions = cache.functions().map_err(say)?;
        let totals = cache.stats().map_err(say)?;
        state.processes = cache.processes().map_err(say)?;
        let after = std::mem::replace(&mut self.last, Instant::now()).elapsed();
        let changes = state.look(functions, totals, after);
        if changes > 0 {
            self.counted = self.counted.saturating_add(usize::try_from(changes).unwrap_or(usize::MAX));
            self.owed = LOOKS_AFTER;
        }
        if self.owed > 0 && self.histories.is_due() {
            let most = self.counted.saturating_add(AHEAD).min(MOST_RECENT);
            state.recent(self.histories.spend(Duration::ZERO, || cache.recent(most)).map_err(say)?);
            self.owed -= 1;
            if self.owed == 0 {
                self.counted = 0;
            }
        }
        state.add_hits(SystemTime::now());
        self.refresh_list(state)
    }

    /// The cache, which is opened once, and again after a failure.
    fn cache(&mut self) -> Result<Cache, String> {
        if let Some(cache) = &self.cache {
            return Ok(cache.clone());
        }
        let cache = self.place.look().map_err(words)?;
        Ok(self.cache.insert(cache).clone())
    }

    fn refresh_list(&mut self, state: &mut State) -> Result<(), String> {
        let Some(Page::Entries { path, entries, on, stale, listed, .. }) = state.pages.first_mut() else {
            return Ok(());
        };
        if *stale && self.lists.took < LONG && self.lists.is_due() {
            let selected = entries.get(on.at).map(|entry| entry.key);
            *entries = self.entries(&path.clone())?;
            let place = selected.and_then(|key| entries.iter().position(|entry| entry.key == key));
            // Who is at the top wants to see what is new.
            on.at = if on.at == 0 { 0 } else { place.unwrap_or(on.at).min(entries.len().saturating_sub(1)) };
            *stale = false;
            *listed = SystemTime::now();
        }
        Ok(())
    }

    /// The entries of the function in this folder that were used last.
    pub(crate) fn entries(&mut self, path: &Path) -> Result<Vec<Entry>, String> {
        let functions = self.cache()?.functions().map_err(say)?;
        match functions.iter().find(|function| function.path == path) {
            Some(function) => self.lists.spend(Duration::ZERO, || function.recently_used(MOST_ENTRIES)).map_err(say),
            None => Ok(Vec::new()),
        }
    }

    /// The entry of this key, if it is there.
    pub(crate) fn entry(&mut self, key: &Key) -> Result<Option<Entry>, String> {
        Ok(self.cache()?.find(&key.to_string()).map_err(say)?.pop())
    }

    /// Removes what the user said yes to: whether there was anything.
    pub(crate) fn remove(&mut self, removal: &Removal) -> Result<bool, String> {
        // To change a cache creates it, so this looks first.
        let removed = match removal {
            Removal::Function { name, .. } => {
                let functions = self.cache()?.functions().map_err(say)?;
                functions.iter().any(|function| function.name == *name)
                    && self.place.change().map_err(words)?.clear_function(name).map_err(say)?
            }
            Removal::Entry { key, .. } => match self.entry(key)? {
                Some(entry) => self.place.change().map_err(words)?.remove(&entry).map_err(say)?,
                None => false,
            },
        };
        // It is to be seen at once.
        self.looks = Pace::new();
        Ok(removed)
    }
}

fn say(error: larder::Error) -> String {
    error.to_string()
}

fn words(failure: Failure) -> String {
    match failure {
        Failure::Usage(message) | Failure::Failed(message) => message,
        Failure::Unread => String::new(),
    }
}
