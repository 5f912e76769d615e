//! Records the files that a key depends on, while the key is computed.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::key::file_digest::read::{is_folder, read};
use crate::key::file_digest::remembered::Seen;
use crate::key::file_digest::{file, folder};

/// A file or folder that a key depends on, and its state when it was read.
#[derive(Clone, Debug)]
pub(crate) struct Used {
    pub(super) path: PathBuf,
    pub(super) seen: Seen,
}

impl Used {
    /// Returns the path if the file has changed, was replaced, or can't be read any more.
    pub(crate) fn changed(&self) -> Option<&Path> {
        let Seen { digest, stamp, tells } = self.seen;
        let is_as_it_was = || -> Result<bool> {
            let now = if is_folder(&self.path)? { folder::stamp(&self.path)? } else { file::stamp(&self.path)? };
            // If the state is not reliable, compare the content.
            Ok(now.0 == stamp && (tells || read(&self.path)?.digest == digest))
        };
        (!is_as_it_was().unwrap_or(false)).then_some(&self.path)
    }
}

/// Whether this thread records the files that a key depends on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Noting {
    Off,
    On,
    /// On, and at least one file is recorded.
    Some,
}

thread_local! {
    // Separate from the list: a value without a destructor is cheap to read, and every call reads it.
    static NOTING: Cell<Noting> = const { Cell::new(Noting::Off) };

    /// Files whose digests go into the key that this thread computes.
    static USED: RefCell<Vec<Used>> = const { RefCell::new(Vec::new()) };
}

pub(super) fn note(used: impl FnOnce() -> Used) {
    if NOTING.get() != Noting::Off {
        NOTING.set(Noting::Some);
        USED.with_borrow_mut(|list| list.push(used()));
    }
}

/// Calls `make`. Also returns the files that its key depends on.
pub(crate) fn used_by<T>(make: impl FnOnce() -> T) -> (T, Vec<Used>) {
    let before = NOTING.replace(Noting::On);
    // A key may be computed while another one is.
    let outer = if before == Noting::Some { USED.take() } else { Vec::new() };
    let made = make();
    let used = if NOTING.replace(before) == Noting::Some { USED.replace(outer) } else { restore(outer) };
    (made, used)
}

/// Restores the outer list after a call that recorded nothing. An empty list needs no restoring.
fn restore(outer: Vec<Used>) -> Vec<Used> {
    if !outer.is_empty() {
        USED.set(outer);
    }
    Vec::new()
}
