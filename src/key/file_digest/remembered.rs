//! Digests that this process remembers.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::key::digest::Key;
use crate::key::file_digest::state::State;
use crate::sys::fork::per_process::PerProcess;
use crate::sys::locked::locked;

/// Maximum number of remembered files and folders.
const MOST_REMEMBERED: usize = 10_000;

/// Digest of a file or folder, and its state when it was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) digest: Key,
    pub(super) stamp: Stamp,
    /// Whether every later change gives another stamp.
    pub(super) tells: bool,
}

/// State of a file or folder, to detect changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Stamp {
    File(State),
    /// Digest of the states of everything in the folder.
    Folder(Key),
}

type Remembered = HashMap<(PathBuf, Stamp), Key>;

static REMEMBERED: PerProcess<Mutex<Remembered>> = PerProcess::new();

fn remembered() -> std::sync::MutexGuard<'static, Remembered> {
    let known = |parents: &Mutex<Remembered>| parents.try_lock().ok().map(|mut known| std::mem::take(&mut *known));
    let remembered = REMEMBERED.get_or(|parents| Mutex::new(parents.and_then(known).unwrap_or_default()));
    locked(remembered)
}

/// Returns the digest of the file or folder at this path, if it has been read in this state.
pub(super) fn recall(place: &Path, stamp: Stamp) -> Option<Key> {
    remembered().get(&(place.to_owned(), stamp)).copied()
}

/// Remembers the digest of a file or folder, if its state is reliable.
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
