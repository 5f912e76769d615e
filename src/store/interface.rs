//! `Store`: the interface of what keeps entries.

use std::path::Path;
use std::sync::Arc;

use crate::error::Result;
use crate::key::digest::Key;
use crate::observe::stats::UsageDelta;
use crate::store::listed_entry::ListedEntry;
use crate::store::stored_entry::{EntryStat, StoredEntry};
use crate::sys::atomic_file::TempFile;

/// A store of entries. It finds an entry by its function and the key of its call. A function is named by its folder, in
/// which the files that describe it are as well. `docs/design/storage.md` lists the few places that access entries in
/// another way.
///
/// Callers don't trust a store: they verify an entry's header, checksum and type themselves. Several processes may use
/// one store at the same time.
pub(crate) trait Store: std::fmt::Debug + Send + Sync {
    /// Opens an entry; `None` if it does not exist. It stays readable when it is removed or replaced.
    ///
    /// # Errors
    /// If an entry may exist, but can't be opened.
    fn get(&self, function: &Path, key: &Key) -> Result<Option<StoredEntry>>;

    /// Looks at an entry without opening it; `None` if it does not exist, or can't be looked at.
    fn stat(&self, function: &Path, key: &Key) -> Option<EntryStat>;

    /// Publishes the bytes of a temporary file as the entry, atomically. Returns the size of the entry that it replaced;
    /// `None` if there was none.
    ///
    /// # Errors
    /// If the entry can't be stored. The previous entry is unchanged then, unless only the names can't be synced.
    fn put(&self, function: &Path, key: &Key, temp: TempFile, durable: bool) -> Result<Option<u64>>;

    /// Replaces the entry that was `opened` with a temporary file that holds the same value. Keeps the time when the
    /// entry was last used. Returns the size of the replaced entry; `None` if the entry was replaced or removed since
    /// it was opened: a removed entry must not come back.
    ///
    /// # Errors
    /// If the entry can't be stored. The previous entry is unchanged then.
    fn replace(
        &self,
        function: &Path,
        key: &Key,
        temp: TempFile,
        opened: &StoredEntry,
        durable: bool,
    ) -> Result<Option<u64>>;

    /// Publishes a temporary file as the entry, unless there is one. Returns whether it was published.
    ///
    /// # Errors
    /// If it can't be stored.
    #[cfg(feature = "archive")]
    fn add(&self, function: &Path, key: &Key, temp: TempFile, durable: bool) -> Result<bool>;

    /// Removes an entry. Returns its size; `None` if there is none.
    ///
    /// # Errors
    /// If it can't be removed.
    fn remove(&self, function: &Path, key: &Key) -> Result<Option<u64>>;

    /// Removes the segments of a function, with all entries in them. Returns which entries these were.
    ///
    /// # Errors
    /// If they can't be removed.
    fn remove_segments(&self, _function: &Path) -> Result<UsageDelta> {
        Ok(UsageDelta::default())
    }

    /// Records that an entry was used now, so that entries that were not used for longer are evicted before it. An accuracy
    /// of a minute is enough.
    fn touch(&self, opened: &StoredEntry);

    /// Lists the entries of a function, and of the functions in the folders within its folder if `deep`. Entries that
    /// are stored or removed during the listing may or may not be found.
    fn list(&self, function: &Path, deep: bool) -> Box<dyn Listing>;

    /// Does one piece of the work that makes later calls faster, for the functions under this folder. Returns whether
    /// there was any.
    ///
    /// # Errors
    /// If it can't be done. It is then done later.
    fn tidy(&self, _functions: &Path) -> Result<bool> {
        Ok(false)
    }

    /// Closes the files under this folder that are open only to avoid opening them again.
    fn rest(&self, _functions: &Path) {}
}

/// A listing in progress.
pub(crate) trait Listing: std::fmt::Debug + Send + Sync {
    /// Reads at most `most` names of one folder. Returns the folder of a function with those of its entries that are
    /// among these names, which may be none; `None` at the end.
    ///
    /// # Errors
    /// If a folder can't be listed. The next call continues with the next folder.
    fn next(&mut self, most: usize) -> Result<Option<(Arc<Path>, Vec<ListedEntry>)>>;
}

impl dyn Listing {
    /// Calls `found` for each function with its entries; more than once if a function has entries in several folders.
    ///
    /// # Errors
    /// The first folder that can't be listed, after all others were listed.
    pub(crate) fn each(&mut self, found: &mut dyn FnMut(&Path, &[ListedEntry])) -> Result<()> {
        let mut result = Ok(());
        loop {
            match self.next(usize::MAX) {
                Ok(Some((function, entries))) => found(&function, &entries),
                Ok(None) => return result,
                Err(error) => result = result.and(Err(error)),
            }
        }
    }
}
