//! `larder report`: writes an HTML page about the space used and the time saved.

mod activity;
mod bars;
mod data;
mod page;
mod parts;
mod space;
mod tables;
mod treemap;
#[cfg(test)]
mod treemap_tests;

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::streams::{print_message, write_json};
use crate::output::text::count;

/// Writes the page, and with `--json` also its data.
pub(crate) fn report(context: &Context, file: &Path, out: &mut dyn Write) -> Result<(), Failure> {
    let failed = |what: &dyn std::fmt::Display| Failure::Failed(format!("{}: {what}", file.display()));
    // Checked first, as reading all entries may take long.
    match fs::symlink_metadata(file) {
        Ok(there) if !there.is_file() => {
            return Err(failed(&"this is no regular file; choose another path for the page"));
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&error)),
        _ => {}
    }
    let data = data::gather(&context.open_to_read()?)?;
    let page = page::page(&data).map_err(|error| failed(&format!("can't serialize the data: {error}")))?;
    publish(file, page.as_bytes()).map_err(|error| failed(&format!("can't write: {error}")))?;
    if context.json {
        return write_json(out, &data);
    }
    let functions = count(data.functions.len() as u64, "function", "functions");
    print_message(&format!("wrote {}: {functions}, {}", file.display(), count(data.stats.entries, "entry", "entries")));
    Ok(())
}

/// Writes a temp file and renames it, so that the page appears complete or not at all.
fn publish(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temp = tempfile::Builder::new();
    temp.prefix(".larder-report-");
    // The umask decides who may read the page, as for any new file; temp files are private by default.
    #[cfg(unix)]
    temp.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut temp = temp.tempfile_in(folder)?;
    temp.write_all(bytes)?;
    #[expect(clippy::disallowed_methods, reason = "the page is the user's file, outside of the cache")]
    temp.persist(file).map_err(|error| error.error)?;
    Ok(())
}
