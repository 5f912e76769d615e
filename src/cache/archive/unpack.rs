//! Reads an archive, which may be malicious.

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tar::{Archive, EntryType, PaxExtensions};

use crate::cache::archive::name;
use crate::cache::archive::name::Name;
use crate::cache::archive::report::ArchiveReport;
use crate::cache::handle::Cache;
use crate::engine::cache_folder::CacheFolder;
use crate::error::too_large::TooLarge;
use crate::error::{Error, ErrorKind, Result};
use crate::format::compress::compression::Compression;
use crate::format::compress::registry::LONGEST_MAGIC;
use crate::format::document;
use crate::key::code_version::CodeFile;
use crate::key::digest::Key;
use crate::store::entry_format;
use crate::store::entry_format::{Details, FIXED, Header};
use crate::store::function_file::FunctionFile;
use crate::store::layout::Layout;
use crate::store::read::EntryReader;
use crate::store::stored_entry::StoredEntry;
use crate::sys::atomic_file;
use crate::sys::atomic_file::{FileKind, TempFile};
use crate::sys::private_folder::create_private_folder;
use crate::text::humanize::{count, one_line};

/// Size in bytes of the blocks of a tar file.
const BLOCK: u64 = 512;

/// Longest header extension in bytes that is read.
const LONGEST_EXTENSION: u64 = 64 << 10;

/// How many bytes are copied at a time.
const PIECE: usize = 128 << 10;

/// Why a file is not imported.
enum Failure {
    /// This file can't be used, but others can.
    Refused(Error),
    /// The rest of the archive can't be read.
    Broken(io::Error),
    /// The cache can't be written to.
    Failed(Error),
}

/// The header extensions that precede the next file.
#[derive(Default)]
struct Extended {
    name: Option<Vec<u8>>,
    /// Whether an extension gives another size than the header. Two readers might then see two different archives.
    other_size: bool,
}

/// Imports all files that can be used.
pub(super) fn unpack(cache: &Cache, place: &CacheFolder, reader: &mut dyn Read) -> Result<ArchiveReport> {
    let mut carried = ArchiveReport::default();
    let (at, ended) = (Cell::new(0), Cell::new(false));
    let mut archive = Archive::new(Watched { reader, at: &at, ended: &ended });
    let unpacked = unpack_all(cache, place, &mut archive, &at, &mut carried);
    let error = match unpacked {
        Ok(()) => return Ok(carried),
        Err(Failure::Broken(error)) => broken(error, ended.get()),
        Err(Failure::Refused(error) | Failure::Failed(error)) => error,
    };
    let imported = count(carried.entries, "entry was", "entries were");
    Err(error.context(&format!("{imported} imported, and no more")))
}

fn unpack_all(
    cache: &Cache,
    place: &CacheFolder,
    archive: &mut Archive<Watched<'_>>,
    at: &Cell<u64>,
    carried: &mut ArchiveReport,
) -> Result<(), Failure> {
    let mut end = 0;
    let mut extended = Extended::default();
    // The extensions are read raw and with a limit. The `tar` crate would use as much memory as they ask for.
    for member in archive.entries().map_err(Failure::Broken)?.raw(true) {
        let mut member = member.map_err(Failure::Broken)?;
        let (kind, size) = (member.header().entry_type(), member.size());
        end = member.raw_file_position().saturating_add(size).next_multiple_of(BLOCK);
        match kind {
            EntryType::GNULongName => {
                let mut name = read_short(&mut member, size, name::LONGEST + 1).map_err(Failure::Broken)?;
                name.truncate(name.iter().position(|byte| *byte == 0).unwrap_or(name.len()));
                extended.name = Some(name);
                continue;
            }
            EntryType::XHeader => {
                let bytes = read_short(&mut member, size, LONGEST_EXTENSION).map_err(Failure::Broken)?;
                extended.look_at(&bytes);
                continue;
            }
            // It says nothing about a single file.
            EntryType::XGlobalHeader => continue,
            // Folders are created when they are needed. A long name before this header is the folder's.
            EntryType::Directory => {
                extended = Extended::default();
                continue;
            }
            _ => {}
        }
        let Extended { name, other_size } = std::mem::take(&mut extended);
        let name = name.unwrap_or_else(|| member.header().path_bytes().into_owned());
        let taken = match Name::parse(&place.layout, &name) {
            _ if kind != EntryType::Regular => refuse("it is no regular file, and links are not followed"),
            _ if other_size => refuse("its size is another one than its header says"),
            None => refuse("no cache has a file of this name"),
            Some(Name::Entry(folder, key)) => take_entry(cache, place, &folder, &key, &mut member, size, carried),
            Some(Name::Function(folder)) => {
                let path = Layout::function_file(&folder);
                take_note::<FunctionFile>(place, &folder, &path, &mut member, size, FunctionFile::LONGEST)
            }
            Some(Name::Code(folder, file)) => {
                take_note::<CodeFile>(place, &folder, &folder.join(file), &mut member, size, CodeFile::LONGEST)
            }
        };
        match taken {
            Err(Failure::Refused(error)) => carried.refuse(&one_line(&String::from_utf8_lossy(&name)), &error),
            taken => taken?,
        }
    }
    // A block of zeros follows the last file. Without this check, an archive that was cut between two files would look
    // complete.
    if at.get() <= end { Err(Failure::Broken(io::ErrorKind::UnexpectedEof.into())) } else { Ok(()) }
}

impl Extended {
    fn look_at(&mut self, bytes: &[u8]) {
        for extension in PaxExtensions::new(bytes).flatten() {
            match extension.key_bytes() {
                b"path" => self.name = Some(extension.value_bytes().to_vec()),
                b"size" => self.other_size = true,
                _ => {}
            }
        }
    }
}

/// Imports an entry, unless the cache has it.
fn take_entry(
    cache: &Cache,
    place: &CacheFolder,
    folder: &Path,
    key: &Key,
    member: &mut dyn Read,
    size: u64,
    carried: &mut ArchiveReport,
) -> Result<(), Failure> {
    if place.store.stat(folder, key).is_some() {
        carried.skipped += 1;
        return Ok(());
    }
    let mut bytes = read_short(member, size, FIXED as u64).map_err(Failure::Broken)?;
    let header_len = entry_format::header_len(&bytes).map_err(Failure::Refused)?;
    let rest = header_len.saturating_sub(bytes.len()) as u64;
    bytes.append(&mut read_short(member, size - bytes.len() as u64, rest).map_err(Failure::Broken)?);
    let header: Header<Details> = entry_format::decode(&bytes).map_err(Failure::Refused)?;
    if header.details.key != *key {
        return refuse("it is of another call: its file was renamed");
    }
    if header.size() != size {
        return refuse("it has another size than its header says");
    }
    let limit = place.largest();
    if size > limit {
        return Err(Failure::Refused(TooLarge { size: Some(size), limit }.into()));
    }
    let payload = read_short(member, header.payload.len, LONGEST_MAGIC as u64).map_err(Failure::Broken)?;
    expect_compressor(&header.details, &payload).map_err(Failure::Refused)?;
    bytes.extend(payload);

    place.layout.expect_no_links(folder).map_err(Failure::Failed)?;
    place.expect_space().map_err(Failure::Failed)?;
    place.layout.create_temps().map_err(Failure::Failed)?;
    let mut temp = TempFile::new(place.layout.temp_folder_for(folder), FileKind::CacheFile);
    let mut left = size - bytes.len() as u64;
    loop {
        temp.write_all(&bytes).map_err(|e| Failure::Failed(Error::io(e, "can't write")))?;
        if left == 0 {
            break;
        }
        bytes = read_short(member, left, PIECE as u64).map_err(Failure::Broken)?;
        left -= bytes.len() as u64;
    }
    // Check the temporary file itself, so that the checked bytes are the stored ones.
    let written = StoredEntry::new(temp.reopen().map_err(Failure::Failed)?, PathBuf::new());
    check(cache, written, key).map_err(|error| match error.kind() {
        ErrorKind::Io | ErrorKind::NotFound | ErrorKind::PermissionDenied => Failure::Failed(error),
        _ => Failure::Refused(error),
    })?;

    let put = create_private_folder(folder).and_then(|()| place.store.add(folder, key, temp, cache.is_durable()));
    if put.map_err(Failure::Failed)? {
        cache.engine().stored(&cache.engine().accounting.counters(Some(folder), ""), key, None, size);
        carried.entries += 1;
        carried.bytes += size;
    } else {
        // Another thread or process has stored it since the first check.
        carried.skipped += 1;
    }
    Ok(())
}

/// Returns an error if the payload does not begin like one of the compressor that the header names.
fn expect_compressor(details: &Details, beginning: &[u8]) -> Result<()> {
    let named = details.compressor.parse::<Compression>()?;
    let used = Compression::detected(beginning)?.unwrap_or(Compression::NONE.name());
    if used == named.name() {
        return Ok(());
    }
    Err(Error::damaged(format!("it was compressed with {used}, and its header says {named}")))
}

/// Reads and checks an entry to its end.
fn check(cache: &Cache, written: StoredEntry, key: &Key) -> Result<()> {
    let mut peeked = EntryReader::read(written, key)?;
    let expected = peeked.header.payload.document_len;
    let len = peeked.pass(cache.secret(), |input| {
        let checksum = document::check(input)?;
        Ok((input.position(), checksum))
    })?;
    if len == expected {
        return Ok(());
    }
    Err(Error::damaged(format!("its value has {len} bytes, and its header says {expected}")))
}

/// Imports a file that describes a function, unless the cache has it.
fn take_note<T: Serialize + DeserializeOwned>(
    place: &CacheFolder,
    folder: &Path,
    path: &Path,
    member: &mut dyn Read,
    size: u64,
    longest: u64,
) -> Result<(), Failure> {
    if path.symlink_metadata().is_ok() {
        return Ok(());
    }
    if size > longest {
        return refuse("it is longer than any that larder writes");
    }
    let json = read_short(member, size, longest).map_err(Failure::Broken)?;
    let refused = |error: serde_json::Error| Failure::Refused(Error::damaged(error.to_string()));
    let note: T = serde_json::from_slice(&json).map_err(refused)?;
    let json = serde_json::to_vec_pretty(&note).map_err(refused)?;
    let written = place.layout.expect_no_links(folder).and_then(|()| {
        place.layout.create_temps()?;
        create_private_folder(folder)?;
        atomic_file::write(&place.layout.temp_folder_for(folder), path, FileKind::CacheFile, &json)
    });
    written.map_err(Failure::Failed)
}

fn refuse(why: &str) -> Result<(), Failure> {
    Err(Failure::Refused(Error::new(ErrorKind::InvalidInput, why)))
}

/// Reads the next bytes: `size`, but at most `most`. Fewer are an error.
fn read_short(member: &mut dyn Read, size: u64, most: u64) -> io::Result<Vec<u8>> {
    let wanted = size.min(most);
    let mut bytes = Vec::new();
    member.take(wanted).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < wanted { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(bytes) }
}

/// Returns the error for an archive whose rest can't be read.
fn broken(error: io::Error, ended: bool) -> Error {
    let is_of_reader = error.raw_os_error().is_some() || error.get_ref().is_some_and(|inner| inner.is::<Error>());
    if is_of_reader {
        return Error::io(error, "can't read the archive");
    }
    if ended || error.kind() == io::ErrorKind::UnexpectedEof {
        return Error::new(ErrorKind::Truncated, "the archive ends too early; it was cut, or is still being written");
    }
    Error::damaged(format!("this is no tar archive, or it is damaged: {error}"))
}

/// A reader that counts the bytes and notices the end.
struct Watched<'r> {
    reader: &'r mut dyn Read,
    at: &'r Cell<u64>,
    ended: &'r Cell<bool>,
}

impl Read for Watched<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(target)?;
        self.at.set(self.at.get() + count as u64);
        self.ended.set(self.ended.get() || (count == 0 && !target.is_empty()));
        Ok(count)
    }
}
