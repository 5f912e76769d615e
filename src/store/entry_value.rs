//! `Entry::value`: reads a stored value without its type.

use std::io;

use crate::error::{Error, Result};
use crate::format::value::read;
use crate::format::value::tree::Value;
use crate::store::entry::Entry;
use crate::store::read::EntryReader;
use crate::store::stored_entry::StoredEntry;

impl Entry {
    /// Reads the value and verifies its checksum. Keeps `most` elements of each sequence, map, text and array of
    /// numbers, and counts the others. `usize::MAX` keeps all.
    ///
    /// If the entry is authenticated with a [secret](crate::CacheBuilder::secret), the secret is not needed: the MAC is
    /// not verified.
    ///
    /// # Errors
    /// If the file does not exist, can't be read, or was changed since it was written.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let cache = larder::Cache::open(folder.path())?;
    /// cache.get_or_compute("pair", &(), || ("jam".to_owned(), vec![0.5; 1000]));
    ///
    /// let value = cache.entries()?.next().unwrap().value(4)?;
    /// assert_eq!(value.to_string(), r#"["jam", [0.5, 0.5, 0.5, 0.5, … f64 × 1000, from 0.5 to 0.5, mean 0.5]]"#);
    /// assert_eq!(serde_json::to_value(&value)?[0], "jam");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn value(&self, most: usize) -> Result<Value> {
        let read = || {
            let stored = StoredEntry::open(self.path.clone(), &self.key)?;
            let stored = stored.ok_or_else(|| Error::io(io::ErrorKind::NotFound.into(), "can't open"))?;
            EntryReader::read(stored, &self.key)?.look(|input| read::value(input, most))
        };
        read().map_err(|error| error.at(&self.path))
    }
}
