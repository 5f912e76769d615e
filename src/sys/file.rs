//! A part of a file, which several threads may read at once, or which is mapped into memory.
#![expect(unsafe_code, reason = "maps of files can't be had in safe code")]

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::path::Path;

use memmap2::{Mmap, MmapOptions};

use crate::error::{Error, ErrorKind, Result};
use crate::sys::permissions;

/// Opens a file for reading. If a pipe is there instead, this does not wait for its writer.
#[cfg(target_os = "linux")]
pub(crate) fn open_now(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    File::options().read(true).custom_flags(flags).open(path)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn open_now(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Opens a file to write at its end, and makes it if it is not there. A pipe or a link in its place is
/// an error.
pub(crate) fn append_now(path: &Path) -> io::Result<File> {
    open_or_make(path, File::options().append(true))
}

/// Opens a file, and makes it if it is not there, as the files of its cache are.
fn open_or_make(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.custom_flags((rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW).bits().cast_signed());
    }
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        opened => return opened,
    }
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, permissions::file_mode(path));
    match options.create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => options.create_new(false).open(path),
        made => made.inspect(|file| permissions::adopt_file(file, path)),
    }
}

/// Opens a file of ours for reading: a link or a pipe that somebody planted in its place is neither followed nor
/// waited for.
#[cfg(target_os = "linux")]
pub(crate) fn open_entry(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let flags = (rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW).bits().cast_signed();
    File::options().read(true).custom_flags(flags).open(path)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn open_entry(path: &Path) -> io::Result<File> {
    if std::fs::symlink_metadata(path)?.file_type().is_symlink() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a link"));
    }
    File::open(path)
}

/// Opens a file of ours to change parts of it, and makes it if it is not there. A pipe or a link in its place is
/// an error.
pub(crate) fn open_to_change(path: &Path) -> io::Result<File> {
    open_or_make(path, File::options().read(true).write(true))
}

/// Reads a small file, and no more of it than it may have.
pub(crate) fn read_now(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_now(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The bytes of a file from one offset to another.
#[derive(Clone, Copy)]
pub(crate) struct FileRange<'f> {
    file: &'f File,
    start: u64,
    end: u64,
}

impl<'f> FileRange<'f> {
    pub(crate) fn new(file: &'f File, start: u64, end: u64) -> Self {
        FileRange { file, start, end: end.max(start) }
    }

    pub(crate) fn len(&self) -> u64 {
        self.end - self.start
    }

    /// Fills `target` with what begins `at` bytes after the beginning of the range.
    ///
    /// # Errors
    /// If the range or the file ends before.
    pub(crate) fn read_exact_at(&self, at: u64, target: &mut [u8]) -> Result<()> {
        if self.len().saturating_sub(at) < target.len() as u64 {
            return Err(Error::truncated());
        }
        let (mut offset, mut target) = (self.start + at, target);
        while !target.is_empty() {
            match read_at(self.file, target, offset) {
                Ok(0) => return Err(Error::truncated()),
                Ok(count) => {
                    offset += count as u64;
                    target = &mut target[count..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io(error, "can't read")),
            }
        }
        Ok(())
    }
}

impl FileRange<'_> {
    /// Maps the range into memory.
    ///
    /// # Errors
    /// If the system can't.
    pub(crate) fn map(&self) -> Result<Map> {
        let len = usize::try_from(self.len()).map_err(|_| {
            Error::new(ErrorKind::LimitExceeded, "the file is larger than this machine's memory can be")
        })?;
        // Nothing can't be mapped.
        if len == 0 {
            return Ok(Map(None));
        }
        let mut options = MmapOptions::new();
        options.offset(self.start).len(len);
        // SAFETY: the file must not change while it is mapped. That is asked of the user, in the
        // documentation of `larder::map`; larder itself never writes into a published file.
        let map = unsafe { options.map(self.file) }.map_err(|e| Error::io(e, "can't map"))?;
        Ok(Map(Some(map)))
    }
}

/// A part of a file in memory, read-only. It stays where it is, wherever this is moved.
pub(crate) struct Map(Option<Mmap>);

impl Map {
    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }
}

/// Writes at an offset, whatever the position of the file is.
#[cfg(unix)]
pub(crate) fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

#[cfg(windows)]
pub(crate) fn write_all_at(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let count = std::os::windows::fs::FileExt::seek_write(file, bytes, offset)?;
        bytes = &bytes[count..];
        offset += count as u64;
    }
    Ok(())
}

/// Reads at an offset, whatever the position of the file is.
#[cfg(unix)]
fn read_at(file: &File, target: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, target, offset)
}

#[cfg(windows)]
fn read_at(file: &File, target: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, target, offset)
}
