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

use larder::__text::count;
use larder::Compression;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::streams::{print_message, write_json};

/// Writes the page, and with `--json` also its data.
pub(crate) fn report(context: &Context, file: &Path, out: &mut dyn Write) -> Result<(), Failure> {
    let failed = |what: &dyn std::fmt::Display| Failure::Failed(format!("{}: {what}", file.display()));
    // Checked first, as reading all entries may take long.
    match fs::metadata(file) {
        Ok(there) if !there.is_file() => {
            return Err(failed(&"this is no regular file; choose another path for the page"));
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&error)),
        _ => {}
    }
    let data = data::gather(&context.open_to_read()?)?;
    let page = page::page(&data).map_err(|error| failed(&format!("can't serialize the data: {error}")))?;
    Compression::NONE.write_file(file, |target| target.write_all(page.as_bytes()))?;
    if context.json {
        return write_json(out, &data);
    }
    let functions = count(data.functions.len() as u64, "function", "functions");
    print_message(&format!("wrote {}: {functions}, {}", file.display(), count(data.stats.entries, "entry", "entries")));
    Ok(())
}
