//! `larder export`: writes entries into one archive.

use std::cell::Cell;
use std::fs;
use std::io::Write;
use std::path::Path;

use larder::__text::{count, size};
use larder::Compression;

use crate::commands::transfer::{failed, report};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::progress::Bar;
use crate::select;

/// Extensions that may follow `.tar`.
const EXTENSIONS: [&str; 7] = ["gz", "zst", "xz", "bz2", "lz4", "lzma", "z"];

/// Writes the archive. An existing file is replaced when the new one is complete.
pub(crate) fn export(
    context: &Context,
    file: &Path,
    function: Option<&str>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let compression = compression_of(file)?;
    let cache = context.open_to_read()?;
    let functions = cache.functions()?;
    let entries = match function {
        Some(function) => select::function(context, &functions, function)?.entries()?,
        None => cache.entries()?,
    };
    let (bar, done, total) = (Bar::new("exporting"), Cell::new(0), entries.len() as u64);
    let entries = entries.inspect(|_| {
        done.set(done.get() + 1);
        bar.set(done.get(), total.max(done.get()));
    });

    let carried = compression.write_file(file, |archive| cache.export(entries, archive))?;
    let bytes = fs::metadata(file).map_err(|error| failed(file, &error))?.len();
    drop(bar);

    let line = format!(
        "exported {} ({}) to {}, {}",
        count(carried.entries, "entry", "entries"),
        size(carried.bytes),
        file.display(),
        size(bytes)
    );
    report(context, &carried, &line, out)
}

/// Returns the compressor that the file's extension names.
fn compression_of(file: &Path) -> Result<Compression, Failure> {
    let name = file.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let known = || {
        let names: Vec<_> = EXTENSIONS.iter().map(|extension| format!(".tar.{extension}")).collect();
        Failure::Usage(format!("{name:?} names no kind of archive; there are .tar, {}", names.join(", ")))
    };
    let (_, extension) = name.rsplit_once(".tar").ok_or_else(known)?;
    match extension.strip_prefix('.') {
        None if extension.is_empty() => Ok(Compression::NONE),
        Some(extension) if EXTENSIONS.contains(&extension) => Ok(Compression::from_path(&name)),
        _ => Err(known()),
    }
}
