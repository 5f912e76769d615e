//! Exports entries to a tar archive, and imports them into another cache.
//!
//! The archive contains the files of entries under their paths in the cache, which begin with `v1`. The files that
//! describe a function (`function.json` and `code-….json`) come before its first entry. Any tar program can read the
//! archive. An import trusts nothing in it.
//!
//! Read `name` first (which names are allowed), then `pack` (export) and `unpack` (import).

pub(crate) mod name;
pub(crate) mod pack;
pub(crate) mod report;
pub(crate) mod unpack;

use std::io::{Read, Write};

use crate::cache::archive::report::ArchiveReport;
use crate::cache::handle::Cache;
use crate::error::{Error, ErrorKind, Result};
use crate::store::entry::Entry;

impl Cache {
    /// Writes entries to an archive, an uncompressed tar file, which [`import`](Cache::import) reads. Entries that
    /// can't be read are left out and reported as refused. Entries that are removed during the export are left out
    /// without a report.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) for an entry of another cache, and errors of `writer`.
    ///
    /// ```
    /// # let (here, there) = (tempfile::tempdir()?, tempfile::tempdir()?);
    /// let cache = larder::Cache::open(here.path())?;
    /// cache.get_or_compute("answer", &(), || 42);
    ///
    /// let mut archive = Vec::new();
    /// cache.export(cache.entries()?, &mut archive)?;
    ///
    /// let other = larder::Cache::open(there.path())?;
    /// assert_eq!(other.import(&*archive)?.entries, 1);
    /// assert_eq!(other.get_or_compute("answer", &(), || 43), 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn export(&self, entries: impl IntoIterator<Item = Entry>, mut writer: impl Write) -> Result<ArchiveReport> {
        let mut packer = pack::Packer::new(&mut writer);
        if let Some(place) = self.place() {
            for entry in entries {
                packer.add(place, &entry)?;
            }
        }
        packer.finish()
    }

    /// Imports the entries of an archive that [`export`](Cache::export) wrote. Entries that the cache has already are
    /// not changed.
    ///
    /// Each entry is checked completely before it is stored: its checksums must match, it must have the key in its
    /// file name, and if the cache has a [secret](crate::CacheBuilder::secret), it must be authenticated with it.
    /// Other files in the archive are left out. Without a secret, the author of the archive is trusted to have
    /// computed the results, as for any folder that is used as a cache.
    ///
    /// # Errors
    /// [`Truncated`](ErrorKind::Truncated) or [`Damaged`](ErrorKind::Damaged) if the archive can't be read to its end.
    /// The entries before that point stay imported, and the message says how many they are.
    /// [`ReadOnly`](ErrorKind::ReadOnly) if the cache is read-only or off. Errors of the file system and of `reader`.
    pub fn import(&self, mut reader: impl Read) -> Result<ArchiveReport> {
        let Some(place) = self.writable()? else {
            return Err(Error::new(ErrorKind::ReadOnly, "the cache is off: there is nothing to import into"));
        };
        unpack::unpack(self, place, &mut reader)
    }
}
