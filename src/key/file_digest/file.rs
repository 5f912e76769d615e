//! Computes the digest of one file.

use std::fs::{self, File, Metadata};
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::key::digest::Key;
use crate::key::file_digest::remembered::{Seen, Stamp, recall, remember};
use crate::key::file_digest::state::{State, Trust};
use crate::key::hashing::parallel_blake3::{Scratch, Source, Take, Tree};
use crate::sys::file::{FileRange, open_entry, open_now};

/// Bytes per read.
const READ: usize = 256 << 10;

/// Whether a symbolic link is followed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Links {
    Followed,
    Refused,
}

/// Opens a regular file. Checks the type first: opening a pipe could block, and opening a device could change it.
fn open(path: &Path, links: Links) -> Result<(File, Metadata)> {
    let look = if links == Links::Followed { fs::metadata(path) } else { fs::symlink_metadata(path) };
    expect_file(&look.map_err(|e| Error::io(e, "can't open"))?)?;
    let file = if links == Links::Followed { open_now(path) } else { open_entry(path) };
    let file = file.map_err(|e| Error::io(e, "can't open"))?;
    let metadata = file.metadata().map_err(unreadable)?;
    // Another file may have replaced it.
    expect_file(&metadata)?;
    Ok((file, metadata))
}

fn unreadable(error: std::io::Error) -> Error {
    Error::io(error, "can't read")
}

fn expect_file(metadata: &Metadata) -> Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    let what = "this is a device, a pipe or a socket; only files and folders have a digest";
    Err(Error::new(ErrorKind::InvalidInput, what))
}

/// Returns the file's current state, and whether every later change will alter that state.
pub(super) fn stamp(path: &Path) -> Result<(Stamp, bool)> {
    let (file, metadata) = open(path, Links::Followed)?;
    let trust = Trust::of(&file);
    let state = State::of(&metadata, trust);
    Ok((Stamp::File(state), state.tells(trust)))
}

/// Returns the digest of the file at `place`; `None` if the file changed while it was read. The digest is remembered if
/// the file has at least `worth_remembering` bytes.
pub(super) fn read(path: &Path, place: PathBuf, links: Links, worth_remembering: u64) -> Result<Option<Seen>> {
    let (file, metadata) = open(path, links)?;
    let trust = Trust::of(&file);
    if trust == Trust::Made {
        let what = "the system makes what is read of this file, so it has no digest; read it, and take what it holds as \
                    the argument";
        return Err(Error::new(ErrorKind::InvalidInput, what));
    }
    let state = State::of(&metadata, trust);
    // Before reading, so that a change during the read is noticed.
    let tells = state.tells(trust);
    let stamp = Stamp::File(state);
    if let Some(digest) = recall(&place, stamp) {
        return Ok(Some(Seen { digest, stamp, tells }));
    }
    let digest = content(&file, state.size())?;
    if State::of(&file.metadata().map_err(unreadable)?, trust) != state {
        return Ok(None);
    }
    let Some(digest) = digest else {
        let what = "the file has another length than its file system says, so it has no digest; read it, and take what it \
                    holds as the argument";
        return Err(Error::new(ErrorKind::InvalidInput, what));
    };
    let seen = Seen { digest, stamp, tells };
    if state.size() >= worth_remembering {
        remember(place, &seen);
    }
    Ok(Some(seen))
}

/// Returns the BLAKE3 of the content; `None` if its length is not `size`.
fn content(file: &File, size: u64) -> Result<Option<Key>> {
    #[cfg(test)]
    crate::key::file_digest::remembered::READS.with(|reads| reads.set(reads.get() + 1));
    let mut tree = Tree::new();
    match tree.update_from(&Content { range: FileRange::new(file, 0, size), size }) {
        Err(error) if error.kind() == ErrorKind::Truncated => return Ok(None),
        result => result?,
    }
    match FileRange::new(file, size, size.saturating_add(1)).read_exact_at(0, &mut [0]) {
        Ok(()) => Ok(None),
        Err(error) if error.kind() == ErrorKind::Truncated => Ok(Some(tree.digest())),
        Err(error) => Err(error),
    }
}

/// The content of a file, readable at any offset.
struct Content<'f> {
    range: FileRange<'f>,
    size: u64,
}

impl Source for Content<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn part(&self, range: Range<u64>, scratch: &mut Scratch, target: &mut impl Take) -> Result<()> {
        let mut at = range.start;
        while at < range.end {
            let count = usize::try_from(range.end - at).unwrap_or(READ).min(READ);
            scratch.first.resize(count, 0);
            self.range.read_exact_at(at, &mut scratch.first)?;
            target.take(&scratch.first);
            at += count as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_length_is_detected() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        crate::sys::atomic_file::write(folder.path(), &path, crate::sys::atomic_file::FileKind::CacheFile, &[7; 1000])
            .unwrap();
        let file = File::open(&path).unwrap();
        let of = |size| content(&file, size).unwrap();
        assert_eq!(of(1000).unwrap().as_bytes(), blake3::hash(&[7; 1000]).as_bytes());
        assert!([0, 999, 1001, 4096, u64::MAX].into_iter().all(|size| of(size).is_none()));
    }
}
