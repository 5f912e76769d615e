//! Entries in a tar archive, to carry them from one cache to another.
//!
//! The archive has the files of entries under their paths in the cache, from `v1` on, and before the first one of a
//! function what is known of it: `function.json` and `code-….json`. Any tool for tar files reads it. Whoever imports it
//! believes nothing that it says.

pub(crate) mod name;
pub(crate) mod pack;
pub(crate) mod unpack;

use std::io::{Read, Write};

use serde::Serialize;

use crate::cache::handle::Cache;
use crate::error::{Error, ErrorKind, Result};
use crate::store::entries::Entry;

/// What [`Cache::export`] or [`Cache::import`] carried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ArchiveReport {
    /// Entries that were carried.
    pub entries: u64,
    /// Bytes of their files.
    pub bytes: u64,
    /// Entries that were there already: those that are there are left as they are.
    pub skipped: u64,
    /// Files that were left out, as they can't be used.
    pub refused: u64,
    /// Which, and why: the first thousand.
    pub faults: Vec<String>,
}

/// So many faults are told.
const MOST_FAULTS: usize = 1000;

impl ArchiveReport {
    fn refuse(&mut self, name: &str, why: &dyn std::fmt::Display) {
        self.refused += 1;
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(format!("{name}: {why}"));
        }
    }
}

impl Cache {
    /// Writes entries into an archive, an uncompressed tar file, which [`import`](Cache::import) reads. Entries that
    /// can't be read are left out; those that vanish meanwhile were never there.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) for an entry of another cache, and what `writer` reports.
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

    /// Takes in the entries of an archive that [`export`](Cache::export) wrote, and leaves those that are there already.
    ///
    /// An entry is looked at as a whole before it is stored: its checksums fit, it has the key that its file is called
    /// after, and the cache's [secret](crate::CacheBuilder::secret) if there is one. All else in the archive is left out.
    /// Without a secret, whoever made the archive is believed to have computed what it says, as with any folder
    /// that is used as a cache.
    ///
    /// # Errors
    /// [`Truncated`](ErrorKind::Truncated) or [`Damaged`](ErrorKind::Damaged) if the archive can't be read to its end: what was
    /// imported until then stays, and the message says how much. [`ReadOnly`](ErrorKind::ReadOnly), and what the file
    /// system and `reader` report.
    pub fn import(&self, mut reader: impl Read) -> Result<ArchiveReport> {
        let Some(place) = self.writable()? else {
            return Err(Error::new(ErrorKind::ReadOnly, "the cache is off: there is nothing to import into"));
        };
        unpack::unpack(self, place, &mut reader)
    }
}
