//! `Store`: the interface of what keeps entries.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use crate::error::Result;
use crate::key::digest::Key;
use crate::store::walk::{ListedEntry, Walk};
use crate::sys::atomic_file::TempFile;

/// A store of entries, by the folder of their function and the key of their call.
///
/// Callers don't trust a store: they verify an entry's header, checksum and type themselves. Several processes may use
/// one store at the same time.
pub(crate) trait Store: std::fmt::Debug + Send + Sync {
    /// Opens an entry; `None` if it does not exist. The file stays readable when the entry is removed or replaced.
    ///
    /// # Errors
    /// If an entry may exist, but can't be opened.
    fn get(&self, folder: &Path, key: &Key) -> Result<Option<File>>;

    /// Publishes a temporary file as the entry, atomically. Returns the size of the entry that it replaced.
    ///
    /// # Errors
    /// If the entry can't be stored. The previous entry is unchanged then.
    fn put(&self, folder: &Path, key: &Key, temp: TempFile, durable: bool) -> Result<Option<u64>>;

    /// Replaces the entry that was `opened` with a temporary file that holds the same value. Keeps the time when the
    /// entry was last used. Returns the size of the replaced entry; `None` if the entry was replaced or removed since
    /// it was opened: a removed entry must not come back.
    ///
    /// # Errors
    /// If the entry can't be stored. The previous entry is unchanged then.
    fn replace(&self, folder: &Path, key: &Key, temp: TempFile, opened: &File, durable: bool) -> Result<Option<u64>>;

    /// Publishes a temporary file as the entry, unless there is one. Returns whether it was published.
    ///
    /// # Errors
    /// If it can't be stored.
    #[cfg(feature = "archive")]
    fn add(&self, folder: &Path, key: &Key, temp: TempFile, durable: bool) -> Result<bool>;

    /// Removes an entry. Returns its size; `None` if there is none.
    ///
    /// # Errors
    /// If it can't be removed.
    fn remove(&self, folder: &Path, key: &Key) -> Result<Option<u64>>;

    /// Records that an entry was used, so that it is evicted later. An accuracy of a minute is enough.
    fn touch(&self, file: &File);

    /// Calls `found` for each entry in a folder, and in the folders within it if `deep`. Entries that are stored or
    /// removed during the listing may or may not be found.
    ///
    /// # Errors
    /// If a folder can't be listed.
    fn list(&self, folder: &Path, deep: bool, found: &mut dyn FnMut(&Path, &ListedEntry)) -> Result<()>;

    /// Lists like [`list`](Store::list), but step by step: reads at most `most` names of one folder, and returns its
    /// function's folder with the entries among them, which may be none. `None` at the end.
    ///
    /// # Errors
    /// If a folder can't be listed.
    fn list_some(&self, walk: &mut Walk, most: usize) -> Result<Option<(Arc<Path>, Vec<ListedEntry>)>>;
}
