//! `Store`: what keeps entries.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use crate::error::Result;
use crate::key::digest::Key;
use crate::store::walk::{ListedEntry, Walk};
use crate::sys::atomic_file::TempFile;

/// Where entries are kept, in the folders of functions, under the keys of calls.
///
/// What a store gives is not believed: an entry's header, checksum and type are compared by whoever reads it.
/// Several processes use one store at the same time.
pub(crate) trait Store: std::fmt::Debug + Send + Sync {
    /// Opens an entry; `None` if there is no such entry. It stays readable when it is removed or replaced meanwhile.
    ///
    /// # Errors
    /// If there may be one, and it can't be opened.
    fn get(&self, folder: &Path, key: &Key) -> Result<Option<File>>;

    /// Makes a draft the entry, in one step that others see whole or not at all. Gives the size of the one that was
    /// replaced.
    ///
    /// # Errors
    /// If it can't be stored. What was there is there still.
    fn put(&self, folder: &Path, key: &Key, temp: TempFile, durable: bool) -> Result<Option<u64>>;

    /// Puts a draft in the place of the entry that was `opened`, which says the same; when it was used last is kept. Gives
    /// the size of the one that was replaced; `None` if the entry is another one by now, or gone: then nothing comes
    /// back of what was removed.
    ///
    /// # Errors
    /// If it can't be stored. What was there is there still.
    fn replace(&self, folder: &Path, key: &Key, temp: TempFile, opened: &File, durable: bool) -> Result<Option<u64>>;

    /// Makes a draft the entry, unless there is one: whether there was none.
    ///
    /// # Errors
    /// If it can't be stored.
    #[cfg(feature = "archive")]
    fn add(&self, folder: &Path, key: &Key, temp: TempFile, durable: bool) -> Result<bool>;

    /// Removes an entry; gives its size, or `None` if there is none.
    ///
    /// # Errors
    /// If it can't be removed.
    fn remove(&self, folder: &Path, key: &Key) -> Result<Option<u64>>;

    /// Notes that an entry was used, so that it is not the next to go. To within a minute is enough.
    fn touch(&self, file: &File);

    /// Calls `found` for each entry in a folder, and in the folders within it if `deep`. What comes or goes meanwhile
    /// may be told or not.
    ///
    /// # Errors
    /// If a folder can't be listed.
    fn list(&self, folder: &Path, deep: bool, found: &mut dyn FnMut(&Path, &ListedEntry)) -> Result<()>;

    /// The same, some at a time: the next entries of one folder, of at most so many names; it may be none. `None` at the end.
    ///
    /// # Errors
    /// If a folder can't be listed.
    fn list_some(&self, walk: &mut Walk, most: usize) -> Result<Option<(Arc<Path>, Vec<ListedEntry>)>>;
}
