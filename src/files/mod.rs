//! Reads and writes values in single files and streams: `dump` and `load`.
//!
//! `mapped` maps values from files without copying them: `map`. `stream_file` writes any content into a file.
//! `roundtrip_check` refuses values that their own encoding would change, and `equality` compares values for it.

pub(crate) mod equality;
pub(crate) mod mapped;
pub(crate) mod roundtrip_check;
#[cfg(feature = "archive")]
mod stream_file;

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Read as _, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorKind, Result};
use crate::files::roundtrip_check::Comparison;
use crate::format::cbor::reader::{ByteReader, WINDOW};
use crate::format::compress::compression::Compression;
use crate::format::compress::decompressed::{believed_content, more_than_one};
use crate::format::document;
use crate::format::target::{Plain, Target};
use crate::sys::atomic_file::{FileKind, TempFile};
use crate::sys::file::FileRange;

const READ_BUFFER: usize = 256 << 10;

/// Writes a value to a file, with the compressor of the file's extension.
///
/// `.z`, `.gz`, `.bz2`, `.xz`, `.lzma`, `.lz4` and `.zst` compress; any other extension does not (see
/// [`Compression::from_path`]). The write is atomic: an existing file is replaced by one rename. If the path is a pipe
/// or a device, the value is written into it directly.
///
/// A value that can't be stored is an error. Information that serde's own buffering loses is not noticed here, because
/// the type need not implement `Deserialize`: of two untagged variants with the same fields, [`load`] returns the
/// first, and a 128-bit integer behind `flatten` is an error there. (The result of a memoized function is decoded as a
/// check before it is stored.)
///
/// # Errors
/// [`NotRepresentable`](ErrorKind::NotRepresentable) if the value's `Serialize` reports an error or contradicts
/// itself. [`LimitExceeded`](ErrorKind::LimitExceeded) if the value is nested too deeply.
/// [`CompressorDisabled`](ErrorKind::CompressorDisabled) if the extension asks for a compressor that is not in this
/// build. Errors of the file system.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("squares.larder.gz");
/// let squares: Vec<f64> = (0..1000).map(|n| f64::from(n).powi(2)).collect();
/// larder::dump(&squares, &path)?;
/// assert_eq!(larder::load::<Vec<f64>>(&path)?, squares);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn dump<T: Serialize + ?Sized>(value: &T, path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    dump_with(value, path, Compression::from_path(path))
}

/// Writes a value to a file with the given compressor, whatever the file's extension is.
///
/// # Errors
/// The errors of [`dump`], and [`LevelOutOfRange`](ErrorKind::LevelOutOfRange).
///
/// ```
/// # use larder::Compression;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("words");
/// larder::dump_with(&["a", "b"], &path, Compression::xz(6))?;
/// assert_eq!(larder::load::<Vec<String>>(&path)?, ["a", "b"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn dump_with<T: Serialize + ?Sized>(value: &T, path: impl AsRef<Path>, compression: Compression) -> Result<()> {
    let path = path.as_ref();
    write_file(value, path, compression).map_err(|error| error.at(path))
}

/// Writes a value to a file as [`dump`] does, if what is read back is equal to the value.
///
/// The `Serialize` of some types leaves something out: a field with `#[serde(skip)]`, the flag of an exhausted
/// `RangeInclusive`, the seconds of an offset in `chrono`. Untagged enums and `flatten` lose information as well. A value
/// that holds NaN does not equal itself. Of it, only the encoding is compared with that of the value read back.
///
/// The encoding is in memory as a whole, and so is the value that is read back.
///
/// # Errors
/// The errors of [`dump`]. [`NotRepresentable`](ErrorKind::NotRepresentable) if the value read back is another one, or
/// can't be read.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("range");
/// let mut range = 1..=3;
/// larder::dump_checked(&range, &path)?;
///
/// range.by_ref().for_each(drop); // Now it is exhausted, and serde does not write that.
/// let error = larder::dump_checked(&range, &path).unwrap_err();
/// assert_eq!(error.kind(), larder::ErrorKind::NotRepresentable);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn dump_checked<T>(value: &T, path: impl AsRef<Path>) -> Result<()>
where
    T: Serialize + DeserializeOwned + PartialEq,
{
    let path = path.as_ref();
    let comparison = Comparison { compare: Some(equality::compare), otherwise: "use `dump`", doubted: &|_| {} };
    roundtrip_check::read_back(value, &comparison).map_err(|error| error.at(path))?;
    dump(value, path)
}

fn write_file<T: Serialize + ?Sized>(value: &T, path: &Path, compression: Compression) -> Result<()> {
    compression.validate()?;
    replace_file(path, |target| compression.compress(target, |writer| document::write(value, writer))).map(drop)
}

/// Writes a file in one step: if `write` fails, an existing file is unchanged. Keeps the permissions of an existing
/// file. If the path is a pipe or a device, `write` writes into it directly.
fn replace_file<R>(path: &Path, write: impl FnOnce(&mut dyn Target) -> Result<R>) -> Result<R> {
    let before = fs::metadata(path).ok();
    if before.as_ref().is_some_and(fs::Metadata::is_dir) {
        return Err(Error::new(ErrorKind::InvalidInput, "this is a folder; name a file within it"));
    }
    if before.as_ref().is_some_and(|metadata| !metadata.is_file()) {
        let file = File::options().write(true).open(path).map_err(|e| Error::io(e, "can't open"))?;
        let mut writer = Plain(BufWriter::new(file));
        let result = write(&mut writer)?;
        writer.flush().map_err(|e| Error::io(e, "can't write"))?;
        return Ok(result);
    }
    // Replace the target of a link, and not the link.
    let target = if path.is_symlink() {
        fs::canonicalize(path).map_err(|e| Error::io(e, "can't follow the link"))?
    } else {
        path.to_owned()
    };
    if target.file_name().is_none() {
        return Err(Error::new(ErrorKind::InvalidInput, "the path names no file"));
    }
    let mut temp = TempFile::new(folder_of(&target), FileKind::UserFile);
    let result = write(&mut temp)?;
    temp.publish_like(&target, before.map(|metadata| metadata.permissions()))?;
    Ok(result)
}

/// Returns the folder of a file; `.` if the path has none.
fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Reads the value in a file. The compressor is detected from the content; the file's name does not matter.
///
/// # Errors
/// [`NotFound`](ErrorKind::NotFound), [`NotLarder`](ErrorKind::NotLarder), [`Truncated`](ErrorKind::Truncated),
/// [`Damaged`](ErrorKind::Damaged), [`NewerFormat`](ErrorKind::NewerFormat), [`WrongType`](ErrorKind::WrongType) (the
/// message names the stored type), [`CompressorDisabled`](ErrorKind::CompressorDisabled) (the message names the
/// missing feature), [`LimitExceeded`](ErrorKind::LimitExceeded) (decompressing it takes too much memory), and errors of
/// the file system. A file that holds more than one value is [`Damaged`](ErrorKind::Damaged) here; [`load_from`] reads
/// several values. After the value, a compressed file may have what other tools append: members without content,
/// skippable frames of lz4 and zstd, padding of zeros in gzip, bzip2 and xz.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("answer");
/// larder::dump(&Some(42), &path)?;
/// assert_eq!(larder::load::<Option<i32>>(&path)?, Some(42));
///
/// let error = larder::load::<String>(&path).unwrap_err();
/// assert_eq!(error.kind(), larder::ErrorKind::WrongType);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn load<T: DeserializeOwned>(path: impl AsRef<Path>) -> Result<T> {
    let path = path.as_ref();
    match read_file(path, document::read::<T>) {
        Ok((value, _)) => Ok(value),
        // A wrong type and a damaged byte look alike here; the checksum tells them apart. A pipe can't be read twice.
        Err(error) if error.kind() == ErrorKind::WrongType && path.is_file() => {
            Err(read_file(path, document::check).err().unwrap_or(error).at(path))
        }
        Err(error) => Err(error.at(path)),
    }
}

/// Reads a file that must hold exactly one value.
fn read_file<R>(path: &Path, read: impl FnOnce(&mut ByteReader<'_>) -> Result<R>) -> Result<R> {
    let file = File::open(path).map_err(|e| Error::io(e, "can't open"))?;
    let len = regular_len(&file).map_err(|e| Error::io(e, "can't read the length"))?;
    // An uncompressed regular file is read at the positions that are needed.
    let mut beginning = Vec::new();
    if let Some(len) = len {
        let count = usize::try_from(len).unwrap_or(WINDOW).min(WINDOW);
        beginning.reserve_exact(count);
        (&file).take(count as u64).read_to_end(&mut beginning).map_err(|e| Error::io(e, "can't read"))?;
        if Compression::detected(&beginning)?.is_none() {
            let mut input = ByteReader::from_file(FileRange::new(&file, 0, len), beginning);
            let result = read(&mut input)?;
            return if input.is_at_end()? { Ok(result) } else { Err(more_than_one()) };
        }
    }
    let mut reader = BufReader::with_capacity(READ_BUFFER, beginning.chain(&file));
    let expected = believed_content(len.unwrap_or(0));
    let result = Compression::decompress_whole(&mut reader, |content| document::within(content, expected, read))?;
    let rest = reader.fill_buf().map_err(|e| Error::io(e, "can't read to the end"))?;
    if rest.is_empty() { Ok(result) } else { Err(more_than_one()) }
}

/// Returns the length of a regular file; `None` if it is zero, as it is for files in `/proc`.
fn regular_len(file: &File) -> io::Result<Option<u64>> {
    let metadata = file.metadata()?;
    Ok((metadata.is_file() && metadata.len() > 0).then_some(metadata.len()))
}

/// Writes a value into a stream: a file, a socket, a `Vec<u8>`. Several values may follow one another, each with its
/// own compressor.
///
/// # Errors
/// The errors of [`dump`]. After an error, part of the value may have been written.
///
/// ```
/// # use larder::Compression;
/// let mut bytes = Vec::new();
/// larder::dump_into(&1.5, &mut bytes, Compression::NONE)?;
/// larder::dump_into("two", &mut bytes, Compression::gzip(6))?;
///
/// let mut stream = bytes.as_slice();
/// assert_eq!(larder::load_from::<f64>(&mut stream)?, 1.5);
/// assert_eq!(larder::load_from::<String>(&mut stream)?, "two");
/// assert!(stream.is_empty());
/// # Ok::<(), larder::Error>(())
/// ```
pub fn dump_into<T: Serialize + ?Sized>(value: &T, writer: impl Write, compression: Compression) -> Result<()> {
    let mut writer = Plain(BufWriter::new(writer));
    compression.compress(&mut writer, |writer| document::write(value, writer))?;
    writer.flush().map_err(|e| Error::io(e, "can't write"))
}

/// Reads the next value of a stream, compressed or not, and leaves the stream exactly after it.
///
/// If one compressed stream holds several values (`cat a b | gzip`), it has no such place. This is an error;
/// [`Compression::read_stream`] reads them one by one.
///
/// # Errors
/// The errors of [`load`]. At the end of the stream, [`Truncated`](ErrorKind::Truncated). After an error, part of the
/// value may have been read.
pub fn load_from<T: DeserializeOwned>(mut reader: impl BufRead) -> Result<T> {
    // The buffered bytes are read in any case. An error appears again when the value is read.
    let at_hand = reader.fill_buf().map_or(0, <[u8]>::len);
    let expected = believed_content(at_hand as u64);
    Compression::decompress(&mut reader, |content| document::within(content, expected, document::read))
        .map(|(value, _)| value)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::sys::fault_injection::script::run;

    /// Only a file that replaces another one is synced: there is nothing to lose before.
    #[test]
    fn a_dump_is_synced_before_it_replaces_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let steps = |path: &Path| run(None, || super::dump(&1, path).unwrap()).1;
        let path = folder.path().join("value");
        assert_eq!(steps(&path), ["created", "locked", "written", "in place"]);
        assert_eq!(steps(&path), ["created", "locked", "written", "synced", "in place", "folder synced"]);
        #[cfg(unix)]
        {
            let link = folder.path().join("link");
            std::os::unix::fs::symlink(&path, &link).unwrap();
            assert!(steps(&link).contains(&"synced"));
        }
    }
}
