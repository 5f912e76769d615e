//! `FolderWatch`: tells whether a folder changed since it was listed.
//!
//! The modification time of a folder shows that a name was added or removed. Within the resolution of that time two changes
//! look like one, so a listing counts only if it began later than that after the time was first seen.

use std::fs;
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use crate::sys::file_id::{FileId, TrackedFile};

/// Longest time between two different modification times, if the file system records parts of a millisecond.
const FINE: Duration = Duration::from_millis(50);

/// The same, for other file systems. FAT counts two seconds.
const COARSE: Duration = Duration::from_secs(2);

/// What a look at a folder shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// There is no such folder. A link to a folder is none.
    Missing,
    /// Nothing changed since the folder was listed.
    Same,
    /// A listing that begins now shows the folder until it changes again.
    Settled,
    /// The folder changed a moment ago, so a listing may miss the next change.
    Unsettled,
}

/// Watches one folder.
#[derive(Default)]
pub(crate) struct FolderWatch {
    /// The open folder: looking at it is faster than looking at its path. Not every system can open folders.
    open: Option<TrackedFile>,
    stamp: Option<(Option<FileId>, SystemTime)>,
    /// When this stamp was first seen.
    first_seen: Option<Instant>,
    /// When the folder was listed.
    listed: Option<Instant>,
}

impl FolderWatch {
    /// Looks at the folder, which must be the same at each call.
    ///
    /// # Errors
    /// If it can't be looked at.
    pub(crate) fn look(&mut self, folder: &Path) -> io::Result<Look> {
        let metadata = match self.open.as_ref().and_then(|open| open.at(folder)) {
            Some(metadata) => metadata,
            None => {
                self.open = None;
                match fs::symlink_metadata(folder) {
                    Ok(metadata) if metadata.is_dir() => {
                        self.open = File::open(folder).ok().map(TrackedFile::new);
                        metadata
                    }
                    Ok(_) => return Ok(self.missing()),
                    Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                        return Ok(self.missing());
                    }
                    Err(error) => return Err(error),
                }
            }
        };
        let modified = metadata.modified()?;
        let stamp = Some((FileId::in_metadata(&metadata), modified));
        if self.stamp != stamp {
            (self.stamp, self.first_seen, self.listed) = (stamp, Some(Instant::now()), None);
            return Ok(Look::Unsettled);
        }
        let Some(first_seen) = self.first_seen else { return Ok(Look::Unsettled) };
        let resolution = resolution(modified);
        if self.listed.is_some_and(|listed| listed.saturating_duration_since(first_seen) > resolution) {
            return Ok(Look::Same);
        }
        Ok(if first_seen.elapsed() > resolution { Look::Settled } else { Look::Unsettled })
    }

    fn missing(&mut self) -> Look {
        *self = FolderWatch::default();
        Look::Missing
    }

    /// Records that the folder is listed from now on. Call this before the listing, and after [`look`](Self::look).
    pub(crate) fn lists(&mut self) {
        self.listed = Some(Instant::now());
    }

    /// Forgets the last listing.
    pub(crate) fn forget(&mut self) {
        self.listed = None;
    }
}

/// Returns how long two changes of a folder may have the same time.
fn resolution(modified: SystemTime) -> Duration {
    let since = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    if since.subsec_nanos().is_multiple_of(1_000_000) { COARSE } else { FINE }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::private_folder::create_private_folder;

    #[test]
    fn a_listing_counts_once_the_folder_is_settled() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("f");
        let mut watch = FolderWatch::default();
        assert_eq!(watch.look(&folder).unwrap(), Look::Missing);
        create_private_folder(&folder).unwrap();
        assert_eq!(watch.look(&folder).unwrap(), Look::Unsettled);
        watch.lists();
        // Right after the change, a listing may miss another change that has the same time.
        assert_ne!(watch.look(&folder).unwrap(), Look::Same);
        std::thread::sleep(COARSE + FINE);
        assert_eq!(watch.look(&folder).unwrap(), Look::Settled);
        watch.lists();
        assert_eq!(watch.look(&folder).unwrap(), Look::Same);
        File::create(folder.join("x")).unwrap();
        assert_eq!(watch.look(&folder).unwrap(), Look::Unsettled);
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(watch.look(&folder).unwrap(), Look::Missing);
        create_private_folder(&folder).unwrap();
        assert_eq!(watch.look(&folder).unwrap(), Look::Unsettled);
    }
}
