//! Puts a complete temporary file in place, in one step.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tempfile::{NamedTempFile, PersistError};

use crate::error::{Error, Result};
use crate::sys::atomic_file::{FileKind, TempFile, create_in};
use crate::sys::exchange::exchange;
use crate::sys::lock::whole_file;
use crate::sys::private_folder::create_private_folder;
use crate::sys::{cross_device, fault_injection};

/// Maximum attempts to put a file in place. Another process may remove the target folder again and again.
const TRIES: u32 = 8;

impl TempFile {
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
