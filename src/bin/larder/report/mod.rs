//! `larder report`: a page that shows where the space went, and what time was saved.

mod activity;
mod bars;
mod gather;
mod page;
mod parts;
mod space;
mod tables;
mod treemap;

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use crate::failure::Failure;
use crate::format::count;
use crate::output::{say, write_json};
use crate::place::Place;

/// Writes the page; for programs also what is in it.
pub(crate) fn report(place: &Place, file: &Path, out: &mut dyn Write) -> Result<(), Failure> {
    let failed = |what: &dyn std::fmt::Display| Failure::Failed(format!("{}: {what}", file.display()));
    // Better now than after all entries were read.
    match fs::symlink_metadata(file) {
        Ok(there) if !there.is_file() => return Err(failed(&"this is no regular file; name another one for the page")),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&error)),
        _ => {}
    }
    let gathered = gather::gather(&place.look()?)?;
    let page = page::page(&gathered).map_err(|error| failed(&format!("can't make the page: {error}")))?;
    publish(file, page.as_bytes()).map_err(|error| failed(&format!("can't write: {error}")))?;
    if place.json {
        return write_json(out, &gathered);
    }
    let functions = count(gathered.functions.len() as u64, "function", "functions");
    say(&format!("wrote {}: {functions}, {}", file.display(), count(gathered.stats.entries, "entry", "entries")));
    Ok(())
}

/// Writes a file whole, or not at all.
fn publish(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut draft = tempfile::Builder::new();
    draft.prefix(".larder-report-");
    // Others may read it, if the user lets them read new files.
    #[cfg(unix)]
    draft.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut draft = draft.tempfile_in(folder)?;
    draft.write_all(bytes)?;
    #[expect(clippy::disallowed_methods, reason = "the page lies where the user wants it, outside of the cache")]
    draft.persist(file).map_err(|error| error.error)?;
    Ok(())
}
