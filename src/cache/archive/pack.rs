//! Writes an archive.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use tar::{Builder, EntryType, Header};

use crate::cache::archive::name::Name;
use crate::cache::archive::report::ArchiveReport;
use crate::engine::cache_folder::CacheFolder;
use crate::error::{Error, ErrorKind, Result};
use crate::key::code_version::CodeFile;
use crate::store::entry::Entry;
use crate::store::function_file::FunctionFile;
use crate::store::layout::Layout;
use crate::store::names::is_code_file;
use crate::store::read::EntryReader;
use crate::sys::file::read_now;

/// Permissions of the files, for tools that unpack the archive.
const MODE: u32 = 0o600;

/// Writer of an archive.
pub(super) struct Packer<'w> {
    builder: Builder<&'w mut dyn Write>,
    /// The folders of functions that are already described.
    described: BTreeSet<PathBuf>,
    carried: ArchiveReport,
}

impl<'w> Packer<'w> {
    pub(super) fn new(writer: &'w mut dyn Write) -> Self {
        Packer { builder: Builder::new(writer), described: BTreeSet::new(), carried: ArchiveReport::default() }
    }

    /// Writes an entry, if it exists and can be read.
    pub(super) fn add(&mut self, place: &CacheFolder, entry: &Entry) -> Result<()> {
        let folder = &*place.folder_of(entry)?;
        let path = Layout::entry(folder, &entry.key);
        let opened = EntryReader::open(&*place.store, folder, &entry.key).and_then(|peeked| match peeked {
            Some(peeked) if !peeked.is_complete()? => Err(Error::truncated()),
            peeked => Ok(peeked),
        });
        let name = || {
            Name::of(&place.layout, &path).ok_or_else(|| {
                Error::new(ErrorKind::InvalidInput, "no function of this cache has such a folder").at(&path)
            })
        };
        let (peeked, name) = match opened.and_then(|peeked| Ok((peeked, name()?))) {
            Ok((Some(peeked), name)) => (peeked, name),
            Ok((None, _)) => return Ok(()),
            Err(error) => {
                self.carried.refuse(&path.display().to_string(), &error);
                return Ok(());
            }
        };
        if !self.described.contains(folder) {
            self.describe(&place.layout, folder)?;
            self.described.insert(folder.to_owned());
        }
        let size = peeked.header.size();
        let used = peeked.stored().stat().map_or(UNIX_EPOCH, |stat| stat.used);
        self.append(&name, used, size, peeked.stored().range(0, size).reader())?;
        self.carried.entries += 1;
        self.carried.bytes += size;
        Ok(())
    }

    /// Writes the files that describe the function in this folder. They only inform people, so unreadable ones are
    /// left out.
    fn describe(&mut self, layout: &Layout, folder: &Path) -> Result<()> {
        let code = fs::read_dir(folder).into_iter().flatten().flatten().map(|item| item.path());
        let mut notes: Vec<_> = code
            .filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(is_code_file))
            .map(|path| (path, CodeFile::LONGEST))
            .collect();
        notes.sort_unstable();
        notes.insert(0, (Layout::function_file(folder), FunctionFile::LONGEST));
        for (path, longest) in notes {
            let (Ok(content), Some(name)) = (read_now(&path, longest), Name::of(layout, &path)) else { continue };
            let time = fs::symlink_metadata(&path).and_then(|metadata| metadata.modified()).unwrap_or(UNIX_EPOCH);
            self.append(&name, time, content.len() as u64, &*content)?;
        }
        Ok(())
    }

    fn append(&mut self, name: &str, time: SystemTime, size: u64, content: impl Read) -> Result<()> {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(MODE);
        header.set_mtime(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs());
        header.set_size(size);
        let appended = self.builder.append_data(&mut header, name, Exactly { content, left: size });
        appended.map_err(|e| Error::io(e, "can't write the archive"))
    }

    /// Ends the archive.
    pub(super) fn finish(mut self) -> Result<ArchiveReport> {
        let ended = self.builder.finish().and_then(|()| self.builder.get_mut().flush());
        ended.map_err(|e| Error::io(e, "can't write the archive"))?;
        Ok(self.carried)
    }
}

/// A reader of exactly as many bytes as the header promises. It fails if there are fewer: otherwise everything that
/// follows in the archive would be at a wrong position.
struct Exactly<R> {
    content: R,
    left: u64,
}

impl<R: Read> Read for Exactly<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let wanted = target.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let count = self.content.read(&mut target[..wanted])?;
        if count == 0 && wanted > 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a file became shorter while it was read"));
        }
        self.left -= count as u64;
        Ok(count)
    }
}
