//! `larder export`: writes entries into one archive.

use std::cell::Cell;
use std::fmt::Display;
use std::io::{BufWriter, Write};
use std::path::Path;

use larder::{ArchiveReport, Compression};
use tempfile::NamedTempFile;

use crate::failure::Failure;
use crate::format::{count, number, one_line, size};
use crate::output::{Bar, say, write_json};
use crate::place::Place;
use crate::select;

/// What may follow `.tar`.
const EXTENSIONS: [&str; 7] = ["gz", "zst", "xz", "bz2", "lz4", "lzma", "z"];

/// Writes the archive beside its name, and gives it that when it is whole.
pub(crate) fn export(place: &Place, file: &Path, function: Option<&str>, out: &mut dyn Write) -> Result<(), Failure> {
    let compression = compression_of(file)?;
    let cache = place.look()?;
    let functions = cache.functions()?;
    let entries = match function {
        Some(function) => select::function(place, &functions, function)?.entries()?,
        None => cache.entries()?,
    };
    let (bar, done, total) = (Bar::new("exporting"), Cell::new(0), entries.len() as u64);
    let entries = entries.inspect(|_| {
        done.set(done.get() + 1);
        bar.show(done.get(), total.max(done.get()));
    });

    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut draft = NamedTempFile::new_in(folder).map_err(|error| failed(file, &error))?;
    let mut writer = BufWriter::new(draft.as_file_mut());
    let carried = compression.write_through(&mut writer, |writer| cache.export(entries, writer))?;
    writer.flush().map_err(|error| failed(file, &error))?;
    drop(writer);
    let bytes = draft.as_file().metadata().map_err(|error| failed(file, &error))?.len();
    #[expect(clippy::disallowed_methods, reason = "an archive appears whole, as entries do")]
    draft.persist(file).map_err(|error| failed(file, &error.error))?;
    drop(bar);

    let line = format!(
        "exported {} ({}) to {}, {}",
        count(carried.entries, "entry", "entries"),
        size(carried.bytes),
        file.display(),
        size(bytes)
    );
    tell(place, &carried, &line, out)
}

/// What the file's name asks for.
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

/// Says what was carried, and what was not.
pub(crate) fn tell(place: &Place, carried: &ArchiveReport, line: &str, out: &mut dyn Write) -> Result<(), Failure> {
    if place.json {
        write_json(out, carried)?;
        out.flush()?;
    } else {
        carried.faults.iter().for_each(|fault| say(&one_line(fault)));
        say(line);
    }
    match carried.refused {
        0 => Ok(()),
        1 => Err(Failure::Failed("1 file was left out, as it can't be used".to_owned())),
        refused => Err(Failure::Failed(format!("{} files were left out, as they can't be used", number(refused)))),
    }
}

pub(crate) fn failed(file: &Path, error: &dyn Display) -> Failure {
    Failure::Failed(format!("{}: {error}", file.display()))
}
