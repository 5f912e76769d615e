//! `larder import`: stores the entries of an archive.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use larder::__text::{count, number, size};
use larder::Compression;

use crate::commands::transfer::{failed, report};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::progress::Bar;

/// Bytes of one read.
const BUFFER: usize = 256 << 10;

/// Imports an archive of any compressor.
pub(crate) fn import(context: &Context, file: &Path, out: &mut dyn Write) -> Result<(), Failure> {
    let archive = File::open(file).map_err(|error| failed(file, &error))?;
    let total = archive.metadata().map_or(0, |metadata| metadata.len());
    let bar = Bar::new("importing, bytes");
    let source = BufReader::with_capacity(BUFFER, WithProgress { archive, done: 0, total, bar: &bar });
    let cache = context.open_to_change()?;
    let imported = Compression::read_stream(source, |content| cache.import(content));
    let carried = imported.map_err(|error| failed(file, &error))?;
    drop(bar);

    let mut line = format!("imported {} ({})", count(carried.entries, "entry", "entries"), size(carried.bytes));
    if carried.skipped > 0 {
        line += &format!("; {} existed already", number(carried.skipped));
    }
    report(context, &carried, &line, out)
}

/// An archive that shows how much of it has been read.
struct WithProgress<'b> {
    archive: File,
    done: u64,
    total: u64,
    bar: &'b Bar,
}

impl Read for WithProgress<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = self.archive.read(target)?;
        self.done += count as u64;
        self.bar.set(self.done, self.total.max(self.done));
        Ok(count)
    }
}
