//! Lists the entries in a folder, all of them or those that were used last.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::key::digest::Key;
use crate::store::entry::Entry;
use crate::store::interface::{Listing, Store};
use crate::store::layout::Layout;
use crate::store::listed_entry::ListedEntry;
use crate::sys::workers::{threads, try_map};

/// Iterator over the entries in a folder, one function after another, in no particular order. Reads each header when
/// the iterator reaches it, so memory use does not depend on the number of entries.
///
/// Entries that are stored or removed during the iteration may or may not be returned. An entry that can't be read has
/// a [`fault`](Entry::fault), and a folder that can't be listed is logged; [`results`](Entries::results) returns both as
/// errors.
#[derive(Debug)]
pub struct Entries {
    listing: Option<Started>,
    /// The function of the listed entries.
    function: Arc<Path>,
    /// What the listing has found and the iterator has not reached.
    listed: std::vec::IntoIter<ListedEntry>,
    given: usize,
}

/// A listing, and what it takes to begin it again.
#[derive(Debug)]
struct Started {
    store: Arc<dyn Store>,
    folder: PathBuf,
    /// Whether the folders within the folder are listed.
    deep: bool,
    listing: Box<dyn Listing>,
}

/// Number of names that are read from a folder at once.
const NAMES_AT_ONCE: usize = 256;

impl Entries {
    pub(crate) fn none() -> Self {
        Entries { listing: None, function: Path::new("").into(), listed: Vec::new().into_iter(), given: 0 }
    }

    /// Iterates over the entries in `folder`, and in the folders within it if `deep`.
    pub(crate) fn under(store: Arc<dyn Store>, folder: &Path, deep: bool) -> Result<Self> {
        let listing = store.list(folder, deep);
        let listing = Some(Started { store, folder: folder.to_owned(), deep, listing });
        let mut entries = Entries { listing, ..Entries::none() };
        entries.list_more()?;
        Ok(entries)
    }

    /// Returns the number of entries that are left. Lists the folders again.
    #[must_use]
    pub fn len(&self) -> usize {
        let Some(started) = &self.listing else { return 0 };
        let mut all: usize = 0;
        // A folder that can't be listed returns no entries.
        let _ = started.store.list(&started.folder, started.deep).each(&mut |_, entries| all += entries.len());
        all.saturating_sub(self.given)
    }

    /// Returns whether no entries are left. Lists the folders again.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns an iterator that gives an error for each entry that can't be read, and for each folder that can't be
    /// listed. All its entries have a header, so none has a [`fault`](Entry::fault).
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let cache = larder::Cache::open(folder.path())?;
    /// cache.get_or_compute("square", &3, || 9);
    /// for entry in cache.entries()?.results() {
    ///     match entry {
    ///         Ok(entry) => println!("{} has {} bytes", entry.function, entry.size),
    ///         Err(error) => println!("{error}"),
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn results(mut self) -> impl Iterator<Item = Result<Entry>> {
        std::iter::from_fn(move || Some(self.advance()?.map_err(|(_, error)| error)))
    }

    /// Returns the next entry. If it can't be read, the error comes with its key. If a folder can't be listed, the error
    /// has no key.
    fn advance(&mut self) -> Option<Result<Entry, (Option<Key>, Error)>> {
        loop {
            let store = &*self.listing.as_ref()?.store;
            if let Some(ListedEntry { key, .. }) = self.listed.next() {
                self.given += 1;
                match Entry::read(store, &self.function, key) {
                    Ok(Some(entry)) => return Some(Ok(entry)),
                    // It was removed since it was listed.
                    Ok(None) => continue,
                    Err(error) => return Some(Err((Some(key), error))),
                }
            }
            match self.list_more() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err((None, error))),
            }
        }
    }

    /// Lists more entries, which may be none. Returns whether the listing continues.
    fn list_more(&mut self) -> Result<bool> {
        let Some(started) = &mut self.listing else { return Ok(false) };
        let Some((function, listed)) = started.listing.next(NAMES_AT_ONCE)? else { return Ok(false) };
        (self.function, self.listed) = (function, listed.into_iter());
        Ok(true)
    }
}

impl Iterator for Entries {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        loop {
            match self.advance()? {
                Ok(entry) => return Some(entry),
                Err((Some(key), error)) => {
                    return Some(Entry::faulty(Layout::locate(&self.function, &key), key, &error));
                }
                Err((None, error)) => tracing::warn!(%error, "a folder can't be listed"),
            }
        }
    }
}

/// Returns the `most` entries in a folder that were used last, the latest first. Includes the folders within it if
/// `deep`.
pub(crate) fn recently_used(store: &dyn Store, folder: &Path, deep: bool, most: usize) -> Result<Vec<Entry>> {
    let mut functions: Vec<PathBuf> = Vec::new();
    let mut listed = Vec::new();
    store.list(folder, deep).each(&mut |function, entries| {
        if functions.last().is_none_or(|last| last != function) {
            functions.push(function.to_owned());
        }
        listed.extend(entries.iter().map(|entry| (functions.len() - 1, entry.key)));
    })?;
    // Reading the times takes longest, so it runs on several threads.
    let share = listed.len().div_ceil(threads()).max(SMALLEST_SHARE);
    let times = |(): &mut (), entries: &[(usize, Key)]| -> Result<Vec<_>> {
        // Skip entries that were removed since they were listed.
        let time = |(function, key): &(usize, Key)| {
            Some((Reverse(store.stat(&functions[*function], key)?.used), *function, *key))
        };
        Ok(entries.iter().filter_map(time).collect())
    };
    let mut all = try_map(threads(), listed.chunks(share), || (), times)?.concat();
    if most < all.len() {
        all.select_nth_unstable(most);
        all.truncate(most);
    }
    all.sort_unstable();
    Ok(all.into_iter().filter_map(|(_, function, key)| Entry::look(store, &functions[function], key)).collect())
}

/// Smallest number of entries that is worth a thread.
const SMALLEST_SHARE: usize = 4096;
