//! Atomic publication of files: a file appears complete, by one rename, or not at all. Only this folder publishes;
//! `exchange` exchanges two files for it.
//!
//! A `TempFile` is written here. `publish` puts it in place.

mod publish;

use std::fs;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use fs2::FileExt;
use tempfile::NamedTempFile;

use crate::error::too_large::TooLarge;
use crate::error::{Error, Result};
use crate::sys::file_system::is_folder_full;
use crate::sys::lock::whole_file;
use crate::sys::{fault_injection, permissions};

/// Content below this size, in bytes, stays in memory until it is complete, and is then written by one call. So if a
/// small value can't be encoded, nothing has been written.
const SPILL_AT: usize = 1 << 20;

/// Maximum bytes passed to the system by one call.
const WRITTEN_AT_ONCE: usize = 1 << 20;

/// Space for arrays of at least this size, in bytes, is allocated before they are written.
const SMALLEST_ALLOCATED: u64 = 1 << 20;

/// Suffix of temporary files. Their names are random, so no two processes on any two hosts choose the same one.
pub(crate) const TEMP_SUFFIX: &str = ".larder-draft";
const RANDOM_CHARACTERS: usize = 20;

/// What a file is for. It decides its permissions, whether a writer locks it, and whether its missing folder is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// A file of a cache: accessible to its owner, or as a shared cache prescribes.
    CacheFile,
    /// A file of the user's: accessible to those who may access the file that it replaces; if it is new, as the umask
    /// allows.
    UserFile,
}

/// A temporary file. It is removed if it is dropped before [`publish`](TempFile::publish).
pub(crate) struct TempFile {
    folder: PathBuf,
    kind: FileKind,
    /// Bytes that are not in the file yet.
    buffer: Vec<u8>,
    file: Option<NamedTempFile>,
    len: u64,
    /// Bytes allocated for the file, or 0.
    allocated: u64,
    /// Maximum length in bytes.
    most: u64,
    /// A durable publication syncs the folders from the target up to this one.
    root: Option<PathBuf>,
}

impl TempFile {
    /// Creates a temporary file in `folder`, which must be on the file system of the target.
    pub(crate) fn new(folder: impl Into<PathBuf>, kind: FileKind) -> Self {
        let (folder, buffer) = (folder.into(), Vec::new());
        TempFile { folder, kind, buffer, file: None, len: 0, allocated: 0, most: u64::MAX, root: None }
    }

    /// Sets the maximum length in bytes. Writing more is an error.
    pub(crate) fn at_most(mut self, bytes: u64) -> Self {
        self.most = bytes;
        self
    }

    /// Sets the root of the cache that the file is made for. A durable publication syncs all folders up to it.
    pub(crate) fn set_root(&mut self, root: &Path) {
        self.root = Some(root.to_owned());
    }

    /// Returns the folder in which the file is created.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the whole content if it has at most `most` bytes, and no file was created for it.
    pub(crate) fn in_memory(&self, most: usize) -> Option<&[u8]> {
        (self.file.is_none() && self.buffer.len() <= most).then_some(&self.buffer)
    }

    fn expect_room(&self, more: u64, is_all: bool) -> io::Result<()> {
        let len = self.len.saturating_add(more);
        if len <= self.most {
            return Ok(());
        }
        Err(TooLarge { size: is_all.then_some(len), limit: self.most }.into())
    }

    /// Returns the number of bytes written so far.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Allocates the space for a large array at once. The file is then contiguous on disk, and a full disk is noticed
    /// before anything is written.
    pub(crate) fn reserve(&mut self, bytes: u64) -> io::Result<()> {
        self.expect_room(bytes, true)?;
        if bytes < SMALLEST_ALLOCATED {
            return Ok(());
        }
        let mut file = match self.file.take() {
            Some(file) => file,
            None => self.create()?,
        };
        spill(&mut file, &mut self.buffer)?;
        let end = self.len.saturating_add(bytes);
        match FileExt::allocate(file.as_file(), end) {
            Ok(()) => self.allocated = self.allocated.max(end),
            Err(error) if error.kind() == io::ErrorKind::StorageFull => return Err(error),
            // If the file system does not support it, the file grows as it is written.
            Err(_) => {}
        }
        self.file = Some(file);
        fault_injection::point("space taken")
    }

    /// Replaces the first bytes. At least as many must have been written.
    pub(crate) fn overwrite_start(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.file {
            None => self.buffer[..bytes.len()].copy_from_slice(bytes),
            Some(file) => {
                spill(file, &mut self.buffer)
                    .and_then(|()| file.seek(SeekFrom::Start(0)))
                    .and_then(|_| file.write_all(bytes))
                    .and_then(|()| file.seek(SeekFrom::End(0)))
                    .and_then(|_| fault_injection::point("header in place"))
                    .map_err(|e| Error::io(e, "can't write").at(file.path()))?;
            }
        }
        Ok(())
    }

    /// Writes everything to the file, and opens it for reading.
    #[cfg(feature = "archive")]
    pub(crate) fn reopen(&mut self) -> Result<fs::File> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => self.create()?,
        };
        spill(&mut file, &mut self.buffer).map_err(|e| Error::io(e, "can't write").at(file.path()))?;
        let reopened = file.reopen().map_err(|e| Error::io(e, "can't open").at(file.path()))?;
        self.file = Some(file);
        Ok(reopened)
    }

    /// Writes everything to the file, and returns it.
    fn complete(&mut self, durable: bool) -> Result<NamedTempFile> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => self.create()?,
        };
        spill(&mut file, &mut self.buffer)
            .and_then(|()| if self.allocated > self.len { file.as_file().set_len(self.len) } else { Ok(()) })
            .and_then(|()| fault_injection::point("written"))
            .map_err(|e| Error::io(e, "can't write").at(file.path()))?;
        if durable {
            let synced = file.as_file().sync_all().and_then(|()| fault_injection::point("synced"));
            synced.map_err(|e| Error::io(e, "can't sync").at(file.path()))?;
        }
        Ok(file)
    }

    fn create(&self) -> Result<NamedTempFile> {
        let failed = |e| Error::io(e, "can't create a file").at(&self.folder);
        let file = create_in(&self.folder, self.kind).map_err(failed)?;
        fault_injection::point("created").map_err(failed)?;
        // The lock is held until the file is published or this process ends. It distinguishes temporary files in use
        // from orphaned ones. If the file system has no locks, the file's age decides.
        if self.kind == FileKind::CacheFile {
            let _ = whole_file::try_exclusive(file.as_file());
        }
        fault_injection::point("locked").map_err(failed)?;
        Ok(file)
    }
}

impl Write for TempFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.expect_room(bytes.len() as u64, false)?;
        if self.file.is_none() && self.buffer.len() + bytes.len() > SPILL_AT {
            self.file = Some(self.create()?);
        }
        match &mut self.file {
            None => self.buffer.extend_from_slice(bytes),
            Some(file) => {
                spill(file, &mut self.buffer)?;
                // In pieces: another thread may be hashing the same bytes, which are then still in a shared cache.
                bytes.chunks(WRITTEN_AT_ONCE).try_for_each(|bytes| {
                    file.write_all(bytes)?;
                    fault_injection::point("piece written")
                })?;
            }
        }
        self.len += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn create_in(folder: &Path, kind: FileKind) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".").suffix(TEMP_SUFFIX).rand_bytes(RANDOM_CHARACTERS);
    // tempfile's own default is 0600.
    #[cfg(unix)]
    if kind == FileKind::UserFile {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let file = builder.tempfile_in(folder)?;
    if kind == FileKind::CacheFile {
        permissions::adopt_file(file.as_file(), file.path());
    }
    Ok(file)
}

fn spill(file: &mut NamedTempFile, buffer: &mut Vec<u8>) -> io::Result<()> {
    file.write_all(buffer)?;
    buffer.clear();
    Ok(())
}

/// Writes a small file atomically.
pub(crate) fn write(folder: &Path, target: &Path, kind: FileKind, content: &[u8]) -> Result<()> {
    let mut temp = TempFile::new(folder, kind);
    temp.write_all(content).map_err(|e| Error::io(e, "can't write").at(target))?;
    temp.publish(target, false)
}

/// Writes a file that only informs users. If its folder can't take more names, that is not an error: entries can still
/// be stored.
pub(crate) fn write_note(temps: &Path, target: &Path, content: &[u8]) -> Result<()> {
    let mut temp = TempFile::new(temps, FileKind::CacheFile);
    temp.write_all(content).map_err(|e| Error::io(e, "can't write").at(target))?;
    let mut is_full = false;
    let published = temp.publish_or(target, false, |error| {
        is_full = target.parent().is_some_and(|folder| is_folder_full(folder, error));
        None
    });
    if is_full { Ok(()) } else { published.map(drop) }
}
