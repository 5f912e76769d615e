//! Reads an entry: opens, verifies, decompresses and decodes it.

use std::any::type_name;
use std::cell::Cell;
use std::fs::File;
use std::hash::Hasher as _;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use serde::de::DeserializeOwned;
use twox_hash::XxHash3_64;

use crate::error::{Error, ErrorKind, Result};
use crate::format::cbor::reader::ByteReader;
use crate::format::compress::compression::Compression;
use crate::format::compress::decompressed::{Content, believed_content};
use crate::format::document;
use crate::key::digest::Key;
use crate::store::entry_format;
use crate::store::entry_format::{FIXED, Header, HeaderInfo};
use crate::store::interface::Store;
use crate::store::mac::{MacKey, MacWriter, NO_MAC, is_same};
use crate::store::stored_entry::StoredEntry;

/// Entries up to this size, in bytes, are read by one system call.
const FIRST_READ: usize = 16 << 10;

const READ_BUFFER: usize = 256 << 10;

/// An entry whose header has been read and checked.
pub(crate) struct EntryReader {
    stored: StoredEntry,
    pub(crate) header: Header<HeaderInfo>,
    /// The bytes that were read from the start of the file. Only the first `len` are valid.
    bytes: Vec<u8>,
    len: usize,
    /// Whether `bytes` has the whole file.
    complete: bool,
}

thread_local! {
    /// Buffer of `FIRST_READ` bytes for the next entry that this thread reads.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl Drop for EntryReader {
    fn drop(&mut self) {
        if self.bytes.len() == FIRST_READ {
            let _ = BUFFER.try_with(|buffer| buffer.set(std::mem::take(&mut self.bytes)));
        }
    }
}

impl EntryReader {
    /// Opens the entry with this key and reads its header; `None` if there is no such entry.
    pub(crate) fn open(store: &dyn Store, folder: &Path, key: &Key) -> Result<Option<Self>> {
        let Some(stored) = store.get(folder, key)? else { return Ok(None) };
        EntryReader::read(stored, key).map(Some)
    }

    /// Returns the entry as the store opened it.
    pub(crate) fn stored(&self) -> &StoredEntry {
        &self.stored
    }

    /// Returns an error if the value has another type.
    pub(crate) fn expect_type<T>(&self) -> Result<()> {
        let (found, wanted) = (&self.header.details.type_name, type_name::<T>());
        if found == wanted {
            return Ok(());
        }
        Err(Error::new(ErrorKind::WrongType, format!("wrong type: a `{found}` is stored, a `{wanted}` is wanted")))
    }

    /// Reads and verifies the header of the entry with this key. Errors have its path.
    pub(crate) fn read(mut stored: StoredEntry, key: &Key) -> Result<Self> {
        let read = match (stored.take_bytes(), stored.file()) {
            (Some(bytes), _) => EntryReader::header_of(&bytes, key).map(|header| (header, bytes.len(), bytes, true)),
            (None, Some(file)) => EntryReader::read_header(file, key).map(|(header, bytes, len)| {
                let complete = len < bytes.len();
                (header, len, bytes, complete)
            }),
            (None, None) => Err(Error::truncated()),
        };
        match read {
            Ok((header, len, bytes, complete)) => Ok(EntryReader { stored, header, bytes, len, complete }),
            Err(error) => Err(error.at(stored.path())),
        }
    }

    /// Decodes the header at the beginning of an entry's bytes.
    fn header_of(bytes: &[u8], key: &Key) -> Result<Header<HeaderInfo>> {
        let len = entry_format::header_len(&bytes[..bytes.len().min(FIXED)])?;
        let header: Header<HeaderInfo> = entry_format::decode(bytes.get(..len).ok_or_else(Error::truncated)?)?;
        if header.details.key != *key {
            return Err(Error::damaged("the entry is of another call: its file was renamed"));
        }
        Ok(header)
    }

    /// Returns the header, and a buffer with the number of bytes in it that were read.
    fn read_header(file: &File, key: &Key) -> Result<(Header<HeaderInfo>, Vec<u8>, usize)> {
        let failed = |e| Error::io(e, "can't read");
        let mut bytes = BUFFER.try_with(Cell::take).unwrap_or_default();
        if bytes.len() != FIRST_READ {
            bytes = vec![0; FIRST_READ];
        }
        let mut len = read_until(file, &mut bytes, 0, FIXED).map_err(failed)?;
        let header_len = entry_format::header_len(&bytes[..len])?;
        if header_len > bytes.len() {
            bytes.resize(header_len, 0);
        }
        len = read_until(file, &mut bytes, len, header_len).map_err(failed)?;
        if len < header_len {
            return Err(Error::truncated());
        }
        let header = EntryReader::header_of(&bytes[..header_len], key)?;
        // A read may return less than there is. One that ends where the header says is the last one.
        let rest = bytes.len().min(index(header.size()));
        len = read_until(file, &mut bytes, len, rest).map_err(failed)?;
        Ok((header, bytes, len))
    }

    /// Returns the bytes of the header.
    fn head(&self) -> &[u8] {
        &self.bytes[..index(self.header.payload_at)]
    }

    /// Returns the bytes of the payload that were read.
    fn rest(&self) -> &[u8] {
        &self.bytes[index(self.header.payload_at)..self.len]
    }

    /// Decodes the header with all details.
    pub(crate) fn whole_header(&self) -> Result<Header> {
        entry_format::decode(self.head())
    }

    /// Verifies the entry's MAC, if there is a secret. Keeps the verified bytes in memory, so that the value is read
    /// from exactly these.
    pub(crate) fn expect_seal(mut self, secret: Option<&MacKey>) -> Result<Self> {
        let Some(secret) = secret else { return Ok(self) };
        if !self.complete {
            if !self.is_complete()? {
                return Err(Error::truncated());
            }
            self.bytes.truncate(self.len);
            self.stored.rest().read_to_end(&mut self.bytes).map_err(|e| Error::io(e, "can't read to the end"))?;
            self.len = self.bytes.len();
            self.complete = true;
        }
        let mut sealing = secret.begin();
        sealing.update(self.rest());
        self.compare_seal(sealing)?;
        Ok(self)
    }

    fn compare_seal(&self, sealing: MacWriter) -> Result<()> {
        if self.header.seal == NO_MAC || !is_same(&sealing.end(&entry_format::unsealed(self.head())), &self.header.seal)
        {
            return Err(Error::damaged("the entry was not authenticated with this cache's secret"));
        }
        Ok(())
    }

    /// Returns whether the file is as long as its header says.
    pub(crate) fn is_complete(&self) -> Result<bool> {
        let actual = if self.complete {
            self.header.payload_at + self.rest().len() as u64
        } else {
            self.stored.stat().map_err(|e| Error::io(e, "can't read the length"))?.size
        };
        Ok(actual == self.header.size())
    }

    fn is_compressed(&self) -> bool {
        self.header.details.compressor != Compression::NONE.name()
    }

    /// Reads the value.
    pub(crate) fn load<T: DeserializeOwned>(&mut self) -> Result<T> {
        let payload = self.header.payload;
        let compressed = self.is_compressed();
        // The whole file is in memory: decode the slice directly.
        if !compressed && self.complete {
            if self.rest().len() as u64 != payload.len {
                return Err(wrong_length(self.rest().len() as u64, payload.len));
            }
            let (value, checksum) = document::checked_from_slice(self.rest())?;
            if checksum != payload.checksum {
                return Err(wrong_checksum());
            }
            return Ok(value);
        }
        self.read_value(document::read)
    }

    /// Passes the document to `read`, which reads it in another way than as the stored type.
    pub(crate) fn look<R>(&mut self, read: impl FnOnce(&mut ByteReader<'_>) -> Result<R>) -> Result<R> {
        self.read_value(|input| document::read_with(input, |input, _| read(input)))
    }

    /// Reads the value with `read`, which also returns the document's checksum.
    fn read_value<R>(&mut self, read: impl FnOnce(&mut ByteReader<'_>) -> Result<(R, u64)>) -> Result<R> {
        let payload = self.header.payload;
        let compressed = self.is_compressed();
        // Check the length before using what the header says about it.
        if compressed && !self.is_complete()? {
            return Err(Error::truncated());
        }
        if compressed {
            return self.stream(None, read);
        }
        // A large uncompressed document is read directly from the file, part by part.
        let actual = self.stored.stat().map_err(|e| Error::io(e, "can't read the length"))?.size;
        if actual != self.header.size() {
            return Err(wrong_length(actual.saturating_sub(self.header.payload_at), payload.len));
        }
        let range = self.stored.range(self.header.payload_at, actual);
        let mut input = ByteReader::from_file(range, self.rest().to_vec());
        let (value, checksum) = read(&mut input)?;
        input.expect_end()?;
        if checksum != payload.checksum {
            return Err(wrong_checksum());
        }
        Ok(value)
    }

    /// Passes the document to `read` as a stream; `read` also returns the document's checksum. Returns the result only
    /// if all bytes are those that were written and, if there is a secret, the MAC is right. `read` itself sees
    /// unverified bytes and must not act on them.
    pub(crate) fn pass<R>(
        &mut self,
        secret: Option<&MacKey>,
        read: impl FnOnce(&mut ByteReader<'_>) -> Result<(R, u64)>,
    ) -> Result<R> {
        if !self.is_complete()? {
            return Err(Error::truncated());
        }
        self.stream(secret, read)
    }

    fn stream<R>(
        &mut self,
        secret: Option<&MacKey>,
        read: impl FnOnce(&mut ByteReader<'_>) -> Result<(R, u64)>,
    ) -> Result<R> {
        let payload = self.header.payload;
        let compressed = self.is_compressed();
        // Fails with the compressor's name if it is not in this build or not registered.
        self.header.details.compressor.parse::<Compression>()?;
        let rest = &self.bytes[index(self.header.payload_at)..self.len];
        // A small entry that is already in memory needs no larger buffer.
        let capacity = if self.complete { rest.len().max(1) } else { READ_BUFFER };
        let source = BufReader::with_capacity(capacity, rest.chain(self.stored.rest()));
        let mut source = Summed { source, len: 0, checksum: XxHash3_64::new(), sealing: secret.map(MacKey::begin) };
        let result = if compressed {
            let expected = believed_content(payload.len);
            Compression::decompress_whole(&mut source, |content| document::within(content, expected, read))
        } else {
            let content = Content { reader: &mut source, verified: false };
            document::within(content, payload.len, read)
        };
        // After an error, the checksum of all bytes decides whether the entry is damaged.
        if result.is_err() {
            io::copy(&mut source, &mut io::sink()).map_err(|e| Error::io(e, "can't read to the end"))?;
        }
        let len = source.len;
        if compressed && source.checksum.finish() != payload.checksum {
            return Err(if len < payload.len { Error::truncated() } else { wrong_checksum() });
        }
        let (result, checksum) = result?;
        if !compressed && checksum != payload.checksum {
            return Err(wrong_checksum());
        }
        let rest = source.source.fill_buf().map_err(|e| Error::io(e, "can't read to the end"))?;
        if len != payload.len || !rest.is_empty() {
            return Err(wrong_length(len + rest.len() as u64, payload.len));
        }
        let sealing = source.sealing.take();
        sealing.map_or(Ok(()), |sealing| self.compare_seal(sealing))?;
        Ok(result)
    }
}

/// Converts an offset to an index into bytes in memory.
fn index(at: u64) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

fn wrong_length(found: u64, expected: u64) -> Error {
    let kind = if found < expected { ErrorKind::Truncated } else { ErrorKind::Damaged };
    Error::new(kind, format!("the value has {found} bytes, and its header says {expected}"))
}

fn wrong_checksum() -> Error {
    Error::damaged("the value's checksum does not fit: it was changed after it was written")
}

/// Reads until `bytes` has at least `wanted` bytes, or the file ends. Returns how many it has.
fn read_until(mut file: &File, bytes: &mut [u8], mut len: usize, wanted: usize) -> io::Result<usize> {
    while len < wanted {
        match file.read(&mut bytes[len..]) {
            Ok(0) => break,
            Ok(count) => len += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(len)
}

/// Reader that counts, checksums and authenticates the bytes that are read through it.
struct Summed<R> {
    source: BufReader<R>,
    len: u64,
    checksum: XxHash3_64,
    sealing: Option<MacWriter>,
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(target)?;
        self.consume(count);
        Ok(count)
    }
}

impl<R: Read> BufRead for Summed<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.source.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        let taken = &self.source.buffer()[..count];
        self.checksum.write(taken);
        if let Some(sealing) = &mut self.sealing {
            sealing.update(taken);
        }
        self.len += count as u64;
        self.source.consume(count);
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixDatagram;
    use std::time::Duration;

    use super::*;
    use crate::key::key_of::key_of;
    use crate::store::entry_format::Details;
    use crate::store::write::{Fits, write};
    use crate::sys::file::read_now;

    /// Returns a file whose reads return one of these pieces each, and then nothing.
    fn in_pieces(pieces: &[&[u8]]) -> File {
        let (here, there) = UnixDatagram::pair().unwrap();
        for piece in pieces.iter().chain(&[b"".as_slice(); 4]) {
            assert_eq!(there.send(piece).unwrap(), piece.len());
        }
        here.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        File::from(OwnedFd::from(here))
    }

    #[test]
    fn an_entry_that_arrives_in_pieces_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let key = key_of(&1).unwrap();
        let value: Vec<String> = (0..100).map(|n| n.to_string()).collect();
        // The second is only in builds with its feature.
        let compressions = [Compression::NONE, Compression::zlib(3)];
        for compression in compressions.into_iter().filter(|compression| compression.validate().is_ok()) {
            let details = Details {
                key,
                package: String::new(),
                function: "f".to_owned(),
                version: 0,
                code: String::new(),
                arguments: Vec::new(),
                created: 0,
                took: 0,
                compressor: compression.name().to_owned(),
                type_name: type_name::<Vec<String>>().to_owned(),
                parts: Vec::new(),
            };
            let fits = Fits { most: u64::MAX, document: None };
            let path = folder.path().join(compression.name());
            write(folder.path(), &details, &value, compression, None, fits).unwrap().publish(&path, false).unwrap();
            let bytes = read_now(&path, u64::MAX).unwrap();
            for (first, second) in [(10, 70), (64, 80), (200, bytes.len() - 1)] {
                let file = in_pieces(&[&bytes[..first], &bytes[first..second], &bytes[second..]]);
                let mut entry = EntryReader::read(StoredEntry::new(file, path.clone()), &key).unwrap();
                assert!(entry.is_complete().unwrap(), "{first} {second}");
                assert_eq!(entry.load::<Vec<String>>().unwrap(), value);
            }
        }
    }
}
