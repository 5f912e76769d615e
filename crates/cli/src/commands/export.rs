//! `larder export`: writes entries into one archive.

use std::cell::Cell;
use std::io::{BufWriter, Write};
use std::path::Path;

use larder::Compression;
use tempfile::NamedTempFile;

use crate::commands::transfer::{failed, report};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::progress::Bar;
use crate::output::text::{count, size};
use crate::select;

/// Extensions that may follow `.tar`.
const EXTENSIONS: [&str; 7] = ["gz", "zst", "xz", "bz2", "lz4", "lzma", "z"];

/// Writes a temp file beside the archive, and renames it when it is complete.
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

    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temp = NamedTempFile::new_in(folder).map_err(|error| failed(file, &error))?;
    let mut writer = BufWriter::new(temp.as_file_mut());
    let carried = compression.write_stream(&mut writer, |writer| cache.export(entries, writer))?;
    writer.flush().map_err(|error| failed(file, &error))?;
    drop(writer);
    let bytes = temp.as_file().metadata().map_err(|error| failed(file, &error))?.len();
    #[expect(clippy::disallowed_methods, reason = "the archive is the user's file, outside of the cache")]
    temp.persist(file).map_err(|error| failed(file, &error.error))?;
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
