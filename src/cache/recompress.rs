//! Compressing an entry anew, while others use the cache. DESIGN.md says why nothing comes back that was removed.

use crate::cache::Cache;
use crate::error::too_large::TooLarge;
use crate::error::{Error, ErrorKind, Result};
use crate::format::compress::Compression;
use crate::format::document;
use crate::store::entries::Entry;
use crate::store::read::Peeked;
use crate::store::write::{Fits, write_with};

impl Cache {
    /// Compresses an entry with another method, and gives the size of its file in bytes then. What it says stays the same,
    /// and so do the times at which it was computed and used; an entry that has this method and level is left as it is.
    /// It takes little memory, however large the value is.
    ///
    /// `None` if it is not done: the entry is gone or was replaced meanwhile, or somebody computes that call just now.
    /// Other threads and processes may use the cache, and what they remove stays removed.
    ///
    /// # Errors
    /// If the entry is damaged or can't be read, the compressor is not in this build or has no such level, or the file
    /// system can't exchange two files in one step (Linux does, on local disks): the entry is as it was then.
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded) if it would be larger than
    /// [`max_bytes`](crate::CacheBuilder::max_bytes); [`InvalidInput`](crate::ErrorKind::InvalidInput) for an entry of another cache,
    /// [`ReadOnly`](crate::ErrorKind::ReadOnly).
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
        // Held until the new file is in place: meanwhile nobody stores another one, who waits for his turn.
        let lead = self.flights().map(|flights| flights.exclude(key, &entry.function, false));
        if matches!(lead, Some(None)) {
            return Ok(None);
        }
        let Some(mut peeked) = Peeked::open(&*place.store, folder, key)? else { return Ok(None) };
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
        place.layout.create_drafts()?;
        let (drafts, secret) = (place.layout.drafts_for(folder), self.secret());
        let fits = Fits { most: place.largest(), document: None };
        let draft = peeked.pass(secret, |input| {
            let mut checksum = 0;
            let draft = write_with(&drafts, &details, compression, secret, fits, |target| {
                let written = document::copy(input, target)?;
                checksum = written.checksum;
                Ok(written)
            })?;
            Ok((draft, checksum))
        });
        let draft = draft.map_err(|error| match TooLarge::of(&error) {
            Some(large) => {
                at_entry(Error::new(ErrorKind::LimitExceeded, format!("compressed with {compression}, {large}")))
            }
            None => at_entry(error),
        })?;

        let size = draft.len();
        let replaced = place.store.replace(folder, key, draft, peeked.file(), self.is_durable());
        match replaced {
            Ok(Some(before)) => {
                self.engine().stored(&self.engine().accounting.counters(Some(folder), ""), key, Some(before), size);
                tracing::debug!(%key, %compression, before, size, "compressed anew");
                Ok(Some(size))
            }
            // It may have been in place for a moment.
            undone => {
                self.engine().invalidate(key);
                undone
            }
        }
    }
}
