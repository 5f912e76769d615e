//! Storing: encode, compress, publish.

use std::hash::Hasher as _;
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use twox_hash::XxHash3_64;

use super::Layout;
use crate::atomic::{Access, Draft};
use crate::compress::Compression;
use crate::container::{self, Details, Payload};
use crate::target::Target;
use crate::{Error, Result, document, fault};

impl Layout {
    /// Stores a value as the entry that `details` describes, in the function's `folder`, which is
    /// made again if somebody removed it. Gives the size of the file.
    pub(crate) fn put<T: Serialize + ?Sized>(
        &self,
        folder: &Path,
        details: &Details,
        value: &T,
        compression: Compression,
        durable: bool,
    ) -> Result<u64> {
        // 1. The header, with room for what is not known yet.
        let mut header = container::encode(details)?;
        let mut draft = Draft::new(self.drafts(), Access::Private);
        draft.write_all(&header).map_err(|e| Error::io(e, "can't write"))?;

        // 2. The value, encoded and compressed on its way.
        let payload = if compression == Compression::NONE {
            let written = document::write(value, &mut draft)?;
            Payload { len: written.len, document_len: written.len, checksum: written.checksum }
        } else {
            let mut summed = Summed { writer: &mut draft, len: 0, checksum: XxHash3_64::new() };
            let written = compression.compress(&mut summed, |writer| document::write(value, writer))?;
            Payload { len: summed.len, document_len: written.len, checksum: summed.checksum.finish() }
        };
        fault::point("encoded").map_err(|e| Error::io(e, "can't write"))?;

        // 3. What is known now.
        container::complete(&mut header, payload);
        draft.overwrite_start(&header)?;

        // 4. The one step by which the entry appears.
        let size = draft.len();
        draft.publish(&Layout::entry(folder, &details.key), durable)?;
        Ok(size)
    }
}

/// Counts and sums what passes.
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
