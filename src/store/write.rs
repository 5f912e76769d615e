//! Writes an entry: encodes, compresses and authenticates it.

use std::hash::Hasher as _;
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use twox_hash::XxHash3_64;

use crate::error::too_large::TooLarge;
use crate::error::{Error, Result};
use crate::format::compress::compression::Compression;
use crate::format::document;
use crate::format::document::Written;
use crate::format::target::Target;
use crate::store::entry_format;
use crate::store::entry_format::{Details, Payload};
use crate::store::mac::{MacKey, MacWriter};
use crate::sys::atomic_file::{FileKind, TempFile};
use crate::sys::fault_injection;

/// Size limits for an entry.
#[derive(Clone, Copy)]
pub(crate) struct Fits {
    /// Maximum size of the entry, in bytes.
    pub(crate) most: u64,
    /// Size of the document in bytes, if it is already known.
    pub(crate) document: Option<u64>,
}

/// Writes a value as the entry that `details` describes. Returns the temporary file, to be put into a store.
pub(crate) fn write<T: Serialize + ?Sized>(
    temps: &Path,
    details: &Details,
    value: &T,
    compression: Compression,
    secret: Option<&MacKey>,
    fits: Fits,
) -> Result<TempFile> {
    write_with(temps, details, compression, secret, fits, |target| document::write(value, target))
}

/// Writes an entry like [`write`], with the document that `document` writes.
pub(crate) fn write_with(
    temps: &Path,
    details: &Details,
    compression: Compression,
    secret: Option<&MacKey>,
    fits: Fits,
    document: impl FnOnce(&mut dyn Target) -> Result<Written>,
) -> Result<TempFile> {
    // 1. Header, with zeros for what is not known yet.
    let mut header = entry_format::encode(details)?;
    let size = fits.document.filter(|_| compression == Compression::NONE).map(|len| header.len() as u64 + len);
    if size.is_some_and(|size| size > fits.most) {
        return Err(TooLarge { size, limit: fits.most }.into());
    }
    let mut temp = TempFile::new(temps, FileKind::CacheFile).at_most(fits.most);
    temp.write_all(&header).map_err(|e| Error::io(e, "can't write"))?;

    // 2. Value, encoded and compressed as a stream.
    let mut sealing = secret.map(MacKey::begin);
    let mut sealed;
    let target: &mut dyn Target = match &mut sealing {
        None => &mut temp,
        Some(sealing) => {
            sealed = Sealed { writer: &mut temp, sealing };
            &mut sealed
        }
    };
    let payload = if compression == Compression::NONE {
        let written = document(target)?;
        Payload { len: written.len, document_len: written.len, checksum: written.checksum }
    } else {
        let mut summed = Summed { writer: target, len: 0, checksum: XxHash3_64::new() };
        let written = compression.compress(&mut summed, document)?;
        Payload { len: summed.len, document_len: written.len, checksum: summed.checksum.finish() }
    };
    fault_injection::point("encoded").map_err(|e| Error::io(e, "can't write"))?;

    // 3. Complete header.
    entry_format::complete(&mut header, payload, sealing);
    temp.overwrite_start(&header)?;
    Ok(temp)
}

/// Writer that counts and checksums the bytes.
struct Summed<'w> {
    writer: &'w mut dyn Target,
    len: u64,
    checksum: XxHash3_64,
}

impl Write for Summed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.writer.write(bytes)?;
        self.checksum.write(&bytes[..count]);
        self.len += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Target for Summed<'_> {
    fn array_ahead(&mut self, width: usize, bytes: u64) -> io::Result<()> {
        self.writer.array_ahead(width, bytes)
    }
}

/// Writer that authenticates the bytes.
struct Sealed<'w> {
    writer: &'w mut dyn Target,
    sealing: &'w mut MacWriter,
}

impl Write for Sealed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.writer.write(bytes)?;
        self.sealing.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Target for Sealed<'_> {
    fn array_ahead(&mut self, width: usize, bytes: u64) -> io::Result<()> {
        self.writer.array_ahead(width, bytes)
    }
}
