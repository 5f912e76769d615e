//! Atomic publication of files: a file appears complete, by one rename, or not at all. Only this file publishes;
//! `exchange` exchanges two files for it.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use fs2::FileExt;
use tempfile::{NamedTempFile, PersistError};

use crate::error::too_large::TooLarge;
use crate::error::{Error, Result};
use crate::sys::exchange::exchange;
use crate::sys::file_system::is_folder_full;
use crate::sys::lock::whole_file;
use crate::sys::{cross_device, fault_injection, permissions};

/// Content below this size, in bytes, stays in memory until it is complete, and is then written by one call. So if a
/// small value can't be encoded, nothing has been written.
const SPILL_AT: usize = 1 << 20;

/// Maximum bytes passed to the system by one call.
const WRITTEN_AT_ONCE: usize = 1 << 20;

/// Space for arrays of at least this size, in bytes, is allocated before they are written.
const SMALLEST_ALLOCATED: u64 = 1 << 20;

/// Maximum attempts to put a file in place. Another process may remove the target folder again and again.
const TRIES: u32 = 8;

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

    /// Renames the temporary file to `target`, replacing an existing file.
    ///
    /// With `durable`, waits until the content and the name have reached the disk.
    pub(crate) fn publish(self, target: &Path, durable: bool) -> Result<()> {
        self.publish_or(target, durable, |_| None).map(drop)
    }

    /// Publishes the file like [`publish`](TempFile::publish). If the system refuses the name, `elsewhere` may return
    /// another one. Returns the final path, and the size of the file that was replaced.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that publishes")]
    pub(crate) fn publish_or(
        mut self,
        target: &Path,
        durable: bool,
        elsewhere: impl FnMut(&io::Error) -> Option<PathBuf>,
    ) -> Result<(PathBuf, Option<u64>)> {
        let file = self.complete(durable)?;
        let root = self.root.take();
        let mut before = None;
        let put = self.put_in_place(file, target, elsewhere, |file, target| {
            before = fs::symlink_metadata(target).ok().map(|metadata| metadata.len());
            file.persist(target)
        });
        let placed = put
            .and_then(|placed| fault_injection::point("in place").map(|()| placed))
            .map_err(|e| Error::io(e, "can't put the new file in place").at(target))?;
        if durable {
            sync_names(&placed, root.as_deref())?;
        }
        Ok((placed, before))
    }

    /// Publishes the file like [`publish_or`](TempFile::publish_or), unless `target` exists. Returns whether the file
    /// was published.
    #[cfg(feature = "archive")]
    pub(crate) fn publish_new(
        mut self,
        target: &Path,
        durable: bool,
        elsewhere: impl FnMut(&io::Error) -> Option<PathBuf>,
    ) -> Result<bool> {
        let file = self.complete(durable)?;
        match self.put_in_place(file, target, elsewhere, |file, target| file.persist_noclobber(target)) {
            Ok(placed) if durable => sync_names(&placed, self.root.as_deref()).map(|()| true),
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(Error::io(error, "can't put the new file in place").at(target)),
        }
    }

    /// Replaces `target` by this file, if `target` is still the `expected` file. Sets the modification time to
    /// `modified`. Returns whether it was replaced. The two files are exchanged in one step, which fails if `target`
    /// does not exist. So a file that another process removes at the same time does not come back.
    ///
    /// # Errors
    /// Also if the system can't exchange two files in one step. The old file is then unchanged.
    pub(crate) fn replace<I: PartialEq>(
        mut self,
        target: &Path,
        expected: &I,
        identity: impl Fn(&Path) -> Option<I>,
        modified: SystemTime,
        durable: bool,
    ) -> Result<bool> {
        let mut file = self.complete(durable)?;
        let failed = |e| Error::io(e, "can't put the new file in place").at(target);
        file.as_file().set_modified(modified).map_err(failed)?;
        if identity(target).as_ref() != Some(expected) {
            return Ok(false);
        }
        let mut put_in = identity(file.path());
        let exchanged = match exchange(file.path(), target) {
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                file = beside(file, target).map_err(failed)?;
                file.as_file().set_modified(modified).map_err(failed)?;
                put_in = identity(file.path());
                exchange(file.path(), target)
            }
            exchanged => exchanged,
        };
        if !exchanged.map_err(failed)? {
            return Ok(false);
        }
        let mut taken_out = identity(file.path());
        if taken_out.as_ref() == Some(expected) {
            return if durable { sync_names(target, self.root.as_deref()).map(|()| true) } else { Ok(true) };
        }
        // Another process replaced the file after it was checked. Put that file back, or the one that replaced it by
        // then.
        while exchange(file.path(), target).map_err(failed)? {
            let next = identity(file.path());
            if next == put_in {
                break;
            }
            (put_in, taken_out) = (taken_out, next);
        }
        Ok(false)
    }

    /// Writes everything to the file, and opens it for reading.
    #[cfg(feature = "archive")]
    pub(crate) fn reopen(&mut self) -> Result<File> {
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

    fn put_in_place(
        &self,
        mut file: NamedTempFile,
        target: &Path,
        mut elsewhere: impl FnMut(&io::Error) -> Option<PathBuf>,
        mut persist: impl FnMut(NamedTempFile, &Path) -> Result<File, PersistError>,
    ) -> io::Result<PathBuf> {
        let mut target = target.to_owned();
        let (mut is_beside, mut is_elsewhere) = (false, false);
        for _ in 1..TRIES {
            let Err(failed) = persist(file, &target) else { return Ok(target) };
            file = failed.file;
            let kind = failed.error.kind();
            match target.parent().filter(|_| self.kind == FileKind::CacheFile) {
                // Another process removed the target's folder. Create it again if it belongs to a cache.
                Some(folder) if kind == io::ErrorKind::NotFound => {
                    create_private_folder(folder).map_err(io::Error::from)?;
                }
                // Another file system is mounted there.
                Some(_) if kind == io::ErrorKind::CrossesDevices && !is_beside => {
                    file = beside(file, &target)?;
                    is_beside = true;
                }
                _ => match elsewhere(&failed.error).filter(|_| !is_elsewhere) {
                    Some(other) => (target, is_elsewhere) = (other, true),
                    None => return Err(failed.error),
                },
            }
        }
        persist(file, &target).map(|_| target).map_err(|failed| failed.error)
    }

    /// Publishes the file like [`publish`](TempFile::publish), with the permissions of the file that it replaces.
    ///
    /// Durable if it replaces a file, so that after a power failure either the old file or the new one is there. A new
    /// file is not synced: there is nothing to lose, and syncing takes two thirds of the time of writing 128 MB.
    pub(crate) fn publish_like(mut self, target: &Path, permissions: Option<fs::Permissions>) -> Result<()> {
        let file = match self.file.take() {
            Some(file) => file,
            None => self.create()?,
        };
        let replaces = permissions.is_some() || target.exists();
        if let Some(permissions) = permissions {
            file.as_file()
                .set_permissions(permissions)
                .map_err(|e| Error::io(e, "can't set the permissions").at(target))?;
        }
        self.file = Some(file);
        self.publish(target, replaces)
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

impl TempFile {
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

/// Copies a temporary file next to its target, which is on another file system. From now on, temporary files for that
/// folder are created there.
fn beside(mut file: NamedTempFile, target: &Path) -> io::Result<NamedTempFile> {
    let folder = target.parent().unwrap_or(target);
    cross_device::note(folder);
    let mut copy = create_in(folder, FileKind::CacheFile)?;
    let _ = whole_file::try_exclusive(copy.as_file());
    file.seek(SeekFrom::Start(0))?;
    io::copy(&mut file, &mut copy)?;
    // This happens once per folder, so waiting for the disk is acceptable even if the caller did not ask for
    // durability.
    copy.as_file().sync_all()?;
    Ok(copy)
}

fn spill(file: &mut NamedTempFile, buffer: &mut Vec<u8>) -> io::Result<()> {
    file.write_all(buffer)?;
    buffer.clear();
    Ok(())
}

/// Waits until the names on the path from `root` to `target` are on the disk, because folders in between may be new.
/// Without a root, only the name of `target`.
fn sync_names(target: &Path, root: Option<&Path>) -> Result<()> {
    for folder in target.ancestors().skip(1) {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        sync_folder(folder)
            .and_then(|()| fault_injection::point("folder synced"))
            .map_err(|e| Error::io(e, "can't sync the folder").at(folder))?;
        if root.is_none_or(|root| root == folder || !folder.starts_with(root)) {
            break;
        }
    }
    Ok(())
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Windows has no such call, and needs none: NTFS journals the rename.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
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

/// Creates a folder and its missing parents, accessible only to the owner, or as a shared cache prescribes.
pub(crate) fn create_private_folder(path: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    let is_missing = |folder: &&Path| !folder.as_os_str().is_empty() && fs::symlink_metadata(folder).is_err();
    let missing: Vec<&Path> =
        if permissions::is_tended(path) { path.ancestors().take_while(is_missing).collect() } else { Vec::new() };
    builder.create(path).map_err(|e| Error::io(e, "can't create the folder").at(path))?;
    missing.iter().rev().for_each(|folder| permissions::adopt_folder(folder));
    Ok(())
}
