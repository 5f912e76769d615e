//! `larder import`: takes in the entries of an archive.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use larder::Compression;

use crate::export::{failed, tell};
use crate::failure::Failure;
use crate::format::{count, number, size};
use crate::output::Bar;
use crate::place::Place;

/// Bytes that are read at a time.
const BUFFER: usize = 256 << 10;

/// Imports the archive, whatever it is compressed with.
pub(crate) fn import(place: &Place, file: &Path, out: &mut dyn Write) -> Result<(), Failure> {
    let archive = File::open(file).map_err(|error| failed(file, &error))?;
    let total = archive.metadata().map_or(0, |metadata| metadata.len());
    let bar = Bar::new("importing, bytes");
    let mut source = BufReader::with_capacity(BUFFER, Shown { archive, done: 0, total, bar: &bar });
    let cache = place.change()?;
    let imported = Compression::read_through(&mut source, |content| cache.import(content));
    let carried = imported.map_err(|error| failed(file, &error))?;
    drop(source);
    drop(bar);

    let mut line = format!("imported {} ({})", count(carried.entries, "entry", "entries"), size(carried.bytes));
    if carried.skipped > 0 {
        line += &format!("; {} there already", number(carried.skipped));
    }
    tell(place, &carried, &line, out)
}

/// The archive, showing how far it has been read.
struct Shown<'b> {
    archive: File,
    done: u64,
    total: u64,
    bar: &'b Bar,
}

impl Read for Shown<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = self.archive.read(target)?;
        self.done += count as u64;
        self.bar.show(self.done, self.total.max(self.done));
        Ok(count)
    }
}
