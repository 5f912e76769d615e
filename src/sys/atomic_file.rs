//! Publishing a file: it appears whole, by one rename, or not at all. Nothing else renames.

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

/// What is smaller stays in memory until it is complete, and is then written by one call. So a
/// value that turns out not to be representable has not touched the disk.
const SPILL_AT: usize = 1 << 20;

/// Bytes given to the system by one call.
const WRITTEN_AT_ONCE: usize = 1 << 20;

/// Space for arrays of as many bytes is taken before they are written.
const SMALLEST_ALLOCATED: u64 = 1 << 20;

/// Others may go on removing the folder that a file is to be put into.
const TRIES: u32 = 8;

/// Drafts have names that no two processes on any two hosts choose alike.
pub(crate) const TEMP_SUFFIX: &str = ".larder-draft";
const RANDOM_CHARACTERS: usize = 20;

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Its owner.
    Private,
    /// Whoever the file that it replaces lets read it; for a new one, what the umask allows.
    Inherited,
}

/// A file in the making. Dropped before [`publish`](TempFile::publish), it leaves nothing behind.
pub(crate) struct TempFile {
    folder: PathBuf,
    access: Access,
    /// Bytes that are not in the file yet.
    buffer: Vec<u8>,
    file: Option<NamedTempFile>,
    len: u64,
    /// Bytes that the file has been given, or 0.
    allocated: u64,
    /// Bytes that it may have.
    most: u64,
}

impl TempFile {
    /// A draft that lies in `folder`, which has to be on the file system of its target.
    pub(crate) fn new(folder: impl Into<PathBuf>, access: Access) -> Self {
        TempFile { folder: folder.into(), access, buffer: Vec::new(), file: None, len: 0, allocated: 0, most: u64::MAX }
    }

    /// Refuses what would make it longer.
    pub(crate) fn at_most(mut self, bytes: u64) -> Self {
        self.most = bytes;
        self
    }

    /// The folder of the cache that the file is made for.
    fn root(&self) -> Option<PathBuf> {
        self.folder.parent().filter(|_| self.access == Access::Private).map(Path::to_owned)
    }

    fn expect_room(&self, more: u64, is_all: bool) -> io::Result<()> {
        let len = self.len.saturating_add(more);
        if len <= self.most {
            return Ok(());
        }
        Err(TooLarge { size: is_all.then_some(len), limit: self.most }.into())
    }

    /// Bytes written so far.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Replaces the first bytes, of which at least as many must have been written.
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

    /// Gives the draft the name `target`, replacing what has it.
    ///
    /// `durable` waits until the content and the name have reached the disk.
    pub(crate) fn publish(self, target: &Path, durable: bool) -> Result<()> {
        self.publish_or(target, durable, |_| None).map(drop)
    }

    /// The same; if the system refuses that name, `elsewhere` may give another one. Gives the name that it has.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that publishes")]
    pub(crate) fn publish_or(
        mut self,
        target: &Path,
        durable: bool,
        elsewhere: impl FnMut(&io::Error) -> Option<PathBuf>,
    ) -> Result<PathBuf> {
        let file = self.complete(durable)?;
        let root = self.root();
        let put = self.put_in_place(file, target, elsewhere, |file, target| file.persist(target));
        let placed = put
            .and_then(|placed| fault_injection::point("in place").map(|()| placed))
            .map_err(|e| Error::io(e, "can't put the new file in place").at(target))?;
        if durable {
            sync_names(&placed, root.as_deref())?;
        }
        Ok(placed)
    }

    /// The same, unless something has that name: whether nothing had.
    #[cfg(feature = "archive")]
    pub(crate) fn publish_new(
        mut self,
        target: &Path,
        durable: bool,
        elsewhere: impl FnMut(&io::Error) -> Option<PathBuf>,
    ) -> Result<bool> {
        let file = self.complete(durable)?;
        match self.put_in_place(file, target, elsewhere, |file, target| file.persist_noclobber(target)) {
            Ok(placed) if durable => sync_names(&placed, self.root().as_deref()).map(|()| true),
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(Error::io(error, "can't put the new file in place").at(target)),
        }
    }

    /// Gives the draft the name `target`, if the file of that name is the `expected` one still, and this time of
    /// modification: whether it was. The two are exchanged in one step, which fails if nothing has that name. So what
    /// somebody removes meanwhile does not come back.
    ///
    /// # Errors
    /// If the system can't exchange two files in one step, too. What was there is there still.
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
            return if durable { sync_names(target, self.root().as_deref()).map(|()| true) } else { Ok(true) };
        }
        // Somebody has replaced it since it was looked at: that one is put back, or the one after it.
        while exchange(file.path(), target).map_err(failed)? {
            let next = identity(file.path());
            if next == put_in {
                break;
            }
            (put_in, taken_out) = (taken_out, next);
        }
        Ok(false)
    }

    /// All of it in its file, to be read.
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

    /// The file, with all that belongs into it.
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
            match target.parent().filter(|_| self.access == Access::Private) {
                // Somebody removed the target's folder since it was made. One of ours is made again.
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

    /// [`publish`](TempFile::publish) with the permissions of the file that is replaced. Durable, so that a power failure leaves
    /// the file that was replaced or the new one.
    pub(crate) fn publish_like(mut self, target: &Path, permissions: Option<fs::Permissions>) -> Result<()> {
        let file = match self.file.take() {
            Some(file) => file,
            None => self.create()?,
        };
        if let Some(permissions) = permissions {
            file.as_file()
                .set_permissions(permissions)
                .map_err(|e| Error::io(e, "can't set the permissions").at(target))?;
        }
        self.file = Some(file);
        self.publish(target, true)
    }

    fn create(&self) -> Result<NamedTempFile> {
        let failed = |e| Error::io(e, "can't create a file").at(&self.folder);
        let file = create_in(&self.folder, self.access).map_err(failed)?;
        fault_injection::point("created").map_err(failed)?;
        // Held until the draft is published or this process ends: it tells drafts from litter. Where
        // there are no locks, its age will have to.
        if self.access == Access::Private {
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
                // What another thread is summing is then still in a cache that both have.
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
    /// Takes the space for a large array at once: the file lies in one piece, and if the disk is too
    /// full, that shows before anything is written.
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
            // Where a file system does not offer it, the file grows as it is written.
            Err(_) => {}
        }
        self.file = Some(file);
        fault_injection::point("space taken")
    }
}

fn create_in(folder: &Path, access: Access) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".").suffix(TEMP_SUFFIX).rand_bytes(RANDOM_CHARACTERS);
    // tempfile's own default is 0600.
    #[cfg(unix)]
    if access == Access::Inherited {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let file = builder.tempfile_in(folder)?;
    if access == Access::Private {
        permissions::adopt_file(file.as_file(), file.path());
    }
    Ok(file)
}

/// A copy of a draft beside its target, which is on another file system. From now on drafts for that folder are made there.
fn beside(mut file: NamedTempFile, target: &Path) -> io::Result<NamedTempFile> {
    let folder = target.parent().unwrap_or(target);
    cross_device::note(folder);
    let mut copy = create_in(folder, Access::Private)?;
    let _ = whole_file::try_exclusive(copy.as_file());
    file.seek(SeekFrom::Start(0))?;
    io::copy(&mut file, &mut copy)?;
    // It happens once for each folder, so the copy may wait for the disk as its original did.
    copy.as_file().sync_all()?;
    Ok(copy)
}

fn spill(file: &mut NamedTempFile, buffer: &mut Vec<u8>) -> io::Result<()> {
    file.write_all(buffer)?;
    buffer.clear();
    Ok(())
}

/// Waits until the names that lead from `root` to `target` are on the disk: folders in between may be new. Without a root, the
/// name of `target` alone.
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

/// Writes a small file whole.
pub(crate) fn write(folder: &Path, target: &Path, access: Access, content: &[u8]) -> Result<()> {
    let mut temp = TempFile::new(folder, access);
    temp.write_all(content).map_err(|e| Error::io(e, "can't write").at(target))?;
    temp.publish(target, false)
}

/// The same of what is noted for people beside entries: that its folder takes no more names is no reason to store no entries.
pub(crate) fn write_note(temps: &Path, target: &Path, content: &[u8]) -> Result<()> {
    let mut temp = TempFile::new(temps, Access::Private);
    temp.write_all(content).map_err(|e| Error::io(e, "can't write").at(target))?;
    let mut is_full = false;
    let published = temp.publish_or(target, false, |error| {
        is_full = target.parent().is_some_and(|folder| is_folder_full(folder, error));
        None
    });
    if is_full { Ok(()) } else { published.map(drop) }
}

/// Creates a folder and those above it that are missing, for nobody but the owner.
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
