//! The files that a key depends on: recorded while the key is made.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::key::file_digest::read::{is_folder, read};
use crate::key::file_digest::remembered::Seen;
use crate::key::file_digest::{file, folder};

/// A file or a folder that a key depends on, as it was then.
#[derive(Clone, Debug)]
pub(crate) struct Used {
    pub(super) path: PathBuf,
    pub(super) seen: Seen,
}

impl Used {
    /// The path, if there is another one now, or it has changed.
    pub(crate) fn changed(&self) -> Option<&Path> {
        let Seen { digest, stamp, tells } = self.seen;
        let is_as_it_was = || -> Result<bool> {
            let now = if is_folder(&self.path)? { folder::stamp(&self.path)? } else { file::stamp(&self.path)? };
            // Where the stamp does not tell, the content does.
            Ok(now.0 == stamp && (tells || read(&self.path)?.digest == digest))
        };
        (!is_as_it_was().unwrap_or(false)).then_some(&self.path)
    }
}

/// Whether the files are noted that a key depends on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Noting {
    Off,
    On,
    /// There are some.
    Some,
}

thread_local! {
    // Apart from the list, as a value without a destructor costs next to nothing to look at, and every call does.
    static NOTING: Cell<Noting> = const { Cell::new(Noting::Off) };

    /// The files of which the digests go into the key that this thread makes.
    static USED: RefCell<Vec<Used>> = const { RefCell::new(Vec::new()) };
}

pub(super) fn note(used: impl FnOnce() -> Used) {
    if NOTING.get() != Noting::Off {
        NOTING.set(Noting::Some);
        USED.with_borrow_mut(|list| list.push(used()));
    }
}

/// The files that what `make` makes depends on.
pub(crate) fn used_by<T>(make: impl FnOnce() -> T) -> (T, Vec<Used>) {
    let before = NOTING.replace(Noting::On);
    // A key may be made while another one is.
    let outer = if before == Noting::Some { USED.take() } else { Vec::new() };
    let made = make();
    let used = if NOTING.replace(before) == Noting::Some { USED.replace(outer) } else { restore(outer) };
    (made, used)
}

/// Nothing was noted, so nothing but what was there before is to be put back.
fn restore(outer: Vec<Used>) -> Vec<Used> {
    if !outer.is_empty() {
        USED.set(outer);
    }
    Vec::new()
}
