//! Entries, and where they are kept.
//!
//! A [`Store`] keeps them; there is one, the [`Directory`]. Everything else here is what they are: which file is
//! where, how one is written and read, and what is noted beside them.

pub(crate) mod clear;
pub(crate) mod code_items;
pub(crate) mod counters;
pub(crate) mod directory;
pub(crate) mod entries;
pub(crate) mod entry_format;
#[cfg(test)]
pub(crate) mod faulty;
pub(crate) mod history;
pub(crate) mod hourly_stats;
pub(crate) mod layout;
pub(crate) mod mac;
pub(crate) mod orphaned_temps;
pub(crate) mod owned_files;
pub(crate) mod read;
pub(crate) mod record_file;
pub(crate) mod references;
pub(crate) mod root;
pub(crate) mod share;
pub(crate) mod trim_report;
pub(crate) mod usage_scan;
pub(crate) mod verify_report;
pub(crate) mod walk;
pub(crate) mod write;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use crate::error::Result;
use crate::key::Key;
use crate::store::walk::{Listed, Walk};
use crate::sys::atomic_file::Draft;

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
    fn put(&self, folder: &Path, key: &Key, draft: Draft, durable: bool) -> Result<Option<u64>>;

    /// Puts a draft in the place of the entry that was `opened`, which says the same; when it was used last is kept. Gives
    /// the size of the one that was replaced; `None` if the entry is another one by now, or gone: then nothing comes
    /// back of what was removed.
    ///
    /// # Errors
    /// If it can't be stored. What was there is there still.
    fn replace(&self, folder: &Path, key: &Key, draft: Draft, opened: &File, durable: bool) -> Result<Option<u64>>;

    /// Makes a draft the entry, unless there is one: whether there was none.
    ///
    /// # Errors
    /// If it can't be stored.
    #[cfg(feature = "archive")]
    fn add(&self, folder: &Path, key: &Key, draft: Draft, durable: bool) -> Result<bool>;

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
    fn list(&self, folder: &Path, deep: bool, found: &mut dyn FnMut(&Path, &Listed)) -> Result<()>;

    /// The same, some at a time: the next entries of one folder, of at most so many names; it may be none. `None` at the end.
    ///
    /// # Errors
    /// If a folder can't be listed.
    fn list_some(&self, walk: &mut Walk, most: usize) -> Result<Option<(Arc<Path>, Vec<Listed>)>>;
}
