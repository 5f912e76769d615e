//! The digests that this process remembers.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::key::digest::Key;
use crate::key::file_digest::state::State;
use crate::sys::fork::per_process::PerProcess;

/// Files and folders that are remembered.
const MOST_REMEMBERED: usize = 10_000;

/// What was there when it was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) digest: Key,
    pub(super) stamp: Stamp,
    /// Whether what is there has another stamp after any change.
    pub(super) tells: bool,
}

/// What tells whether something has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Stamp {
    File(State),
    /// Of the states of all that is in it.
    Folder(Key),
}

type Remembered = HashMap<(PathBuf, Stamp), Key>;

static REMEMBERED: PerProcess<Mutex<Remembered>> = PerProcess::new();

fn remembered() -> std::sync::MutexGuard<'static, Remembered> {
    let known = |parents: &Mutex<Remembered>| parents.try_lock().ok().map(|mut known| std::mem::take(&mut *known));
    let remembered = REMEMBERED.get_or(|parents| Mutex::new(parents.and_then(known).unwrap_or_default()));
    remembered.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the file or the folder in this place holds, if it has been read in this state.
pub(super) fn recall(place: &Path, stamp: Stamp) -> Option<Key> {
    remembered().get(&(place.to_owned(), stamp)).copied()
}

/// Remembers what a file or a folder holds, if its state tells when it holds something else.
pub(super) fn remember(place: PathBuf, seen: &Seen) {
    if !seen.tells {
        return;
    }
    let mut remembered = remembered();
    if remembered.len() >= MOST_REMEMBERED {
        remembered.clear();
    }
    remembered.insert((place, seen.stamp), seen.digest);
}

#[cfg(test)]
thread_local! {
    /// How many files this thread has read.
    pub(super) static READS: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}
