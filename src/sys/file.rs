//! Opening files safely, and ranges of files: read by several threads, or mapped into memory.
#![expect(unsafe_code, reason = "maps of files can't be had in safe code")]

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::path::Path;

use memmap2::{Mmap, MmapOptions};

use crate::error::{Error, ErrorKind, Result};
use crate::sys::permissions;

/// Opens a file for reading. Does not wait if the path is a pipe.
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

/// Opens a file for appending; creates it if it does not exist. Fails if the path is a pipe or a link.
pub(crate) fn append_now(path: &Path) -> io::Result<File> {
    open_or_make(path, File::options().append(true))
}

/// Opens a file; creates it with the permissions of its cache if it does not exist.
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

/// Opens one of larder's own files for reading. Does not follow a link, and does not wait for a pipe, that another user
/// may have planted at this path.
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

/// Opens one of larder's own files for reading and writing; creates it if it does not exist. Fails if the path is a
/// pipe or a link.
pub(crate) fn open_to_change(path: &Path) -> io::Result<File> {
    open_or_make(path, File::options().read(true).write(true))
}

/// Opens one of larder's own files for reading and writing. Does not follow a link, and does not wait for a pipe.
#[cfg(target_os = "linux")]
pub(crate) fn open_existing(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let flags = (rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW).bits().cast_signed();
    File::options().read(true).write(true).custom_flags(flags).open(path)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn open_existing(path: &Path) -> io::Result<File> {
    if std::fs::symlink_metadata(path)?.file_type().is_symlink() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a link"));
    }
    File::options().read(true).write(true).open(path)
}

/// Reads a small file, at most `limit` bytes.
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

    /// Returns a reader of the range, from its beginning.
    #[cfg(feature = "archive")]
    pub(crate) fn reader(&self) -> impl io::Read + use<'f> {
        RangeReader { range: *self, at: 0 }
    }

    /// Fills `target` with the bytes at offset `at` of the range.
    ///
    /// # Errors
    /// If the range or the file ends before.
    pub(crate) fn read_exact_at(&self, at: u64, target: &mut [u8]) -> Result<()> {
        if self.len().saturating_sub(at) < target.len() as u64 {
            return Err(Error::truncated());
        }
        read_exact_at(self.file, target, self.start + at).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Error::truncated(),
            _ => Error::io(error, "can't read"),
        })
    }
}

/// Reads a range from its beginning to its end.
#[cfg(feature = "archive")]
struct RangeReader<'f> {
    range: FileRange<'f>,
    at: u64,
}

#[cfg(feature = "archive")]
impl io::Read for RangeReader<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.range.len() - self.at).unwrap_or(usize::MAX);
        let len = target.len().min(left);
        let count = read_at(self.range.file, &mut target[..len], self.range.start + self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl FileRange<'_> {
    /// Maps the range into memory.
    ///
    /// # Errors
    /// If the system can't map it.
    pub(crate) fn map(&self) -> Result<Map> {
        let len = usize::try_from(self.len()).map_err(|_| {
            Error::new(ErrorKind::LimitExceeded, "the file is larger than this machine's memory can be")
        })?;
        // An empty range can't be mapped.
        if len == 0 {
            return Ok(Map(None));
        }
        let mut options = MmapOptions::new();
        options.offset(self.start).len(len);
        // SAFETY: the file must not change while it is mapped. The documentation of `larder::map` asks the user for
        // this. larder itself never writes to a published file, except to headers of segments and of their records,
        // which no range contains.
        let map = unsafe { options.map(self.file) }.map_err(|e| Error::io(e, "can't map"))?;
        Ok(Map(Some(map)))
    }
}

/// A part of a file in memory, read-only. Moving this value does not move the memory.
pub(crate) struct Map(Option<Mmap>);

impl Map {
    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }
}

/// Writes at an offset, independent of the file's position.
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

/// Fills `target` with the bytes at an offset, independent of the file's position. Returns how many there are before the
/// file ends.
pub(crate) fn read_up_to_at(file: &File, target: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut len = 0;
    while len < target.len() {
        match read_at(file, &mut target[len..], offset + len as u64) {
            Ok(0) => break,
            Ok(count) => len += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(len)
}

/// Fills `target` with the bytes at an offset.
///
/// # Errors
/// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) if the file ends before.
pub(crate) fn read_exact_at(file: &File, target: &mut [u8], offset: u64) -> io::Result<()> {
    match read_up_to_at(file, target, offset)? {
        len if len == target.len() => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Reads at an offset, independent of the file's position.
#[cfg(unix)]
fn read_at(file: &File, target: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, target, offset)
}

#[cfg(windows)]
fn read_at(file: &File, target: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, target, offset)
}

/// Returns whether `content` begins with `start`. A power failure may have cut the end of the content, or turned it
/// into zeros.
pub(crate) fn begins(content: &[u8], start: &[u8]) -> bool {
    let len = content.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1).min(start.len());
    content[..len] == start[..len]
}
