//! Compresses an existing entry with another compressor, while others use the cache.
//!
//! docs/design/storage.md explains why an entry that is removed at the same time does not come back.

use crate::cache::handle::Cache;
use crate::error::too_large::TooLarge;
use crate::error::{Error, ErrorKind, Result};
use crate::format::compress::compression::Compression;
use crate::format::document;
use crate::store::entry::Entry;
use crate::store::read::EntryReader;
use crate::store::write::{Fits, write_with};

impl Cache {
    /// Compresses an entry with another compressor, and returns the new size of its file in bytes. The stored value
    /// stays the same, and so do the times at which it was computed and used. An entry that already has this
    /// compressor and level is not changed. Memory use is small, however large the value is.
    ///
    /// Returns `None` if nothing was done: the entry was removed or replaced, or its call is being computed. Other
    /// threads and processes may use the cache at the same time, and entries that they remove stay removed.
    ///
    /// # Errors
    /// Returns an error if the entry is damaged or can't be read, if the compressor is not in this build or lacks this
    /// level, or if the file system can't exchange two files atomically (Linux can, on local disks). The entry is then
    /// unchanged. [`LimitExceeded`](crate::ErrorKind::LimitExceeded) if the new file would be larger than
    /// [`max_bytes`](crate::CacheBuilder::max_bytes). [`InvalidInput`](crate::ErrorKind::InvalidInput) for an entry of
    /// another cache. [`ReadOnly`](crate::ErrorKind::ReadOnly) in a read-only cache.
    ///
    /// ```
    /// # use larder::Compression;
    /// # let folder = tempfile::tempdir()?;
    /// let cache = larder::Cache::open(folder.path())?;
    /// cache.get_or_compute("zeros", &(), || vec![0; 10_000]);
    ///
    /// for entry in cache.entries()? {
    ///     if let Some(size) = cache.recompress(&entry, Compression::gzip(6))? {
    ///         assert!(size < entry.size / 10);
    ///     }
    /// }
    /// let zeros: Vec<i32> = cache.get_or_compute("zeros", &(), || unreachable!());
    /// assert_eq!(zeros.len(), 10_000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn recompress(&self, entry: &Entry, compression: Compression) -> Result<Option<u64>> {
        let compression = compression.validate()?;
        let Some(place) = self.writable()? else { return Ok(None) };
        let (folder, key) = (&*place.folder_of(entry)?, &entry.key);
        let at_entry = |error: Error| error.at(&entry.path);
        // The leader guard is held until the new file is in place. A call that would store another result waits for
        // it.
        let lead = self.flights().map(|flights| flights.try_lead(key, &entry.function, false));
        if matches!(lead, Some(None)) {
            return Ok(None);
        }
        let Some(mut peeked) = EntryReader::open(&*place.store, folder, key)? else { return Ok(None) };
        let mut details = peeked.whole_header().map_err(at_entry)?.details;
        if details.compressor == compression.to_string() {
            return if peeked.is_complete()? {
                Ok(Some(peeked.header.size()))
            } else {
                Err(at_entry(Error::truncated()))
            };
        }
        details.compressor = compression.to_string();

        place.layout.expect_no_links(folder)?;
        place.expect_space()?;
        place.layout.create_temps()?;
        let (temps, secret) = (place.layout.temp_folder_for(folder), self.secret());
        let fits = Fits { most: place.largest(), document: None };
        let temp = peeked.pass(secret, |input| {
            let mut checksum = 0;
            let temp = write_with(&temps, &details, compression, secret, fits, |target| {
                let written = document::copy(input, target)?;
                checksum = written.checksum;
                Ok(written)
            })?;
            Ok((temp, checksum))
        });
        let temp = temp.map_err(|error| match TooLarge::of(&error) {
            Some(large) => {
                at_entry(Error::new(ErrorKind::LimitExceeded, format!("compressed with {compression}, {large}")))
            }
            None => at_entry(error),
        })?;

        let size = temp.len();
        let replaced = place.store.replace(folder, key, temp, peeked.stored(), self.is_durable());
        match replaced {
            Ok(Some(before)) => {
                self.engine().stored(&self.engine().accounting.counters(Some(folder), ""), key, Some(before), size);
                tracing::debug!(%key, %compression, before, size, "compressed again");
                Ok(Some(size))
            }
            // The new file may have been in place for a moment, so copies in memory are invalidated.
            undone => {
                self.engine().invalidate(key);
                undone
            }
        }
    }
}
