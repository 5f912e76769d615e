//! `Entry::value`: reads a stored value without its type.

use crate::error::{Error, Result};
use crate::format::value::read;
use crate::format::value::tree::Value;
use crate::store::entries::Entry;
use crate::store::read::EntryReader;
use crate::sys::file::open_entry;

impl Entry {
    /// Reads the value, and compares its checksum. Of each sequence, map, text and array of numbers, `most` elements
    /// are kept; the rest is counted. `usize::MAX` keeps all.
    ///
    /// An entry that is sealed with a [secret](crate::CacheBuilder::secret) is read without asking for it.
    ///
    /// # Errors
    /// If the file is gone, or is not what was written.
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
            let file = open_entry(&self.path).map_err(|e| Error::io(e, "can't open"))?;
            EntryReader::read(file, &self.key)?.look(|input| read::value(input, most))
        };
        read().map_err(|error| error.at(&self.path))
    }
}
